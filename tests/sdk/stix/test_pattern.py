"""The pattern grammar, held against the reference parser of the standard."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2.pattern_visitor import create_pattern_object
from stix2patterns.validator import run_validator

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Builder, Rule
from isthmus_sdk.stix._pattern import DEEPEST, read_pattern, tokens
from isthmus_sdk.stix.pattern import canonical, compare, equals, followed_by, literal, observation

SOUND = [
    "[ipv4-addr:value = '10.0.0.5']",
    "[file:hashes.'SHA-256' = 'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f' AND file:size > 5]",
    "[a:b = 1] AND [a:b != -1.5] OR [a:b <> true]",
    "([a:b = 1] FOLLOWEDBY [c-d:e = h'0aff']) WITHIN 10 SECONDS",
    "[a:b = 1] REPEATS 5 TIMES WITHIN 1.5 SECONDS START t'2024-01-01T00:00:00Z' STOP t'2024-01-02T00:00:00.123Z'",
    "[a:b IN ('x', 'y') AND a:c NOT LIKE '%z' OR a:d MATCHES '^a$']",
    "[ipv4-addr:value ISSUBSET '10.0.0.0/8' OR ipv4-addr:value NOT ISSUPERSET '10.0.0.0/8']",
    "[EXISTS a:b.c[*].d[0].'e-f']",
    "[(a:b = 'it''s')]".replace("''", "\\'"),
    "[a:b = b'QUJD' OR a:b >= 'x']",
    "[ a:b\n= 'x' ]",
    "[x_y:_a_b.c_ref.d = 'x']",
]
BROKEN = [
    "", "[", "[]", "a:b = 1", "[a:b]", "[a:b = ]", "[a = 1]", "[a:b = 'x]", "[a:b = 'x'", "[a:b == == 1]", "[a:b LIKE 5]", "[a:b < true]",
    "[a:b = 1] WITHIN -1 SECONDS", "[a:b = 1] REPEATS 1.5 TIMES", "[a:b = 1] WITHIN 5", "[a:b = 1] [a:b = 2]", "[a:b = 1] and [a:b = 2]",
    "[a:b IN 'x']", "[a:b = h'0']", "[a:b = b'A']", "[a:b = t'yesterday']", "[a:b = 1] START '2024-01-01T00:00:00Z' STOP '2025-01-01T00:00:00Z'",
    "[a:b[x] = 1]", "[a:b. = 1]", "[a:b = 1] AND", "[a:b = 1 OR ]", "(([a:b = 1])", "[a:b NOT = 1 1]", "[a:b = \"x\"]", "[a:b MATCHES 1]",
]  # fmt: skip


@pytest.mark.parametrize("text", SOUND)
def test_sound_patterns(text: str) -> None:
    assert read_pattern(text).error == ""
    assert run_validator(text, "2.1") == []


@pytest.mark.parametrize("text", BROKEN)
def test_broken_patterns(text: str) -> None:
    assert read_pattern(text).error
    assert not text or run_validator(text, "2.1")  # the reference crashes on an empty text


def test_both_parsers_agree_on_garbled_patterns() -> None:
    source, disagreements = random.Random(5), []
    pieces = ["[", "]", "(", ")", " AND ", " OR ", " NOT ", "a:b", " = ", "'x'", "1", "-1", "2.5", " IN ", ",", ".", "[*]", "true", " LIKE ",
              "h'0a'", " WITHIN 5 SECONDS", " FOLLOWEDBY ", "EXISTS ", "\\", "c-d:e", ":"]  # fmt: skip
    for _ in range(1_500):
        text = source.choice(SOUND)
        at = source.randrange(len(text))
        text = text[:at] + source.choice(pieces) + text[at + source.randint(0, 2) :]
        if bool(read_pattern(text).error) != bool(run_validator(text, "2.1")):
            disagreements.append((text, read_pattern(text).error))
    assert disagreements == []


def test_patterns_of_the_published_examples(samples: Path) -> None:
    read = 0
    for file in sorted(samples.glob("stix/oasis*/*.json")):
        for obj in json.loads(file.read_text()).get("objects", []):
            if obj["type"] == "indicator" and obj.get("pattern_type") == "stix":
                assert read_pattern(obj["pattern"]).error == "", obj["pattern"]
                read += 1
    assert read > 50


def test_comparisons_are_told_per_observation() -> None:
    reading = read_pattern("[a:b = 1 AND c:d = 2] OR [e:'f g' = 3]")
    assert [[tuple(each) for each in group] for group in reading.observations] == [
        [("a", "b"), ("c", "d")],
        [("e", "f g")],
    ]
    assert reading.comparisons == 3


def test_ten_thousand_terms_are_read_and_deep_nesting_is_refused() -> None:
    assert read_pattern("[" + " OR ".join(f"a:b = {n}" for n in range(10_000)) + "]").comparisons == 10_000
    assert read_pattern("(" * DEEPEST + "[a:b = 1]" + ")" * DEEPEST).error == ""
    assert "nested" in read_pattern("(" * 100_000 + "[a:b = 1]" + ")" * 100_000).error
    assert "nested" in read_pattern("[" + "(" * 100_000).error


@pytest.mark.parametrize("value", ["plain", "it's", "back\\slash", "both\\'", "'] OR [a:b = '", "\u00e9\u2028"])
def test_literals_are_escaped_so_that_they_stay_literals(value: str) -> None:
    reading = read_pattern(equals("url", "value", [value, "other"]))
    assert reading.error == ""
    assert reading.comparisons == 2


_NAMES = st.sampled_from(["a", "ipv4-addr", "x_y", "network-traffic", "file"])
_STEPS = st.sampled_from(["value", "b_ref", "extensions", "c d", "SHA-256", "it's", "\\", "AND"])
_VALUES = (
    st.text(st.characters(codec="utf-8"), max_size=6) | st.integers(-(2**40), 2**40) | st.booleans()
    | st.sampled_from([0.5, -1.25, 3.0, "'] OR [a:b = '", "\\'", "%", "10.0.0.0/8"])
)  # fmt: skip
_BARE = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"])


@st.composite
def comparisons(draw: st.DrawFn, type: str | None = None) -> str:
    operator = draw(_BARE)
    path = [draw(_STEPS), *draw(st.lists(_STEPS | st.integers(0, 9) | st.just("*"), max_size=2))]
    if operator == "IN":
        value = draw(st.lists(_VALUES, min_size=1, max_size=3))
    elif operator.isalpha():
        value = draw(_VALUES.filter(lambda each: isinstance(each, str)))
    else:
        value = draw(_VALUES.filter(lambda each: not (isinstance(each, bool) and operator[0] in "<>")))
    return compare(type or draw(_NAMES), *path, operator=draw(st.sampled_from(["", "NOT "])) + operator, value=value)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    observations = []
    for _ in range(draw(st.integers(1, 3))):
        type = draw(_NAMES)
        parts = draw(st.lists(comparisons(type), min_size=1, max_size=3))
        observations.append(observation(*parts, joined=draw(st.sampled_from(["AND", "OR"]))))
    return followed_by(*observations, within=draw(st.none() | st.integers(1, 99)))


def tree(text: str) -> str | None:
    """The pattern as stix2's tree prints it; nothing where that crashes on what the grammar has: ``NOT <``, ``[*][0]``."""
    try:
        return str(create_pattern_object(text, version="2.1"))
    except (AttributeError, TypeError):
        return None


