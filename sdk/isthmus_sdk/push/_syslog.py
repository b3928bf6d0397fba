"""Syslog messages, RFC 5424 and RFC 3164, as far as what is really sent resembles them.

Everything is text as it came. A time is given as ``timestamp`` only where the message names it beyond doubt (RFC 5424, or an
ISO time with a zone in an otherwise old message); the ``Jan 18 11:07:53`` of RFC 3164 has neither year nor zone and stays
text in ``timestamp_text``.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_PRI = re.compile(r"<(\d{1,3})>")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_BSD_TIME = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?|\d{4} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)"
)
_TAG = re.compile(r"([^\s:\[\]<>{}=|]{1,48})(?:\[([^\]\s]{1,128})\])?:(?: |$)")
_HOST = re.compile(r"[^\s,;={}|\"'<>()]{1,255}")
"""What may be a host's name: a sender that leaves its own out goes on with the message, ``1,2026/05/04 10:00:01,...``."""
_ELEMENT = re.compile(r"\[([^\s=\]\"]{1,64})((?: [^\s=\]\"]{1,64}=\"(?:[^\"\\\]]|\\.)*\")*) ?\]", re.DOTALL)
_PARAMETER = re.compile(r" ([^\s=\]\"]{1,64})=\"((?:[^\"\\\]]|\\.)*)\"", re.DOTALL)
_UNQUOTE = re.compile(r"\\([\"\\\]])")
_ESCAPE = re.compile(r"#(0[0-3][0-7]|177)")
_BOM = "\ufeff"


class SyslogMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``None``: the sender did not say it."""

    facility: int | None = None
    severity: int | None = None
    timestamp: str | None = None
    timestamp_text: str | None = None
    hostname: str | None = None
    app_name: str | None = None
    proc_id: str | None = None
    msg_id: str | None = None
    structured_data: dict[str, dict[str, str]] = {}
    message: str = ""


def parse_syslog(raw: bytes, *, escapes: bool = True) -> SyslogMessage:
    """The parts of one message. Never raises: what is no syslog is all ``message``. Bytes that are no UTF-8 become U+FFFD."""
    text = raw.decode("utf-8", "replace").removeprefix(_BOM).rstrip("\r\n\0")
    found = _PRI.match(text)
    priority = int(found[1]) if found and int(found[1]) <= 191 else None
    if found and priority is not None:
        text = text[found.end() :]
    facility, severity = (None, None) if priority is None else divmod(priority, 8)
    values: dict[str, Any] = (_rfc5424(text) if priority is not None else None) or _rfc3164(
        text, headed=priority is not None
    )
    message = str(values.pop("message", "")).removeprefix(_BOM)
    return SyslogMessage(
        facility=facility, severity=severity, message=unescaped(message) if escapes else message, **values
    )


def unescaped(text: str) -> str:
    """``#012`` and its like, which relays write for control characters, as the characters."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text) if "#" in text else text


def syslog_to_json(raw: bytes, *, received: str | None = None, peer: str | None = None, escapes: bool = True) -> bytes:
    """One message as the JSON record of a stream, with when (canonical time) and from where it was received.

    A message that stands in a file was received by somebody else: both are ``None``.
    """
    parts = msgspec.structs.asdict(parse_syslog(raw, escapes=escapes))
    return msgspec.json.encode({**parts, "received": received, "peer": peer})


def _rfc5424(text: str) -> dict[str, Any] | None:
    if not text.startswith("1 "):
        return None
    parts = text.split(" ", 6)
    if len(parts) < 7:
        return None
    _, timestamp, hostname, app_name, proc_id, msg_id, rest = parts
    if timestamp != "-" and not _ISO.fullmatch(timestamp):
        return None
    data, message = _structured(rest)
    return {
        "timestamp": _said(timestamp),
        "hostname": _said(hostname),
        "app_name": _said(app_name),
        "proc_id": _said(proc_id),
        "msg_id": _said(msg_id),
        "structured_data": data,
        "message": message,
    }


def _structured(text: str) -> tuple[dict[str, dict[str, str]], str]:
    """Structured data and what follows. Data that are not well formed stay in the message."""
    if text == "-" or text.startswith("- "):
        return {}, text[2:]
    data: dict[str, dict[str, str]] = {}
    at = 0
    while (element := _ELEMENT.match(text, at)) is not None:
        values = data.setdefault(element[1], {})
        for name, value in _PARAMETER.findall(element[2]):
            values.setdefault(name, _UNQUOTE.sub(r"\1", value))
        at = element.end()
    if at == 0 or (at < len(text) and text[at] != " "):
        return {}, text
    return data, text[at + 1 :]


def _rfc3164(text: str, *, headed: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if time := _ISO.match(text):
        values["timestamp"] = time[0]
    else:
        time = _BSD_TIME.match(text)
    if time is not None:
        values["timestamp_text"] = time[0]
        text = text[time.end() :].removeprefix(" ")
        host, _, rest = text.partition(" ")
        if _HOST.fullmatch(host) and not host.endswith(":") and not host.startswith(("CEF:", "LEEF:")):
            values["hostname"], text = host, rest
    if (headed or time is not None) and not text.startswith(("CEF:", "LEEF:")) and (tag := _TAG.match(text)):
        values["app_name"], values["proc_id"] = tag[1], tag[2]
        text = text[tag.end() :]
    values["message"] = text.removeprefix(" ")
    return values


def _said(text: str) -> str | None:
    return None if text == "-" else text


__all__ = ["SyslogMessage", "parse_syslog", "syslog_to_json", "unescaped"]
