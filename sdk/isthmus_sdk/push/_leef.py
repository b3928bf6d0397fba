"""LEEF (Log Event Extended Format, 1.0 and 2.0) lines as JSON objects.

``<13>Jan 18 11:07:53 host LEEF:2.0|Vendor|Product|1.0|100|^|src=10.0.0.1^dst=10.0.0.5`` becomes::

    {"syslog": "<13>Jan 18 11:07:53 host", "version": "2.0", "vendor": "Vendor", "product": "Product",
     "product_version": "1.0", "event_id": "100", "extension": {"src": "10.0.0.1", "dst": "10.0.0.5"}}

Values stay text, exactly as sent; a repeated key keeps its first value.
"""

from __future__ import annotations

import re

import msgspec

from isthmus_sdk.errors import RecordError

_HEADER = ("version", "vendor", "product", "product_version", "event_id")
_CODE = re.compile(r"(?:0?x|\\x)([0-9A-Fa-f]{2,4})")
_KEY = re.compile(r"[A-Za-z_][\w.\-]*")


def leef_to_json(line: bytes) -> bytes:
    """One LEEF line as JSON. Raises ``RecordError`` where it is not LEEF."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecordError(f"is not UTF-8 text (byte {error.start})") from error
    syslog, found, rest = text.partition("LEEF:")
    if not found:
        raise RecordError("is not a LEEF line: it holds no 'LEEF:'")
    parts = rest.split("|", len(_HEADER))
    if len(parts) <= len(_HEADER):
        raise RecordError(f"is not a LEEF line: {len(parts) - 1} of {len(_HEADER)} header fields")
    separator, attributes = "\t", parts[-1]
    if parts[0].strip().startswith("2"):
        separator, attributes = _separator(attributes)
    record: dict[str, object] = {"syslog": syslog.strip()} if syslog.strip() else {}
    record.update(zip(_HEADER, (part.strip() for part in parts), strict=False))
    record["extension"] = _extension(attributes, separator)
    return msgspec.json.encode(record)


def _separator(attributes: str) -> tuple[str, str]:
    """The sixth header field of LEEF 2.0, where it is there: one character, or its code."""
    field, bar, rest = attributes.partition("|")
    if not bar:
        return "\t", attributes
    if code := _CODE.fullmatch(field.strip()):
        return chr(int(code[1], 16)), rest
    if len(field) <= 1:
        return field or "\t", rest
    return "\t", attributes


def _extension(text: str, separator: str) -> dict[str, str]:
    """Pairs; a part that is none belongs to the value before it."""
    values: dict[str, str] = {}
    last = ""
    for part in text.strip("\r\n").split(separator):
        key, equals, value = part.partition("=")
        if equals and _KEY.fullmatch(key.strip()):
            last = key.strip()
            if last in values:
                last = ""
            else:
                values[last] = value.strip()
        elif last and part.strip():
            values[last] += separator + part
    return values


__all__ = ["leef_to_json"]
