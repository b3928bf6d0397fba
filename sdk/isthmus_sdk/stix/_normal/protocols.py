"""Names of protocols."""

from __future__ import annotations

import re
from functools import lru_cache

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._normal.words import shown, text

_BY_NUMBER = {
    "1": "icmp", "2": "igmp", "4": "ipip", "6": "tcp", "17": "udp", "33": "dccp", "41": "ipv6", "47": "gre", "50": "esp",
    "51": "ah", "58": "ipv6-icmp", "88": "eigrp", "89": "ospf", "103": "pim", "112": "vrrp", "115": "l2tp", "132": "sctp",
    "136": "udplite",
}  # fmt: skip
"""IANA's protocol numbers, as firewalls and cloud logs write them."""
_SPELLINGS = {
    "modbus/tcp": "modbus", "modbus-tcp": "modbus", "modbustcp": "modbus", "mbtcp": "modbus", "icmpv6": "ipv6-icmp",
    "icmp6": "ipv6-icmp", "ip": "ipv4", "ip4": "ipv4", "ip6": "ipv6",
}  # fmt: skip
_PREFIX = re.compile(r"^l[2347]_protocol_")
_IN_BRACKETS = re.compile(r"[ -]*\((?:tcp|udp)(?:/[0-9]{1,5})?\)$")
_SPACES = re.compile(r"[\s_]+")
_WILDCARDS = frozenset({"any", "all", "*", "-1"})


def protocol(value: object) -> str | None:
    """A protocol's name in lower case, ``-`` for spaces; numbers of IP protocols become names (6 is ``tcp``).

    ``None`` for nothing and for "any". Raises `RecordError` for what is no text.
    """
    said = text(value)
    if said is None:
        return None
    if len(said) > 128:
        raise RecordError(f"{shown(said)} is not the name of a protocol")
    return _protocol(said)


@lru_cache(maxsize=1_024)
def _protocol(said: str) -> str | None:
    name = said.lower()
    if name in _WILDCARDS:
        return None
    name = _SPACES.sub("-", _PREFIX.sub("", name) or name)
    name = _IN_BRACKETS.sub("", name).strip("-") or name
    name = _SPELLINGS.get(name, name)
    return _BY_NUMBER.get(name, name)
