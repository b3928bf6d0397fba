"""One spelling for what vendors write in many: addresses, names, CPE, CVE, Purdue levels, severities.

Every function returns ``None`` where the value says nothing ("unknown", ``0.0.0.0``) and raises `RecordError` where it
says something broken, so that a mapping can tell the two apart.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._grammar import is_cpe, is_ipv4, is_mac

_UNKNOWNS = "unknown none null n/a na nan undefined unspecified (unknown) <unknown> - -- ?"
_SAYS_NOTHING = frozenset([*_UNKNOWNS.split(), "not available", ""])
_SUSPECT = frozenset(start for word in _SAYS_NOTHING for start in (word[:1], word[:1].upper()))
"""First characters of words that say nothing: any other text need not be looked up."""
_HEX12 = re.compile(r"[0-9a-f]{12}")
_MAC = re.compile(
    r"[0-9a-f]{1,2}(?:([:-])[0-9a-f]{1,2})(?:\1[0-9a-f]{1,2}){4}|[0-9a-f]{4}([.:-])[0-9a-f]{4}\2[0-9a-f]{4}"
)
_CVE = re.compile(r"CVE-[0-9]{4}-(?:0[0-9]{3}|[1-9][0-9]{3,})", re.ASCII)
_LEVEL = re.compile(r"(?:(?:purdue|level|lvl|l)[ _-]*){0,2}([0-5](?:[.,][05]0*)?)(?: *[-:(].*)?", re.ASCII)
_HOSTNAME_BARS = re.compile(r"[\s\x00-\x1f\x7f/\\?*\"<>|@,;=]")

_WORDS_BY_SEVERITY = {
    0: "none",
    10: "informational information info",
    30: "low minor",
    50: "medium moderate warning",
    70: "high major important severe",
    90: "critical fatal emergency",
}
SEVERITY_WORDS: Final[Mapping[str, int]] = {
    word: level for level, words in _WORDS_BY_SEVERITY.items() for word in words.split()
}
"""What `severity` makes of words, on the scale 0 to 100."""


def says_nothing(value: object) -> bool:
    """Whether a vendor's value is one of the many ways to write "unknown"."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _SAYS_NOTHING)


def text(value: object) -> str | None:
    """``value`` as text without surrounding space;

    ``None`` where it says nothing. Numbers become their decimal text.
    """
    if type(value) is str:
        bare = value.strip()
        if bare[:1] in _SUSPECT and bare.lower() in _SAYS_NOTHING:
            return None
        return bare
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return text(str(value))
    raise RecordError(f"expected text, found {type(value).__name__}")


@lru_cache(maxsize=8_192)
def _mac(value: str) -> str | None:
    if is_mac(value) and value != "00:00:00:00:00:00":
        return value
    lowered = value.strip().lower()
    if lowered in _SAYS_NOTHING:
        return None
    if _HEX12.fullmatch(lowered):
        digits = lowered
    elif not _MAC.fullmatch(lowered):
        raise RecordError(f"{value!r} is not a MAC address of 48 bits")
    elif len(lowered) == 14:
        digits = re.sub(r"[.:-]", "", lowered)
    else:
        digits = "".join(part.rjust(2, "0") for part in re.split("[:-]", lowered))
    if digits == "000000000000":
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def mac(value: object) -> str | None:
    """``aa:bb:cc:dd:ee:ff`` from any of the usual forms; ``None`` for all zeros."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise RecordError(f"a {type(value).__name__} is not a MAC address")
    return _mac(value)


@lru_cache(maxsize=8_192)
def _ip(value: str) -> str | None:
    if is_ipv4(value) and "/" not in value and value != "0.0.0.0":  # noqa: S104 - compared, not bound
        return value
    bare = value.strip()
    if bare.lower() in _SAYS_NOTHING:
        return None
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    bare = bare.partition("%")[0]
    try:
        if "/" in bare:
            bound = ipaddress.ip_interface(bare)
            if bound.network.prefixlen < bound.max_prefixlen and bound.ip == bound.network.network_address:
                raise RecordError(f"{value!r} is a network, not an address")
            address: ipaddress.IPv4Address | ipaddress.IPv6Address = bound.ip
        else:
            address = ipaddress.ip_address(bare)
    except ValueError as error:
        raise RecordError(f"{value!r} is not an IP address") from error
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return None if address.is_unspecified else str(address)


def ip(value: object) -> str | None:
    """The shortest form of an IPv4 or IPv6 address, without zone or prefix;

    IPv4-mapped becomes IPv4; ``None`` for 0.0.0.0.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
            return _ip(str(value))
        raise RecordError(f"a {type(value).__name__} is not an IP address")
    return _ip(value)


@lru_cache(maxsize=8_192)
def is_public(address: str) -> bool:
    """Whether a normalised address is globally routable."""
    return ipaddress.ip_address(address).is_global


