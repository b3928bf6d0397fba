"""The connector against the simulated account, through the SDK: complete, resumable, incremental, in the services' limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.connectors.aws_security.cloud import SECRETS, cloud, plant, settings
from tests.connectors.conftest import Objects, Ran, run_stream

from isthmus_connectors.aws_security.connector import aws_security
from isthmus_connectors.aws_security.simulator import AwsCloud
from isthmus_connectors.simulation import Key, Server
from isthmus_sdk import stix
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, PermissionDenied, RateLimited
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect

STREAMS = ("findings", "guardduty", "instances")


def run(
    to: Server, stream: str, *, secrets: dict[str, str] | None = None, key: str = "AKIDEXAMPLE", **options: Any
) -> Ran:
    return run_stream(aws_security, stream, settings(to.url) | {"access_key_id": key}, secrets or SECRETS, **options)


def alerts_of(objects: Objects) -> dict[str, str]:
    """Native id -> status, of alerts."""
    facts = [stix.facts(obj, stix.ALERT) for obj in objects if obj["type"] == "incident"]
    return {known["native_id"]: known["status"] for known in facts if known}


def instances_of(objects: Objects) -> set[str]:
    facts = [stix.facts(obj, stix.ASSET) for obj in objects if obj["type"] == "infrastructure"]
    return {known["native_id"] for known in facts if known and known["kind"] == "asset"}


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_gives_valid_objects(stream: str, valid: Callable[[Objects], None]) -> None:
    with Server(cloud().answer) as api:
        ran = run(api, stream)
    assert (ran.error, ran.rejected) == (None, [])
    valid(ran.objects)


@pytest.mark.parametrize(("stream", "records"), [("findings", 460), ("guardduty", 230), ("instances", 230)])
def test_a_walk_of_many_pages_is_complete(stream: str, records: int) -> None:
    with Server(cloud(plant(230)).answer) as api:
        ran = run(api, stream)
    assert ran.error is None
    assert ran.totals.mapped == records
    assert len(instances_of(ran.objects)) == 230


@pytest.mark.parametrize("stream", STREAMS)
def test_an_interrupted_walk_goes_on_and_misses_nothing(stream: str) -> None:
    with Server(cloud(plant(230)).answer) as api:
        first = run(api, stream, pages=1)
        second = run(api, stream, cursors=first.cursors)
    assert 0 < len(instances_of(first.objects)) < 230
    assert len(instances_of(first.objects) | instances_of(second.objects)) == 230


@pytest.mark.parametrize("stream", ["findings", "guardduty"])
def test_what_was_read_is_not_read_again_and_an_archived_finding_is_a_new_version_of_the_same_alert(
    stream: str,
) -> None:
    data = plant(2, vulnerabilities=[])
    with Server(cloud(data).answer) as api:
        first = run(api, stream)
        assert alerts_of(run(api, stream, cursors=first.cursors).objects) == {}
        data["alerts"][0] |= {"status": "closed", "updated": "2026-05-05T00:00:00Z"}
        later = run(api, stream, cursors=first.cursors)
    before = {obj["id"]: obj for obj in first.of("incident")}
    (changed,) = later.of("incident")
    assert [*alerts_of(later.objects).values()] == ["closed"]
    assert changed["modified"] > before[changed["id"]]["modified"]


def test_a_finding_that_two_services_tell_is_one_alert_about_one_instance() -> None:
    with Server(cloud(plant(2, vulnerabilities=[])).answer) as api:
        hub, duty, config = (run(api, stream) for stream in STREAMS)
    assert {obj["id"] for obj in hub.of("incident")} == {obj["id"] for obj in duty.of("incident")}
    assert instances_of(hub.objects) == instances_of(duty.objects) == instances_of(config.objects)


def test_an_instance_that_was_terminated_is_missing_from_a_complete_list() -> None:
    with Server(cloud(plant(3)).answer) as api:
        (before,) = run(api, "instances").totals.snapshots
    with Server(cloud(plant(2)).answer) as api:
        (after,) = run(api, "instances").totals.snapshots
    assert (len(before.seen), len(after.seen)) == (3 * 16, 2 * 16)


@pytest.mark.parametrize("stream", STREAMS)
def test_requests_that_are_throttled_are_made_again_later(stream: str) -> None:
    now = [datetime.now(UTC)]
    simulated = cloud(plant(60), rate=1, now=lambda: now[0])

    def answer(request: Any) -> Any:
        reply = simulated.answer(request)
        if reply.status in (400, 429):
            now[0] += timedelta(minutes=1)  # the client waits less than the service's minute
        return reply

    with Server(answer) as api:
        ran = run(api, stream)
    assert ran.error is None
    assert len(instances_of(ran.objects)) == 60


@pytest.mark.parametrize("stream", STREAMS)
def test_a_rate_that_never_recovers_ends_the_run_as_such(stream: str) -> None:
    with Server(cloud(rate=0).answer) as api:
        ran = run(api, stream)
    assert isinstance(ran.error, RateLimited)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_wrong_secret_is_an_authentication_error_that_does_not_show_it(stream: str) -> None:
    with Server(cloud().answer) as api:
        ran = run(api, stream, secrets={"secret_access_key": "not-the-secret"})
    assert isinstance(ran.error, AuthenticationError)
    assert "not-the-secret" not in str(ran.error)


@pytest.mark.parametrize("stream", STREAMS)
def test_temporary_keys_work_with_their_token_and_end_the_run_once_they_expired(stream: str) -> None:
    now = [datetime.now(UTC)]
    keys = {"ASIAEXAMPLE": Key("temporary", "token", now[0] + timedelta(minutes=2))}
    told = {"secret_access_key": "temporary", "session_token": "token"}
    with Server(cloud(keys=keys, now=lambda: now[0]).answer) as api:
        assert run(api, stream, secrets=told, key="ASIAEXAMPLE").error is None
        now[0] += timedelta(minutes=3)
        assert isinstance(run(api, stream, secrets=told, key="ASIAEXAMPLE").error, AuthenticationError)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("minutes", [17, -17])
def test_a_clock_that_differs_is_corrected_by_the_services(stream: str, minutes: int) -> None:
    with Server(cloud(now=lambda: datetime.now(UTC) + timedelta(minutes=minutes)).answer) as api:
        ran = run(api, stream)
    assert ran.error is None
    assert ran.totals.mapped


@pytest.mark.parametrize(
    ("stream", "action"),
    [
        ("findings", "securityhub:GetFindings"),
        ("guardduty", "guardduty:ListDetectors"),
        ("guardduty", "guardduty:ListFindings"),
        ("guardduty", "guardduty:GetFindings"),
        ("instances", "config:SelectResourceConfig"),
    ],
)
def test_an_action_that_is_not_allowed_is_a_missing_permission(stream: str, action: str) -> None:
    with Server(cloud(denied=[action]).answer) as api:
        ran = run(api, stream)
    assert isinstance(ran.error, PermissionDenied)
    assert action in str(ran.error)


def checked(simulated: AwsCloud, **more: str) -> list[str]:
    with Server(simulated.answer) as api:
        made = configure(aws_security.settings, settings(api.url, **more), SECRETS)
        http = connect(aws_security, made, instance="test")
        try:
            assert aws_security.checker is not None
            return [str(line) for line in aws_security.checker(Context(made, connect=lambda: http))]
        finally:
            http.close()


def test_the_check_names_what_can_be_read_and_what_not() -> None:
    lines = checked(cloud(denied=["config:SelectResourceConfig"]))
    assert len(lines) == 3
    assert ["not allowed" in line for line in lines] == [False, False, True]


def test_the_check_asks_the_aggregator_where_there_is_one() -> None:
    simulated = cloud(denied=["config:SelectResourceConfig"])
    assert checked(simulated, aggregator="everything")[2] == "config:SelectAggregateResourceConfig: readable"


def test_the_check_says_that_security_hub_was_never_enabled() -> None:
    lines = checked(cloud(unsubscribed=True))
    assert "enable it" in lines[0]
    assert all(line.endswith("readable") for line in lines[1:])
