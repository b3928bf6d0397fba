"""Who shares which identifier with whom: the part of the inventory that a change can reach.

Held in memory and rebuilt from the store at start; it is derived, so a failed transaction only has to rebuild it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from isthmus_hub.assets._identity import Identifier, Observation
from isthmus_hub.assets._partition import poisoned


class IdentityIndex:
    """Observations by id and by identifier, and the asset each is assigned to."""

    def __init__(self) -> None:
        self.observations: dict[str, Observation] = {}
        self.assigned: dict[str, str] = {}
        self._members: dict[str, set[str]] = defaultdict(set)
        self._holders: dict[Identifier, set[str]] = defaultdict(set)
        self._poisoned: set[Identifier] = set()

    def assign(self, id: str, asset: str) -> None:
        """Record that an observed asset is a member of a resolved one."""
        if old := self.assigned.get(id):
            self._members[old].discard(id)
        self.assigned[id] = asset
        self._members[asset].add(id)

    def members(self, asset: str) -> frozenset[str]:
        """Observed assets assigned to a resolved one."""
        return frozenset(self._members.get(asset, ()))

    def update(self, changed: Iterable[Observation]) -> set[str]:
        """Take new versions in; returns the ids whose assignment has to be decided again, closed under shared identifiers."""
        touched: set[Identifier] = set()
        start: set[str] = set()
        for item in changed:
            old = self.observations.get(item.id)
            start.add(item.id)
            if old == item:
                continue  # other facts changed, who it is did not
            before = old.identifiers if old else frozenset()
            touched |= before | item.identifiers
            for identifier in before - item.identifiers:
                self._holders[identifier].discard(item.id)
            for identifier in item.identifiers - before:
                self._holders[identifier].add(item.id)
            self.observations[item.id] = item
        was = touched & self._poisoned
        now = poisoned(
            {identifier: [self.observations[id] for id in sorted(self._holders[identifier])] for identifier in touched}
        )
        self._poisoned = (self._poisoned - touched) | now
        for identifier in touched:
            # A value poisoned before and after links nothing, however many hold it.
            if identifier not in was or identifier not in now:
                start |= self._holders[identifier]
        return self._closure(start)

    def _closure(self, start: set[str]) -> set[str]:
        seen, queue = set(start), list(start)
        while queue:
            item = self.observations[queue.pop()]
            near = {other for identifier in item.identifiers - self._poisoned for other in self._holders[identifier]}
            if asset := self.assigned.get(item.id):
                near |= self._members[asset]
            fresh = near - seen
            seen |= fresh
            queue.extend(fresh)
        return seen
