"""The checks:

What the standard forbids is refused, what it allows passes, and two independent judges never disagree our way.
"""

from __future__ import annotations

import copy
import json
import random
import warnings as python_warnings
from collections.abc import Callable
from typing import Any

import pytest
import stix2
from stix2validator import ValidationOptions, validate_instance
from tests.sdk.stix.examples import ALL_TYPES, IDENTITY, IPV4, MALWARE, T0, T1, example

from isthmus_sdk.errors import InvalidObject
from isthmus_sdk.stix import TLP, _columns, check, problems, tlp_object, warnings
from isthmus_sdk.stix._columns import accepts_all
from isthmus_sdk.stix._compile import accepts
from isthmus_sdk.stix._explain import explain
from isthmus_sdk.stix._markings import tlp1_object
from isthmus_sdk.stix._table import TYPES

Json = dict[str, Any]
# 103: SDOs with UUIDv5 (ours are, on purpose); 272: names of OT protocols.
OPTIONS = ValidationOptions(version="2.1", disabled="103,272")


def stix2_refuses(obj: Json) -> bool:
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        try:
            stix2.parse(copy.deepcopy(obj), version="2.1")
        except Exception:  # whatever it stumbles over, it does not take the object
            return True
    return False


def validator_refuses(obj: Json) -> bool:
    return not validate_instance(json.loads(json.dumps(obj)), OPTIONS).is_valid


@pytest.mark.parametrize("type", ALL_TYPES)
def test_sound_objects_of_every_type_pass_all_three_judges(type: str) -> None:
    obj = example(type)
    check(obj)
    assert problems(obj) == []
    assert not stix2_refuses(obj)
    assert not validator_refuses(obj)


def test_there_is_an_example_of_every_type() -> None:
    assert set(ALL_TYPES) == set(TYPES)


def _set(name: str, value: Any) -> Callable[[Json], Json]:
    return lambda obj: {**obj, name: value}


def _without(*names: str) -> Callable[[Json], Json]:
    return lambda obj: {name: value for name, value in obj.items() if name not in names}


def _gm(*selectors: str, **more: Any) -> Callable[[Json], Json]:
    return _set("granular_markings", [{"marking_ref": TLP["red"], "selectors": list(selectors), **more}])