@settings(max_examples=40)
@given(patterns())
def test_what_is_written_from_a_tree_is_read_by_everybody(text: str) -> None:
    assert read_pattern(text).error == ""
    assert run_validator(text, "2.1") == []
    assert tree(text) != ""


@settings(max_examples=40)
@given(patterns(), st.randoms(use_true_random=False))
def test_the_canonical_form_is_one_for_all_spacings_and_keeps_the_meaning(text: str, source: random.Random) -> None:
    once = canonical(text)
    assert canonical(once) == once
    words = tokens(text)
    spaced = ""
    for before, word in pairwise([None, *words]):
        glued = before is None or before.kind == word.kind == "mark"
        spaced += (source.choice(["", " ", "\n\t"]) if glued else source.choice([" ", "  ", "\n"])) + word.text
    assert canonical(spaced) == once
    assert tree(text) == tree(once)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("[ a:b  ==\n'x' ]", "[a:b = 'x']"),
        ("[a:b<>1 OR(a:c IN( 'x','y' ))]", "[a:b != 1 OR (a:c IN ('x', 'y'))]"),
        ("[file:hashes.'MD5' = '" + "0" * 32 + "']", "[file:hashes.MD5 = '" + "0" * 32 + "']"),
        ("[file:hashes.'SHA-256' . 'AND' [ * ] [0] = 'x']", "[file:hashes.'SHA-256'.'AND'[*][0] = 'x']"),
        ("([a:b=1])WITHIN 5 SECONDS", "([a:b = 1]) WITHIN 5 SECONDS"),
        ("[a:b = t'2024-01-01T00:00:00.100Z']", "[a:b = t'2024-01-01T00:00:00.1Z']"),
        ("no  pattern", "no  pattern"),
    ],
)
def test_canonical_forms(text: str, form: str) -> None:
    assert canonical(text) == form


def test_one_rule_is_one_indicator_however_it_is_spaced() -> None:
    builder = Builder(observed_at=5)
    made = {builder.rule(Rule("r", "n", pattern, "stix")).id for pattern in ("[a:b = 1]", " [ a:b=1 ]", "[a:b == 1]")}
    assert len(made) == 1
    assert len({builder.rule(Rule("r", "n", pattern, "sigma")).id for pattern in ("a  b", "a b")}) == 2


def test_two_types_in_one_observation_follow_the_grammar() -> None:
    text = "[ipv4-addr:value = '10.0.0.5' AND network-traffic:dst_port = 502]"
    assert read_pattern(text).error == ""
    assert run_validator(text, "2.1") == []
    with pytest.raises(ValueError, match="AND"):
        create_pattern_object(text, version="2.1")


@pytest.mark.parametrize(
    "make",
    [
        lambda: compare("a b", "c", value=1),
        lambda: compare("a:b = 1 OR a", "c", value=1),
        lambda: compare("a", 0, value=1),
        lambda: compare("a", "b", operator="==", value=1),
        lambda: compare("a", "b", operator="LIKE", value=5),
        lambda: compare("a", "b", operator="IN", value="x"),
        lambda: compare("a", "b", value=float("nan")),
        lambda: compare("a", "b", value=1e300),
        lambda: observation("a:b = 1] OR [a:b = 2"),
        lambda: observation("a:b = 1 OR a:b = 2"),
        lambda: followed_by("[a:b = 1"),
        lambda: equals("a", "b", []),
    ],
)
def test_nothing_slips_in_through_a_part(make: Callable[[], str]) -> None:
    with pytest.raises(RecordError):
        make()


def test_literals_of_every_kind() -> None:
    assert [literal(value) for value in ("it's", 5, -0.5, 2.0, True)] == ["'it\\'s'", "5", "-0.5", "2.0", "true"]


def test_long_texts_are_refused_or_not_remembered() -> None:
    assert "longer" in read_pattern("[" + "a" * 2_000_000).error
    assert read_pattern("[a:b = '" + "x" * 900_000 + "']").error == ""
