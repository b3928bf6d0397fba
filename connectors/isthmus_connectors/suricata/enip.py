"""Numbers of EtherNet/IP commands and CIP services by the names Suricata gives them.

ODVA's names are spelled in several ways (``GetAttributesAll``, ``get_attr_all``): only letters are compared, and short forms
count as the long ones. What Suricata itself cannot name is ``unknown-82``.
"""

from __future__ import annotations

import re

_COMMANDS = {
    "nop": 0x00, "listservices": 0x04, "listidentity": 0x63, "listinterfaces": 0x64, "registersession": 0x65,
    "unregistersession": 0x66, "sendrrdata": 0x6F, "sendunitdata": 0x70, "indicatestatus": 0x72, "cancel": 0x73,
}  # fmt: skip
_SERVICES = {
    "getattrall": 0x01, "setattrall": 0x02, "getattrlist": 0x03, "setattrlist": 0x04, "reset": 0x05, "start": 0x06,
    "stop": 0x07, "create": 0x08, "delete": 0x09, "multipleservice": 0x0A, "multipleservicepacket": 0x0A, "applyattr": 0x0D,
    "getattrsingle": 0x0E, "setattrsingle": 0x10, "findnextobjectinstance": 0x11, "restore": 0x15, "save": 0x16,
    "noop": 0x17, "getmember": 0x18, "setmember": 0x19, "insertmember": 0x1A, "removemember": 0x1B, "groupsync": 0x1C,
    "forwardopen": 0x54, "forwardclose": 0x4E, "largeforwardopen": 0x5B,
}  # fmt: skip
_SERVICES |= {
    name.replace("attr", long): code for long in ("attribute", "attributes") for name, code in _SERVICES.items()
}
_UNKNOWN = re.compile(r"unknown\D?(\d{1,5})", re.IGNORECASE)
_NOT_A_LETTER = re.compile(r"[^a-z]")


def enip_command(name: str) -> int | None:
    """Number of an encapsulation command; ``None`` for a name nobody knows."""
    return _number(name, _COMMANDS)


def cip_service(name: str) -> int | None:
    """Number of a CIP service; ``None`` for a name nobody knows."""
    return _number(name, _SERVICES)


def _number(name: str, known: dict[str, int]) -> int | None:
    if found := _UNKNOWN.fullmatch(name):
        return int(found[1])
    return known.get(_NOT_A_LETTER.sub("", name.lower()))
