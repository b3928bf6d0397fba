"""Weak witnesses: hearsay, one source alone, sources that contradict each other."""

from __future__ import annotations

import pytest
from tests.hub.coverage.builders import EDR, NOW, SOURCES, WIRE, asset, table

from isthmus_hub.coverage import Cell, Fleet, Product, Rules, Source, catalogue, gaps, matrix

FALCON = Product(("crowdstrike-falcon", "CrowdStrike Falcon"), EDR)
OWN = Product(("edr", "Acme EDR"), EDR)


def detect(*fleet: dict[str, object], sources: list[Source], products: tuple[Product, ...] = ()) -> Cell:
    (cell,) = [one for one in matrix(fleet, sources, now=NOW, products=products) if one.function == "detect"]
    return cell


def test_what_a_vendor_says_of_another_tool_is_counted_apart_from_what_was_observed() -> None:
    told = asset("ws", "workstation", "cmdb", monitored_by=["CrowdStrike"])
    found = detect(told, sources=[Source("edr", EDR)], products=(FALCON,))
    assert (found.observed, found.hearsay, found.share) == (0, 1, 0.0)
    (gap,) = [
        one for one in gaps([told], [], [Source("edr", EDR)], now=NOW, products=[FALCON]) if one.kind == "not_in_edr"
    ]
    assert gap.cause == "not_deployed"
    assert gap.hearsay == ("ws",)
    assert "as a vendor says" in gap.detail


def test_hearsay_of_a_tool_that_cannot_run_there_is_none() -> None:
    told = asset("plc", "plc", "cmdb", monitored_by=["CrowdStrike Falcon"])
    assert detect(told, sources=[], products=(FALCON,)).hearsay == 0


@pytest.mark.parametrize(
    ("word", "meant"), [("CrowdStrike", True), ("CROWDSTRIKE FALCON sensor", True), ("Tanium", False), ("", False)]
)
def test_a_tool_is_meant_where_one_has_all_words_of_the_other(word: str, meant: bool) -> None:
    assert FALCON.is_meant(word) is meant


@pytest.mark.parametrize("word", ["Security", "Microsoft", "network sensor", "XDR"])
def test_words_that_many_products_share_mean_none_of_them(word: str) -> None:
    assert not any(one.product.is_meant(word) for one in catalogue().values())
    assert catalogue()["microsoft-defender-xdr"].product.is_meant("Microsoft Defender for Endpoint")


def test_a_vendor_that_says_a_configured_tool_watches_what_that_tool_does_not_know_is_a_contradiction() -> None:
    known = asset("known", "server", "edr", "wire", monitored_by=["Acme EDR"])
    unknown = asset("unknown", "server", "wire", monitored_by=["Acme EDR"])
    assert table([known, unknown], SOURCES, products=[OWN])["contradiction", "none"] == {"unknown"}
    assert ("contradiction", "none") not in table([unknown], [Source("edr", EDR)], products=[OWN]), (
        "it is not configured"
    )


def test_gone_from_an_inventory_and_seen_since_is_a_contradiction() -> None:
    def lost(name: str, since: str) -> dict[str, object]:
        one = asset(name, "server", "wire", seen="2026-05-20T00:00:00.000Z")
        one["members"].append(
            {"instance": "cmdb", "stream": "s", "native_id": "1", "last_seen": None, "absent_since": since}
        )
        return one

    fleet = [lost("ghost", "2026-05-10T00:00:00.000Z"), lost("gone", "2026-05-25T00:00:00.000Z")]
    assert table(fleet, SOURCES)["contradiction", "none"] == {"ghost"}


@pytest.mark.parametrize(
    ("last_seen", "told"),
    [
        ("2026-05-30T00:00:00.000Z", "plc: operating system is VxWorks (guardian); Windows 10 (edr)"),
        (None, "plc: operating system is VxWorks (guardian); Windows 10 (edr)"),
        ("2026-01-01T00:00:00.000Z", None),
    ],
)
def test_sources_that_see_it_now_and_say_what_cannot_both_be_true_are_a_contradiction(
    last_seen: str | None, told: str | None
) -> None:
    values = [
        {"value": "Windows 10", "instance": "edr", "last_seen": last_seen, "against": ["guardian"]},
        {"value": "VxWorks", "instance": "guardian", "last_seen": "2026-05-30T00:00:00.000Z", "against": ["edr"]},
    ]
    one = asset("plc", "plc", "edr", "guardian", disputed=[{"attribute": "operating_system", "values": values}])
    found = [gap for gap in gaps([one], [], SOURCES, now=NOW) if gap.kind == "contradiction"]
    assert [gap.detail for gap in found] == ([told] if told else []), "what was said long ago is stale, not wrong"
    assert all(gap.assets == ("plc",) for gap in found)


def test_crown_jewels_with_one_witness_stand_apart_and_first() -> None:
    fleet = [
        asset("plain", "server", "wire"),
        asset("critical", "server", "wire", criticality=80),
        asset("labelled", "server", "wire", labels=["crown-jewel"]),
    ]
    weak = [gap for gap in gaps(fleet, [], SOURCES, now=NOW) if gap.kind == "weak_witness"]
    assert [(gap.assets, gap.precious) for gap in weak] == [(("critical", "labelled"), 2), (("plain",), 0)]
    assert weak[0].detail.startswith("crown jewels")
    strict = [
        gap for gap in gaps(fleet, [], SOURCES, now=NOW, rules=Rules(crown_jewel=90)) if gap.kind == "weak_witness"
    ]
    assert strict[0].assets == ("labelled",)


def test_in_an_endpoint_sensor_and_never_on_the_wire_is_told_apart() -> None:
    fleet = [asset("agent", "server", "edr"), asset("paper", "server", "cmdb")]
    details = {gap.assets: gap.detail for gap in gaps(fleet, [], SOURCES, now=NOW) if gap.kind == "not_on_wire"}
    assert "in an endpoint sensor" in details[("agent",)]
    assert "in an endpoint sensor" not in details[("paper",)]


def test_old_evidence_is_stale_and_not_observed_and_its_age_is_told() -> None:
    sources = [Source("wire", WIRE, "wire")]
    fresh = asset("a", "server", "wire", seen="2026-05-30T12:00:00.000Z")
    old = asset("b", "server", "wire", seen="2026-05-01T00:00:00.000Z")
    found = detect(fresh, old, sources=sources)
    assert (found.observed, found.stale, found.age_hours, found.oldest) == (1, 1, 12.0, "2026-05-01T00:00:00.000Z")
    assert (found.state, detect(old, sources=sources).state) == ("in part", "not observed")


def test_only_those_asked_about_are_named_and_the_others_still_count() -> None:
    fleet = [asset("n", "server", "edr", site="North"), asset("s", "server", "wire", site="South")]
    found = gaps(fleet, [], SOURCES, now=NOW, only={"s"})
    assert {id for gap in found for id in gap.assets} == {"s"}
    assert ("not_in_edr", "not_deployed") in {(gap.kind, gap.cause) for gap in found}


def test_an_instance_reaches_the_sites_of_what_it_sees() -> None:
    fleet = Fleet([asset("n", "server", "edr", site="North"), asset("s", "server", "wire", site="South")], SOURCES)
    assert fleet.reaches("edr", "North")
    assert not fleet.reaches("edr", "South")
    assert fleet.reaches("scanner", "South"), "it never saw anything anywhere: nothing can be told"
