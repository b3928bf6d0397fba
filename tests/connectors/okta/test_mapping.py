"""What users, groups and devices of Okta become, trap by trap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.conftest import Objects, edges, map_records, objects_of

from isthmus_connectors.okta.connector import okta
from isthmus_sdk import stix

ANN: dict[str, Any] = {
    "id": "00u1", "status": "ACTIVE", "created": "2025-03-01T08:00:00.000Z", "lastUpdated": "2026-05-01T09:00:00.000Z",
    "lastLogin": "2026-05-03T17:02:11.000Z",
    "profile": {"firstName": "Ann", "lastName": "Able", "login": "ann@north.example", "email": "ann@north.example",
                "title": "Process engineer", "employeeNumber": "10071", "department": "Press shop"},
    "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
}  # fmt: skip
GROUP: dict[str, Any] = {
    "id": "00g1", "type": "APP_GROUP", "created": "2025-03-01T08:00:00.000Z",
    "lastUpdated": "2025-09-09T09:09:09.000Z", "lastMembershipUpdated": "2026-05-01T09:00:00.000Z",
    "profile": {"name": "OT Engineers", "objectSid": "S-1-5-21-1-2-3-1105"}, "members": ["00u1", "00u2"],
}  # fmt: skip
LAPTOP: dict[str, Any] = {
    "id": "guo1", "status": "ACTIVE", "created": "2025-06-01T08:00:00.000Z", "lastUpdated": "2026-04-01T08:00:00.000Z",
    "profile": {"displayName": "LAPTOP-1", "platform": "WINDOWS", "manufacturer": "Dell Inc.", "model": "Precision",
                "osVersion": "10.0.19045", "serialNumber": "7XK2Q24", "registered": True, "sid": "S-1-5-21-1-2-3-500"},
    "_embedded": {"users": [{"user": {"id": "00u1"}}]},
}  # fmt: skip


def of(stream: str, record: Any, *types: str) -> Objects:
    outcome = map_records(okta, stream, [record])
    assert outcome.mapped == 1, (outcome.quarantined, outcome.ignored)
    return objects_of(outcome, *types)


def test_a_user_is_a_person_and_an_account_that_is_theirs(valid: Callable[[Objects], None]) -> None:
    objects = of("users", ANN)
    valid(objects)
    (person,) = [obj for obj in objects if obj["type"] == "identity"]
    (account,) = [obj for obj in objects if obj["type"] == "user-account"]
    (tie,) = edges(objects, "related-to")
    assert (person["name"], person["identity_class"], person["roles"]) == (
        "Ann Able",
        "individual",
        ["Process engineer"],
    )
    assert (account["user_id"], account["account_login"], account["is_disabled"]) == (
        "00u1",
        "ann@north.example",
        False,
    )
    assert account["account_last_login"] == "2026-05-03T17:02:11.000Z"
    assert (tie["source_ref"], tie["target_ref"], tie["description"]) == (account["id"], person["id"], "account of")
    assert {"status:active", "department:press shop", "provider:okta"} <= set(person["labels"])
    assert {"source_name": "employee-number", "external_id": "10071"} in person["external_references"]


def test_a_new_name_and_a_new_state_are_versions_of_the_same_person() -> None:
    changed = {**ANN, "status": "DEPROVISIONED", "lastUpdated": "2026-06-01T00:00:00.000Z",
               "profile": {**ANN["profile"], "lastName": "Baker"}}  # fmt: skip
    (before,), (after,) = of("users", ANN, "identity"), of("users", changed, "identity")
    assert before["id"] == after["id"]
    assert (after["name"], after["modified"]) == ("Ann Baker", "2026-06-01T00:00:00.000Z")
    assert "status:deprovisioned" in after["labels"]
    assert of("users", changed, "user-account")[0]["is_disabled"] is True


@pytest.mark.parametrize(
    ("status", "disabled"),
    [
        *(("ACTIVE", False), ("RECOVERY", False), ("PASSWORD_EXPIRED", False), ("SUSPENDED", True)),
        *(("deprovisioned", True), ("STAGED", None), ("PROVISIONED", None), ("LOCKED_OUT", None), ("NEW_WORD", None)),
        *((None, None), ("", None)),
    ],
)
def test_only_states_that_need_an_administrator_are_disabled(status: str | None, disabled: bool | None) -> None:
    (account,) = of("users", {**ANN, "status": status}, "user-account")
    assert account.get("is_disabled") is disabled


@pytest.mark.parametrize(
    "record",
    [
        {"id": "00u9"},
        {"id": "00u9", "profile": None, "credentials": None, "status": None, "lastUpdated": None},
        {"id": "00u9", "profile": {}, "credentials": {"provider": None}},
        {"id": "00u9", "profile": {"login": "null", "email": "None", "firstName": ""}},
    ],
)
def test_an_id_alone_is_a_person(record: dict[str, Any]) -> None:
    objects = of("users", record)
    assert [obj["name"] for obj in objects if obj["type"] == "identity"] == ["00u9"]


def test_a_user_without_an_id_is_quarantined() -> None:
    (bad,) = map_records(okta, "users", [{**ANN, "id": None}]).quarantined
    assert bad.path == "id"


def test_a_group_names_its_members_by_the_ids_of_people(valid: Callable[[Objects], None]) -> None:
    objects = of("groups", GROUP)
    valid(objects)
    (group,) = [obj for obj in objects if obj["type"] == "identity"]
    (person,) = of("users", ANN, "identity")
    members = edges(objects, "related-to")
    assert (group["name"], group["identity_class"], group["labels"]) == ("OT Engineers", "group", ["type:app_group"])
    assert {"source_name": "active-directory", "external_id": "S-1-5-21-1-2-3-1105"} in group["external_references"]
    assert {each["target_ref"] for each in members} == {group["id"]}
    assert person["id"] in {each["source_ref"] for each in members}
    assert {each["modified"] for each in members} == {"2026-05-01T09:00:00.000Z"}


@pytest.mark.parametrize("members", [None, [], "", [None]])
def test_a_group_without_members_is_a_group(members: Any) -> None:
    assert edges(of("groups", {**GROUP, "members": members}), "related-to") == []


def test_a_device_is_an_asset_with_its_users(valid: Callable[[Objects], None]) -> None:
    objects = of("devices", LAPTOP)
    valid(objects)
    (asset,) = [obj for obj in objects if obj["type"] == "infrastructure"]
    known = stix.facts(asset, stix.ASSET)
    assert (known["serial"], known["vendor"], known["operating_system"]) == ("7XK2Q24", "Dell", "Windows 10.0.19045")
    assert (known["asset_class"], known["monitored_by"]) == ("endpoint", ["Okta Verify"])
    assert {"kind": "agent_id", "value": "guo1"} in known["identifiers"]
    (used,) = [each for each in edges(objects, "related-to") if each["description"] == "used by"]
    assert used["target_ref"] == of("users", ANN, "identity")[0]["id"]


@pytest.mark.parametrize(
    ("platform", "kind"),
    [("IOS", "mobile"), ("android", "mobile"), ("MACOS", "endpoint"), ("TOASTER", None), (None, None)],
)
def test_the_platform_tells_phones_from_the_rest(platform: str | None, kind: str | None) -> None:
    record = {**LAPTOP, "profile": {**LAPTOP["profile"], "platform": platform}}
    assert stix.facts(of("devices", record, "infrastructure")[0], stix.ASSET).get("asset_class") == kind


def test_a_placeholder_serial_is_none() -> None:
    record = {**LAPTOP, "profile": {**LAPTOP["profile"], "serialNumber": "To Be Filled By O.E.M."}}
    assert "serial" not in stix.facts(of("devices", record, "infrastructure")[0], stix.ASSET)
