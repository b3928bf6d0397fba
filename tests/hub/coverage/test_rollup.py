"""The same coverage in the words of frameworks."""

from __future__ import annotations

from tests.hub.coverage.builders import EDR, SENSOR, asset

from isthmus_hub.coverage import FUNCTIONS, Fleet, Source, rollups
from isthmus_hub.coverage._rollup import LINES, TITLES

FLEET = [
    asset("plc", "plc", "sensor", technology="ot", level="1"),
    asset("pc", "laptop", "edr"),
    asset("switch", "switch", "sensor"),
]
SOURCES = [Source("edr", EDR, "edr"), Source("sensor", SENSOR, "sensor")]


def rows(name: str) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in rollups(Fleet(FLEET, SOURCES))[name]}


def test_the_cyber_defense_matrix_has_a_row_for_ot_and_one_for_networks() -> None:
    found = rows("cyber-defense-matrix")
    assert found["ot/detect"]["assets"] == found["network/detect"]["assets"] == found["device/detect"]["assets"] == 1
    assert found["device/identify"]["state"] == "not observed"
    assert found["ot/recover"]["state"] == "not declared"
    assert "cloud/detect" not in found, "there is none"


def test_csf_asks_for_the_network_and_for_the_runtime_apart() -> None:
    found = rows("nist-csf-2.0")
    assert (found["DE.CM-01"]["observed"], found["DE.CM-09"]["observed"], found["ID.AM-01"]["observed"]) == (2, 1, 2)
    assert found["DE.CM-09"]["declared_by"] == ("edr",)


def test_iec_62443_is_about_control_systems_alone() -> None:
    assert rows("iec-62443-3-3")["SR 7.8"]["assets"] == 1


def test_every_line_is_of_a_known_framework_and_function_and_named_once() -> None:
    assert {line.framework for line in LINES} == TITLES.keys()
    assert all(set(line.functions) <= set(FUNCTIONS) for line in LINES)
    assert len({(line.framework, line.id) for line in LINES}) == len(LINES)