BROKEN: list[tuple[str, str, Callable[[Json], Json], str]] = [
    # what, type, how, path of the first problem
    ("missing required", "tool", _without("name"), "name"),
    ("missing created", "tool", _without("created"), "created"),
    ("missing modified", "tool", _without("modified"), "modified"),
    ("missing spec_version", "tool", _without("spec_version"), "spec_version"),
    ("missing type", "tool", _without("type"), "type"),
    ("missing id", "tool", _without("id"), "id"),
    ("STIX 2.0", "tool", _set("spec_version", "2.0"), "spec_version"),
    ("id of another type", "tool", _set("id", MALWARE), "id"),
    ("bad UUID", "tool", _set("id", "tool--12345"), "id"),
    ("UUID without variant", "tool", _set("id", "tool--00000000-0000-5000-0000-000000000000"), "id"),
    ("nil UUID", "tool", _set("id", "tool--00000000-0000-0000-0000-000000000000"), "id"),
    ("modified before created", "tool", lambda o: {**o, "created": T1, "modified": T0}, "modified"),
    ("no such day", "tool", _set("modified", "2024-02-30T00:00:00.000Z"), "modified"),
    ("time with offset", "tool", _set("modified", "2024-02-01T00:00:00.000+00:00"), "modified"),
    ("created without milliseconds", "tool", _set("created", "2024-01-01T00:00:00Z"), "created"),
    ("name is a number", "tool", _set("name", 5), "name"),
    ("name is null", "tool", _set("name", None), "name"),
    ("null of a custom property", "tool", _set("x_mine", None), "x_mine"),
    ("null deep inside", "tool", _set("x_mine", {"a": [None]}), "x_mine.a[0]"),
    ("empty list", "tool", _set("aliases", []), "aliases"),
    ("empty custom list", "tool", _set("x_mine", []), "x_mine"),
    ("not a list", "tool", _set("aliases", "a"), "aliases"),
    ("lone surrogate", "tool", _set("name", "\ud800"), "name"),
    ("bytes", "tool", _set("x_mine", b"x"), "x_mine"),
    ("property name too short", "tool", _set("xy", 1), "xy"),
    ("property name in capitals", "tool", _set("Xyz", 1), "Xyz"),
    ("property name starts with a digit", "tool", _set("9abc", 1), "9abc"),
    ("property name too long", "tool", _set("x" * 251, 1), "x" * 251),
    ("confidence 101", "tool", _set("confidence", 101), "confidence"),
    ("confidence as text", "tool", _set("confidence", "50"), "confidence"),
    ("confidence true", "tool", _set("confidence", True), "confidence"),
    ("lang", "tool", _set("lang", "klingon"), "lang"),
    ("revoked as text", "tool", _set("revoked", "false"), "revoked"),
    ("reference without a name", "tool", _set("external_references", [{"url": "https://a.example"}]), "external_references[0].source_name"),
    ("reference without content", "tool", _set("external_references", [{"source_name": "a"}]), "external_references[0].description"),
    ("reference hash name", "tool", _set("external_references", [{"source_name": "a", "url": "https://a.example", "hashes": {"FOO-1": "a"}}]),
     "external_references[0].hashes.FOO-1"),
    ("reference URL", "tool", _set("external_references", [{"source_name": "a", "url": "no url"}]), "external_references[0].url"),
    ("cve reference", "vulnerability", _set("external_references", [{"source_name": "cve", "external_id": "2024-1"}]), "external_references[0].external_id"),
    ("author is no identity", "tool", _set("created_by_ref", MALWARE), "created_by_ref"),
    ("marking is no marking", "tool", _set("object_marking_refs", [IDENTITY]), "object_marking_refs[0]"),
    ("selector into nothing", "tool", _gm("description"), "granular_markings[0].selectors[0]"),
    ("selector index", "tool", lambda o: _gm("aliases.[1]")({**o, "aliases": ["a"]}), "granular_markings[0].selectors[0]"),
    ("selector syntax", "tool", _gm("name..x"), "granular_markings[0].selectors[0]"),
    ("marking and language", "tool", _gm("name", lang="en"), "granular_markings[0].lang"),
    ("neither marking nor language", "tool", _set("granular_markings", [{"selectors": ["name"]}]), "granular_markings[0].lang"),
    ("marking marks itself", "marking-definition", lambda o: {**o, "object_marking_refs": [o["id"]]}, "object_marking_refs"),
    ("forged TLP", "marking-definition", lambda _o: {**tlp1_object("red"), "definition": {"tlp": "white"}}, "id"),
    ("unknown TLP", "marking-definition", lambda o: {**o, "definition_type": "tlp", "definition": {"tlp": "pink"}}, "definition.tlp"),
    ("empty marking", "marking-definition", _without("definition", "definition_type"), "definition_type"),
    ("marking with modified", "marking-definition", _set("modified", T1), "modified"),
    ("opinion outside its enumeration", "opinion", _set("opinion", "maybe"), "opinion"),
    ("port", "network-traffic", _set("dst_port", 70_000), "dst_port"),
    ("no end of traffic", "network-traffic", _without("src_ref"), "src_ref"),
    ("active traffic that ended", "network-traffic", _set("is_active", True), "end"),
    ("traffic ends before it starts", "network-traffic", lambda o: {**o, "start": T1, "end": T0}, "end"),
    ("traffic from a file", "network-traffic", _set("src_ref", "file--" + IPV4[-36:]), "src_ref"),
    ("no protocol", "network-traffic", _set("protocols", []), "protocols"),
    ("hash length", "file", _set("hashes", {"MD5": "0" * 31}), "hashes.MD5"),
    ("hash name", "file", _set("hashes", {"M D": "0"}), "hashes.M D"),
    ("file without name and hash", "file", _without("name", "hashes"), "hashes"),
    ("empty extension", "file", _set("extensions", {"ntfs-ext": {}}), "extensions.ntfs-ext"),
    ("empty extensions", "file", _set("extensions", {}), "extensions"),
    ("extension type", "file", _set("extensions", {"extension-definition--" + IPV4[-36:]: {"foo": 1}}),
     "extensions.extension-definition--" + IPV4[-36:] + ".extension_type"),
    ("short property in an extension", "tool", _set("extensions", {"extension-definition--" + IPV4[-36:]: {"extension_type": "property-extension", "os": 1}}),
     "extensions.extension-definition--" + IPV4[-36:] + ".os"),
    ("extension property of a wrong kind", "file", _set("extensions", {"raster-image-ext": {"image_height": "5"}}), "extensions.raster-image-ext.image_height"),
    ("language-content key", "language-content", _set("contents", {"english!": {"name": "N"}}), "contents.english!"),
    ("language-content property", "language-content", _set("contents", {"de": {"N": "N"}}), "contents.de.N"),
    ("observed-data with both", "observed-data", _set("objects", {"0": {"type": "mutex", "name": "m"}}), "objects"),
    ("observed-data with neither", "observed-data", _without("object_refs"), "objects"),
    ("observed nothing", "observed-data", _set("number_observed", 0), "number_observed"),
    ("observed too often", "observed-data", _set("number_observed", 1_000_000_000), "number_observed"),
    ("observed last before first", "observed-data", lambda o: {**o, "first_observed": T1, "last_observed": T0}, "last_observed"),
    ("pattern", "indicator", _set("pattern", "[ipv4-addr:value = ]"), "pattern"),
    ("pattern type", "indicator", _without("pattern_type"), "pattern_type"),
    ("valid until it begins", "indicator", _set("valid_until", T0), "valid_until"),
    ("URL with an umlaut", "url", _set("value", "https://b\u00fccher.example/"), "value"),
    ("IPv4", "ipv4-addr", _set("value", "hello"), "value"),
    ("IPv4 with leading zeros", "ipv4-addr", _set("value", "10.0.0.01"), "value"),
    ("IPv6", "ipv6-addr", _set("value", "10.0.0.5"), "value"),
    ("MAC in capitals", "mac-addr", _set("value", "00:1B:1B:AA:BB:CC"), "value"),
    ("domain with a space", "domain-name", _set("value", "a b.example"), "value"),
    ("e-mail with a name", "email-addr", _set("value", "A <a@example.org>"), "value"),
    ("URL without scheme", "url", _set("value", "example.org/a"), "value"),
    ("CPE", "software", _set("cpe", "cpe:2.3:a:x"), "cpe"),
    ("software language", "software", _set("languages", ["xx"]), "languages[0]"),
    ("process of version 5", "process", _set("id", "process--" + IPV4[-36:]), "id"),
    ("artifact of version 5 without content", "artifact", lambda o: {**_without("payload_bin")(o), "id": "artifact--" + IPV4[-36:]}, "id"),
    ("empty process", "process", _without("pid"), ""),
    ("artifact with both", "artifact", lambda o: {**o, "url": "https://a.example", "hashes": {"MD5": "0" * 32}}, "payload_bin"),
    ("artifact from nowhere", "artifact", lambda o: {**_without("payload_bin")(o), "id": "artifact--" + IPV4[11:25] + "4" + IPV4[26:], "url": "https://a.example"}, "url"),
    ("base64", "artifact", _set("payload_bin", "QUJ"), "payload_bin"),
    ("encryption", "artifact", _set("encryption_algorithm", "rot13"), "encryption_algorithm"),
    ("media type", "artifact", _set("mime_type", "picture"), "mime_type"),
    ("hex", "file", _set("magic_number_hex", "abc"), "magic_number_hex"),
    ("negative size", "file", _set("size", -1), "size"),
    ("integer beyond 54 bits", "autonomous-system", _set("number", 2**54), "number"),
    ("float for an integer", "autonomous-system", _set("number", 5.0), "number"),
    ("latitude", "location", _set("latitude", 91), "latitude"),
    ("latitude alone", "location", _without("longitude", "precision"), "latitude"),
    ("precision alone", "location", _without("longitude", "latitude"), "precision"),
    ("nowhere", "location", _without("longitude", "latitude", "precision", "country"), ""),
    ("family without a name", "malware", _without("name"), "name"),
    ("analysis without a result", "malware-analysis", _without("result"), "result"),
    ("multipart with body", "email-message", _set("is_multipart", True), "body"),
    ("dictionary key", "process", _set("environment_variables", {"a b": "c"}), "environment_variables.a b"),
    ("empty dictionary", "process", _set("environment_variables", {}), "environment_variables"),
    ("relationship of a relationship", "relationship", _set("source_ref", "relationship--" + IPV4[-36:]), "source_ref"),
    ("relationship type", "relationship", _set("relationship_type", "Uses It"), "relationship_type"),
    ("relationship ends as it starts", "relationship", lambda o: {**o, "start_time": T0, "stop_time": T0}, "stop_time"),
    ("sighting of an observable", "sighting", _set("sighting_of_ref", IPV4), "sighting_of_ref"),
    ("sighted in malware", "sighting", _set("where_sighted_refs", [MALWARE]), "where_sighted_refs[0]"),
    ("data is no observed-data", "sighting", _set("observed_data_refs", [MALWARE]), "observed_data_refs[0]"),
    ("count below zero", "sighting", _set("count", -1), "count"),
    ("kind of an extension", "extension-definition", _set("extension_types", ["new-thing"]), "extension_types[0]"),
    ("extension properties without the kind", "extension-definition", _set("extension_properties", ["abc"]), "extension_properties"),
    ("seen last before first", "infrastructure", lambda o: {**o, "first_seen": T1, "last_seen": T0}, "last_seen"),
]  # fmt: skip


