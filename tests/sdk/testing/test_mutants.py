"""The kit finds typical mistakes of authors, and says of each which rule it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus_sdk.testing import conformance, rules

from .mutants import MORE, TEN, Mutant

SLOW = {"kill", "memory", "rate", "fuzz"}
"""Looked at only where a mutant must break them."""
QUICK = [rule.name for rule in rules("silver") if not rule.name.startswith("fault.") and rule.name not in SLOW]


def left_to_do(value: str, *more: str) -> dict[str, list[str]]:
    """Rules that the connector does not keep, with what was found."""
    report = conformance(value, level="gold", only=[*QUICK, *more])
    return {result.rule: list(result.findings) for result in report.results if result.status == "todo"}


@pytest.mark.faults
def test_the_reference_connector_itself_keeps_them_all(tmp_path: Path) -> None:
    sound = Mutant("sound", "ge {time}", "ge {time}", ())
    every = {rule for mutant in (*TEN, *MORE) for rule in mutant.caught_by}
    assert left_to_do(sound.make(tmp_path), *(every - set(QUICK))) == {}


@pytest.mark.parametrize(
    "mutant", [*TEN, *(pytest.param(m, marks=pytest.mark.faults) for m in MORE)], ids=lambda mutant: mutant.name
)
def test_the_kit_catches(mutant: Mutant, tmp_path: Path) -> None:
    found = left_to_do(mutant.make(tmp_path), *(set(mutant.caught_by) - set(QUICK)))
    assert set(mutant.caught_by) <= set(found), found
