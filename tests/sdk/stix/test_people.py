"""People, groups and who belongs to which: ids that other records can name, deletion, membership that ends and begins again."""

from __future__ import annotations

import pytest

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Builder, check

AT = "2026-05-04T06:00:00.000Z"


def builder() -> Builder:
    return Builder(source_id="org-1", connector="directory", observed_at=AT)


def test_the_id_of_a_person_is_known_from_the_native_id_alone() -> None:
    person = builder().identity("Ann", identity_class="individual", native_id="u1")
    assert builder().identity_id("u1", "individual") == person.id
    assert builder().identity_id("u1", "group") != person.id


def test_an_id_of_a_class_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RecordError, match="identity_class"):
        builder().identity_id("u1", "robot")


def test_a_person_that_was_deleted_is_a_revoked_version_of_the_same_object() -> None:
    person = builder().identity("Ann", identity_class="individual", native_id="u1")
    gone = builder().identity("Ann", identity_class="individual", native_id="u1", modified=AT, revoked=True)
    check(gone.object)
    assert gone.id == person.id
    assert gone.object["revoked"] is True
    assert "revoked" not in person.object


def test_membership_that_ends_and_begins_again_is_one_relationship_in_versions() -> None:
    make = builder()
    group, person = make.identity_id("g1", "group"), make.identity_id("u1", "individual")
    left = make.member(group, person, stop_time="2026-05-01T00:00:00Z", modified="2026-05-01T00:00:00Z").object
    back = make.member(group, person, start_time="2026-05-02T00:00:00Z", modified="2026-05-02T00:00:00Z").object
    check(left)
    check(back)
    assert left["id"] == back["id"]
    assert (left["stop_time"], left["modified"]) == ("2026-05-01T00:00:00.000Z", "2026-05-01T00:00:00.000Z")
    assert (back["start_time"], "stop_time" in back) == ("2026-05-02T00:00:00.000Z", False)


def test_membership_that_ends_as_it_begins_has_no_end() -> None:
    make = builder()
    group, person = make.identity_id("g1", "group"), make.identity_id("u1", "individual")
    check(make.member(group, person, start_time=AT, stop_time=AT).object)


def test_an_observation_says_what_kind_of_event_it_was_and_where_it_is_known() -> None:
    make = builder()
    seen = make.observed(
        [make.ip("198.51.100.7")],
        first_observed=AT,
        native_id="e1",
        labels=["event:sign-in", "outcome:failure"],
        references=[{"source_name": "directory", "external_id": "e1"}],
    ).object
    check(seen)
    assert seen["labels"] == ["event:sign-in", "outcome:failure"]
    assert seen["external_references"] == [{"source_name": "directory", "external_id": "e1"}]
