"""The system log: alerts, observations, deletions, membership, and what is left aside with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.conftest import OBSERVED, Objects, edges
from tests.connectors.okta.org import event, group, user

from isthmus_connectors.okta.connector import okta
from isthmus_connectors.okta.events import ALARMS, event_to_stix
from isthmus_sdk import stix
from isthmus_sdk.engine import Outcome, PageMapper
from isthmus_sdk.page import Page
from isthmus_sdk.settings import configure
from isthmus_sdk.stix import Builder

DEVICE = {"id": "guo1", "name": "LAPTOP-1", "os_platform": "WINDOWS"}


def outcome_of(record: dict[str, Any], **settings: Any) -> Outcome:
    checked = configure(okta.settings, {"base_url": "https://acme.okta.example", **settings}, {"token": "x"})
    mapper = PageMapper(
        okta.streams["system_log"],
        lambda at: Builder(source_id="tenant-1", connector="okta", observed_at=at),
        tlp="green",
        settings=checked,
    )
    return mapper.map(Page(records=[json.dumps(record).encode()], observed_at=OBSERVED))


def of(record: dict[str, Any], *types: str, **settings: Any) -> Objects:
    outcome = outcome_of(record, **settings)
    assert outcome.mapped == 1, (outcome.quarantined, outcome.ignored)
    return [obj for obj, _ in outcome.objects.values() if not types or obj["type"] in types]


def make() -> Builder:
    return Builder(source_id="tenant-1", connector="okta", observed_at=OBSERVED)


def test_a_sign_in_is_an_observation_of_account_and_address(valid: Callable[[Objects], None]) -> None:
    objects = of(event(outcome={"result": "FAILURE", "reason": "INVALID_CREDENTIALS"}))
    valid(objects)
    (seen,) = [obj for obj in objects if obj["type"] == "observed-data"]
    assert sorted(ref.partition("--")[0] for ref in seen["object_refs"]) == ["ipv4-addr", "user-account"]
    assert {"event:user.session.start", "outcome:failure", "reason:invalid_credentials"} <= set(seen["labels"])
    assert seen["first_observed"] == "2026-05-04T05:00:00.123Z"


def test_account_person_and_device_of_a_sign_in_are_those_of_their_streams() -> None:
    objects = of(event(device=DEVICE))
    (account,) = [obj for obj in objects if obj["type"] == "user-account"]
    targets = {each["description"]: each for each in edges(objects, "related-to")}
    assert account["id"] == make().user_account("ann@north.example", user_id="00u1").id
    assert targets["account of"]["target_ref"] == make().identity_id("00u1", "individual")
    assert targets["signed in from"]["target_ref"] == make().asset_id("guo1")


def test_sign_ins_can_be_left_aside_and_alerts_cannot() -> None:
    assert outcome_of(event(), sign_ins=False).ignored == {"a sign-in that raised no alert, and sign_ins is off": 1}
    assert of(event("security.threat.detected"), "sighting", sign_ins=False)


@pytest.mark.parametrize("kind", sorted(ALARMS))
def test_what_the_table_names_is_an_alert_with_its_severity(kind: str) -> None:
    (alert,) = of(event(kind), "sighting")
    known = stix.facts(alert, stix.ALERT)
    assert (known["category"], known["severity"]) == (kind, ALARMS[kind].severity)
    assert tuple(known.get("techniques", ())) == ALARMS[kind].techniques


def test_an_alert_ties_user_target_address_and_device(valid: Callable[[Objects], None]) -> None:
    objects = of(event("user.account.privilege.grant", target=[user("00u2")], device=DEVICE))
    valid(objects)
    (alert,) = [obj for obj in objects if obj["type"] == "sighting"]
    subjects = {each["role"]: each["ref"] for each in stix.facts(alert, stix.ALERT)["subjects"]}
    assert subjects["device"] == make().asset_id("guo1")
    assert subjects["user"] == make().user_account("ann@north.example", user_id="00u1").id
    assert subjects["target"] == make().user_account("00u2@north.example", user_id="00u2").id
    assert subjects["source"].startswith("ipv4-addr--")


@pytest.mark.parametrize(
    "debug",
    [
        {"threatSuspected": "true"},
        {"threatSuspected": True},
        {"risk": "{level=HIGH, reasons=Anomalous Device}"},
        {"risk": "{reasons=Anomalous Location, level=HIGH}"},
        {"logOnlySecurityData": '{"risk":{"level":"HIGH"},"behaviors":{}}'},
    ],
)
def test_a_sign_in_that_okta_suspects_is_an_alert(debug: dict[str, Any]) -> None:
    assert of(event(debugContext={"debugData": debug}), "sighting")


@pytest.mark.parametrize("debug", [{"threatSuspected": "false"}, {"risk": "{level=LOW}"}, {"risk": "{}"}, {}, None])
def test_a_sign_in_that_okta_trusts_is_none(debug: Any) -> None:
    assert of(event(debugContext={"debugData": debug}), "observed-data")


def test_the_level_of_a_risk_is_its_severity_and_low_is_no_alert() -> None:
    def changed(level: str) -> dict[str, Any]:
        return event("user.risk.change", debugContext={"debugData": {"risk": f"{{level={level}}}"}})

    (alert,) = of(changed("HIGH"), "sighting")
    assert stix.facts(alert, stix.ALERT)["severity"] == 75
    assert outcome_of(changed("LOW")).ignored


def test_an_operator_may_ask_for_more_alerts() -> None:
    assert outcome_of(event("app.oauth2.token.grant")).ignored
    assert of(event("app.oauth2.token.grant"), "sighting", alert_types="system.*, app.oauth2.*")


def test_who_was_deleted_is_a_revoked_version_of_the_person() -> None:
    (gone,) = of(event("user.lifecycle.delete.completed", target=[user("00u2", displayName="Bob")]), "identity")
    assert (gone["id"], gone["revoked"], gone["name"]) == (make().identity_id("00u2", "individual"), True, "Bob")
    assert gone["modified"] == "2026-05-04T05:00:00.123Z"
    (group_gone,) = of(event("group.lifecycle.delete", target=[group("00g1")]), "identity")
    assert (group_gone["id"], group_gone["revoked"]) == (make().identity_id("00g1", "group"), True)


def test_membership_begins_and_ends_as_versions_of_one_relationship() -> None:
    targets = [user("00u2"), group("00g1")]
    (joined,) = of(event("group.user_membership.add", target=targets), "relationship")
    (left,) = of(event("group.user_membership.remove", target=targets), "relationship")
    assert joined["id"] == left["id"]
    assert (joined["start_time"], "stop_time" in joined) == ("2026-05-04T05:00:00.123Z", False)
    assert (left["stop_time"], "start_time" in left) == ("2026-05-04T05:00:00.123Z", False)
    assert joined["target_ref"] == make().identity_id("00g1", "group")


def test_membership_that_failed_to_change_changes_nothing() -> None:
    record = event("group.user_membership.add", target=[user("00u2"), group("00g1")], outcome={"result": "FAILURE"})
    assert outcome_of(record).ignored == {"a change of membership that failed": 1}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("user.lifecycle.suspend", "a change of a user or group, which the streams users and groups bring"),
        ("application.lifecycle.update", "neither an alert nor a sign-in nor a change of people"),
        ("a.word.nobody.knows", "neither an alert nor a sign-in nor a change of people"),
        ("user.lifecycle.delete.completed", "a deletion that does not say what was deleted"),
        ("group.user_membership.add", "a change of membership that names no group or no user"),
    ],
)
def test_what_is_left_aside_has_a_reason(kind: str, reason: str) -> None:
    assert outcome_of(event(kind)).ignored == {reason: 1}


def test_an_event_of_the_system_without_an_address_is_left_aside() -> None:
    record = event(actor={"id": "okta.sys", "type": "SystemPrincipal"}, client=None)
    assert outcome_of(record).ignored == {"a sign-in that names neither an account nor an address": 1}


def test_an_address_that_is_none_costs_the_address_alone() -> None:
    record = event(
        client={"ipAddress": "11.111.111"}, request={"ipChain": [{"ip": "11.111.111"}, {"ip": "2001:db8::7"}]}
    )
    (seen,) = of(record, "observed-data")
    assert sorted(ref.partition("--")[0] for ref in seen["object_refs"]) == ["ipv6-addr", "user-account"]


def test_a_login_that_nobody_has_is_an_account_without_an_id() -> None:
    record = event(actor={"id": "unknown", "type": "User", "alternateId": "nobody@north.example"})
    (account,) = of(record, "user-account")
    assert (account["account_login"], "user_id" in account) == ("nobody@north.example", False)


@pytest.mark.parametrize(("field", "path"), [("published", "published"), ("eventType", "eventType"), ("uuid", "uuid")])
def test_an_event_without_time_type_or_id_is_quarantined(field: str, path: str) -> None:
    (bad,) = outcome_of({**event(), field: None}).quarantined
    assert bad.path == path


def test_the_same_event_gives_the_same_objects() -> None:
    assert of(event(device=DEVICE)) == of(event(device=DEVICE))
    assert event_to_stix.__module__.endswith("events")


def test_a_sign_in_that_fastpass_declined_as_phishing_is_an_alert_of_its_own_rule() -> None:
    declined = {"result": "FAILURE", "reason": "FastPass declined phishing attempt"}
    (alert,) = of(event("user.authentication.auth_via_mfa", outcome=declined), "sighting")
    facts = stix.facts(alert, stix.ALERT) or {}
    assert (facts["severity"], facts["techniques"]) == (75, ["T1566.002"])
    (rule,) = of(event("user.authentication.auth_via_mfa", outcome=declined), "indicator")
    assert rule["pattern"] == "user.authentication.auth_via_mfa:phishing"
    wrong = {"result": "FAILURE", "reason": "INVALID_CREDENTIALS"}
    assert not of(event("user.authentication.auth_via_mfa", outcome=wrong), "sighting")