@pytest.mark.parametrize(("type", "broken", "path"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_the_standard_forbids_is_refused_with_its_place(
    type: str, broken: Callable[[Json], Json], path: str
) -> None:
    obj = broken(example(type))
    found = problems(obj)
    assert found, "accepted"
    assert found[0].path == path
    with pytest.raises(InvalidObject) as caught:
        check(obj)
    assert (caught.value.path, caught.value.rule) == (found[0].path, found[0].rule)
    assert caught.value.rule
    assert not accepts(obj)


@pytest.mark.parametrize(
    "obj", [None, 5, "tool", [], {}, {"type": 5}, {"type": []}, {"type": "a" * 100_000}, {"type": {}}]
)
def test_what_is_no_object_is_refused(obj: Any) -> None:
    with pytest.raises(InvalidObject):
        check(obj)


def test_hostile_type_names_cost_no_more_than_their_length() -> None:
    for name in ("a" * 250 + "_", "a-" * 120 + "_", "aaaaaaaaaaaaaaaaaaaaaaaaaa_" * 9):
        assert problems({"type": name, "id": f"{name}--x"})[0].path == "type"


def test_depth_bombs_are_refused() -> None:
    deep: Json = {}
    for _ in range(5_000):
        deep = {"abc": deep}
    assert problems({**example("tool"), "x_mine": deep})[0].rule == "depth"


ALLOWED: list[tuple[str, str, Callable[[Json], Json], str]] = [
    ("unknown property", "tool", _set("x_mine", {"Any-Key": [1, 2.5, "c", {"d": []}]}), "custom-property"),
    ("value outside an open vocabulary", "tool", _set("tool_types", ["hammer"]), "vocabulary"),
    ("unlisted relationship", "relationship", _set("relationship_type", "admires"), "relationship-listed"),
    ("wrong deterministic id", "ipv4-addr", _set("value", "10.0.0.6"), "id-mismatch"),
    ("random id", "ipv4-addr", _set("id", "ipv4-addr--" + IPV4[11:25] + "4" + IPV4[26:]), "id-random"),
    ("unknown hash", "file", _set("hashes", {"CRC32": "0a"}), "vocabulary"),
    ("unknown extension", "file", _set("extensions", {"my-ext": {"foo": 1}}), "custom-extension"),
    ("deprecated objects", "observed-data", lambda o: {**_without("object_refs")(o), "objects": {"0": {"type": "mutex", "name": "m"}}}, "deprecated"),
    ("CVE under another name", "tool", _set("external_references", [{"source_name": "nvd", "external_id": "CVE-2024-0001"}]), "reference-source"),
    ("ended without is_active", "network-traffic", _without("is_active"), "inactive-end"),
]  # fmt: skip


@pytest.mark.parametrize(("type", "change", "rule"), [case[1:] for case in ALLOWED], ids=[case[0] for case in ALLOWED])
def test_what_the_standard_only_advises_is_a_warning(type: str, change: Callable[[Json], Json], rule: str) -> None:
    obj = change(example(type))
    check(obj)
    assert rule in {warning.rule for warning in warnings(obj)}


@pytest.mark.parametrize(
    ("type", "change"),
    [
        ("ipv4-addr", lambda o: {**o, "value": "10.0.0[.]5", "defanged": True}),
        ("domain-name", _set("value", "_dmarc.example.org")),
        ("ipv4-addr", _set("value", "10.0.0.0/8")),
        ("tool", _set("created", "2024-01-01T00:00:00.123456Z")),
        ("tool", _set("modified", "2024-12-31T23:59:60.000Z")),
        ("tool", lambda o: {**o, "labels": ["a"], **_gm("labels.[0]", "created")(o)}),
        ("location", lambda o: {**_without("latitude", "longitude", "precision")(o)}),
        (
            "file",
            lambda o: {
                **o,
                "extensions": {"windows-pebinary-ext": {"pe_type": "exe", "sections": [{"name": "s", "entropy": 1.0}]}},
            },
        ),
        ("malware", _set("is_family", False)),
        ("note", _set("object_refs", [TLP["red"], IPV4])),
    ],
)
def test_what_the_standard_allows_passes(type: str, change: Callable[[Json], Json]) -> None:
    check(change(example(type)))


def test_custom_types_pass_untouched_and_what_is_common_still_holds() -> None:
    obj = {
        "type": "x-mitre-asset",
        "spec_version": "2.1",
        "id": "x-mitre-asset--" + IPV4[-36:],
        "created": T0,
        "modified": T1,
        "x_abc": [{}],
    }
    before = copy.deepcopy(obj)
    check(obj)
    assert obj == before
    assert [warning.rule for warning in warnings(obj)] == ["custom-type"]
    assert problems({**obj, "modified": T0, "created": T1})[0].path == "modified"
    assert problems({**obj, "confidence": 200})[0].path == "confidence"
    assert problems({**obj, "id": MALWARE})[0].path == "id"


@pytest.mark.parametrize("name", list(TLP))
def test_tlp_markings_pass(name: str) -> None:
    check(tlp_object(name))
    assert not stix2_refuses(tlp_object(name))
    assert not validator_refuses(tlp_object(name))


# -- two independent judges ------------------------------------------------------------------------------------

_VALUES: list[Any] = [
    None,
    "",
    "x",
    "x y",
    0,
    -1,
    5,
    2.5,
    True,
    [],
    ["x"],
    [5],
    {},
    {"abc": 1},
    {"a b": 1},
    [{}],
    T0,
    "2024",
    MALWARE,
    IPV4,
    "\ud800",
    "de",
]
_NAMES = ["name", "value", "xy", "x_custom", "Upper", "confidence", "labels", "external_references", "hashes", "created", "modified", "lang",
          "extensions", "object_refs", "pattern", "first_seen", "revoked", "object_marking_refs", "created_by_ref", "defanged"]  # fmt: skip


def mutants(seed: int, count: int) -> list[Json]:
    source = random.Random(seed)
    made = []
    for _ in range(count):
        obj = example(source.choice(ALL_TYPES))
        for _ in range(source.randint(1, 2)):
            name = (
                source.choice([*obj, *TYPES[obj["type"]].properties, source.choice(_NAMES)])
                if "type" in obj
                else "name"
            )
            if source.random() < 0.25:
                obj.pop(name, None)
            else:
                obj[name] = copy.deepcopy(source.choice(_VALUES))
            if not isinstance(obj.get("type"), str) or obj["type"] not in TYPES:
                break
        made.append(obj)
    return made


def custom_mutants(seed: int, count: int) -> list[Json]:
    """The same objects under a type that the standard does not know."""
    made = [{**obj, "type": "x-custom", "id": "x-custom--" + IPV4[-36:]} for obj in mutants(seed, count)]
    source = random.Random(seed)
    for obj in made:
        if source.random() < 0.1:
            del obj[source.choice([*obj])]
    return made


def test_the_quick_yes_to_custom_types_never_contradicts_the_whole_story() -> None:
    objects = custom_mutants(seed=21, count=10_000)
    assert [obj for obj in objects if accepts(obj) and explain(obj)[0]] == []
    assert sum(map(accepts, objects)) > 1_000


@pytest.mark.parametrize("companions", [0, 5])
def test_a_page_accepted_at_once_never_holds_a_bad_object(companions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, and among sound objects with the same properties in the same order."""
    monkeypatch.setattr(_columns, "_FEWEST", 1)
    source, accepted = random.Random(31), 0
    for obj in mutants(seed=31, count=8_000):
        kind = obj.get("type")
        sound = example(kind) if isinstance(kind, str) and kind in TYPES else {}
        beside = [{name: sound.get(name, value) for name, value in obj.items()} for _ in range(companions)]
        page = [*beside, obj]
        source.shuffle(page)
        if accepts_all(page):
            accepted += 1
            assert [problem for each in page for problem in explain(each)[0]] == []
    assert accepted > 500


def test_the_quick_yes_never_contradicts_the_whole_story() -> None:
    disagreements = []
    for obj in mutants(seed=11, count=20_000):
        if accepts(obj) and explain(obj)[0]:
            disagreements.append((obj, explain(obj)[0][0]))
    assert disagreements == []


def test_the_quick_yes_is_said_to_most_valid_objects() -> None:
    valid = [
        obj for obj in mutants(seed=12, count=5_000) if not explain(obj)[0] and TYPES[obj["type"]].family != "META"
    ]
    assert len(valid) > 300
    assert sum(map(accepts, valid)) > 0.9 * len(valid)


def test_nothing_that_another_judge_refuses_for_a_must_gets_past_us() -> None:
    """stix2 (strict) and the validator see the same random objects;

    What we accept, they accept, but for known strictness.
    """
    missed = []
    for obj in mutants(seed=13, count=1_500):
        if problems(obj):
            continue
        quiet = {warning.rule for warning in warnings(obj)}
        if quiet & {
            "custom-property",
            "custom-type",
            "custom-extension",
            "vocabulary",
            "inactive-end",
            "deprecated",
            "observable-property",
        }:
            continue
        if stix2_refuses(obj) or validator_refuses(obj):
            missed.append(obj)
    assert missed == []
