"""A fingerprint that stays the same promises that nothing looked up about the object changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.store.objects import JUNE_1, JUNE_2, asset, made_id, put, relation
from tests.hub.store.objects import incoming as told
from tests.hub.store.test_content import VALUES

from isthmus_hub.store import Store, _links
from isthmus_hub.store._fingerprint import described, fingerprint
from isthmus_hub.store._intern import key, keys
from isthmus_sdk import stix

FACTS = st.sampled_from(
    ["native_id", "hostname", "serial", "interfaces", "identifiers", "vendor", "mac_ref", "last_seen"]
)
PROPERTIES = st.sampled_from(
    ["name", "description", "created_by_ref", "external_references", "object_marking_refs", "at_ref"]
)
ADDRESSES = st.lists(
    st.fixed_dictionaries(
        {}, optional={"mac": VALUES, "ips": VALUES, "ip_refs": VALUES, "kind": VALUES, "value": VALUES}
    ),
    max_size=2,
)


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    type = draw(st.sampled_from(["infrastructure", "relationship", "incident"]))
    body: dict[str, Any] = {"type": type, "id": made_id(type, "x")} | draw(
        st.dictionaries(PROPERTIES, VALUES, max_size=3)
    )
    if type == "relationship":
        body |= {"source_ref": draw(VALUES), "relationship_type": draw(VALUES), "target_ref": draw(VALUES)}
    if draw(st.booleans()):
        facts = draw(st.dictionaries(FACTS, st.one_of(VALUES, ADDRESSES), max_size=4))
        body["extensions"] = draw(
            st.sampled_from([{stix.ASSET: facts}, {stix.ALERT: facts}, {stix.COMMUNICATION: facts}])
        )
    return body


def looked_up(body: dict[str, Any]) -> Any:
    return _links.values_of(body), _links.links_of(body)


@settings(max_examples=500)
@given(objects(), objects())
def test_equal_fingerprints_mean_equal_values_and_edges(one: dict[str, Any], other: dict[str, Any]) -> None:
    prints = [fingerprint(body, stix.encode(body)) for body in (one, other)]
    if prints[0] == prints[1]:
        assert looked_up(one) == looked_up(other)
    for body, print in zip((one, other), prints, strict=True):
        assert print != 0 or looked_up(body) == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "S2"},
        {"hostname": "plc-2"},
        {"native_id": "node-2"},
        {"interfaces": [{"mac": "00:1b:1b:00:00:02", "mac_ref": made_id("mac-addr", "a")}]},
        {"interfaces": [{"mac": "00:1b:1b:00:00:01", "mac_ref": made_id("mac-addr", "b")}]},
        {"identifiers": [{"kind": "agent_id", "value": "7"}]},
        {"monitor_ref": made_id("identity", "a")},
    ],
)
def test_every_value_and_reference_of_an_asset_counts(change: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "serial": "S1",
        "hostname": "plc-1",
        "native_id": "node-1",
        "interfaces": [{"mac": "00:1b:1b:00:00:01", "mac_ref": made_id("mac-addr", "a")}],
    }
    before, after = asset("plc", **facts), asset("plc", **{**facts, **change})
    assert fingerprint(before, stix.encode(before)) != fingerprint(after, stix.encode(after))


def test_counters_times_and_texts_do_not_count() -> None:
    before = asset("plc", serial="S1", firmware="V1", last_seen=JUNE_1)
    after = asset("plc", serial="S1", firmware="V2", last_seen=JUNE_2, modified=JUNE_2) | {"description": "moved"}
    assert fingerprint(before, stix.encode(before)) == fingerprint(after, stix.encode(after)) != 0
    one = relation(before, "consists-of", after, description="seen once")
    other = relation(before, "consists-of", after, description="seen twice", modified=JUNE_2)
    assert fingerprint(one, stix.encode(one)) == fingerprint(other, stix.encode(other)) != 0


def test_a_fingerprint_of_an_earlier_version_is_accepted_and_replaced(store: Store) -> None:
    first = asset("plc", serial="S1")
    put(store, told(first))
    store._writer.execute("UPDATE ident SET links = ? WHERE id = ?", (described(first), first["id"]))
    assert store.check() == []
    assert put(store, told(asset("plc", serial="S1", vendor="Siemens", modified=JUNE_1), offset=2)) == ["changed"]
    row = store._writer.execute("SELECT links FROM ident WHERE id = ?", (first["id"],)).get
    assert row == fingerprint(first, stix.encode(first)) != described(first)
    assert store.by_value("serial", "S1") == [first["id"]]
    assert store.check() == []


@given(st.lists(st.one_of(st.uuids().map(lambda uuid: f"infrastructure--{uuid}"), st.text(max_size=50)), max_size=8))
def test_keys_of_many_ids_are_the_keys_of_each(ids: list[str]) -> None:
    assert keys(ids) == [key(id) for id in ids]


def test_keys_of_ids_with_spaces_in_place_of_digits_are_the_keys_of_each() -> None:
    plain = f"infrastructure--{UUID(int=7)}"
    ids = [plain, plain[:-2] + "  ", plain[:-3] + "1_1", plain]
    assert keys(ids) == [key(id) for id in ids]
