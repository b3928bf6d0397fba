"""A platform whose behaviour the test decides, a store in memory, and objects to send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from isthmus_hub.bus import SqliteBus
from isthmus_hub.delivery import Deliverer, Ledger, Patience
from isthmus_hub.store import Stored
from isthmus_sdk.errors import TooLarge
from isthmus_sdk.platform import (
    ACCEPTED,
    DUPLICATE,
    BatchRejected,
    Encoded,
    Platform,
    PlatformContext,
    Profile,
    Verdict,
)
from isthmus_sdk.settings import Settings

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


HUB = {
    "type": "identity",
    "spec_version": "2.1",
    "id": "identity--00000000-0000-5000-8000-00000000000a",
    "created": "2026-01-01T00:00:00.000Z",
    "modified": "2026-01-01T00:00:00.000Z",
    "name": "north-works",
}


class NoSettings(Settings):
    pass


def asset(n: int, version: int = 0, **more: Any) -> dict[str, Any]:
    """An infrastructure object; a higher version is a later ``modified``."""
    modified = (EPOCH + timedelta(seconds=version)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "type": "infrastructure",
        "spec_version": "2.1",
        "id": f"infrastructure--{n:08x}-0000-5000-8000-000000000000",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": modified,
        "name": f"device {n}",
        "infrastructure_types": ["unknown"],
        **more,
    }


def link(n: int, source: str, target: str, kind: str = "communicates-with", **more: Any) -> dict[str, Any]:
    return {
        "type": "relationship",
        "spec_version": "2.1",
        "id": f"relationship--{n:08x}-0000-5000-8000-000000000000",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": kind,
        "source_ref": source,
        "target_ref": target,
        **more,
    }


def encoded(obj: dict[str, Any]) -> bytes:
    return json.dumps(obj, sort_keys=True, separators=(",", ":")).encode()


class Objects:
    """The resolved side of a store."""

    def __init__(self, objects: Iterable[dict[str, Any]] = ()) -> None:
        self.objects = {obj["id"]: obj for obj in objects}
        self.aliases: dict[str, str] = {}
        self.assets: dict[str, str] = {}

    def resolved(self, id: str) -> Stored | None:
        return Stored(id, self.objects[id]) if id in self.objects else None

    def iterate(self, type: str | None = None, stream: str = "observed") -> Iterator[Stored]:
        assert stream == "resolved"
        return iter([Stored(id, obj) for id, obj in self.objects.items()])

    def asset_of(self, observed_id: str) -> str | None:
        return self.assets.get(observed_id)

    def alias_of(self, id: str) -> str | None:
        return self.aliases.get(id)

    def author_object(self) -> dict[str, Any]:
        return HUB


Behaviour = Callable[[Sequence[Encoded]], Sequence[Verdict]]


@dataclass
class Toy:
    """A keyed platform: what it holds, what it was sent, and how it behaves."""

    profile: Profile = field(default_factory=lambda: Profile(max_records=100, max_bytes=100_000))
    behave: Behaviour | None = None
    holds: dict[str, list[str]] = field(default_factory=dict)
    """Versions taken, by id, in the order in which they were taken."""
    order: list[str] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, record: Encoded) -> Verdict:
        versions = self.holds.setdefault(record.id, [])
        if record.version in versions:
            return DUPLICATE
        versions.append(record.version)
        self.order.append(record.id)
        self.bodies[record.id] = json.loads(record.body)
        return ACCEPTED

    def send(self, batch: Sequence[Encoded]) -> Sequence[Verdict]:
        self.calls.append([record.id for record in batch])
        return [self.take(record) for record in batch] if self.behave is None else self.behave(batch)

    def platform(self) -> Platform:
        made = Platform("toy", settings=NoSettings, profile=self.profile)

        @made.encodes
        def encode(obj: dict[str, Any], ctx: PlatformContext) -> Encoded:
            return Encoded(obj["id"], encoded(obj), obj.get("modified", ""))

        @made.sends
        def send(batch: Sequence[Encoded], ctx: PlatformContext) -> Sequence[Verdict]:
            return self.send(batch)

        return made

    def all_or_nothing(self, poison: Iterable[str]) -> Behaviour:
        """Refuse every call that carries a poison record."""
        poison = set(poison)

        def behave(batch: Sequence[Encoded]) -> Sequence[Verdict]:
            if any(record.id in poison for record in batch):
                raise BatchRejected("one of the records is bad")
            return [self.take(record) for record in batch]

        return behave

    def at_most(self, most: int) -> Behaviour:
        """Refuse calls above so many bytes."""

        def behave(batch: Sequence[Encoded]) -> Sequence[Verdict]:
            if sum(len(record.body) for record in batch) > most:
                raise TooLarge("413")
            return [self.take(record) for record in batch]

        return behave


class Room:
    """A bus, a store, a ledger and a toy platform in one directory."""

    def __init__(self, path: Path, toy: Toy | None = None, **options: Any) -> None:
        self.path = path
        self.toy = toy or Toy()
        self.bus = SqliteBus(path / "bus")
        self.store = Objects()
        self.ledger = Ledger.open(path / "delivery.sqlite")
        self.options = options
        self.waits: list[float] = []
        self.deliverer = self.start()
        self._blocks = 0

    def start(self) -> Deliverer:
        """A deliverer as after a restart of the process."""
        self.deliverer = Deliverer(
            self.toy.platform().open("toy", {}),
            store=self.store,
            bus=self.bus,
            ledger=self.ledger,
            **{"patience": Patience(sleep=self.waits.append), **self.options},
        )
        return self.deliverer

    def publish(self, *objects: dict[str, Any] | bytes) -> None:
        self._blocks += 1
        for obj in objects:
            if isinstance(obj, dict):
                self.store.objects[obj["id"]] = obj
        bodies = [obj if isinstance(obj, bytes) else encoded(obj) for obj in objects]
        self.bus.publish("resolved", bodies, block_id=self._blocks.to_bytes(16))

    def close(self) -> None:
        self.deliverer.close()
        self.ledger.close()
        self.bus.close()
