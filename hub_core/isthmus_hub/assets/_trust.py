"""Which identifier values cannot tell devices apart: those whose holders stronger evidence keeps apart."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import combinations

from isthmus_hub.assets._cluster import is_lease, set_up_anew
from isthmus_hub.assets._identity import AGENTS, Identifier, Observation
from isthmus_hub.assets._meaning import NETBIOS, may_be_one

CROWD = 40
"""A value with more holders than this links nothing: no device is known that often."""
MANY_ADDRESSES = 6
"""A hardware address seen with so many addresses is a router's: it stands for what is behind it."""
JUDGED = ("serial", "mac", "local_mac", "cut_name", "hostname", *sorted(AGENTS))
"""Kinds that may be poisoned, in the order in which one decides on the next: a poisoned serial proves nothing, and a name that may be
cut is no better than the names that begin so.
"""


def poisoned(identifier: Identifier, owners: Sequence[Observation], bad: Container[Identifier]) -> bool:
    """Whether a value links nothing; ``bad`` has the poisoned values of the kinds before it in `JUDGED`."""
    kind = identifier.kind
    if kind == "hostname" and len(identifier.value) == NETBIOS and Identifier("cut_name", identifier.value) in bad:
        return True
    if len(owners) < 2:
        return False
    if len(owners) > CROWD:
        return True
    if kind == "mac" and len(frozenset().union(*(each.values("address") for each in owners))) >= MANY_ADDRESSES:
        return True
    anchored = kind in ("hostname", "cut_name") and any(each.values(*AGENTS) for each in owners)
    return any(_apart(kind, a, b, bad, anchored=anchored) for a, b in combinations(owners, 2))


def all_poisoned(holders: Mapping[Identifier, Sequence[Observation]]) -> frozenset[Identifier]:
    """Every poisoned value among these."""
    bad: set[Identifier] = set()
    for kind in JUDGED:
        bad |= {each for each, owners in holders.items() if each.kind == kind and poisoned(each, owners, bad)}
    return frozenset(bad)


def _apart(kind: str, a: Observation, b: Observation, bad: Container[Identifier], *, anchored: bool) -> bool:
    """Whether stronger evidence says that two holders of a value are two devices."""
    if a.endpoint or b.endpoint:
        return False
    if a.source == b.source and a.native_id != b.native_id:
        # Leases of one name are adapters of the device whose agent says that name.
        return not (anchored and is_lease(a) and is_lease(b)) and not set_up_anew(a, b)
    if kind != "serial" and _differ("serial", a, b, bad):
        return True
    if kind != "hostname" and _differ("hostname", a, b, ()):
        return True
    return kind == "serial" and bool(a.maker) and bool(b.maker) and a.maker != b.maker


def _differ(kind: str, a: Observation, b: Observation, bad: Container[Identifier]) -> bool:
    mine, theirs = a.values(kind), b.values(kind)
    if not mine or not theirs or may_be_one(kind, mine, theirs):
        return False
    return all(any(Identifier(kind, value) not in bad for value in values) for values in (mine, theirs))
