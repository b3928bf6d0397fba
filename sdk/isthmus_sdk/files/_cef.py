"""CEF (ArcSight Common Event Format) lines as JSON objects.

``<134>Jan 18 11:07:53 host CEF:0|Vendor|Product|1.0|100|Name|5|src=10.0.0.1 msg=some words`` becomes::

    {"syslog": "<134>Jan 18 11:07:53 host", "version": "0", "device_vendor": "Vendor", "device_product": "Product",
     "device_version": "1.0", "signature_id": "100", "name": "Name", "severity": "5",
     "extension": {"src": "10.0.0.1", "msg": "some words"}}

Values stay text, exactly as sent apart from CEF's own escapes; a repeated key keeps its first value.
"""

from __future__ import annotations

import re

import msgspec

from isthmus_sdk.errors import RecordError

_HEADER = ("version", "device_vendor", "device_product", "device_version", "signature_id", "name", "severity")
_FIELD_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
_KEY = re.compile(r"(?:^|\s)([A-Za-z_][\w.\[\]-]*)=")
_EXTENSION_ESCAPE = re.compile(r"\\([=\\nr|])")
_MEANS = {"n": "\n", "r": "\r"}


def to_json(line: bytes) -> bytes:
    """One CEF line as JSON. Raises ``RecordError`` where it is not CEF."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecordError(f"is not UTF-8 text (byte {error.start})") from error
    syslog, found, rest = text.partition("CEF:")
    if not found:
        raise RecordError("is not a CEF line: it holds no 'CEF:'")
    parts = _header(rest)
    if len(parts) <= len(_HEADER):
        raise RecordError(f"is not a CEF line: {len(parts) - 1} of {len(_HEADER)} header fields")
    record: dict[str, object] = {"syslog": syslog.strip()} if syslog.strip() else {}
    record.update(zip(_HEADER, (_plain(part) for part in parts), strict=False))
    record["extension"] = _extension(parts[-1])
    return msgspec.json.encode(record)


def _header(text: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for _ in _HEADER:
        end = _FIELD_END.search(text, start)
        if end is None:
            break
        parts.append(text[start : end.end() - 1])
        start = end.end()
    parts.append(text[start:])
    return parts


def _plain(text: str) -> str:
    return text.replace("\\|", "|").replace("\\\\", "\\").strip()


def _extension(text: str) -> dict[str, str]:
    keys = list(_KEY.finditer(text))
    values: dict[str, str] = {}
    for number, found in enumerate(keys, 1):
        end = keys[number].start() if number < len(keys) else len(text)
        value = text[found.end() : end].strip()
        if "\\" in value:
            value = _EXTENSION_ESCAPE.sub(_meant, value)
        values.setdefault(found[1], value)
    return values


def _meant(escape: re.Match[str]) -> str:
    return _MEANS.get(escape[1], escape[1])


__all__ = ["to_json"]
