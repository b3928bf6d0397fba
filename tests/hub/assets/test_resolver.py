"""From observed objects to the inventory: one transaction a step, ids minted once, edges told again when an end moves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from builders import Bench, bench, source

from isthmus_sdk import stix

LATER = "2026-03-02T00:00:00.000Z"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def test_two_sources_of_one_device_become_one_asset_that_keeps_both_native_ids(hub: Bench) -> None:
    hub.observe("edr", source("edr").asset("m1", name="hmi-01", hostname="hmi-01.corp.example"))
    hub.observe("ot", source("ot").asset("a1", name="HMI-01", hostname="HMI-01", firmware="V4"))
    hub.resolve()
    (asset,) = hub.assets()
    assert {ref["external_id"] for ref in asset["external_references"] if "external_id" in ref} >= {"m1", "a1"}
    facts = stix.facts(asset, stix.ASSET)
    assert facts is not None
    assert facts["firmware"] == "V4"
    stix.check(asset)


def test_an_asset_names_the_records_it_was_made_of_and_one_more_source_of_the_same_words_is_named_too(
    hub: Bench,
) -> None:
    words = source("edr").asset("m1", name="hmi-01", hostname="hmi-01")
    hub.observe("edr", words)
    hub.observe("ot", source("ot").asset("a1", name="HMI-01", hostname="hmi-01"))
    hub.resolve()

    def members() -> list[tuple[str, ...]]:
        (asset,) = hub.assets()
        stix.check(asset)
        found = (stix.facts(asset, stix.ASSET) or {})["members"]
        return [(member["instance"], member["stream"], member["native_id"]) for member in found]

    assert members() == [("edr", "assets", "m1"), ("ot", "assets", "a1")]
    hub.observe("edr", words, stream="more")
    hub.resolve()
    assert members() == [("edr", "assets", "m1"), ("edr", "more", "m1"), ("ot", "assets", "a1")]


def test_the_hub_is_the_author_of_what_it_publishes(hub: Bench) -> None:
    hub.observe("edr", source("edr").asset("m1", name="hmi-01"))
    published = hub.resolve()
    assert {obj["created_by_ref"] for obj in published if "created_by_ref" in obj} == {hub.store.author}


def test_observing_the_same_again_publishes_nothing(hub: Bench) -> None:
    hub.observe("edr", source("edr").asset("m1", name="hmi-01", hostname="hmi-01"))
    hub.resolve()
    hub.observe("edr", source("edr", LATER).asset("m1", name="hmi-01", hostname="hmi-01"), at=LATER)
    assert hub.resolve() == []


def test_two_sources_that_differ_about_a_shared_object_do_not_take_turns(hub: Bench) -> None:
    def poll(at: str) -> None:
        for name in ("edr", "ot"):
            builder = source(name, at)
            hub.observe(
                name,
                builder.asset("m1", name=f"m-{name}"),
                builder.exposure(
                    builder.asset_id("m1"), "CVE-2020-0001", state="open", description=f"{name}: the words of {name}"
                ),
                at=at,
            )

    poll("2026-03-01T00:00:00.000Z")
    hub.resolve()
    poll(LATER)
    assert hub.resolve() == []
    poll("2026-03-03T00:00:00.000Z")
    assert hub.resolve() == []


def test_an_update_is_published_as_a_newer_version_of_the_same_object(hub: Bench) -> None:
    hub.observe("ot", source("ot").asset("a1", name="plc", firmware="V1"))
    (before,) = [obj for obj in hub.resolve() if obj["type"] == "infrastructure"]
    hub.observe("ot", source("ot", LATER).asset("a1", name="plc", firmware="V2"), at=LATER)
    (after,) = [obj for obj in hub.resolve() if obj["type"] == "infrastructure"]
    assert after["id"] == before["id"]
    assert after["modified"] > before["modified"]
    assert after["created"] == before["created"]


def test_a_late_link_merges_two_assets_retires_one_and_tells_its_edges_again(hub: Bench) -> None:
    hub.observe(
        "edr", source("edr").asset("m1", name="m1", hostname="hmi-01", interfaces=[stix.Interface(ips=["10.0.0.1"])])
    )
    hub.observe("ot", source("ot").asset("a1", name="a1", interfaces=[stix.Interface(ips=["10.0.0.2"])]))
    hub.resolve()
    before = {asset["id"] for asset in hub.assets()}
    assert len(before) == 2
    hub.observe(
        "ot",
        source("ot", LATER).asset("a1", name="a1", hostname="hmi-01", interfaces=[stix.Interface(ips=["10.0.0.2"])]),
        at=LATER,
    )
    published = hub.resolve()
    (asset,) = hub.assets()
    (retired,) = before - {asset["id"]}
    assert [obj["id"] for obj in published if obj.get("revoked")] == [retired]
    assert hub.store.alias_of(retired) == asset["id"]
    edges = [obj for obj in published if obj["type"] == "relationship" and obj["relationship_type"] == "consists-of"]
    assert edges, "the edges of the moved asset go out again, so that their ends are rewritten"


def test_a_split_mints_a_new_id_and_never_revives_a_revoked_one(hub: Bench) -> None:
    hub.observe("edr", source("edr").asset("m1", name="m1", hostname="hmi-01"))
    hub.observe("ot", source("ot").asset("a1", name="a1"))
    hub.resolve()
    hub.observe("ot", source("ot", LATER).asset("a1", name="a1", hostname="hmi-01"), at=LATER)
    hub.resolve()
    revoked = {stored.id for stored in hub.store.iterate("infrastructure", "resolved") if stored.body.get("revoked")}
    hub.observe(
        "ot",
        source("ot", "2026-03-03T00:00:00.000Z").asset("a1", name="a1", hostname="other"),
        at="2026-03-03T00:00:00.000Z",
    )
    hub.resolve()
    current = {asset["id"] for asset in hub.assets()}
    assert len(current) == 2
    assert len(revoked) == 1
    assert not current & revoked


def test_an_invalid_object_is_rejected_and_the_rest_of_its_block_goes_on(hub: Bench) -> None:
    bad = {"type": "ipv4-addr", "spec_version": "2.1", "id": "ipv4-addr--not-a-uuid", "value": "10.0.0.1"}
    hub.observe("edr", bad, source("edr").asset("m1", name="hmi-01"))
    hub.resolve()
    assert len(hub.assets()) == 1
    (rejected,) = hub.store.rejected()
    assert rejected.id == bad["id"]


def test_windows_of_a_communication_are_counted_beside_the_edge(hub: Bench) -> None:
    def talk(at: str, connections: int) -> object:
        builder = source("ndr", at)
        one, two = builder.endpoint("10.0.0.1"), builder.endpoint("10.0.0.2")
        window = {"start": "2026-03-01T00:00:00.000Z", "seconds": 3600, "part": "conn.log", "connections": connections}
        return [
            *one,
            *two,
            *builder.communication(
                one,
                two,
                services=[stix.Service("modbus", port=502)],
                first_seen="2026-03-01T00:00:01.000Z",
                last_seen="2026-03-01T00:10:00.000Z",
                window=window,
            ),
        ]

    hub.observe("ndr", talk("2026-03-01T00:00:00.000Z", 5))
    hub.resolve()
    hub.observe("ndr", talk(LATER, 9), at=LATER)
    published = hub.resolve()
    (row,) = hub.store.communications()
    assert row.counters["connections"] == 9, "a window stated again replaces itself"
    assert [obj for obj in published if obj["type"] == "relationship"] == [], "counters alone are no news"


def test_a_fresh_resolver_goes_on_where_the_last_one_stopped(hub: Bench, tmp_path: Path) -> None:
    hub.observe("edr", source("edr").asset("m1", name="m1", hostname="hmi-01"))
    hub.resolve()
    again = Bench(hub.bus, hub.store)
    again._blocks = 10
    again.observe("ot", source("ot").asset("a1", name="a1", hostname="hmi-01"))
    again.resolve()
    assert len(again.assets()) == 1
