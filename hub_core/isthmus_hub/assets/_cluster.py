"""Observations that are one device so far, and what forbids two such clusters to be one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Set

from isthmus_hub.assets._identity import AGENTS, TRAITS, Identifier, Observation
from isthmus_hub.assets._meaning import may_be_one

Span = tuple[int | None, int | None]
"""First and last day; the last is ``None`` where nobody said when."""
APART, UNDATED, MEET, AT_ONCE = range(4)
"""How two spans lie to each other."""


class Cluster:
    """What several observations say together."""

    __slots__ = ("_said", "addresses", "apart_from", "members", "natives")

    def __init__(self, members: Iterable[Observation]) -> None:
        self.members: list[Observation] = []
        self.natives: dict[str, set[str]] = {}
        """Native ids by source."""
        self.addresses: dict[str, list[Span]] = {}
        self._said: dict[str, set[str]] = {}
        self.apart_from: frozenset[str] = frozenset()
        """Ids that a person says are another device."""
        for member in members:
            self.add(member)

    @property
    def root(self) -> str:
        """Smallest id of its members: the name of the cluster."""
        return min(member.id for member in self.members)

    @property
    def adapters(self) -> int:
        """Number of hardware addresses."""
        return len(self.said("mac")) + len(self.said("local_mac"))

    def said(self, kind: str) -> Set[str]:
        """Every value of a kind of identifier, or of a trait (``vendor``, ``model``, ``system``, ``asset_class``)."""
        return self._said.get(kind, _NOTHING)

    def add(self, member: Observation) -> None:
        """Take an observation in."""
        self.members.append(member)
        self.apart_from |= member.apart_from
        if not member.endpoint:
            self.natives.setdefault(member.source, set()).add(member.native_id)
        said = self._said
        for kind, value in member.identifiers:
            if kind == "address":
                self.addresses.setdefault(value, []).append((member.first, member.last))
            elif kind in said:
                said[kind].add(value)
            else:
                said[kind] = {value}
        for kind, value in zip(TRAITS, member.traits, strict=True):
            if value:
                said.setdefault(kind, set()).add(value)

    def absorb(self, other: Cluster) -> None:
        """Take another cluster in."""
        for member in other.members:
            self.add(member)


_NOTHING: frozenset[str] = frozenset()


def veto(one: Cluster, two: Cluster, poisoned: Container[Identifier]) -> str:
    """Why the two cannot be one device; empty where nothing forbids it."""
    if why := kept_apart(one, two):
        return why
    for source, natives in one.natives.items():
        other = two.natives.get(source)
        if other and other != natives and not _known_twice(one, two, source):
            return f"{source} knows them as two devices"
    for kind in ("serial", "hostname"):
        mine, theirs = one.said(kind), two.said(kind)
        if not mine or not theirs or may_be_one(kind, mine, theirs):
            continue
        # A serial that several devices have says nothing about this one.
        if kind != "serial" or all(
            any(Identifier(kind, value) not in poisoned for value in values) for values in (mine, theirs)
        ):
            return f"{kind} differs"
    return ""


def kept_apart(one: Cluster, two: Cluster) -> str:
    """What a person said against the two being one device."""
    if one.apart_from and any(member.id in one.apart_from for member in two.members):
        return "a person keeps them apart"
    return ""


def _known_twice(one: Cluster, two: Cluster, source: str) -> bool:
    """Whether what a source holds for two devices is one after all: set up anew, or listed by adapter."""
    mine = [each for each in one.members if each.source == source and not each.endpoint]
    theirs = [each for each in two.members if each.source == source and not each.endpoint]
    pairs = [(a, b) for a in mine for b in theirs if a.native_id != b.native_id]
    if all(set_up_anew(a, b) for a, b in pairs):
        return True
    wholes = [each for each in (*one.members, *two.members) if each.source != source and _is_whole(each)]
    return bool(wholes) and all(_adapters_of_one(a, b, wholes) for a, b in pairs)


def set_up_anew(a: Observation, b: Observation) -> bool:
    """One device that a source knows twice: same serial, name and adapters, one life after the other. Where a serial is not told,
    an adapter proves it.
    """
    if a.first is None or a.last is None or b.first is None or b.last is None:
        return False
    if a.last > b.first and b.last > a.first:
        return False
    if not a.values("hostname") & b.values("hostname"):
        return False
    serials, others = a.values("serial"), b.values("serial")
    macs, adapters = a.values("mac"), b.values("mac")
    if serials and others:
        return bool(serials & others) and (not macs or not adapters or bool(macs & adapters))
    return bool(macs & adapters)


def _is_whole(member: Observation) -> bool:
    """Whether a record is told from the device itself, with all adapters: by an agent, or with more than one of them."""
    return bool(member.values(*AGENTS)) or len(member.values("mac", "local_mac")) > 1


def _adapters_of_one(a: Observation, b: Observation, wholes: Iterable[Observation]) -> bool:
    """Two records of a source that lists adapters, both of which one and the same other record ties to itself."""
    if not _is_adapter(a) or not _is_adapter(b):
        return False
    mine, theirs = a.values("mac", "local_mac"), b.values("mac", "local_mac")
    if mine and mine == theirs:
        return False
    return any(_tied(a, whole) and _tied(b, whole) for whole in wholes)


def is_device_record(member: Observation) -> bool:
    """Whether a record speaks of a device rather than of one adapter: a serial, an agent, or several adapters."""
    return bool(member.values("serial", *AGENTS)) or len(member.values("mac", "local_mac")) > 1


def _is_adapter(member: Observation) -> bool:
    return not is_device_record(member) and bool(member.values("mac", "local_mac", "address"))


def is_lease(member: Observation) -> bool:
    """Whether a record says no more than an adapter's address and name, as a DHCP server does."""
    traits = member.traits
    return not is_device_record(member) and not (traits.vendor or traits.model or traits.asset_class)


def _tied(adapter: Observation, whole: Observation) -> bool:
    kinds = ("mac", "local_mac", "hostname")
    return any(each.kind in kinds and each in whole.identifiers for each in adapter.identifiers)


def relation(some: Iterable[Span], others: Iterable[Span]) -> int:
    """How near in time the nearest two of the spans are."""
    theirs = list(others)
    return max((_near(one, two) for one in some for two in theirs), default=APART)


def _near(one: Span, two: Span) -> int:
    begin, end = one
    other_begin, other_end = two
    if end is None or other_end is None:
        return UNDATED
    if abs(end - other_end) <= 1:
        return AT_ONCE
    first, second = end if begin is None else begin, other_end if other_begin is None else other_begin
    return MEET if first <= other_end and second <= end else APART


def pairs(items: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each two of them, in order."""
    ordered = sorted(items)
    for index, left in enumerate(ordered):
        for right in ordered[index + 1 :]:
            yield left, right
