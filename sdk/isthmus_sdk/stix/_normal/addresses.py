"""MAC and IP addresses, ports."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._grammar import is_ipv4, is_mac
from isthmus_sdk.stix._normal.words import SAYS_NOTHING, says_nothing, shown

_HEX = re.compile("[0-9a-f]+")
_MAC = re.compile(
    r"[0-9a-f]{1,2}([:. -])[0-9a-f]{1,2}(?:\1[0-9a-f]{1,2}){4}"
    r"|[0-9a-f]{4}([.: -])[0-9a-f]{4}\2[0-9a-f]{4}"
    r"|[0-9a-f]{6}[-:. ][0-9a-f]{6}"
)
_EUI_64 = re.compile(r"[0-9a-f]{2}([:. -]?)[0-9a-f]{2}(?:\1[0-9a-f]{2}){6}|(?:[0-9a-f]{4}[.: -]){3}[0-9a-f]{4}")
_NOT_HEX = re.compile("[^0-9a-f]")
_LONGEST = 128
"""No address is longer; what is longer is refused before anything looks at it, and never cached."""

GROUP_MACS: Final = (
    "ff:ff:ff:ff:ff:ff",
    "01:00:5e",  # IPv4 multicast
    "33:33:",  # IPv6 multicast
    "01:80:c2",  # bridges: spanning tree, LLDP
    "01:00:0c",  # Cisco: CDP, VTP
    "01:0c:cd",  # IEC 61850: GOOSE, sampled values
    "01:0e:cf",  # PROFINET
    "01:1b:19",  # precision time
)
"""Broadcast and the multicast ranges in use: a frame's destination, never an adapter's own address."""
_PLACEHOLDER_MACS = frozenset({"02:00:00:00:00:00", "00:00:00:00:00:00"})
"""What mobile systems tell programs that may not know the address, and nothing at all."""

_WITH_PORT = re.compile(r"\[([^\[\]]*)\](?::([0-9]{1,5}))?|([0-9.]+):([0-9]{1,5})", re.ASCII)
_ANY_PORT = frozenset({"*", "any", "all", "0", "-1", "0.0"})
_PORT = re.compile(r"(?:(?:tcp|udp|sctp)[/: ]?)?([0-9]{1,6})(?:\.0)?(?:[/ ](?:tcp|udp|sctp))?", re.ASCII)


@lru_cache(maxsize=8_192)
def _mac(value: str) -> str | None:
    if is_mac(value) and value != "00:00:00:00:00:00":
        return value
    bare = value.strip().lower()
    if bare in SAYS_NOTHING:
        return None
    bare = bare.removeprefix("0x")
    if len(bare) == 12 and _HEX.fullmatch(bare):
        digits = bare
    elif _EUI_64.fullmatch(bare):
        raise RecordError(f"{shown(value)} is an address of 64 bits (EUI-64); a MAC address has 48")
    elif not _MAC.fullmatch(bare):
        raise RecordError(f"{shown(value)} is not a MAC address of 48 bits")
    else:
        parts = _NOT_HEX.split(bare)
        digits = "".join(parts if len(parts) < 6 else (part.rjust(2, "0") for part in parts))
    if digits == "000000000000":
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def mac(value: object) -> str | None:
    """``aa:bb:cc:dd:ee:ff`` from colons, dashes, dots, spaces or none of them; ``None`` for all zeros.

    Broadcast and multicast are addresses here: see `adapter_mac`. Raises `RecordError` for what is no MAC of 48 bits.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise RecordError(f"{shown(value)} is not a MAC address")
    if len(value) > _LONGEST and len(value := value.strip()) > _LONGEST:
        raise RecordError(f"{shown(value)} is not a MAC address of 48 bits")
    return _mac(value)


def adapter_mac(value: object) -> str | None:
    """`mac` of an adapter. Raises `RecordError` for broadcast and the known multicast ranges: nobody's own address."""
    # The usual spelling needs no cache: adapters have an address each.
    found = value if type(value) is str and is_mac(value) else mac(value)
    if found is None or found in _PLACEHOLDER_MACS:
        return None
    if found.startswith(GROUP_MACS):
        raise RecordError(f"{found} is a broadcast or multicast address, never an adapter's own")
    return found


