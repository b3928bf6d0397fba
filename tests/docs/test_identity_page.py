"""The page of identity says what the code does: its tables are compared with the rules."""

from __future__ import annotations

import re

import msgspec
import pytest

from isthmus_hub.assets import DEFAULT_WEIGHTS, ORDERS
from isthmus_hub.assets._identity import STRENGTHS
from isthmus_hub.assets._linking import STRONG
from isthmus_hub.assets._trust import CROWD, MANY_ADDRESSES

from .pages import ROOT

PAGE = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    assert lines, heading
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_the_identifiers_are_those_that_link_in_their_order() -> None:
    told = [(kind, int(strength), links) for kind, strength, _, links in rows("Identifiers, strongest first")]
    assert told == [
        (kind, strength.value, "yes" if kind in STRONG else "no")
        for kind, strength in sorted(STRENGTHS.items(), key=lambda item: item[1])
    ]


def test_the_weights_are_those_of_the_shipped_model() -> None:
    model = msgspec.structs.asdict(DEFAULT_WEIGHTS)
    assert {name: float(bits) for name, bits, _ in rows("The weights")} == {
        name: value for name, value in model.items() if name != "version"
    }


def test_the_orders_of_sources_are_those_that_are_followed() -> None:
    assert {name: tuple(order.split(", ")) for name, order in rows("Whom to believe")} == dict(ORDERS)


@pytest.mark.parametrize(
    ("words", "number"), [(r"more than (\d+) records", CROWD), (r"seen with (\d+) addresses", MANY_ADDRESSES)]
)
def test_the_bounds_of_trust_are_those_that_are_used(words: str, number: int) -> None:
    assert [int(found) for found in re.findall(words, PAGE)] == [number]


def test_the_worked_example_adds_up() -> None:
    sums = re.findall(r"(-?[\d.]+) \+ ([\d.]+) \+ ([\d.]+) = (-?[\d.]+)", PAGE)
    weights = DEFAULT_WEIGHTS
    assert [[float(part) for part in each[:3]] for each in sums] == [
        [weights.prior, weights.address_at_once, weights.vendor],
        [weights.prior, weights.address_leased, weights.vendor],
    ]
    results = [float(each[3]) for each in sums]
    assert results == [sum(map(float, each[:3])) for each in sums]
    assert results[0] >= weights.merge > weights.undecided > results[1]
