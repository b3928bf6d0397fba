"""The two tables: what the standard forbids is refused by name, section and place; what it allows passes.

Both tables also hold what stix2 and the validator say, so that it is seen where we are stricter, and that we are laxer
nowhere without the standard's own words for it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.sdk.stix import invalid_objects, invalid_observables, valid_objects
from tests.sdk.stix.examples import example
from tests.sdk.stix.judges import reasons_to_differ, refused_by

from isthmus_sdk.errors import InvalidObject
from isthmus_sdk.stix import accepts_all, check, problems, warnings
from isthmus_sdk.stix._compile import accepts
from isthmus_sdk.stix._rulebook import RULES

INVALID = [
    *invalid_objects.COMMON,
    *invalid_objects.DOMAIN,
    *invalid_objects.RELATIONSHIPS,
    *invalid_observables.OBSERVABLES,
    *invalid_observables.META,
]
VALID = [
    *valid_objects.COMMON,
    *valid_objects.DOMAIN,
    *valid_objects.RELATIONSHIPS,
    *valid_objects.OBSERVABLES,
    *valid_objects.META,
]


@pytest.mark.parametrize("row", INVALID, ids=[row[0] for row in INVALID])
def test_what_the_standard_forbids_is_refused_by_rule_section_and_place(row: invalid_objects.Row) -> None:
    _, type, how, rule, section, path, others = row
    obj = how(example(type))
    first = problems(obj)[0]
    assert (first.rule, first.section, first.path) == (rule, section, path[:300])
    assert first.message.endswith(f"(section {section})")
    with pytest.raises(InvalidObject) as caught:
        check(obj)
    assert (caught.value.rule, caught.value.path) == (rule, path[:300])
    assert not accepts(obj)
    assert not accepts_all([example(type), obj, obj, obj, obj])
    assert refused_by(obj) == others


@pytest.mark.parametrize("row", VALID, ids=[row[0] for row in VALID])
def test_what_the_standard_allows_passes_with_no_more_than_the_named_advice(row: valid_objects.Row) -> None:
    _, type, how, _, advice = row
    obj = how(example(type))
    check(obj)
    assert problems(obj) == []
    assert {warning.rule for warning in warnings(obj)} == advice
    if refused_by(obj) != "nobody":
        assert reasons_to_differ(obj, advice)


def test_both_tables_are_large_and_every_row_has_its_own_name() -> None:
    assert len(INVALID) >= 250
    assert len(VALID) >= 180
    for table in (INVALID, VALID):
        assert [name for name, count in Counter(row[0] for row in table).items() if count > 1] == []


def test_every_binding_rule_of_one_object_is_broken_by_some_row() -> None:
    of_sets = {
        "version-created",
        "version-author",
        "version-content",
        "version-after-revoked",
        "family-variant",
        "uuid-reused",
    }
    elsewhere = {"object", "depth", "container-key"}
    binding = {name for name, rule in RULES.items() if rule.binds}
    assert binding - of_sets - elsewhere == {row[3] for row in INVALID}


def test_the_documentation_lists_the_rulebook() -> None:
    page = (Path(__file__).parents[3] / "docs" / "stix-rules.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    sections = {True: "type", False: "our own"}
    expected = [[f"`{name}`", rule.section or sections[rule.binds], rule.asks] for name, rule in RULES.items()]
    assert rows == expected


def test_no_rule_is_named_that_the_rulebook_does_not_explain() -> None:
    for _, type, how, *_ in (*INVALID, *VALID):
        obj = how(example(type))
        for problem in problems(obj):
            assert RULES[problem.rule].binds
        for warning in warnings(obj):
            assert not RULES[warning.rule].binds
            assert RULES[warning.rule].asks.endswith(".")


def test_messages_are_short_and_show_neither_secrets_nor_whole_objects() -> None:
    secret = "hunter2-" + "s" * 50
    for type, name in [("user-account", "credential"), ("artifact", "decryption_key"), ("tool", "x_api_key")]:
        for value in (secret + "\ud800", [None, secret], {"a b": secret}, {"value": [None, secret]}):
            found = problems({**example(type), name: value})
            assert found
            assert "hunter2" not in json.dumps([problem._asdict() for problem in found])
    assert "hunter2" not in str(problems({**example("url"), "value": "https://anna:hunter2@a.example/ b"}))
    for problem in problems({**example("tool"), "name": ["x" * 10_000], "y" * 10_000: 1, "lang": "z" * 10_000}):
        assert len(problem.message) < 300
        assert len(problem.path) <= 300
