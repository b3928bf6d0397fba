"""The pattern grammar, held against the reference parser of the standard."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from stix2patterns.validator import run_validator

from isthmus_sdk.stix._pattern import DEEPEST, equals, read_pattern

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
