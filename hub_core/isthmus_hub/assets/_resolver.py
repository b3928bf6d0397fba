"""The consumer of ``observed``: one store transaction holds the effect, the input offset and the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
import structlog

from isthmus_hub.assets._asset import ALONE, resolved_asset
from isthmus_hub.assets._assign import Assignment, assign
from isthmus_hub.assets._beliefs import Beliefs
from isthmus_hub.assets._communication import merge_edge, split_windows
from isthmus_hub.assets._identity import Observation, observation
from isthmus_hub.assets._index import IdentityIndex
from isthmus_hub.assets._poison import halves
from isthmus_hub.assets._retelling import as_listed, current, member_of, retell_absences, retell_edges, succeed, tell
from isthmus_hub.assets._rulings import rulings
from isthmus_hub.assets._vulnerability import resolved_vulnerability
from isthmus_hub.assets._why import identities
from isthmus_hub.bus import OBSERVED, Bus, StorageDamaged, StoredBlock
from isthmus_hub.store import (
    DECISION,
    SNAPSHOT,
    Change,
    Decision,
    Incoming,
    Mark,
    Store,
    Transaction,
    decode_decision,
    decode_mark,
)
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError, RecordError, RetriableError
from isthmus_sdk.faults import fault_point

log = structlog.get_logger("isthmus.resolve")
BATCH_ENTRIES = 5_000
MOST_POISON = 20
"""Entries in a row that may fail to resolve before the resolver itself is taken to be at fault, and stops."""
_NOT_OF_AN_ENTRY = (RetriableError, StorageDamaged, ConfigurationError, OSError, MemoryError)
"""What goes wrong around an entry: trying it again, or somebody's help, mends it."""
_BELIEFS = "attribute orders"
"""Under this the store keeps the beliefs by which its assets were made: after a change, all are made anew."""
_NOT_COUNTERS = frozenset({"start", "seconds", "part"})
_RANK = {
    "marking-definition": 0,
    "extension-definition": 0,
    "identity": 1,
    "location": 1,
    "relationship": 8,
    "sighting": 9,
}
"""Referents before referrers, where nothing else decides."""


@dataclass(slots=True)
class ResolveTotals:
    """What became of the objects of one instance's stream since the resolver was made."""

    objects: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    stale: int = 0
    rejected: int = 0


