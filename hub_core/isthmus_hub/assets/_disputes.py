"""Attributes about which instances contradict each other: not another spelling or a coarser word, but one of them is wrong.

Pure. What is compared is what cannot both be true of one device: a Siemens and a Rockwell, Windows and VxWorks, a controller and a
printer, firmware 2.8 and 4.1. "SIEMENS AG" and "Siemens", "Windows" and "Windows 10", "V2.08" and "2.8.1" are one statement. An instance
that says several things (the modules of a rack) contradicts another only where it says nothing that the other agrees with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any, Final, NamedTuple

from isthmus_hub.assets._identity import placeholder
from isthmus_hub.assets._meaning import Words, catalogue_number, maker_names, system_family

Facts = Mapping[str, Any]
_VIRTUAL: Final = frozenset({"vmware", "virtual"})
_HOSTS, _CONTROLLERS, _NETWORK, _DEVICES = "host", "controller", "network", "device"
_KINDS: Final[Mapping[str, Words]] = {
    **dict.fromkeys(
        ("workstation", "engineering-workstation", "laptop", "server", "application-server", "domain-controller", "virtual-machine", "hypervisor",
         "jump-host", "endpoint", "container", "cloud-workload", "control-server", "historian"),
        frozenset({_HOSTS}),
    ),
    "hmi": frozenset({_HOSTS, _CONTROLLERS}),
    "data-gateway": frozenset({_HOSTS, _CONTROLLERS, _NETWORK}),
    "storage": frozenset({_HOSTS, _DEVICES}),
    "vpn-server": frozenset({_HOSTS, _NETWORK}),
    **dict.fromkeys(
        ("plc", "rtu", "ied", "pac", "dcs-controller", "safety-controller", "field-io", "controller", "drive", "sensor", "actuator", "meter", "robot"),
        frozenset({_CONTROLLERS}),
    ),
    "building-automation": frozenset({_CONTROLLERS, _DEVICES}),
    **dict.fromkeys(("router", "switch", "firewall", "access-point", "network-device"), frozenset({_NETWORK})),
    **dict.fromkeys(("printer", "camera", "voip", "medical"), frozenset({_DEVICES})),
}  # fmt: skip
"""What a class may be taken for by who looks from outside. Not in it: it may be anything."""
_VERSION = re.compile(r"\d+(?:[._]\d+)+")
_SERIES = 3
"""Characters two catalogue numbers share where they name two members of one series."""
_SHORTEST = 5


class Told(NamedTuple):
    """What one instance says of a device in one record."""

    instance: str
    facts: Facts
    last_seen: str = ""
    """When it last saw the device (ISO 8601); empty: nobody knows."""


def disputes(told: Iterable[Told]) -> list[dict[str, Any]]:
    """Attributes in dispute: ``attribute`` and ``values``, each with ``value``, ``instance``, ``last_seen`` and ``against``, the instances it
    contradicts. In order of attribute and instance, whatever the order of the records. Addresses seen talking say nothing here.
    """
    records = sorted(
        (one for one in told if one.facts.get("kind") != "endpoint"), key=lambda one: (one.instance, one.last_seen)
    )
    if len({one.instance for one in records}) < 2:
        return []
    host = any(_HOSTS in _KINDS.get(str(one.facts.get("asset_class")), ()) for one in records)
    return [
        found
        for attribute, (meant, agree, of_hosts) in _COMPARED.items()
        if (of_hosts or not host) and (found := _disputed(attribute, records, meant, agree))
    ]


def _disputed(
    attribute: str, records: Iterable[Told], meant: Callable[[str], Any], agree: Callable[[Any, Any], bool]
) -> dict[str, Any] | None:
    said: dict[str, list[tuple[Any, str, str]]] = {}
    for record in records:
        text = str(record.facts.get(attribute) or "").strip()
        if text and (value := meant(text)):
            said.setdefault(record.instance, []).append((value, text, record.last_seen))
    against: dict[str, list[str]] = {}
    for one, two in combinations(said, 2):
        if not any(agree(left, right) for left, _, _ in said[one] for right, _, _ in said[two]):
            against.setdefault(one, []).append(two)
            against.setdefault(two, []).append(one)
    if not against:
        return None
    values = {
        (instance, text): max(seen for _, other, seen in said[instance] if other == text)
        for instance in against
        for _, text, _ in said[instance]
    }
    return {
        "attribute": attribute,
        "values": [
            {"value": text, "instance": instance, "last_seen": seen or None, "against": sorted(against[instance])}
            for (instance, text), seen in sorted(values.items())
        ],
    }


def _maker(text: str) -> Words:
    names = maker_names(text)
    return frozenset() if names & _VIRTUAL else names  # of what is virtual no maker is wrong


def _share(one: Words, two: Words) -> bool:
    return bool(one & two)


def _same(one: str, two: str) -> bool:
    return one == two


def _kinds(text: str) -> Words:
    return _KINDS.get(text, frozenset())


def _serial(text: str) -> str:
    return "" if placeholder("serial", text) else catalogue_number(text)


def _one_in_the_other(one: str, two: str) -> bool:
    return one in two or two in one


def _model(text: str) -> str:
    return "" if placeholder("hostname", text) else catalogue_number(text)


def _may_be_one_model(one: str, two: str) -> bool:
    """Products are named freely, so only two catalogue numbers of one series are told apart: alike in length and beginning."""
    if len(one) != len(two) or len(one) < _SHORTEST or one[:_SERIES] != two[:_SERIES]:
        return True
    return one == two or all(
        left == right for left, right in zip(one, two, strict=True) if left.isdigit() or right.isdigit()
    )


def _version(text: str) -> tuple[int, ...]:
    found = _VERSION.search(text)
    return tuple(map(int, re.split(r"[._]", found[0]))) if found else ()


def _one_begins_the_other(one: tuple[int, ...], two: tuple[int, ...]) -> bool:
    short = min(len(one), len(two))
    return one[:short] == two[:short]


_COMPARED: Final[Mapping[str, tuple[Callable[[str], Any], Callable[[Any, Any], bool], bool]]] = {
    "asset_class": (_kinds, _share, True),
    "operating_system": (system_family, _same, True),
    "serial": (_serial, _one_in_the_other, True),
    "vendor": (_maker, _share, False),
    "model": (_model, _may_be_one_model, True),
    "firmware": (_version, _one_begins_the_other, False),
}
"""Attribute -> what a value means, whether two meanings can both be true, and whether it is asked of hosts: from outside the maker of a
host's adapter is taken for its own, and its firmware is any of many."""
