"""Detect, technique by technique: by what is held on the class, declared, reachable and observed apart."""

from __future__ import annotations

import pytest
from tests.hub.coverage.builders import NOW, asset

from isthmus_hub.coverage import Capability, Fleet, Source, technique_summary, techniques
from isthmus_hub.coverage.attack import Attack, Technique, ics

FLOW = Capability("detect", ("Network Traffic Flow", "Network Connection Creation"), ("*",))
NDR = Capability("detect", ("Network Traffic Flow", "Network Connection Creation", "Network Traffic Content"), ("*",))
AGENT = Capability("detect", ("Process Creation", "Command Execution", "File Modification", "Module Load"), ("*",))
INVENTORY = Capability("identify", ("Asset Inventory", "Software"), ("*",))


@pytest.mark.parametrize(("held", "part"), [((FLOW,), 16), ((NDR,), 32), ((NDR, INVENTORY), 35), ((AGENT,), 0)])
def test_techniques_on_controllers_are_those_of_the_table_and_an_agent_gives_none(
    held: tuple[Capability, ...], part: int
) -> None:
    fleet = Fleet([asset("plc", "plc", "one")], [Source("one", held, "one")])
    assert technique_summary(techniques(fleet, ics()))["plc"] == {
        "domain": "ics-attack", "assets": 1, "techniques": 48, "visible": 48,
        **{value: found for value in ("declared", "reachable", "observed") if (found := _counts(fleet, value))},
    }  # fmt: skip
    assert _counts(fleet, "observed")["part"] == part


def _counts(fleet: Fleet, value: str) -> dict[str, int]:
    return dict(technique_summary(techniques(fleet, ics()))["plc"][value])


def test_declared_reachable_and_observed_are_three_things() -> None:
    sources = [Source("flow", (FLOW,), "flow"), Source("ndr", (NDR,))]
    fleet = Fleet([asset("seen", "plc", "flow"), asset("unseen", "plc")], sources)
    found = technique_summary(techniques(fleet, ics()))["plc"]
    assert (found["declared"]["part"], found["reachable"]["part"], found["observed"]["part"]) == (32, 16, 16)
    rows = {row.technique.id: row for row in techniques(fleet, ics())}
    assert {row.observed_part for row in rows.values()} == {0, 1}
    assert all(row.missing for row in rows.values() if row.reachable == "none" and row.visible)


def test_stale_evidence_does_not_observe_a_technique() -> None:
    fleet = Fleet(
        [asset("plc", "plc", "ndr", seen="2026-01-01T00:00:00.000Z")], [Source("ndr", (NDR,), "ndr")], now=NOW
    )
    assert _counts(fleet, "reachable")["part"] == 32
    assert _counts(fleet, "observed")["part"] == 0


def test_two_instances_on_one_asset_see_in_full_what_neither_does_alone() -> None:
    attack = Attack(
        "made-up", "1", "", {}, {"A0003": "PLC"}, {"DC1": "Network Traffic Flow", "DC2": "Software"},
        {"T1": Technique("T1", "needs two", (), frozenset({"A0003"}), (frozenset({"DC1", "DC2"}),))},
    )  # fmt: skip
    sources = [Source("flow", (FLOW,), "flow"), Source("inventory", (INVENTORY,), "inventory")]
    apart = Fleet([asset("a", "plc", "flow"), asset("b", "plc", "inventory")], sources)
    together = Fleet([asset("a", "plc", "flow", "inventory")], sources)
    (row,) = techniques(apart, attack)
    assert (row.reachable, row.observed_part, row.observed_full) == ("full", 2, 0)
    (row,) = techniques(together, attack)
    assert (row.observed_part, row.observed_full) == (1, 1)


def test_a_domain_without_asset_classes_is_asked_of_everything_but_controllers() -> None:
    attack = Attack(
        "enterprise-attack", "18.1", "", {}, {}, {"DC1": "Process Creation"}, {"T1059": Technique("T1059", "x", (), frozenset(), (frozenset({"DC1"}),))}
    )  # fmt: skip
    fleet = Fleet([asset("a", "laptop", "edr"), asset("b", "plc", "edr")], [Source("edr", (AGENT,), "edr")])
    assert [(row.asset_class, row.observed_full) for row in techniques(fleet, attack)] == [("laptop", 1)]
