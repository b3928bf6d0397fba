"""What kind of file this is, told by its content and never by its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from isthmus_sdk.errors import RecordError, UnexpectedReply
from isthmus_sdk.files._source import Source

Kind = Literal["lines", "table", "cef", "messages", "documents", "empty"]

HEAD = 1 << 16
"""Decoded bytes that are looked at first, and the most that a partition's name is made from."""
MAX_RECORD = 4 << 20
"""Bytes of the largest record; a larger one goes to quarantine by its beginning."""

_ZEEK = (b"#separator", b"#fields", b"#path")
_COLUMN = re.compile(rb"[A-Za-z_][\w .:/()-]{0,63}")
_MESSAGES_TRIED = 8
"""Lines that are looked at for a message."""
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_KNOWN_BINARY = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\x1f\x8b": "compressed twice",
    b"BZh": "bzip2; use gzip or zstd",
    b"\xfd7zXZ": "xz; use gzip or zstd",
    b"\xd4\xc3\xb2\xa1": "a packet capture, not a log",
    b"\xa1\xb2\xc3\xd4": "a packet capture, not a log",
    b"\x0a\x0d\x0d\x0a": "a packet capture, not a log",
    b"\x7fELF": "a program",
    b"%PDF": "a PDF document",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Kind of a file, and its beginning up to and including the first record (``b""``: no complete record yet)."""

    kind: Kind
    head: bytes = b""
    rows: bool = False
    """Of documents: comma-separated text with a header."""


def sniff(
    source: Source,
    *,
    items: str | None,
    log: bool,
    whole: bool,
    final: bool,
    message: Callable[[bytes], bytes] | None = None,
) -> Shape:
    """Kind of the file that ``source`` (at offset 0) reads.

    ``log``: it should hold lines; otherwise, without ``items``, an object whose first list holds objects is an
    envelope. ``whole``: the file is left alone, so a last line without a newline is complete; ``final``: for good.
    ``message``: makes a record of a syslog message, for streams that take them: the file may be what a daemon kept.
    Raises ``UnexpectedReply`` for what is not readable.
    """
    data = source.read(HEAD)
    refuse_binary(source.path, data)
    text = data.removeprefix(_BOM)
    start = text.lstrip()
    if not start:
        return Shape("empty")
    if start[:1] in (b"{", b"["):
        return _json(source, data, items=items, log=log, whole=whole, final=final)
    if not log and _is_csv(start):
        return Shape("documents", data, rows=True)
    if start[:1] == b"#":
        return Shape("table", _first_record(data, comments=True, whole=whole))
    line = start.partition(b"\n")[0]
    if b"CEF:" in line:
        return Shape("cef", _first_record(data, comments=False, whole=whole))
    rest = start[start.find(b"\n") + 1 :] if b"\n" in start else b""
    if message is not None and not _goes_on_as_json(rest) and _holds_messages(start, message, whole=whole):
        return Shape("messages", _first_record(data, comments=False, whole=whole))
    if b"\t" in line:
        return Shape("table", _first_record(data, comments=True, whole=whole))
    if b"\n" not in start and not whole:
        return Shape("empty")  # still being written
    if _goes_on_as_json(rest):
        return Shape("lines", _first_record(data, comments=False, whole=whole))
    raise UnexpectedReply(
        f"{source.path}: is neither JSON, NDJSON, CSV with a header, a Zeek table nor CEF"
        + ("" if message is None else ", nor do its lines hold messages that this stream takes by syslog")
    )


def refuse_binary(path: str, data: bytes) -> None:
    """Raise ``UnexpectedReply`` where the first bytes of a file are no UTF-8 text, and say what they are."""
    if data[:2] in _UTF16:
        raise UnexpectedReply(f"{path}: is UTF-16 text; save it as UTF-8")
    for magic, what in _KNOWN_BINARY.items():
        if data.startswith(magic):
            raise UnexpectedReply(f"{path}: is {what}")
    if b"\0" in data[:4096]:
        raise UnexpectedReply(f"{path}: is a binary file, not text")


def _first_record(data: bytes, *, comments: bool, whole: bool) -> bytes:
    """``data`` up to the end of its first data line, at most ``HEAD`` bytes; ``b""`` where it has none yet."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        line = data[at : end if end >= 0 else len(data)]
        if line.strip() and not (comments and line.lstrip().startswith(b"#")):
            complete = end >= 0 or whole or len(data) >= HEAD
            return data[: end + 1 if end >= 0 else len(data)] if complete else b""
        if end < 0:
            return b""
        at = end + 1
    return data if len(data) >= HEAD else b""


