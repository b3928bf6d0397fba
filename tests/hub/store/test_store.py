"""What the store answers, transactions, identity, communications."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from tests.hub.store.objects import JUNE_2, address, asset, content, incoming, made_id, put, relation

from isthmus_hub.store import Edge, Incoming, StateTooNew, Store, StoreError
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError

OpenStore = Callable[[], Store]


# -- values and edges --------------------------------------------------------------------------------------------------------


def test_objects_are_found_by_the_values_they_carry(store: Store) -> None:
    plc = asset(
        "plc",
        hostname="PLC-7.plant",
        serial="S C-1",
        native_id="N/1",
        interfaces=[{"mac": "00:1b:1b:aa:bb:cc", "ips": ["10.0.0.1", "fe80::1"]}],
        identifiers=[{"kind": "agent_id", "value": "Agent-1"}],
    )
    flaw = {
        "type": "vulnerability",
        "spec_version": "2.1",
        "id": made_id("vulnerability", "x"),
        "created": JUNE_2,
        "modified": JUNE_2,
        "name": "Some flaw",
        "external_references": [{"source_name": "cve", "external_id": "CVE-2024-0001"}],
    }
    ip = address("10.0.0.1")
    put(store, incoming(plc), incoming(flaw), incoming(ip))
    assert store.by_value("ipv4", "10.0.0.1") == [plc["id"], ip["id"]]
    assert store.by_value("ipv6", "FE80::1") == [plc["id"]]
    assert store.by_value("mac", "00:1B:1B:AA:BB:CC") == [plc["id"]]
    assert store.by_value("hostname", "plc-7.PLANT") == [plc["id"]]
    assert store.by_value("serial", "s c-1") == [plc["id"]]
    assert store.by_value("agent_id", "agent-1") == [plc["id"]]
    assert store.by_value("cve", "cve-2024-0001") == [flaw["id"]]
    assert store.by_value("native_id", "N/1") == [plc["id"]]
    assert store.by_value("native_id", "n/1") == [], "native ids are the vendor's own and compared exactly"
    assert store.by_value("no such kind", "x") == []


def test_a_value_that_is_gone_from_the_object_finds_it_no_more(store: Store) -> None:
    put(store, incoming(asset("plc", hostname="old", interfaces=[{"ips": ["10.0.0.1"]}])))
    put(store, incoming(asset("plc", modified=JUNE_2, hostname="new", interfaces=[{"ips": ["10.0.0.1"]}])))
    assert store.by_value("hostname", "old") == []
    assert store.by_value("hostname", "new") == store.by_value("ipv4", "10.0.0.1") == [asset("plc")["id"]]


def test_edges_are_known_from_both_ends_even_before_the_ends_are(store: Store) -> None:
    plc, ip = asset("plc"), address("10.0.0.1")
    link = relation(plc, "consists-of", ip)
    put(store, incoming(link))
    expected = Edge(plc["id"], "consists-of", ip["id"], link["id"])
    assert store.edges(plc["id"]) == store.edges(plc["id"], "out") == [expected]
    assert store.edges(ip["id"], "in") == [expected]
    assert store.edges(plc["id"], "in") == store.edges(ip["id"], "out") == []
    assert store.get(plc["id"]) is None
    put(store, incoming(plc), incoming(ip))
    assert store.edges(ip["id"]) == [expected]


def test_references_are_edges_named_by_their_property_but_authors_and_markings_are_not(store: Store) -> None:
    ip = address("10.0.0.1")
    plc = asset("plc", markings=("amber",), interfaces=[{"ip_refs": [ip["id"]]}])
    plc["created_by_ref"] = made_id("identity", "vendor")
    seen = {
        "type": "sighting",
        "spec_version": "2.1",
        "id": made_id("sighting", "s"),
        "created": JUNE_2,
        "modified": JUNE_2,
        "sighting_of_ref": made_id("indicator", "i"),
        "where_sighted_refs": [made_id("identity", "a"), made_id("identity", "b")],
    }
    put(store, incoming(plc), incoming(seen))
    assert [(edge.kind, edge.target) for edge in store.edges(plc["id"])] == [("ip_refs", ip["id"])]
    assert sorted((edge.kind, edge.target, edge.via) for edge in store.edges(seen["id"])) == sorted(
        [
            ("sighting_of_ref", made_id("indicator", "i"), seen["id"]),
            ("where_sighted_refs", made_id("identity", "a"), seen["id"]),
            ("where_sighted_refs", made_id("identity", "b"), seen["id"]),
        ]
    )
    assert len(store.edges(seen["id"], types={"sighting_of_ref"})) == 1


def test_edges_follow_an_object_that_changes(store: Store) -> None:
    old, new = address("10.0.0.1"), address("10.0.0.2")
    put(store, incoming(asset("plc", interfaces=[{"ip_refs": [old["id"]]}])))
    put(store, incoming(asset("plc", modified=JUNE_2, interfaces=[{"ip_refs": [new["id"]]}])))
    assert [edge.target for edge in store.edges(asset("plc")["id"])] == [new["id"]]
    assert store.edges(old["id"]) == []
    assert store.check() == []


def test_ids_that_share_a_key_are_kept_apart(store: Store) -> None:
    tail = "8888-123456789abc"
    twins = [
        asset("x") | {"id": f"infrastructure--00000000-0000-5000-{tail}", "name": "first"},
        asset("x") | {"id": f"infrastructure--11111111-0000-5000-{tail}", "name": "second"},
    ]
    put(store, *map(incoming, twins))
    put(store, incoming(relation(twins[0], "related-to", twins[1])))
    for twin in twins:
        stored = store.get(twin["id"])
        assert stored is not None
        assert stored.body["name"] == twin["name"]
    assert [edge.target for edge in store.edges(twins[0]["id"])] == [twins[1]["id"]]


# -- iterating and counting ----------------------------------------------------------------------------------------------------


def test_iterating_gives_every_object_once_across_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.store._reads._PAGE", 7)
    assets = [asset(f"plc-{number}") for number in range(30)]
    ips = [address(f"10.0.0.{number}") for number in range(20)]
    put(store, *map(incoming, assets + ips))
    assert {stored.id for stored in store.iterate()} == {body["id"] for body in assets + ips}
    assert [stored.body for stored in store.iterate("infrastructure")] == assets
    assert [stored.body["value"] for stored in store.iterate("ipv4-addr")] == [ip["value"] for ip in ips]
    assert list(store.iterate("malware")) == list(store.iterate(stream="resolved")) == []
    assert store.counts()["observed"] == {"infrastructure": 30, "ipv4-addr": 20}


def test_a_large_batch_is_stored_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.store._observe._AT_ONCE", 10)
    items = [
        incoming(asset(f"plc-{number % 30}", modified=f"2024-05-01T00:00:{number:02}.000Z")) for number in range(55)
    ]
    kinds = put(store, *items)
    assert kinds.count("new") == 30
    assert len(kinds) == 55
    assert store.check() == []


# -- transactions --------------------------------------------------------------------------------------------------------------


def test_a_transaction_that_raises_leaves_no_trace(store: Store) -> None:
    put(store, incoming(asset("before")))
    before, counts = content(store), store.counts()

    class InterruptedError(Exception):
        pass

    with pytest.raises(InterruptedError), store.transaction() as tx:
        tx.put([incoming(asset("plc", hostname="new-word"), instance="new source")])
        tx.emit(asset("plc"))
        tx.assign(asset("plc")["id"], made_id("infrastructure", "asset"))
        tx.set_offset("observed", 99)
        raise InterruptedError
    assert (content(store), store.counts(), store.offset("observed")) == (before, counts, 0)
    assert put(store, incoming(asset("plc", hostname="new-word"), instance="new source")) == ["new"]
    assert store.by_value("hostname", "new-word") == [asset("plc")["id"]]
    assert store.check() == []


def test_a_transaction_sees_its_own_changes_and_others_see_them_after_the_commit(store: Store) -> None:
    plc = asset("plc", hostname="plc-1")
    with store.transaction() as tx:
        tx.put([incoming(plc)])
        tx.set_offset("observed", 5)
        assert tx.by_value("hostname", "plc-1") == [plc["id"]]
        assert tx.offset("observed") == 5
        assert store.get(plc["id"]) is None
        assert store.offset("observed") == 0
    assert store.get(plc["id"]) is not None
    assert store.offset("observed") == 5


def test_one_transaction_at_a_time(store: Store) -> None:
    with store.transaction(), pytest.raises(StoreError, match="already open"), store.transaction():
        pass
    order: list[str] = []
    begun = threading.Event()

    def other() -> None:
        begun.set()
        with store.transaction():
            order.append("second")

    with store.transaction():
        thread = threading.Thread(target=other)
        thread.start()
        begun.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_other_threads_read_while_one_writes(store: Store) -> None:
    put(store, *(incoming(asset(f"plc-{number}")) for number in range(100)))
    found: list[int] = []
    with store.transaction() as tx:
        tx.put([incoming(asset("more"))])
        readers = [threading.Thread(target=lambda: found.append(len(list(store.iterate())))) for _ in range(4)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    assert found == [100] * 4


def test_everything_is_there_after_reopening(open_store: OpenStore) -> None:
    store = open_store()
    put(store, incoming(asset("plc", hostname="plc-1")), incoming(address("10.0.0.1")))
    before = content(store)
    store.close()
    again = open_store()
    assert content(again) == before
    assert put(again, incoming(asset("plc", hostname="plc-1"))) == ["unchanged"]


def test_a_closed_store_says_so(store: Store) -> None:
    with store.transaction(), pytest.raises(StoreError, match="inside a transaction"):
        store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.counts()
    with pytest.raises(StoreError, match="closed"), store.transaction():
        pass


# -- identity ------------------------------------------------------------------------------------------------------------------


def test_assignments_are_durable_and_one_object_has_one_asset(open_store: OpenStore) -> None:
    a, b, first, second = (made_id("infrastructure", name) for name in ("a", "b", "first", "second"))
    store = open_store()
    with store.transaction() as tx:
        assert tx.assign(a, first)
        assert tx.assign(b, first)
        assert not tx.assign(b, first)
    with store.transaction() as tx:
        assert tx.assign(b, second)
    store.close()
    store = open_store()
    assert (store.asset_of(a), store.asset_of(b), store.asset_of(first)) == (first, second, None)
    assert (store.members(first), store.members(second), store.members(a)) == ([a], [b], [])
    assert list(store.assignments()) == [(a, first), (b, second)]
    with store.transaction() as tx:
        assert tx.unassign(a)
        assert not tx.unassign(a)
    assert store.members(first) == []


def test_aliases_lead_to_the_last_survivor_and_never_in_a_circle(store: Store) -> None:
    a, b, c = (made_id("infrastructure", name) for name in "abc")
    with store.transaction() as tx:
        tx.alias(a, b)
        tx.alias(b, c)
        assert (tx.alias_of(a), tx.alias_of(b), tx.alias_of(c)) == (c, c, None)
        for retired, survivor in ((c, a), (c, b), (b, a), (a, a)):
            with pytest.raises(StoreError, match="merged into"):
                tx.alias(retired, survivor)
    assert list(store.aliases()) == [(a, b), (b, c)]
    with store.transaction() as tx:
        assert tx.unalias(b)
        assert tx.alias_of(a) == b


# -- communications ------------------------------------------------------------------------------------------------------------


def test_counters_are_kept_per_edge_window_and_part(store: Store) -> None:
    edge, other = made_id("relationship", "e"), made_id("relationship", "f")
    with store.transaction() as tx:
        tx.communication(edge, 3600, 3600, "conn.log", {"connections": 2, "bytes_out": 10})
        tx.communication(edge, 3600, 3600, "conn.1.log", {"connections": 1})
        tx.communication(edge, 0, 3600, "conn.log", {"connections": 5, "late": 1})
        tx.communication(other, 0, 60, "", {})
    assert [(c.window_start, c.part, c.counters["connections"]) for c in store.communications(edge)] == [
        (0, "conn.log", 5),
        (3600, "conn.1.log", 1),
        (3600, "conn.log", 2),
    ]
    assert len(store.communications()) == 4


def test_telling_a_window_again_replaces_and_an_older_count_changes_nothing(store: Store) -> None:
    edge = made_id("relationship", "e")
    with store.transaction() as tx:
        for connections in (2, 5, 3, 5):
            tx.communication(edge, 0, 3600, "conn.log", {"connections": connections, "packets_in": 10 - connections})
    (kept,) = store.communications(edge)
    assert kept.counters["connections"] == 5
    assert kept.counters["packets_in"] == 8


def test_an_unknown_counter_is_refused(store: Store) -> None:
    with store.transaction() as tx, pytest.raises(StoreError, match="unknown counters apples"):
        tx.communication(made_id("relationship", "e"), 0, 60, "", {"apples": 1})


def test_old_windows_can_be_dropped(store: Store) -> None:
    edge = made_id("relationship", "e")
    with store.transaction() as tx:
        for start in (0, 60, 120):
            tx.communication(edge, start, 60, "", {"connections": 1})
        assert tx.drop_communications(before=120) == 1
    assert [c.window_start for c in store.communications()] == [60, 120]


# -- the file --------------------------------------------------------------------------------------------------------------------


def test_a_store_of_a_later_version_or_another_hub_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store.open(path, hub="north").close()
    with pytest.raises(ConfigurationError, match="belongs to hub 'north'"):
        Store.open(path, hub="south")
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateTooNew, match="upgrade isthmus"):
        Store.open(path, hub="north")


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state" / "store.sqlite", hub="h") as store:
        put(store, incoming(asset("plc")))
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "state").iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE object SET body = substr(body, 1, 20)", "cannot be read"),
        ("UPDATE object SET body = (SELECT body FROM object ORDER BY no DESC LIMIT 1)", "belongs to"),
        ("UPDATE provenance SET hash = zeroblob(16)", "not what any source said"),
        ("DELETE FROM edge WHERE inward = 1", "without their opposite"),
        ("DELETE FROM object", "reports without an object"),
        ("DELETE FROM provenance", "nobody reported"),
        ("UPDATE ident SET links = 1 WHERE type IS NOT NULL", "out of step"),
        ("UPDATE resolved SET hash = zeroblob(16)", "does not match its hash"),
    ],
)
def test_check_finds_damage(open_store: OpenStore, damage: str, found: str) -> None:
    store = open_store()
    plc, ip = asset("plc", hostname="h"), address("10.0.0.1")
    put(store, incoming(plc), incoming(ip), incoming(relation(plc, "consists-of", ip)))
    with store.transaction() as tx:
        tx.emit(plc)
    assert store.check() == []
    connection = apsw.Connection(str(store.path))
    connection.execute(damage)
    connection.close()
    assert any(found in line for line in store.check()), store.check()


def test_bodies_are_compressed_and_come_back_exactly(store: Store) -> None:
    bodies = [asset(f"plc-{n}", description="Füllstand ✓ " * n, serial=f"S{n}") for n in range(50)]
    put(store, *map(incoming, bodies))
    assert [stored.body for stored in store.iterate()] == bodies
    stored_bytes = apsw.Connection(str(store.path)).execute("SELECT sum(length(body)) FROM object").get
    assert stored_bytes < sum(len(stix.encode(body)) for body in bodies) / 2


def test_incoming_is_cheap_to_make_and_cannot_be_changed() -> None:
    item = incoming(asset("plc"))
    with pytest.raises(AttributeError):
        item.offset = 5  # type: ignore[misc]
    assert isinstance(item, Incoming)


# -- dictionaries ----------------------------------------------------------------------------------------------------------------


def described(number: int) -> Incoming:
    return incoming(asset(f"plc-{number}", serial=f"S{number}", vendor="Siemens", zone=f"cell-{number % 7}"))


def test_a_store_learns_from_its_objects_and_everything_stays_readable(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_hub.store._bodies.LEARN_FROM", 200)
    store, reader = open_store(), open_store()
    put(store, *map(described, range(150)))
    put(store, *map(described, range(150, 300)))
    put(store, *map(described, range(300, 450)))
    dictionaries = apsw.Connection(str(store.path)).execute(
        "SELECT count(*), count(DISTINCT dictionary) FROM object, dictionary"
    )
    assert dictionaries.get == (900, 2)
    assert [stored.body for stored in reader.iterate()] == [described(number).body for number in range(450)]
    store.close()
    store = open_store()
    assert put(store, described(449), described(0)) == ["unchanged", "unchanged"]
    assert store.check() == []


def test_what_was_learned_in_a_transaction_that_failed_is_not_used(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_hub.store._bodies.LEARN_FROM", 200)
    with pytest.raises(RuntimeError), store.transaction() as tx:
        tx.put([described(number) for number in range(300)])
        store._store_bodies.learn(tx._connection)
        assert store._store_bodies.current == 2
        raise RuntimeError
    put(store, *map(described, range(150)))
    assert store._store_bodies.current == 1
    put(store, *map(described, range(150, 300)))
    assert store._store_bodies.current == 2
    assert len(list(store.iterate())) == 300
    assert store.check() == []
