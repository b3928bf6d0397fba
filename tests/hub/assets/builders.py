"""Observed objects on a real bus and a real store, for tests of the resolver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from isthmus_hub.assets import Resolver
from isthmus_hub.bus import Bus, open_bus
from isthmus_hub.store import Store, relay
from isthmus_sdk import stix

HUB = "test-hub"


class Bench:
    """A hub's middle: what is observed goes in, what is resolved comes out."""

    def __init__(self, bus: Bus, store: Store) -> None:
        self.bus = bus
        self.store = store
        self.resolver = Resolver(store, bus, hub=HUB)
        self._blocks = 0

    def observe(
        self, instance: str, *shapes: Any, at: str = "2026-03-01T00:00:00.000Z", stream: str = "assets"
    ) -> None:
        """One block of one source."""
        objects = [obj for shape in shapes for obj in ([shape] if isinstance(shape, dict) else shape)]
        meta = {"instance": instance, "stream": stream, "source_id": instance, "observed_at": at, "cursor": b""}
        self._blocks += 1
        self.bus.publish(
            "observed",
            [stix.encode(obj) for obj in objects],
            block_id=self._blocks.to_bytes(16, "big"),
            key=f"{instance}/{stream}",
            meta=msgspec.msgpack.encode(meta),
        )

    def resolve(self) -> list[dict[str, Any]]:
        """Resolve everything; returns what was newly published on ``resolved``."""
        before = self.bus.end("resolved") if "resolved" in self.bus.streams() else 0
        self.resolver.run()
        relay(self.store, self.bus)
        return [stix.decode(entry) for block in self.bus.read("resolved", before + 1) for entry in block.entries]

    def assets(self) -> list[dict[str, Any]]:
        """Current resolved assets."""
        found = []
        for stored in self.store.iterate("infrastructure", "resolved"):
            facts = stix.facts(stored.body, stix.ASSET)
            if facts and facts.get("kind") in ("asset", "endpoint") and not stored.body.get("revoked"):
                found.append(stored.body)
        return found


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A new bench on a directory."""
    with open_bus("sqlite", folder / "bus") as bus, Store.open(folder / "store.sqlite", hub=HUB) as store:
        yield Bench(bus, store)


def source(name: str, at: str = "2026-03-01T00:00:00.000Z") -> stix.Builder:
    """The builder of an instance."""
    return stix.Builder(source_id=name, connector=name, observed_at=at)
