"""The resolved side: authorship, versions, revocation, the outbox and its way to the bus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hub.store.objects import JUNE_1, JUNE_2, JUNE_3, MAY_1, address, asset, made_id, relation

from isthmus_hub.bus import SqliteBus, StorageFull
from isthmus_hub.store import RetiredError, Store, relay
from isthmus_sdk import stix
from isthmus_sdk.errors import InvalidObject

OpenStore = Callable[[], Store]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[SqliteBus]:
    with SqliteBus(tmp_path / "bus", reserve=0, low_water=0) as opened:
        yield opened


def emit(store: Store, *objects: dict[str, Any]) -> list[bool]:
    with store.transaction() as tx:
        return tx.emit_all(objects)


def told(store: Store) -> list[dict[str, Any]]:
    return [stix.decode(entry) for block in store.outbox(1_000) for entry in block.entries]


def body(store: Store, id: str) -> dict[str, Any]:
    stored = store.resolved(id)
    assert stored is not None
    return stored.body


def test_the_hub_is_the_author_and_its_identity_is_the_same_everywhere(store: Store, tmp_path: Path) -> None:
    emit(store, store.author_object(), asset("plc"))
    assert body(store, asset("plc")["id"])["created_by_ref"] == store.author
    assert "created_by_ref" not in body(store, store.author)
    stix.check(store.author_object())
    with Store.open(tmp_path / "elsewhere", hub="north-works") as other:
        assert other.author_object() == store.author_object()
    with Store.open(tmp_path / "third", hub="south-works") as other:
        assert other.author != store.author


def test_observables_and_definitions_keep_what_they_are(store: Store) -> None:
    definitions = stix.extension_objects()[1:]
    marking = stix.tlp_object("amber")
    assert emit(store, address("10.0.0.1"), marking, *definitions) == [True] * (2 + len(definitions))
    assert body(store, address("10.0.0.1")["id"]) == address("10.0.0.1")
    assert body(store, marking["id"]) == marking
    assert body(store, definitions[0]["id"])["created_by_ref"] == definitions[0]["created_by_ref"]


def test_only_what_says_something_new_is_told(store: Store) -> None:
    assert emit(store, asset("plc"), asset("plc")) == [True, False]
    assert emit(store, asset("plc", modified=JUNE_1)) == [False]
    assert emit(store, asset("plc", modified=JUNE_1) | {"name": "renamed"}) == [True]
    assert [obj["name"] for obj in told(store)] == ["plc", "renamed"]


def test_modified_strictly_increases_and_created_stays(store: Store) -> None:
    emit(store, asset("plc", created=JUNE_1, modified=JUNE_2))
    emit(store, asset("plc", created=MAY_1, modified=JUNE_1) | {"name": "b"})
    emit(store, asset("plc", created=JUNE_3, modified=JUNE_3) | {"name": "c"})
    emit(store, asset("plc", created=JUNE_3, modified=JUNE_3) | {"name": "d"})
    versions = [(obj["name"], obj["created"], obj["modified"]) for obj in told(store)]
    assert versions == [
        ("plc", JUNE_1, JUNE_2),
        ("b", JUNE_1, "2024-06-02T00:00:00.001Z"),
        ("c", JUNE_1, JUNE_3),
        ("d", JUNE_1, "2024-06-03T00:00:00.001Z"),
    ]
    assert body(store, asset("plc")["id"])["name"] == "d"


def test_a_retired_object_is_revoked_once_and_cannot_come_back(store: Store) -> None:
    emit(store, asset("plc"), address("10.0.0.1"))
    with store.transaction() as tx:
        assert tx.retire(asset("plc")["id"])
        assert not tx.retire(asset("plc")["id"])
        assert not tx.retire(address("10.0.0.1")["id"]), "observables cannot be revoked"
        assert not tx.retire(made_id("infrastructure", "never emitted"))
    last = told(store)[-1]
    assert (last["id"], last["revoked"], last["modified"]) == (asset("plc")["id"], True, "2024-05-01T00:00:00.001Z")
    assert store.counts()["revoked"] == 1
    with pytest.raises(RetiredError, match="new id"):
        emit(store, asset("plc") | {"name": "back again"})


def test_an_object_without_created_is_refused(store: Store) -> None:
    incomplete = asset("plc")
    del incomplete["created"]
    with pytest.raises(InvalidObject, match="no created"):
        emit(store, incomplete)
    assert store.counts()["resolved"] == {}


# -- outbox ----------------------------------------------------------------------------------------------------------------------


def test_the_relay_hands_everything_over_in_order_and_once(store: Store, bus: SqliteBus) -> None:
    for number in range(40):
        emit(store, asset(f"plc-{number}"), relation(asset(f"plc-{number}"), "related-to", asset("x")))
    assert relay(store, bus, limit=7) == 80
    assert relay(store, bus) == 0
    entries = [stix.decode(entry) for block in bus.read("resolved", limit_blocks=1_000) for entry in block.entries]
    assert [entry["id"] for entry in entries[::2]] == [asset(f"plc-{number}")["id"] for number in range(40)]
    assert store.counts()["outbox"] == 0


def test_many_objects_of_one_transaction_become_blocks_of_bounded_size(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_hub.store._outbox._BLOCK_ENTRIES", 10)
    emit(store, *(asset(f"plc-{number}") for number in range(35)))
    assert [len(block.entries) for block in store.outbox(100)] == [10, 10, 10, 5]


def test_dying_between_publication_and_removal_publishes_nothing_twice(open_store: OpenStore, bus: SqliteBus) -> None:
    store = open_store()
    emit(store, asset("plc-1"))
    emit(store, asset("plc-2"))
    for block in store.outbox():
        bus.publish("resolved", block.entries, block_id=block.block_id)
    store.close()
    store = open_store()
    emit(store, asset("plc-3"))
    assert relay(store, bus) == 3
    names = [stix.decode(entry)["name"] for block in bus.read("resolved") for entry in block.entries]
    assert names == ["plc-1", "plc-2", "plc-3"]


def test_a_bus_that_refuses_leaves_the_outbox_as_it_is(store: Store, bus: SqliteBus) -> None:
    emit(store, asset("plc-1"))
    emit(store, asset("plc-2"))

    class FullAfterOne:
        taken = 0

        def publish(self, stream: str, entries: tuple[bytes, ...], *, block_id: bytes, key: str = "") -> object:
            if self.taken:
                raise StorageFull("full")
            self.taken += 1
            return bus.publish(stream, entries, block_id=block_id, key=key)

    with pytest.raises(StorageFull):
        relay(store, FullAfterOne())
    assert len(store.outbox()) == 2
    assert relay(store, bus) == 2
    assert [len(block.entries) for block in bus.read("resolved")] == [1, 1]


def test_numbers_of_outbox_blocks_are_never_used_again(open_store: OpenStore, bus: SqliteBus) -> None:
    store = open_store()
    ids = []
    for _ in range(3):
        emit(store, asset(f"plc-{len(ids)}"))
        ids.append(store.outbox()[0].block_id)
        relay(store, bus)
        store.close()
        store = open_store()
    assert len(set(ids)) == 3


def test_another_store_with_the_same_content_gives_other_block_ids(store: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "rebuilt", hub="north-works") as other:
        emit(store, asset("plc"))
        emit(other, asset("plc"))
        assert store.outbox()[0].entries == other.outbox()[0].entries
        assert store.outbox()[0].block_id != other.outbox()[0].block_id


# -- rebuilding --------------------------------------------------------------------------------------------------------------


def test_a_rebuilt_store_keeps_ids_and_versions_and_tells_only_what_differs(
    store: Store, tmp_path: Path, bus: SqliteBus
) -> None:
    emit(store, *(asset(f"plc-{number}") for number in range(30)), address("10.0.0.1"))
    with store.transaction() as tx:
        tx.retire(asset("plc-1")["id"])
        tx.assign(asset("plc-2")["id"], made_id("infrastructure", "asset"))
        tx.alias(asset("plc-1")["id"], asset("plc-2")["id"])
    relay(store, bus)
    emit(store, asset("plc-3") | {"name": "changed"})
    waiting = store.outbox()[0].entries
    with Store.open(tmp_path / "rebuilt.sqlite", hub="north-works") as rebuilt:
        with rebuilt.transaction() as tx:
            tx.adopt(store)
        assert [block.entries for block in rebuilt.outbox()] == [waiting]
        assert list(rebuilt.assignments()) == list(store.assignments())
        assert list(rebuilt.aliases()) == list(store.aliases())
        assert {s.id: s.body for s in rebuilt.iterate(stream="resolved")} == {
            s.id: s.body for s in store.iterate(stream="resolved")
        }
        assert emit(rebuilt, asset("plc-2"), asset("plc-4") | {"name": "differs"}) == [False, True]
        assert told(rebuilt)[-1]["modified"] > MAY_1
        with pytest.raises(RetiredError):
            emit(rebuilt, asset("plc-1"))
        assert rebuilt.check() == []
