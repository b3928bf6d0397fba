"""Identifiers: the standard's for observables, our recipe for everything else, the same on every machine."""

from __future__ import annotations

import importlib.util
import os
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import stix2
from tests.sdk.stix.random_observables import PREFERRED, Observables

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Builder, _ids, sco_id, sdo_id
from isthmus_sdk.stix._ids import ISTHMUS_NAMESPACE, OASIS_NAMESPACE, drawn_id, edge_id
from isthmus_sdk.stix._table import TYPES

SEEDS = [(int(os.environ.get("ISTHMUS_TEST_SEED", "20240501")), 20_000), (7, 5_000)]


def named_alphabetically(properties: dict[str, Any]) -> bool:
    """Whether the standard and stix2 part: of hashes without a preferred one the standard takes the first by name, stix2
    the first by position, so that one object would have several identifiers.
    """
    hashes = properties.get("hashes", {})
    return properties["type"] in ("file", "artifact", "x509-certificate") and not PREFERRED & set(hashes) and list(hashes) != sorted(hashes)  # fmt: skip


@pytest.mark.parametrize(("seed", "count"), SEEDS)
def test_observable_ids_equal_those_of_stix2_over_many_random_objects(seed: int, count: int) -> None:
    different, kinds = [], Counter[str]()
    for properties in islice(Observables(seed), count):
        made = sco_id(properties["type"], properties)
        given = dict(properties)
        if named_alphabetically(properties):
            kinds["hashes by name"] += 1
            given["hashes"] = dict(sorted(given["hashes"].items()))
        theirs = stix2.parse(given, version="2.1").id
        if uuid.UUID(theirs.partition("--")[2]).version == 4:
            kinds["random in stix2"] += 1  # the standard asks for UUIDv4; ours is drawn from the content
            same = uuid.UUID(made.partition("--")[2]).version == 4 and made == sco_id(properties["type"], properties)
        else:
            same = made == theirs
        if not same:
            different.append(properties)
        kinds[properties["type"]] += 1
    assert different == []
    assert set(kinds) - {"hashes by name", "random in stix2"} == {name for name in TYPES if TYPES[name].family == "SCO"}
    assert kinds["random in stix2"] == kinds["process"]
    assert kinds["hashes by name"] < count / 50


@pytest.mark.parametrize("digits", [7, 9, 12])
def test_fractions_that_stix2_refuses_have_an_id_by_the_same_rule(digits: int) -> None:
    """The standard has no bound on fraction digits; stix2 refuses more than six."""
    flow = {"type": "network-traffic", "src_ref": sco_id("ipv4-addr", {"value": "10.0.0.1"}), "protocols": ["tcp"]}
    long = f"2024-01-01T00:00:00.{'1' * digits}Z"
    with pytest.raises(stix2.exceptions.STIXError):
        stix2.parse({**flow, "start": long})
    assert sco_id("network-traffic", {**flow, "start": long[:-1] + "00Z"}) == sco_id(
        "network-traffic", {**flow, "start": long}
    )


def test_the_namespace_of_the_standard_is_kept_for_observables() -> None:
    name = '{"value":"198.51.100.3"}'
    assert (
        sco_id("ipv4-addr", {"value": "198.51.100.3"}) == f"ipv4-addr--{uuid.uuid5(uuid.UUID(OASIS_NAMESPACE), name)}"
    )


@pytest.mark.parametrize(
    ("type", "key", "name"),
    [
        (
            "identity",
            {"identity_class": "system", "name": "b"},
            '{"identity_class":"system","name":"b","type":"identity"}',
        ),
        ("vulnerability", {"name": "CVE-2024-0001"}, '{"name":"CVE-2024-0001","type":"vulnerability"}'),
        ("note", {"content": "  e\u0301 ", "scope": None}, '{"content":"\u00e9","type":"note"}'),
    ],
)
def test_the_published_recipe_of_other_ids(type: str, key: dict[str, object], name: str) -> None:
    assert sdo_id(type, key) == f"{type}--{uuid.uuid5(uuid.UUID(ISTHMUS_NAMESPACE), name)}"


def test_vectors_never_change() -> None:
    assert sdo_id("vulnerability", {"name": "CVE-2024-0001"}) == "vulnerability--" + VECTORS["vulnerability"]
    builder = Builder(source_id="cmc-north", connector="nozomi-guardian")
    assert builder.asset_id("a-17") == "infrastructure--" + VECTORS["asset"]
    edge = edge_id("consists-of", builder.asset_id("a-17"), sco_id("ipv4-addr", {"value": "10.0.0.5"}))
    assert edge == "relationship--" + VECTORS["edge"]