@dataclass
class _Step:
    """Everything one transaction works on."""

    incoming: list[Incoming] = field(default_factory=list)
    windows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    """Complete snapshots that are in force."""
    decisions: list[Decision] = field(default_factory=list)
    """What people said about devices."""
    edges: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Communications of this step, each joined with what was known of it."""


class Resolver:
    """Turns observed objects into the inventory and what the hub says about it.

    Single-threaded: one resolver per store. ``step`` may be called again after any error; nothing of a failed step stays.
    """

    def __init__(self, store: Store, bus: Bus, *, hub: str, beliefs: Beliefs = ALONE) -> None:
        self._store = store
        self._bus = bus
        self._hub = hub
        self._beliefs = beliefs
        self._index: IdentityIndex | None = None
        self.totals: dict[tuple[str, str], ResolveTotals] = {}
        self._poisoned = 0
        """Entries in a row that could not be resolved."""

    def believe(self, beliefs: Beliefs) -> None:
        """From the next step on, decide by these; assets that this changes are told anew. For any thread."""
        if beliefs.fingerprint != self._beliefs.fingerprint:
            self._beliefs = beliefs
            self._index = None

    def position(self) -> int:
        """Last offset of ``observed`` whose effect is in the store."""
        return self._store.offset(OBSERVED)

    def run(self) -> int:
        """Resolve all there is now; returns the number of entries."""
        count = 0
        while taken := self.step():
            count += taken
        return count

    def step(self) -> int:
        """Resolve one batch; returns the number of offsets it advanced (0: nothing new)."""
        position = self.position()
        blocks = self._blocks(position)
        if not blocks:
            if self._index is None and self._store.noted(_BELIEFS) != self._beliefs.fingerprint:
                self._index = self._load()  # what people declare counts at once, also where no source speaks
            return 0
        try:
            self._take(blocks)
        except _NOT_OF_AN_ENTRY:
            raise
        except Exception as error:  # an entry that nobody foresaw must not stop the stream
            self._take_apart(blocks, error)
        return self.position() - position

    def _take(self, blocks: Sequence[StoredBlock]) -> None:
        """Everything in these blocks, or nothing."""
        if self._index is None:
            self._index = self._load()
        before = {key: replace(total) for key, total in self.totals.items()}
        try:
            with self._store.transaction() as tx:
                self._apply(tx, blocks, self._index)
                tx.set_offset(OBSERVED, blocks[-1].last)
                fault_point("resolve")
        except BaseException:
            self._index = None  # derived from what was rolled back
            self.totals.clear()  # others hold on to this dictionary
            self.totals.update(before)
            raise
        self._poisoned = 0

    def _take_apart(self, blocks: Sequence[StoredBlock], error: Exception) -> None:
        """Find the entries that cannot be resolved, record them as rejected, and resolve the others.

        Raises ``error`` where too many in a row fail: then it is not the entries that are at fault.
        """
        parts = halves(blocks)
        if len(parts) == 1:
            self._poisoned += 1
            if self._poisoned > MOST_POISON:
                raise error
            (block,) = blocks
            reason = f"cannot be resolved: {type(error).__name__}: {error}"
            log.error("entry rejected", offset=block.first, error=reason, block_id=block.block_id.hex())
            with self._store.transaction() as tx:
                tx.reject(block.first, 0, "", reason)
                tx.set_offset(OBSERVED, block.last)
            return
        for part in parts:
            try:
                self._take(part)
            except _NOT_OF_AN_ENTRY:
                raise
            except Exception as inner:
                self._take_apart(part, inner)

    def _blocks(self, position: int) -> list[StoredBlock]:
        chosen: list[StoredBlock] = []
        entries = 0
        for block in self._bus.read(OBSERVED, position + 1):
            chosen.append(block)
            entries += len(block.entries)
            if entries >= BATCH_ENTRIES:
                break
        return chosen

    def _load(self) -> IdentityIndex:
        """The index, from the store. Where other beliefs made its assets, they are made anew by these: divided, then told."""
        index = identities(self._store, self._beliefs.weights)
        believed = self._beliefs.fingerprint
        if self._store.noted(_BELIEFS) != believed:
            with self._store.transaction() as tx:
                self._settle(tx, set(index.observations), set(), index)
                for asset in sorted(set(index.assigned.values())):
                    members = sorted(index.members(asset))
                    if not members or not index.observations.keys() >= set(members):
                        continue  # a store that is being made anew: they will come
                    tell(tx, self._asset(tx, asset, members))
                for id in tx.shared("vulnerability"):
                    tell(tx, self._vulnerability(tx, id))
                tx.note(_BELIEFS, believed)
        return index

    def _apply(self, tx: Transaction, blocks: Sequence[StoredBlock], index: IdentityIndex) -> None:
        step = self._decode(tx, blocks)
        changes = tx.put(step.incoming)
        for mark in step.marks:
            tx.mark(mark)
        self._count(step.incoming, changes)
        for id, window in step.windows:
            counters = {name: value for name, value in window.items() if name not in _NOT_COUNTERS}
            tx.communication(id, _epoch(window["start"]), int(window["seconds"]), str(window.get("part", "")), counters)
        live = [change for change in changes if change.kind in ("new", "changed") and change.body is not None]
        observed = [seen for change in live if change.body and (seen := _observation(change.body))]
        if sum(tx.decide(decision) for decision in step.decisions):
            told = {seen.id for seen in observed}
            observed += [seen for seen in index.rule(rulings(tx.decisions())) if seen.id not in told]
        self._resolve_assets(tx, observed, index)
        retell_absences(tx, changes, index, self._asset)
        members = {seen.id for seen in observed}
        shared = {each.id for each in changes if each.restated and each.id.startswith("vulnerability--")}
        told_now = [(each.id, each.body) for each in live if each.body and each.id not in members | shared]
        told_now += [(id, self._vulnerability(tx, id)) for id in shared]
        edges = [id for id, _ in told_now if id.startswith("relationship--")]
        absent = tx.absent_exposures(edges) if edges else {}
        for id, body in sorted(told_now, key=_order):
            tell(tx, as_listed(body, absent.get(id)))

    def _decode(self, tx: Transaction, blocks: Sequence[StoredBlock]) -> _Step:
        step = _Step()
        for block in blocks:
            if block.damage:
                tx.reject(block.first, 0, "", f"entries {block.first} to {block.last} are lost: {block.damage}")
                continue
            meta = msgspec.msgpack.decode(block.meta) if block.meta else {}
            if meta.get("kind") == SNAPSHOT:
                self._decode_mark(tx, step, block, meta)
                continue
            if meta.get("kind") == DECISION:
                self._decode_decisions(tx, step, block)
                continue
            for index, encoded in enumerate(block.entries):
                try:
                    body = stix.decode(encoded)
                    stix.check(body)
                    words = stix.encode(body)  # whoever writes to the bus may order, space and escape as they like
                except RecordError as error:
                    tx.reject(block.first + index, index, getattr(error, "id", ""), str(error))
                    self._total(meta).rejected += 1
                    continue
                step.incoming.append(self._incoming(tx, step, body, words, meta, block.first + index))
        return step

    @staticmethod
    def _decode_mark(tx: Transaction, step: _Step, block: StoredBlock, meta: Mapping[str, Any]) -> None:
        """Only a mark in force counts; one that waits for a confirmation comes again when it is given."""
        if not meta.get("in_force"):
            return
        try:
            step.marks += [decode_mark(entry) for entry in block.entries]
        except RecordError as error:
            tx.reject(block.first, 0, "", str(error))

    @staticmethod
    def _decode_decisions(tx: Transaction, step: _Step, block: StoredBlock) -> None:
        try:
            step.decisions += [decode_decision(entry) for entry in block.entries]
        except RecordError as error:
            tx.reject(block.first, 0, "", str(error))

    def _incoming(
        self, tx: Transaction, step: _Step, body: dict[str, Any], encoded: bytes, meta: Mapping[str, Any], offset: int
    ) -> Incoming:
        if body["type"] == "relationship" and stix.facts(body, stix.COMMUNICATION):
            body, windows = split_windows(body)
            step.windows += [(body["id"], window) for window in windows]
            known = step.edges.get(body["id"]) or current(tx, body["id"])
            if known:
                body = merge_edge(known, body)
            step.edges[body["id"]] = body
            encoded = stix.encode(body)
        return Incoming(
            id=body["id"],
            body=body,
            encoded=encoded,
            instance=meta.get("instance", ""),
            stream=meta.get("stream", ""),
            source_id=meta.get("source_id", ""),
            observed_at=meta.get("observed_at", ""),
            offset=offset,
        )

    def _count(self, incoming: Sequence[Incoming], changes: Sequence[Change]) -> None:
        kinds = {change.id: change.kind for change in changes}
        for item in incoming:
            total = self._total({"instance": item.instance, "stream": item.stream})
            total.objects += 1
            kind = kinds.get(item.id, "unchanged")
            setattr(total, kind, getattr(total, kind) + 1)

    def _total(self, meta: Mapping[str, Any]) -> ResolveTotals:
        return self.totals.setdefault((meta.get("instance", ""), meta.get("stream", "")), ResolveTotals())

    def _resolve_assets(self, tx: Transaction, observed: Sequence[Observation], index: IdentityIndex) -> None:
        if observed:
            self._settle(tx, index.update(observed), {seen.id for seen in observed}, index)

    def _settle(self, tx: Transaction, affected: set[str], changed: set[str], index: IdentityIndex) -> None:
        """Give the devices of these records their assets, and tell what that makes of them. ``changed``: they say something new."""
        decision = assign(
            index.clusters(affected),
            {id: index.assigned[id] for id in affected if id in index.assigned},
            taken=lambda asset: tx.resolved(asset) is not None or bool(index.members(asset)),
            endpoint=lambda id: index.observations[id].endpoint,
        )
        settled = {id for id in affected if id in index.assigned}
        moved = self._assign(tx, decision, index)
        for asset, members in decision.assets.items():
            if moved.intersection(members) or changed.intersection(members):
                body = self._asset(tx, asset, members)
                tell(tx, body, moved=bool(moved.intersection(members)))
        for retired in decision.retired:
            tx.retire(retired)
        for asset in decision.split:
            succeed(tx, asset, decision.assets[asset])
        retell_edges(tx, moved & settled)

    def _asset(self, tx: Transaction, asset: str, members: Iterable[str]) -> dict[str, Any]:
        return resolved_asset(asset, (member_of(tx, id) for id in members), hub=self._hub, beliefs=self._beliefs)

    def _vulnerability(self, tx: Transaction, id: str) -> dict[str, Any]:
        return resolved_vulnerability(tx, id, hub=self._hub, orders=self._beliefs.orders)

    def _assign(self, tx: Transaction, decision: Assignment, index: IdentityIndex) -> set[str]:
        """Write assignments and aliases; returns the observed ids that belong to another asset than before."""
        moved: set[str] = set()
        for asset, members in decision.assets.items():
            for id in members:
                if index.assigned.get(id) != asset:
                    tx.assign(id, asset)
                    index.assign(id, asset)
                    moved.add(id)
        for retired, survivor in decision.retired.items():
            tx.alias(retired, survivor)
        return moved


def _observation(body: Mapping[str, Any]) -> Observation | None:
    """Identity of an observed asset or endpoint; ``None`` for every other object (zones and sites are no assets)."""
    if body.get("type") != "infrastructure":
        return None
    facts = stix.facts(dict(body), stix.ASSET)
    if not facts or facts.get("kind", "asset") not in ("asset", "endpoint"):
        return None
    return observation(body["id"], facts)


def _epoch(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp())


def _order(told: tuple[str, Mapping[str, Any]]) -> tuple[int, str]:
    return _RANK.get(told[0].partition("--")[0], 4), told[0]
