"""CPE names and CVE identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._grammar import is_cpe
from isthmus_sdk.stix._normal.words import says_nothing, shown

_CVE = re.compile(r"CVE([-_: \u2010-\u2015\u2212]{0,3})([0-9]{4})[-_: \u2010-\u2015\u2212]{1,3}(0[0-9]{3}|[1-9][0-9]{3,18})(?![0-9])", re.IGNORECASE | re.ASCII)  # fmt: skip
_PERCENT = re.compile("%([0-9a-fA-F]{2})")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LONGEST = 2_048


def cpe(value: object) -> str | None:
    """A CPE 2.3 formatted string in lower case (NISTIR 7695 section 6.2).

    CPE 2.2 URIs (``cpe:/o:vendor:product:1``) are rewritten; a short 2.3 name is filled with ``*``; needless escapes
    (``\\-``, ``\\.``) go, missing ones (``joomla!``) are set. Raises `RecordError` for what is no CPE.
    """
    if says_nothing(value):
        return None
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise RecordError(f"{shown(value)} is not a CPE")
    return _cpe(value)


@lru_cache(maxsize=2_048)
def _cpe(value: str) -> str:
    name = value.strip()
    name = name.lower() if name.isascii() else name
    if name.startswith("cpe:/"):
        name = _from_uri(name)
    elif name.startswith("cpe:2.3:"):
        name = _from_formatted(name)
    if not is_cpe(name):
        raise RecordError(f"{shown(value)} is not a CPE 2.3 name")
    return name


def _from_formatted(name: str) -> str:
    parts = _split(name[8:])
    if 3 <= len(parts) < 11 and all(parts):
        parts += ["*"] * (11 - len(parts))
    return "cpe:2.3:" + ":".join(map(_in_legal_escapes, parts))


def _split(text: str) -> list[str]:
    """At the colons that are not escaped."""
    parts: list[str] = []
    part: list[str] = []
    escaped = False
    for char in text:
        if char == ":" and not escaped:
            parts.append("".join(part))
            part = []
        else:
            part.append(char)
        escaped = char == "\\" and not escaped
    return [*parts, "".join(part)]


def _in_legal_escapes(part: str) -> str:
    if part in ("*", "-", "\\-") or (
        "\\" not in part and part.replace("_", "a").replace(".", "a").replace("-", "a").isalnum()
    ):
        return part
    made, at = [], 0
    while at < len(part):
        char = part[at]
        if char == "\\" and at + 1 < len(part):
            at += 1
            char = part[at]
            made.append(char if char.isalnum() or char in "_-." else f"\\{char}")
        else:
            made.append(char if char.isalnum() or char in "_-.*?" else f"\\{char}")
        at += 1
    return "".join(made)


def _from_uri(uri: str) -> str:
    """CPE 2.2 URI to 2.3 formatted string (NISTIR 7695 sections 6.1 and 6.2), the packed edition included."""
    parts = uri[5:].split(":")
    if len(parts) > 7:
        raise RecordError(f"{shown(uri)} is not a CPE: a CPE 2.2 URI has at most seven parts")
    if parts[0] not in ("a", "h", "o"):
        raise RecordError(f"{shown(uri)} is not a CPE: it begins with a, h or o")
    parts += [""] * (7 - len(parts))
    tail = ["", "", "", ""]
    if parts[5].startswith("~"):
        packed = (parts[5].split("~")[1:] + [""] * 5)[:5]
        parts[5], tail = packed[0], packed[1:]
    # The language comes after the edition in both forms, the parts of the packed edition after it.
    return "cpe:2.3:" + ":".join(_from_uri_value(part) for part in parts + tail)


def _from_uri_value(part: str) -> str:
    if part in ("", "-"):
        return part or "*"
    made, at = [], 0
    for found in _PERCENT.finditer(part):
        made += [_quoted(char) for char in part[at : found.start()]]
        code = int(found[1], 16)
        made.append({1: "?", 2: "*"}.get(code) or _quoted(chr(code).lower()))  # the wildcards of section 6.1.2.1.2
        at = found.end()
    made += [_quoted(char) for char in part[at:]]
    return "".join(made)


def _quoted(char: str) -> str:
    return char if char.isalnum() or char in "_-." else f"\\{char}"


def cve(value: object) -> str | None:
    """``CVE-YYYY-NNNN`` in capitals, from any case, with spaces, underscores or dashes of any kind between.

    Raises `RecordError` for anything else, and for a text that names several: see `cves`.
    """
    if says_nothing(value):
        return None
    if not isinstance(value, str) or len(value) > 256:
        raise RecordError(f"{shown(value)} is not a CVE identifier")
    found = _CVE.fullmatch(value.strip())
    if found is None:
        raise RecordError(f"{shown(value)} is not a CVE identifier")
    return f"CVE-{found[2]}-{found[3]}"


def cves(value: object) -> list[str]:
    """Every CVE identifier in a text or a list of texts, each once, in their order.

    ``"CVE-2021-44228, cve 2021 45046 (bypass)"`` holds two. Raises `RecordError` where the value is no text.
    """
    if says_nothing(value):
        return []
    if isinstance(value, str):
        return list(dict.fromkeys(f"CVE-{found[2]}-{found[3]}" for found in _CVE.finditer(value)))
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return list(dict.fromkeys(name for each in value for name in _of_text(each)))
    raise RecordError(f"{shown(value)} holds no CVE identifiers")


def _of_text(value: object) -> list[str]:
    if value is not None and not isinstance(value, str):
        raise RecordError(f"{shown(value)} is not a CVE identifier")
    return cves(value)