def _json(source: Source, data: bytes, *, items: str | None, log: bool, whole: bool, final: bool) -> Shape:
    """Lines where the first line is a complete record, documents where it is an envelope, a list or only a part."""
    head, buffer = data[:HEAD], data
    blank = len(buffer) - len(buffer.removeprefix(_BOM).lstrip())
    while (end := buffer.find(b"\n", blank)) < 0 and len(buffer) <= MAX_RECORD:
        more = source.read()
        if not more:
            break
        buffer += more
    line = buffer[blank : end if end >= 0 else len(buffer)].strip()
    document = Shape("documents", head)
    if line[:1] != b"{" or len(line) > MAX_RECORD:
        return document
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        if line[-1:] == b"}" and _goes_on_as_json(buffer[end + 1 :]):
            return Shape("lines", buffer[: end + 1][:HEAD])  # one bad record, the first, in a file of good ones
        if end < 0 and log and not final:
            return Shape("empty")  # the first line of a log, still being written
        return document
    alone = end < 0 or not (buffer[end:].strip() or source.read(1))
    if is_envelope(line, items, guess=alone and not log):
        return document
    if end >= 0:
        return Shape("lines", buffer[: end + 1][:HEAD])
    return Shape("lines", buffer[:HEAD])


def _goes_on_as_json(rest: bytes) -> bool:
    """Whether the next complete line is a JSON object: a file of lines that merely begins badly."""
    lines = [line for line in rest.split(b"\n", 8)[:-1] if line.strip()]
    if not lines or lines[0].lstrip()[:1] != b"{":
        return False
    try:
        msgspec.json.decode(lines[0], type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _is_csv(text: bytes) -> bool:
    """Whether the first line is a header of comma-separated columns, and the next has as many; comments go before it."""
    lines = [line for line in text.split(b"\n") if line.strip()]
    first = next((number for number, line in enumerate(lines) if not line.startswith(b"#")), None)
    if first is None or any(line.startswith(_ZEEK) for line in lines[:first]):
        return False
    names = [name.strip(b' "\r') for name in lines[first].split(b",")]
    if len(names) < 2 or len(set(names)) < len(names) or not all(map(_COLUMN.fullmatch, names)):
        return False
    return len(lines) == first + 1 or lines[first + 1].count(b",") >= len(names) - 1


def _holds_messages(text: bytes, message: Callable[[bytes], bytes], *, whole: bool) -> bool:
    """Whether one of the first complete lines is a syslog message of the kind that the stream takes."""
    lines = text.split(b"\n", _MESSAGES_TRIED)
    for line in lines if whole and len(lines) <= _MESSAGES_TRIED else lines[:-1]:
        try:
            if line.strip():
                message(line)
                return True
        except RecordError:
            continue
    return False


def is_envelope(document: bytes, items: str | None, *, guess: bool) -> bool:
    """Whether a JSON object is a page around its records rather than a record."""
    if items:
        return find_list(msgspec.json.decode(document, type=dict[str, msgspec.Raw]), items) is not None
    if items is None and guess:
        return guess_list(msgspec.json.decode(document, type=dict[str, msgspec.Raw])) is not None
    return False


def find_list(document: dict[str, msgspec.Raw], items: str) -> list[msgspec.Raw] | None:
    """The raw records at a dotted path (a key that itself holds dots goes first), ``None`` where there is no list.

    Of several paths (``data.results|data.sample``) the first counts at which there is one.
    """
    return next((found for path in items.split("|") if (found := _list_at(document, path)) is not None), None)


def _list_at(document: dict[str, msgspec.Raw], items: str) -> list[msgspec.Raw] | None:
    value: Any = document
    *parents, last = [items] if items in document else items.split(".")
    for name in parents:
        raw = value.get(name)
        if raw is None or bytes(raw).lstrip()[:1] != b"{":
            return None
        value = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    raw = value.get(last)
    if raw is None or bytes(raw).lstrip()[:1] != b"[":
        return None
    return msgspec.json.decode(raw, type=list[msgspec.Raw])


def guess_list(document: dict[str, msgspec.Raw]) -> list[msgspec.Raw] | None:
    """The first list of objects of an envelope, nearest to the top; ``None`` where there is none."""
    inner: list[msgspec.Raw] = []
    for raw in document.values():
        start = bytes(raw).lstrip()[:1]
        if start == b"{":
            inner.append(raw)
        elif start == b"[":
            found = msgspec.json.decode(raw, type=list[msgspec.Raw])
            if found and all(bytes(part).lstrip()[:1] == b"{" for part in found):
                return found
    for raw in inner:
        found_inside = guess_list(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
        if found_inside is not None:
            return found_inside
    return None


__all__ = ["HEAD", "MAX_RECORD", "Shape", "find_list", "guess_list", "is_envelope", "refuse_binary", "sniff"]