def hostname(value: object) -> str | None:
    """Lower case, no trailing dot. ``None`` for "unknown", ``localhost`` and bare addresses, which name no host."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise RecordError(f"a {type(value).__name__} is not a host name")
    name = value.strip().rstrip(".").lower()
    if name in _SAYS_NOTHING or name in ("localhost", "localhost.localdomain"):
        return None
    if len(name) > 253 or _HOSTNAME_BARS.search(name):
        raise RecordError(f"{value[:80]!r} is not a host name")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name
    return None


def domain(value: object) -> str | None:
    """A domain name in lower case without trailing dot; raises where it could not be one."""
    name = hostname(value)
    if name is not None and any(not label or len(label) > 63 for label in name.split(".")):
        raise RecordError(f"{value!r} is not a domain name")
    return name


def cpe(value: object) -> str | None:
    """A CPE 2.3 formatted string; CPE 2.2 URIs (``cpe:/o:vendor:product:1``) are rewritten."""
    if says_nothing(value):
        return None
    if not isinstance(value, str):
        raise RecordError(f"a {type(value).__name__} is not a CPE")
    name = value.strip()
    if name.lower().startswith("cpe:/"):
        name = _cpe_23(name)
    name = name.lower() if name.isascii() else name
    if not is_cpe(name):
        raise RecordError(f"{value[:120]!r} is not a CPE 2.3 name")
    return name


def _cpe_23(uri: str) -> str:
    """CPE 2.2 URI to 2.3 formatted string (NISTIR 7695 section 6.1 and 6.2, without the packed edition's parts)."""
    parts = uri[5:].split(":")
    packed = parts[5].split("~")[1:] if len(parts) > 5 and parts[5].startswith("~") else None
    if packed is not None:
        edition, sw_edition, target_sw, target_hw, other = [*packed, "", "", "", "", ""][:5]
        parts = [*parts[:5], edition, *parts[6:7]] + [""] * (7 - len([*parts[:5], edition, *parts[6:7]]))
        tail = [sw_edition, target_sw, target_hw, other]
    else:
        parts = (parts + [""] * 7)[:7]
        tail = ["", "", "", ""]
    return "cpe:2.3:" + ":".join(_cpe_value(part) for part in parts + tail)


def _cpe_value(part: str) -> str:
    if part in ("", "-"):
        return part or "*"
    plain = re.sub("%([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), part)
    return "".join(char if char.isalnum() or char in "_-." else f"\\{char}" for char in plain)


def cve(value: object) -> str | None:
    """``CVE-YYYY-NNNN`` in capitals."""
    if says_nothing(value):
        return None
    if not isinstance(value, str):
        raise RecordError(f"a {type(value).__name__} is not a CVE identifier")
    name = value.strip().upper()
    if not _CVE.fullmatch(name):
        raise RecordError(f"{value[:60]!r} is not a CVE identifier")
    return name


def purdue_level(value: object) -> str | None:
    """A Purdue level as decimal text, ``"0"`` to ``"5"`` or ``"3.5"``, from numbers, "Level 3", "level1", "DMZ", ["2"].

    ``None`` where several levels are given: then none is known.
    """
    if type(value) is int or type(value) is str:
        return _purdue_level(str(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        levels = {level for each in value if (level := purdue_level(each)) is not None}
        return levels.pop() if len(levels) == 1 else None
    if isinstance(value, bool) or not (value is None or isinstance(value, (int, float, str))):
        raise RecordError(f"{value!r} is not a Purdue level")
    return _purdue_level(str(value))


@lru_cache(maxsize=256)
def _purdue_level(value: str) -> str | None:
    word = value.strip().lower()
    if word in _SAYS_NOTHING:
        return None
    if word in ("dmz", "idmz", "industrial dmz"):
        return "3.5"
    found = _LEVEL.fullmatch(word)
    if found is None:
        raise RecordError(f"{value!r} is not a Purdue level: expected 0 to 5 or 3.5")
    number = float(found[1].replace(",", "."))
    if number > 5:
        raise RecordError(f"{value!r} is not a Purdue level: expected 0 to 5 or 3.5")
    return f"{number:g}"


def severity(value: object, scale: float | tuple[float, float] | Mapping[Any, int] | None = None) -> int | None:
    """Severity on 0 to 100.

    ``scale``: the vendor's largest number (smallest 0), a (smallest, largest) pair, or a mapping of the vendor's words;
    without one, words follow `SEVERITY_WORDS` and numbers are taken as 0 to 100. Raises `RecordError` outside the
    scale.
    """
    if value is None or value == "":
        return None
    if isinstance(scale, Mapping):
        found = scale.get(value, scale.get(value.strip().lower()) if isinstance(value, str) else None)
        if found is None:
            if says_nothing(value):
                return None
            raise RecordError(f"severity {value!r} is not on the scale {sorted(map(str, scale))}")
        return found
    if isinstance(value, str):
        word = value.strip().lower()
        if word in SEVERITY_WORDS:
            return SEVERITY_WORDS[word]
        if word in _SAYS_NOTHING:
            return None
        try:
            value = float(word)
        except ValueError:
            raise RecordError(f"severity {value!r} is neither a number nor a known word") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RecordError(f"severity {value!r} is not a number")
    low, high = scale if isinstance(scale, tuple) else (0.0, scale or 100.0)
    if not low <= value <= high:
        raise RecordError(f"severity {value!r} is outside {low:g} to {high:g}")
    return round((value - low) / (high - low) * 100)
