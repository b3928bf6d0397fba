"""Every observed asset and which device it belongs to, kept up to date as observations change.

Three levels, each a pure function of the one below, so that a change is followed only as far as it reaches and the result
is that of a full run:

1. Observations that share an identifier nobody contradicts are one cluster (`_strong`).
2. Clusters that are alike enough are one device (`_groups`); see `_likeness`.
3. An address seen talking joins the device that held it then (`_attached`).

Held in memory and rebuilt from the store at start; it is derived, so a failed transaction only has to rebuild it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from isthmus_hub._collector import uncollected
from isthmus_hub.assets._cluster import AT_ONCE, Cluster, kept_apart, pairs, relation, veto
from isthmus_hub.assets._evidence import Evidence
from isthmus_hub.assets._fit import Pair
from isthmus_hub.assets._identity import AGENTS, Identifier, Observation
from isthmus_hub.assets._joining import join
from isthmus_hub.assets._likeness import Likeness, Surroundings, levels, likeness
from isthmus_hub.assets._linking import STRONG, strong_clusters
from isthmus_hub.assets._rulings import Rulings
from isthmus_hub.assets._trust import CROWD, JUDGED, poisoned
from isthmus_hub.assets._weights import DEFAULT, Weights


class IdentityIndex:
    """Observations by id and by identifier, the devices they make, and the asset each is assigned to."""

    def __init__(self, weights: Weights = DEFAULT) -> None:
        self.weights = weights
        self.observations: dict[str, Observation] = {}
        self.assigned: dict[str, str] = {}
        self._members: dict[str, set[str]] = defaultdict(set)
        self._holders: dict[Identifier, set[str]] = defaultdict(set)
        self._poisoned: set[Identifier] = set()
        self._root: dict[str, str] = {}
        self._strong: dict[str, Cluster] = {}
        self._alike: dict[str, dict[str, Likeness]] = defaultdict(dict)
        self._group: dict[str, str] = {}
        self._groups: dict[str, tuple[str, ...]] = {}
        self._attached: dict[str, str] = {}
        self._guests: dict[str, set[str]] = defaultdict(set)
        self._rulings = Rulings()
        self._counted: dict[Identifier, int] = {}
        self._around = Surroundings(self._changed_hands, self._devices, self._poisoned)

    # -- assets ----------------------------------------------------------------------------------------------------

    def assign(self, id: str, asset: str) -> None:
        """Record that an observed asset is a member of a resolved one."""
        if old := self.assigned.get(id):
            self._members[old].discard(id)
        self.assigned[id] = asset
        self._members[asset].add(id)

    def members(self, asset: str) -> frozenset[str]:
        """Observed assets assigned to a resolved one."""
        return frozenset(self._members.get(asset, ()))

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def poisoned(self) -> frozenset[Identifier]:
        """Values that link nothing."""
        return frozenset(self._poisoned)

    def cluster_of(self, id: str) -> tuple[str, ...]:
        """Everything observed that is one device with this, sorted."""
        group = self._group_of(id)
        return (id,) if group is None else self._whole(group)

    def clusters(self, ids: Iterable[str]) -> list[tuple[str, ...]]:
        """The devices that these belong to, sorted."""
        return sorted({self.cluster_of(id) for id in ids})

    def undecided(self) -> list[tuple[str, str, Likeness]]:
        """Clusters that may be one device: alike, but not enough, or as much as another."""
        return sorted(
            (one, two, found)
            for one, others in self._alike.items()
            for two, found in others.items()
            if one < two
            and self._group[one] != self._group[two]
            and found.bits >= self.weights.undecided
            and not veto(self._device(one), self._device(two), self._poisoned)
        )

    def sharing(self) -> list[Pair]:
        """What a model is fitted to, in canonical order: records of one device by what certainly identifies it, one pair a source and the
        next; and every two clusters that share a value and that nothing but a person keeps apart.
        """
        found = []
        for root in sorted(self._strong):
            members = sorted(self._strong[root].members, key=lambda member: (member.source, member.id))
            for record, following in pairwise(members):
                if record.source != following.source:
                    compared = levels(Cluster([record]), Cluster([following]), self.weights, self._around)
                    found.append(Pair(tuple(compared), True))
        for one, two in sorted(self._candidates(self._holders)):
            mine, theirs = self._strong[one], self._strong[two]
            apart = bool(kept_apart(mine, theirs))
            if apart or not veto(mine, theirs, self._poisoned):
                found.append(Pair(tuple(levels(mine, theirs, self.weights, self._around)), False if apart else None))
        return found

    def devices(self) -> list[Cluster]:
        """Records that are certainly one device each, in canonical order."""
        return [self._strong[root] for root in sorted(self._strong)]

    def evidence(self, ids: Iterable[str]) -> list[Evidence]:
        """Why these are, or are not, one device with what shares a value with them."""
        wanted = {self._root[id] for id in ids if not self.observations[id].endpoint}
        near = self._reach({member.id for root in wanted for member in self._strong[root].members})
        found = strong_clusters([self.observations[id] for id in near], self._holding(near), self._poisoned)[1]
        roots = sorted({self._root[id] for id in near})
        found += join(self._part(roots), self._strong, self._alike, self.weights, self._poisoned)[1]
        return found

    # -- what people decided ------------------------------------------------------------------------------------------

    def rule(self, rulings: Rulings) -> list[Observation]:
        """From now on these hold; returns the observations they concern, to be given to `update` again."""
        concerned = self._rulings.differing(rulings) & self.observations.keys()
        self._rulings = rulings
        return [self.observations[id] for id in sorted(concerned)]

    # -- change ------------------------------------------------------------------------------------------------------

    def update(self, changed: Iterable[Observation]) -> set[str]:
        """Take new versions in; returns the ids whose device may be another, with all members of those devices."""
        with uncollected():
            return self._update(changed)

    def _update(self, changed: Iterable[Observation]) -> set[str]:
        start, touched = self._take(changed)
        start |= self._judge(touched)
        devices = {id for id in start if not self.observations[id].endpoint}
        gone, roots = self._cluster(devices)
        regrouped = self._regroup(gone, roots, touched)
        addresses = {each for each in touched if each.kind == "address"}
        addresses |= {Identifier("address", address) for root in regrouped for address in self._strong[root].addresses}
        endpoints = {id for each in addresses for id in self._holders[each] if self.observations[id].endpoint}
        endpoints |= {id for id in start if self.observations[id].endpoint}
        endpoints = self._decided(endpoints | {each.id for root in regrouped for each in self._strong[root].members})
        affected = start | {each.id for root in regrouped for each in self._strong[root].members} | endpoints
        before = {self._attached[id] for id in endpoints if id in self._attached}
        for id in sorted(endpoints):
            self._attach(id)
        after = {self._attached[id] for id in endpoints if id in self._attached}
        for group in before | after:
            if group in self._groups or group in self._guests:
                affected.update(self._whole(group))
        return self._complete(affected)

    def _take(self, changed: Iterable[Observation]) -> tuple[set[str], set[Identifier]]:
        start: set[str] = set()
        touched: set[Identifier] = set()
        for item in map(self._rulings.applied, changed):
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
        return start, touched

    def _judge(self, touched: set[Identifier]) -> set[str]:
        """Decide again which values are poisoned; returns whom that concerns. ``touched`` grows by what follows."""
        concerned: set[str] = set()
        for kind in JUDGED:
            for identifier in [each for each in touched if each.kind == kind]:
                owners = [self.observations[id] for id in sorted(self._holders[identifier])]
                is_bad, was_bad = poisoned(identifier, owners, self._poisoned), identifier in self._poisoned
                (self._poisoned.add if is_bad else self._poisoned.discard)(identifier)
                if is_bad != was_bad:
                    concerned |= self._holders[identifier]
                    if kind == "serial":  # it can now, or no longer, tell two holders of a weaker value apart
                        touched |= {each for owner in owners for each in owner.identifiers}
                    elif kind == "cut_name":
                        touched.add(Identifier("hostname", identifier.value))
                elif not is_bad:
                    concerned |= self._holders[identifier]
        return concerned

    def _cluster(self, start: set[str]) -> tuple[set[str], set[str]]:
        """Level 1 for everything in reach; returns the clusters that are no more, and those that may be new."""
        near = self._reach(start)
        gone = {self._root[id] for id in near if id in self._root}
        for root in gone:
            del self._strong[root]
        found, _ = strong_clusters([self.observations[id] for id in near], self._holding(near), self._poisoned)
        for cluster in found:
            root = cluster.root
            self._strong[root] = cluster
            for member in cluster.members:
                self._root[member.id] = root
        roots = {cluster.root for cluster in found}
        return gone - roots, roots

    def _reach(self, start: set[str]) -> set[str]:
        """All devices' records connected by values that are not poisoned, and those they were one cluster with."""
        seen, queue = set(start), list(start)
        while queue:
            item = self.observations[queue.pop()]
            near = {
                other
                for identifier in item.identifiers
                if identifier.kind in STRONG and identifier not in self._poisoned
                for other in self._holders[identifier]
                if not self.observations[other].endpoint
            }
            near |= {id for id in item.one_with if id in self.observations and not self.observations[id].endpoint}
            if (root := self._root.get(item.id)) and root in self._strong:
                near.update(member.id for member in self._strong[root].members)
            fresh = near - seen
            seen |= fresh
            queue.extend(fresh)
        return seen

    def _holding(self, ids: set[str]) -> dict[Identifier, list[str]]:
        """Strong values among these records that are not poisoned, with their holders."""
        values = {each for id in ids for each in self.observations[id].identifiers if each.kind in STRONG}
        return {
            each: sorted(self._holders[each] & ids)
            for each in values
            if len(self._holders[each]) > 1 and each not in self._poisoned
        }

    def _regroup(self, gone: set[str], roots: set[str], touched: set[Identifier]) -> set[str]:
        """Level 2: compare what changed with what it shares a value with; returns the clusters decided on again."""
        self._counted.clear()
        concerned = set(roots)
        for root in gone | roots:
            for other in self._alike.pop(root, {}):
                self._alike[other].pop(root, None)
                concerned.add(other)
        concerned -= gone
        values = touched | {
            each for root in roots for member in self._strong[root].members for each in member.identifiers
        }
        for one, two in self._candidates(values):
            self._compare(one, two, concerned)
        former = {self._group.pop(root) for root in gone if root in self._group}
        former |= {self._group[root] for root in concerned if root in self._group}
        concerned |= {root for group in former for root in self._groups.pop(group, ()) if root in self._strong}
        concerned = self._part(concerned)
        for group in {self._group[root] for root in concerned if root in self._group}:
            concerned |= {root for root in self._groups.pop(group, ()) if root in self._strong}
        for group, members in join(concerned, self._strong, self._alike, self.weights, self._poisoned)[0].items():
            self._groups[group] = members
            for root in members:
                self._group[root] = group
        return concerned

    def _candidates(self, values: Iterable[Identifier]) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for value in values:
            holders = self._holders[value]
            if value.kind not in AGENTS and 1 < len(holders) <= CROWD:
                found.update(pairs({self._root[id] for id in holders if id in self._root}))
        return found

    def _compare(self, one: str, two: str, concerned: set[str]) -> None:
        """Note how alike two clusters are, where it matters; both join ``concerned`` where that changed."""
        mine, theirs = self._strong[one], self._strong[two]
        found = None
        if not veto(mine, theirs, self._poisoned):
            found = likeness(mine, theirs, self.weights, self._around)
        before = self._alike[one].get(two)
        if found is not None and found.bits >= self.weights.undecided:
            self._alike[one][two] = self._alike[two][one] = found
        elif before is not None:
            del self._alike[one][two], self._alike[two][one]
            found = None
        else:
            return
        if found != before:
            concerned |= {one, two}

    def _part(self, roots: Iterable[str]) -> set[str]:
        """Everything connected to these clusters by likeness."""
        seen, queue = set(roots), list(roots)
        while queue:
            fresh = self._alike.get(queue.pop(), {}).keys() - seen
            seen |= fresh
            queue.extend(fresh)
        return seen

    # -- level 3 -------------------------------------------------------------------------------------------------------

    def _decided(self, ids: set[str]) -> set[str]:
        """Addresses seen talking among these, and all that a person gave to one of these."""
        seen, queue = set(ids), list(ids)
        while queue:
            fresh = {
                id
                for id in self.observations[queue.pop()].one_with - seen
                if id in self.observations and self.observations[id].endpoint
            }
            seen |= fresh
            queue.extend(fresh)
        return {id for id in seen if self.observations[id].endpoint}

    def _attach(self, id: str) -> None:
        """Give an address seen talking to the one device that held it then, else to those who saw it too.

        What a person said of it comes first.
        """
        item = self.observations[id]
        if former := self._attached.pop(id, None):
            self._guests[former].discard(id)
            if not self._guests[former]:
                del self._guests[former]
        if chosen := self._given(item) or self._held(item):
            self._attached[id] = chosen
            self._guests[chosen].add(id)

    def _given(self, item: Observation) -> str | None:
        """Where a person put an address seen talking: with a device, or with the first of several addresses."""
        if not item.one_with:
            return None
        together = self._decided({item.id})
        devices = {
            other
            for id in together
            for other in self.observations[id].one_with
            if other in self.observations and not self.observations[other].endpoint
        }
        if devices - item.apart_from:
            return self._group[self._root[min(devices - item.apart_from)]]
        first = min(together)
        return self._held(self.observations[first]) or f"decision|{first}"

    def _held(self, item: Observation) -> str | None:
        """The one device that held the address, or all that saw it where no device is known to."""
        for address in sorted(item.values("address")):
            holders = self._holders[Identifier("address", address)]
            devices = [id for id in holders if not self.observations[id].endpoint]
            if item.apart_from:
                others = {self._group_of(id) for id in item.apart_from if id in self._root}
                devices = [id for id in devices if self._group_of(id) not in others]
                if not devices and any(id in item.apart_from and (id < item.id or id in self._root) for id in holders):
                    continue
            chosen = self._holder_then(item, address, devices) if devices else f"address|{address}"
            if chosen:
                return chosen
        return None

    def _holder_then(self, item: Observation, address: str, devices: Sequence[str]) -> str | None:
        """The device that held an address when it was seen; ``None`` where it may be one of several, or none."""
        ranks: dict[str, tuple[int, bool, int]] = {}
        for id in devices:
            holder = self.observations[id]
            group = self._group[self._root[id]]
            adapter = any(each.kind.endswith("mac") and each not in self._poisoned for each in holder.identifiers)
            apart = -abs((holder.last or 0) - (item.last or 0))
            rank = (relation([(item.first, item.last)], [(holder.first, holder.last)]), adapter, apart)
            ranks[group] = max(ranks.get(group, rank), rank)
        best = max(ranks.values())
        chosen = [group for group, rank in ranks.items() if rank == best]
        if len(chosen) > 1 or (best[0] == 0 and self._changed_hands(address)):
            return None
        return chosen[0]

    # -- what surrounds two clusters -----------------------------------------------------------------------------------

    def _changed_hands(self, address: str) -> bool:
        """Whether somebody else had an address at another time, or a holder of it had another one in its scope."""
        scope = address.partition("|")[0]
        roots = {self._root[id] for id in self._holders[Identifier("address", address)] if id in self._root}
        clusters = [self._strong[root] for root in sorted(roots)]
        if any(sum(other.partition("|")[0] == scope for other in each.addresses) > 1 for each in clusters):
            return True
        return any(
            relation(one.addresses[address], two.addresses[address]) != AT_ONCE
            and (veto(one, two, self._poisoned) or self._other_adapters(one, two))
            for index, one in enumerate(clusters)
            for two in clusters[index + 1 :]
        )

    def _other_adapters(self, one: Cluster, two: Cluster) -> bool:
        mine, theirs = (
            {Identifier(kind, mac) for kind in ("mac", "local_mac") for mac in each.said(kind)} - self._poisoned
            for each in (one, two)
        )
        return bool(mine) and bool(theirs) and not mine & theirs

    def _devices(self, value: Identifier) -> int:
        """How many clusters of one source have a value, at most. Counted once per regrouping: some have very many."""
        if (count := self._counted.get(value)) is None:
            count = self._counted[value] = self._count_devices(value)
        return count

    def _count_devices(self, value: Identifier) -> int:
        known: dict[str, set[str]] = defaultdict(set)
        for id in self._holders[value]:
            if root := self._root.get(id):
                known[self.observations[id].source].add(root)
        return max(map(len, known.values()), default=1)

    # -- wholes --------------------------------------------------------------------------------------------------------

    def _device(self, root: str) -> Cluster:
        members = self._groups[self._group[root]]
        return Cluster(member for each in members for member in self._strong[each].members)

    def _group_of(self, id: str) -> str | None:
        return self._attached.get(id) if self.observations[id].endpoint else self._group[self._root[id]]

    def _whole(self, group: str) -> tuple[str, ...]:
        members = (member.id for root in self._groups.get(group, ()) for member in self._strong[root].members)
        return tuple(sorted({*members, *self._guests.get(group, ())}))

    def _complete(self, ids: set[str]) -> set[str]:
        """With all members of the devices and of the assets that these belong to, or did."""
        seen, queue = set(ids), list(ids)
        told: set[str] = set()
        while queue:
            id = queue.pop()
            near: set[str] = set()
            if (group := self._group_of(id)) and group not in told:
                told.add(group)
                near.update(self._whole(group))
            if (asset := self.assigned.get(id)) and asset not in told:
                told.add(asset)
                near |= self._members[asset]
            fresh = near - seen
            seen |= fresh
            queue.extend(fresh)
        return seen
