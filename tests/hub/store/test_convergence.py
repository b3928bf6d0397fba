"""Replaying everything, shuffled and repeated, gives the same store."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.store.objects import address, asset, incoming, put, relation
from tests.hub.store.test_merge import statements

from isthmus_hub.store import Incoming, Store


def told(items: list[Incoming], sizes: list[int]) -> str:
    """Digest of a store that was told ``items`` in batches of ``sizes``, over and over."""
    with TemporaryDirectory() as directory, Store.open(Path(directory) / "s.sqlite", hub="h") as store:
        start = number = 0
        while start < len(items):
            size = sizes[number % len(sizes)]
            with store.transaction() as tx:
                tx.put(items[start : start + size])
            start, number = start + size, number + 1
        assert store.check() == []
        return store.digest()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_and_any_repetition_give_the_same_digest(data: st.DataObject) -> None:
    items = data.draw(st.lists(statements(), min_size=1, max_size=12))
    shuffled = data.draw(st.permutations(items + data.draw(st.lists(st.sampled_from(items), max_size=6))))
    assert told(items, [4]) == told(list(shuffled), [3, 1, 5])


def months(seed: int) -> list[Incoming]:
    """Sixty assets of four sources over a month, with addresses that move, late pages, and clocks that run ahead."""
    generator = random.Random(seed)
    items: list[Incoming] = []
    for offset in range(1, 3_000):
        day = generator.randrange(1, 29)
        ahead = generator.choice([0, 0, 0, 0, 500])
        instance = generator.choice(["guardian", "defender", "cmdb", "zeek"])
        name = f"plc-{generator.randrange(60)}"
        ip = address(f"10.0.0.{generator.randrange(40)}")
        time = f"2024-06-{day:02}T{generator.randrange(24):02}:00:00.000Z"
        modified = f"{2024 + bool(ahead)}-06-{generator.randrange(1, day + 1):02}T00:00:00.000Z"
        body: Any = asset(
            name,
            modified=modified,
            serial=f"S{generator.randrange(3)}",
            interfaces=[{"ips": [ip["value"]], "ip_refs": [ip["id"]]}],
        )
        chosen = generator.choice([body, ip, relation(asset(name), "consists-of", ip, modified=modified)])
        items.append(incoming(chosen, instance=instance, observed_at=time, offset=offset))
    return items


def test_a_month_of_four_sources_replayed_in_disorder_gives_the_same_digest() -> None:
    items = months(1)
    generator = random.Random(2)
    expected = told(items, [500])
    for _ in range(3):
        shuffled = items + generator.choices(items, k=1_000)
        generator.shuffle(shuffled)
        assert told(shuffled, [generator.randrange(1, 400) for _ in range(20)]) == expected


def test_a_digest_tells_stores_apart(store: Store) -> None:
    put(store, incoming(asset("plc", serial="S1")))
    first = store.digest()
    put(store, incoming(asset("plc", serial="S1"), offset=2))
    assert store.digest() == first
    put(store, incoming(asset("plc", serial="S1"), instance="defender"))
    second = store.digest()
    with store.transaction() as tx:
        tx.communication(asset("plc")["id"], 0, 60, "", {"connections": 1})
    assert len({first, second, store.digest()}) == 3


def test_a_change_in_the_future_is_capped_and_flagged_and_does_not_freeze_the_object(store: Store) -> None:
    ahead = asset("plc", modified="2031-01-01T00:00:00.000Z", serial="ahead")
    put(store, incoming(ahead, observed_at="2024-06-01T00:00:00.000Z"))
    stored = store.get(ahead["id"])
    assert stored is not None
    assert stored.body["modified"] == "2024-06-02T00:00:00.000Z"
    assert stored.provenance[0].capped
    now = asset("plc", modified="2024-06-03T00:00:00.000Z", serial="now")
    assert put(store, incoming(now, observed_at="2024-06-03T00:00:00.000Z", offset=2)) == ["changed"]
    assert store.by_value("serial", "now") == [ahead["id"]]