VECTORS = {
    "vulnerability": "b8af7c6e-9006-5d46-bd94-52a1b1132dff",
    "asset": "4df48b67-ba3b-59bb-ab15-a44f1c4f0daf",
    "edge": "57525102-c58e-5036-af88-c3d9bc129efe",
}


def test_an_edge_is_named_like_any_relationship() -> None:
    ends = {"source_ref": sdo_id("tool", {"name": "a"}), "target_ref": sdo_id("tool", {"name": "b"})}
    assert edge_id("uses", *ends.values()) == sdo_id("relationship", {"relationship_type": "uses", **ends})


def test_key_order_and_absent_parts_do_not_matter() -> None:
    assert sdo_id("tool", {"a": "1", "b": "2", "c": None}) == sdo_id("tool", {"b": "2", "a": "1"})


def test_observables_without_contributing_properties_get_a_version_4_that_repeats() -> None:
    one = sco_id("email-message", {"is_multipart": False, "content_type": "text/plain"})
    assert uuid.UUID(one.partition("--")[2]).version == 4
    assert one == sco_id("email-message", {"content_type": "text/plain", "is_multipart": False})
    assert one != sco_id("email-message", {"is_multipart": True, "content_type": "text/plain"})


def test_processes_are_version_4_and_distinct_per_source() -> None:
    one, other = (
        drawn_id("process", {"native_id": "p", "source_id": "a"}),
        drawn_id("process", {"native_id": "p", "source_id": "b"}),
    )
    assert uuid.UUID(one.partition("--")[2]).version == 4
    assert one != other


def test_hashes_outside_the_standards_preference_are_chosen_by_name_not_by_position() -> None:
    a = sco_id("file", {"hashes": {"SSDEEP": "3:a", "SHA3-256": "0" * 64}})
    assert a == sco_id("file", {"hashes": {"SHA3-256": "0" * 64, "SSDEEP": "3:a"}})


def test_trailing_zeros_of_a_time_do_not_make_another_flow() -> None:
    base = {"src_ref": sco_id("ipv4-addr", {"value": "10.0.0.1"}), "protocols": ["tcp"]}
    ids = {
        sco_id("network-traffic", {**base, "start": f"2024-01-01T00:00:00{end}"})
        for end in ("Z", ".0Z", ".000Z", ".000000Z")
    }
    assert len(ids) == 1


@pytest.mark.parametrize("type", ["infrastructure", "x-thing", ""])
def test_types_without_contributing_properties_are_refused(type: str) -> None:
    with pytest.raises(RecordError, match="not a cyber observable"):
        sco_id(type, {"value": "x"})


def test_what_cannot_be_written_has_no_id() -> None:
    with pytest.raises(RecordError):
        sco_id("mutex", {"name": "\ud800"})
    with pytest.raises(RecordError):
        sdo_id("tool", {"name": float("nan")})


def test_the_same_without_the_uuid_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no wheel of the UUID library exists, hashlib makes the same ids."""
    monkeypatch.setitem(sys.modules, "fastuuid", None)
    assert _ids.__file__
    spec = importlib.util.spec_from_file_location("isthmus_sdk.stix._ids_without_wheel", _ids.__file__)
    assert spec and spec.loader
    bare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bare)
    assert bare.sdo_id("tool", {"name": "a"}) == sdo_id("tool", {"name": "a"})
    assert bare.sco_id("mutex", {"name": "m"}) == sco_id("mutex", {"name": "m"})


@pytest.mark.parametrize(
    "made",
    [
        lambda: sco_id("user-account", {"credential": "hunter2", "display_name": "\ud800"}),
        lambda: sco_id("file", {"name": "hunter2", "extensions": {"x-ext": {"size": float("nan")}}}),
        lambda: sco_id("url", {"value": "https://user:hunter2@example.com/\ud800"}),
        lambda: sdo_id("incident", {"native_id": "hunter2\ud800"}),
        lambda: sco_id("autonomous-system", {"number": 10**400}),
    ],
)
def test_what_no_identifier_can_be_made_from_is_named_and_never_shown(made: Callable[[], str]) -> None:
    with pytest.raises(RecordError, match="no identifier can be made") as caught:
        made()
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("kind", ["process", "file", "x-own"])
def test_no_depth_of_a_key_raises_anything_but_our_own_error(kind: str) -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"inner": deep}
    with pytest.raises(RecordError, match="no identifier can be made"):
        sdo_id(kind, deep) if kind == "x-own" else sco_id(kind, {"extensions": deep})
