"""What the store computes on a shorter road equals what the SDK says."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.store.objects import JUNE_1, JUNE_2, made_id

from isthmus_hub.store import _links
from isthmus_hub.store._content import content_hash
from isthmus_sdk import stix

IDS = st.sampled_from([made_id("infrastructure", "a"), made_id("ipv4-addr", "b"), "not an id", ""])
NAMES = st.sampled_from(
    ["name", "created", "modified", "valid_from", "mac_ref", "ip_refs", "ref", "refs", "object_marking_refs", "a_ref_b"]
)
TEXTS = st.one_of(IDS, st.sampled_from([JUNE_1, JUNE_2, '"created":"x",', "ü\n"]), st.text(max_size=6))
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-5, 5), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    body = {"type": "infrastructure", "id": made_id("infrastructure", "x")} | draw(
        st.dictionaries(NAMES, VALUES, max_size=6)
    )
    for name in ("created", "modified", "valid_from"):
        if draw(st.booleans()):
            body[name] = draw(st.sampled_from([JUNE_1, JUNE_2]))
    return body


@settings(max_examples=400)
@given(objects())
def test_the_content_hash_from_bytes_is_the_content_hash(body: dict[str, Any]) -> None:
    assert content_hash(body, stix.encode(body)) == stix.content_hash(body)


@settings(max_examples=400)
@given(objects())
def test_links_are_the_references_of_the_object(body: dict[str, Any]) -> None:
    named = {(body["id"], path.rpartition(".")[2].partition("[")[0], id) for path, id in stix.refs(body)}
    expected = {link for link in named if link[1] not in ("created_by_ref", "object_marking_refs", "marking_ref")}
    assert set(_links.links_of(body)) == expected