def _ip(value: str) -> str | None:
    if is_ipv4(value) and "/" not in value and value != "0.0.0.0":  # noqa: S104 - compared, not bound
        return value
    return _socket(value)[0]


@lru_cache(maxsize=1_024)
def _socket(value: str) -> tuple[str | None, int | None]:
    bare = value.strip()
    if bare.lower() in SAYS_NOTHING:
        return None, None
    port_text = None
    if (found := _WITH_PORT.fullmatch(bare)) is not None:
        bare, port_text = found[1] or found[3] or "", found[2] or found[4]
    try:
        address = _parsed(bare, value)
    except ValueError as error:
        raise RecordError(f"{shown(value)} is not an IP address{_why(bare)}") from error
    return (None if address.is_unspecified else str(address)), port(port_text)


def _parsed(bare: str, value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    bare, _, tail = bare.partition("%")
    if "/" in tail:  # fe80::1%eth0/64
        bare += tail[tail.index("/") :]
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    if "/" in bare:
        bound = ipaddress.ip_interface(bare)
        if bound.network.prefixlen < bound.max_prefixlen - 1 and bound.ip == bound.network.network_address:
            raise RecordError(f"{shown(value)} is a network, not an address")
        address = bound.ip
    else:
        address = ipaddress.ip_address(bare)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _why(bare: str) -> str:
    """An octet with a leading zero is read as octal here and as decimal there."""
    octets = bare.partition("/")[0].split(".")
    if len(octets) == 4 and any(len(octet) > 1 and octet[0] == "0" and octet.isdecimal() for octet in octets):
        return ": an octet with a leading zero may be octal or decimal"
    return ""


def ip(value: object) -> str | None:
    """The shortest form of an IPv4 or IPv6 address, without port, zone, brackets or prefix; ``None`` for 0.0.0.0.

    IPv4-mapped becomes IPv4. Raises `RecordError` for a network, and for octets with leading zeros.
    """
    if type(value) is str and len(value) <= _LONGEST:
        return _ip(value)
    if value is None:
        return None
    return _ip(_address_text(value))


def own_ip(value: object) -> str | None:
    """`ip` by which a device can be met in its network; ``None`` for loopback, link-local, multicast and broadcast ones.

    Raises `RecordError` as `ip` does.
    """
    address = ip(value)
    return None if address is None or not _meets(address) else address


@lru_cache(maxsize=8_192)
def _meets(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_multicast) and address != "255.255.255.255"


def ip_and_port(value: object) -> tuple[str | None, int | None]:
    """`ip` and the port behind it: ``10.0.0.5:502``, ``[2001:db8::1]:443``; ``None`` for a part that is not given."""
    if value is None:
        return None, None
    return _socket(_address_text(value))


def _address_text(value: object) -> str:
    if not isinstance(value, str):
        if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
            return str(value)
        raise RecordError(f"{shown(value)} is not an IP address")
    if len(value) > _LONGEST and len(value := value.strip()) > _LONGEST:
        raise RecordError(f"{shown(value)} is not an IP address")
    return value


@lru_cache(maxsize=8_192)
def is_public(address: str) -> bool:
    """Whether a normalised address is globally routable."""
    return ipaddress.ip_address(address).is_global


def port(value: object) -> int | None:
    """A port, 1 to 65535, from a number or its text (``502/tcp``); ``None`` for 0, -1 and "any".

    Raises `RecordError` for a range, and for a number that is no port.
    """
    if type(value) is int and 0 < value <= 65_535:
        return value
    if (value in (0, -1) and not isinstance(value, bool)) or says_nothing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = (
        shown(value)
        if isinstance(value, bool) or not isinstance(value, (str, int))
        else f"{value!s:.40}".strip().lower()
    )
    if word in _ANY_PORT:
        return None
    found = _PORT.fullmatch(word)
    if found is None or not 0 <= int(found[1]) <= 65_535:
        raise RecordError(f"{shown(value)} is not a port: expected 1 to 65535")
    return int(found[1]) or None
