"""Random changes to sound objects of every type, and random rubbish.

Whatever stix2 or the validator refuses, we refuse, unless the standard's text says otherwise; nothing raises anything but
our own error, and nothing takes longer than the length of its input.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from hypothesis import example as given_example
from tests.sdk.stix.changes import EXTENSION, UUID_4
from tests.sdk.stix.examples import ALL_TYPES, IDENTITY, IPV4, MALWARE, T0, T1, example
from tests.sdk.stix.judges import reasons_to_differ, stix2_refuses, validator_refuses

from isthmus_sdk.errors import InvalidObject
from isthmus_sdk.stix import accepts_all, check, problems, warnings
from isthmus_sdk.stix._compile import accepts
from isthmus_sdk.stix._explain import explain, may_point_at
from isthmus_sdk.stix._leaves import TEXTS
from isthmus_sdk.stix._table import PARTS, TYPES
from isthmus_sdk.stix._table.notation import Kind
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES

Json = dict[str, Any]

_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 5, 65_536, 2**53, 2.5, 1e300, "", "a", "x y", "\u00fc", "0a", "0A", "0" * 32, "de", "xx", "en-US", "UTF-8", "utf-8",
    "text/plain", "text", "2024-02-01T00:00:00Z", T0, T1, "2024-02-30T00:00:00Z", "2024", "stix", "10.0.0.1", "10.0.0.1/8", "::1", "::ffff:1.2.3.4",
    "00:1b:1b:aa:bb:cc", "a.example", "a@b.example", "https://a.example/b", "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*", "QUJD", "AF_INET", "agree", "2.1", "2.0",
    "HKLM\\a", MALWARE, IDENTITY, IPV4, f"bundle--{UUID_4}", f"marking-definition--{UUID_4}", f"x-mine--{UUID_4}", f"file--{UUID_4}", f"software--{UUID_4}",
    [], ["a"], [""], [5], [None], ["a", "b"], [MALWARE], [IPV4], [f"marking-definition--{UUID_4}"], [{}], ["en"], ["xx"], [[]],
    {}, {"abc": 1}, {"abc": "d"}, {"abc": ["d"]}, {"a b": 1}, {"abc": None}, {"MD5": "0" * 32}, {"MD5": "x"}, {"FOO": "a"}, {"de": {"name": "x"}}, {"statement": "s"},
    {"tlp": "red"}, [{"source_name": "a", "url": "https://a.example"}], [{"source_name": "a"}], [{"kill_chain_name": "k", "phase_name": "p"}],
    [{"selectors": ["id"], "lang": "en"}], [{"selectors": ["nope"], "lang": "en"}], [{"name": "a", "data_type": "REG_SZ"}], [{"body": "b"}],
    {EXTENSION: {"extension_type": "property-extension", "abc": 1}}, {EXTENSION: {"abc": 1}}, {"ntfs-ext": {"sid": "s"}}, {"tcp-ext": {}}, {"x-mine-ext": {"abc": 1}},
]  # fmt: skip
_SOUND: dict[str, list[Any]] = {
    "text": ["a", "", "\u00fc"], "boolean": [True, False], "integer": [0, 1, 5, -1], "float": [0.5, 1, -90], "timestamp": [T0, T1, "2024-01-01T00:00:00Z"],
    "milliseconds": [T0, T1], "binary": ["QUJD"], "hex": ["0a", "ff00"], "dictionary": [{"abc": "d"}, {"abc": 1}, {"abc": ["d"]}],
    "hashes": [{"MD5": "0" * 32}, {"SHA-256": "0" * 64}, {"FOO": "a"}], "language": ["en", "de-CH", "zh-Hans"], "type name": ["uses", "knows"],
    "url": ["https://a.example/b"], "cpe": ["cpe:2.3:a:x:y:1:*:*:*:*:*:*:*"], "mime": ["text/plain", "a/b"], "charset": ["UTF-8", "windows-1252"],
    "ipv4": ["10.0.0.1/8", "1.2.3.4"], "ipv6": ["::1", "::ffff:1.2.3.4"], "mac": ["00:1b:1b:aa:bb:cc"], "domain": ["a.example", "_a.example"], "email": ["a@b.example"],
    "vocabulary": ["system", "unknown", "a"],
    "extensions": [{EXTENSION: {"extension_type": kind, "abc": 1}} for kind in ("property-extension", "toplevel-property-extension", "new-sdo")],
}  # fmt: skip
"""Values by kind that are mostly right, so that many mutants are sound and are judged."""


def _fitting(kind: Kind, draw: strategies.DrawFn) -> Any:
    if kind.of is not None and kind.name == "list":
        return [_fitting(kind.of, draw) for _ in range(draw(strategies.integers(1, 2)))]
    if kind.name == "ref":
        types = [type for type in TYPES if may_point_at(kind.targets, type)]
        return f"{draw(strategies.sampled_from(types))}--{UUID_4}"
    if kind.name == "enum":
        return draw(strategies.sampled_from(sorted(VOCABULARIES[kind.choices])))
    if kind.name == "part":
        kinds = PARTS[kind.part].properties
        names = draw(strategies.lists(strategies.sampled_from(sorted(kinds)), max_size=3, unique=True))
        wanted = [name for name, prop in kinds.items() if prop.required or name in names]
        return {name: _fitting(kinds[name].kind, draw) for name in wanted}
    return draw(strategies.sampled_from(_SOUND.get(kind.name, _VALUES)))


_NAMES = [
    "x_mine",
    "xy",
    "Upper",
    "severity",
    "defanged",
    "created",
    "modified",
    "labels",
    "lang",
    "confidence",
    "revoked",
    "extensions",
    "value",
]


@strategies.composite
def mutants(draw: strategies.DrawFn) -> Json:
    """A sound object of some type with one or two properties set, or left out."""
    obj = example(draw(strategies.sampled_from(ALL_TYPES)))
    kinds = TYPES[obj["type"]].properties
    names = [*kinds, *_NAMES]
    for _ in range(draw(strategies.integers(1, 2))):
        name = draw(strategies.sampled_from(names))
        if draw(strategies.booleans()) and name in obj:
            del obj[name]
        elif draw(strategies.integers(0, 3)) and name in kinds:
            obj[name] = _fitting(kinds[name].kind, draw)
        else:
            obj[name] = draw(strategies.sampled_from(_VALUES))
    return json.loads(json.dumps(obj))


_CALM = settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@_CALM
@given(mutants())
def test_what_another_judge_refuses_is_refused_or_allowed_by_the_text(obj: Json) -> None:
    if problems(obj):
        return
    advice = {warning.rule for warning in warnings(obj)}
    if stix2_refuses(obj) or validator_refuses(obj):
        assert reasons_to_differ(obj, advice), obj


_WRONG: list[Any] = [None, "", "x y", 5, -1, 2.5, True, [], ["x"], [5], [{}], {}, {"abc": 1}]


@pytest.mark.parametrize("type", ALL_TYPES)
def test_no_property_of_any_type_takes_what_another_judge_refuses(type: str) -> None:
    """Each property alone: left out, and set to what is mostly wrong."""
    for name in [*TYPES[type].properties, "x_mine"]:
        without = {key: value for key, value in example(type).items() if key != name}
        for obj in [without, *({**example(type), name: value} for value in _WRONG)]:
            if problems(obj):
                assert not accepts(obj)
            elif stix2_refuses(obj, allow_custom=True) or validator_refuses(obj):
                assert reasons_to_differ(obj, {warning.rule for warning in warnings(obj)}), obj


@_CALM
@given(mutants())
def test_the_quick_yes_is_never_said_to_what_is_refused(obj: Json) -> None:
    if explain(obj)[0]:
        assert not accepts(obj)
        assert not accepts_all([obj] * 5)


_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(strategies.sampled_from(ALL_TYPES), strategies.dictionaries(strategies.text(), _JSON, max_size=3), _JSON, _JSON)
@given_example("tool", {}, float("nan"), {"": 1})
def test_rubbish_raises_nothing_but_our_own_error(type: str, more: Json, value: Any, other: Any) -> None:
    names = list(TYPES[type].properties)
    rubbish = [value, more, {"type": type, **more}, {**example(type), **more, names[-1]: value, names[5]: other}]
    for obj in rubbish:
        try:
            check(obj)
        except InvalidObject as refused:
            assert refused.rule
        warnings(obj)
        problems(obj)


_ENDLESS = ["a", "a.", "a-", "/", ":", "%", "[", "\\", "'", "::", "a@", "=?", "\u00fc", "*?"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", _ENDLESS)
def test_texts_of_a_million_characters_cost_no_more_than_their_length(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    for leaf in TEXTS.values():
        leaf.test(text)
        leaf.test(text + "!")
    for obj in (
        {"type": text}, {**example("tool"), "id": text}, {**example("tool"), text: 1}, {**example("file"), "hashes": {text: text, "SSDEEP": text}},
        {**example("indicator"), "pattern": text[:50_000]}, {**example("software"), "cpe": "cpe:2.3:a:" + text}, {**example("mutex"), "extensions": {text: {text: 1}}},
        {**example("tool"), "granular_markings": [{"lang": text, "selectors": [text]}]}, {**example("email-message"), "subject": text},
        {**example("windows-registry-key"), "key": text}, {**example("language-content"), "contents": {text: {text: text}}},
    ):  # fmt: skip
        for problem in explain(obj)[0]:
            assert len(problem.message) < 400
            assert len(problem.path) <= 300


@pytest.mark.timeout(60)
def test_many_keys_long_lists_and_depth_cost_no_more_than_their_size() -> None:
    many = {f"x_{number}": number for number in range(200_000)}
    assert problems({**example("tool"), **many}) == []
    assert len(problems({**example("tool"), "aliases": [5] * 100_000})) == 100_000
    assert problems({**example("grouping"), "object_refs": [MALWARE] * 100_000}) == []
    deep: Any = "end"
    for _ in range(100_000):
        deep = {"k" * 200: deep}
    assert [problem.rule for problem in problems({**example("tool"), "x_mine": deep})] == ["depth"]
    selectors = ["aliases.[" + "1" * 9 + "]"] * 10_000
    marked = {**example("tool"), "aliases": ["a"], "granular_markings": [{"lang": "en", "selectors": selectors}]}
    assert len(problems(marked)) == 10_000
