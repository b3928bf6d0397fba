"""``docs/isolation.md`` promises what the tests try, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.faults.isolation_attacks import ATTACKS, LEVELS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "isolation.md").read_text()


def printed() -> list[list[str]]:
    """Rows of the table of attacks."""
    _, _, rest = PAGE.partition("<!-- attacks: begin -->")
    table, _, _ = rest.partition("<!-- attacks: end -->")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]


def test_the_table_of_attacks_is_the_one_that_is_tried() -> None:
    assert printed() == [[attack.name, *(attack.at(level) for level in LEVELS)] for attack in ATTACKS]


def test_no_level_promises_less_than_the_one_before() -> None:
    for attack in ATTACKS:
        promises = [attack.at(level) == "prevented" for level in LEVELS]
        assert promises == sorted(promises), attack.name


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[\w/.]+\.py(?:::\w+)?)`", PAGE))))
def test_every_test_that_is_named_exists(named: str) -> None:
    file, _, function = named.partition("::")
    text = (ROOT / file).read_text()
    assert not function or f"def {function}(" in text
