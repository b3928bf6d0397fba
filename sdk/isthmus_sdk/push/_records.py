"""From received messages to the records of a stream: pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.files import _cef
from isthmus_sdk.push._declared import Push, Syslog
from isthmus_sdk.push._leef import leef_to_json
from isthmus_sdk.push._spool import Message
from isthmus_sdk.push._syslog import syslog_to_json, unescaped

cef_to_json = _cef.to_json
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_TABLE = msgspec.json.Decoder(dict[str, msgspec.Raw])


def moment(milliseconds: int) -> str:
    """Milliseconds since 1970 as a canonical time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def records_of(push: Push, message: Message) -> list[bytes]:
    """JSON records in one message. Raises ``RecordError`` where it holds none, and says why."""
    if message.cut:
        raise RecordError(
            f"is a message of {message.cut} bytes; the receiver takes fewer (`max_bytes`), and kept its beginning"
            if message.cut > 0
            else "is a message that broke off: the sender closed the connection or fell silent in the middle"
        )
    if isinstance(push, Syslog):
        return [_syslog(push, message.body, received=moment(message.at), peer=message.peer)]
    return _posted(message.body, push.items)


def line_reader(push: Push | None) -> Callable[[bytes], bytes] | None:
    """What makes a record of a line in which a syslog daemon kept a message; ``None`` for streams that take no syslog.

    The reader raises ``RecordError`` where the line holds none.
    """
    return partial(_syslog, push) if isinstance(push, Syslog) else None


def _syslog(push: Syslog, body: bytes, *, received: str | None = None, peer: str | None = None) -> bytes:
    if push.payload == "text":
        return syslog_to_json(body, received=received, peer=peer, escapes=push.escapes)
    body = body.strip(b"\r\n\0 ")
    if push.escapes and b"#" in body:
        body = unescaped(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if push.payload == "json":
        return _json(body)
    convert: Callable[[bytes], bytes] = cef_to_json if push.payload == "cef" else leef_to_json
    return convert(body)


def _json(body: bytes) -> bytes:
    """The JSON object that a message carries behind its header."""
    start = body.find(b"{")
    if start < 0:
        raise RecordError("holds no JSON object")
    try:
        return bytes(msgspec.json.decode(body[start:], type=msgspec.Raw))
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordError(f"holds no JSON object: {error}") from None


def _posted(body: bytes, items: str) -> list[bytes]:
    """The records of a posted document."""
    try:
        raw = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=msgspec.Raw)
        for name in items.split(".") if items else ():
            table = _TABLE.decode(raw)
            if name not in table:
                raise RecordError(f"has no {items!r}, where its records should be")
            raw = table[name]
        if bytes(raw).lstrip()[:1] != b"[":
            return [bytes(raw)]
        return [bytes(record) for record in _RAWS.decode(raw)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordError(f"is not the JSON it should be: {error}") from None


__all__ = ["cef_to_json", "line_reader", "moment", "records_of"]
