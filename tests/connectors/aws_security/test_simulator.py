"""The simulated account answers as the vendor's own client expects it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.connectors.aws_security.cloud import REGION, cloud, plant

from isthmus_connectors.aws_security.simulator import AwsCloud
from isthmus_connectors.simulation import Key, Reply, Request, Server

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
SELECT = "SELECT resourceId, accountId, configuration, tags WHERE resourceType = 'AWS::EC2::Instance'"


def client(service: str, url: str, **changes: Any) -> Any:
    from botocore.config import Config

    told = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret-key", "region_name": REGION} | changes
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    return boto3.Session().client(service, endpoint_url=url, config=config, **told)


def asked(service: str, url: str, **changes: Any) -> str:
    """One request of each service: ``ok``, or the type of the error that boto3 raises for it."""
    from botocore.exceptions import ClientError

    made = client(service, url, **changes)
    try:
        match service:
            case "securityhub":
                made.get_findings()
            case "guardduty":
                made.list_detectors()
            case _:
                made.select_resource_config(Expression=SELECT)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


SERVICES = ("securityhub", "guardduty", "config")


@contextmanager
def served(simulated: AwsCloud | None = None) -> Iterator[str]:
    with Server((simulated or cloud()).answer) as server:
        yield server.url


def test_boto3_pages_through_security_hub() -> None:
    with served(cloud(plant(6))) as url:
        pages = client("securityhub", url).get_paginator("get_findings").paginate(PaginationConfig={"PageSize": 5})
        lengths, rows = [], []
        for page in pages:
            lengths.append(len(page["Findings"]))
            rows += page["Findings"]
    assert lengths == [5, 5, 2]
    assert len({row["Id"] for row in rows}) == 12


def test_boto3_filters_and_sorts_findings() -> None:
    window = {"Start": "2026-05-03T05:00:01Z", "End": "2026-05-04T05:20:01Z"}
    with served() as url:
        rows = client("securityhub", url).get_findings(
            Filters={"UpdatedAt": [window], "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}]},
            SortCriteria=[{"Field": "UpdatedAt", "SortOrder": "desc"}],
        )["Findings"]
    assert [row["UpdatedAt"][:19] for row in rows] == [
        "2026-05-04T05:20:00", "2026-05-03T05:00:02", "2026-05-03T05:00:01",
    ]  # fmt: skip


def test_boto3_lists_findings_of_guardduty_and_gets_them() -> None:
    with served(cloud(plant(5))) as url:
        duty = client("guardduty", url)
        (detector,) = duty.list_detectors()["DetectorIds"]
        ids = [
            id
            for page in duty.get_paginator("list_findings").paginate(
                DetectorId=detector,
                FindingCriteria={"Criterion": {"updatedAt": {"GreaterThanOrEqual": 1777872001500}}},
                PaginationConfig={"PageSize": 3},
            )
            for id in page["FindingIds"]
        ]
        rows = duty.get_findings(DetectorId=detector, FindingIds=ids)["Findings"]
    assert len(ids) == 4
    assert {row["Id"] for row in rows} == set(ids)
    assert rows[0]["Service"]["Action"]["NetworkConnectionAction"]["RemoteIpDetails"]["IpAddressV4"] == "203.0.113.7"


def test_a_finding_of_guardduty_is_in_security_hub_under_its_arn() -> None:
    with served() as url:
        duty = client("guardduty", url)
        (detector,) = duty.list_detectors()["DetectorIds"]
        ids = duty.list_findings(DetectorId=detector)["FindingIds"]
        arns = {row["Arn"] for row in duty.get_findings(DetectorId=detector, FindingIds=ids)["Findings"]}
        hub = {row["Id"] for row in client("securityhub", url).get_findings()["Findings"]}
    assert len(arns) == 3
    assert arns <= hub


@pytest.mark.parametrize("aggregated", [False, True])
def test_boto3_selects_instances_from_config(aggregated: bool) -> None:
    name = "select_aggregate_resource_config" if aggregated else "select_resource_config"
    more = {"ConfigurationAggregatorName": "everything"} if aggregated else {}
    with served() as url:
        config = client("config", url)
        pages = [
            page["Results"]
            for page in config.get_paginator(name).paginate(Expression=SELECT, PaginationConfig={"PageSize": 2}, **more)
        ]
    assert [len(page) for page in pages] == [2, 1]
    row = json.loads(pages[0][0])
    assert set(row) == {"resourceId", "accountId", "configuration", "tags"}
    assert row["configuration"]["instanceId"] == row["resourceId"]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, "ok"),
        ({"aws_secret_access_key": "another"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIDNOBODY"}, "UnrecognizedClientException"),
        ({"aws_session_token": "of-nobody"}, "UnrecognizedClientException"),
        ({"region_name": "us-east-1"}, "InvalidSignatureException"),
    ],
)
def test_only_the_right_signature_is_accepted(service: str, changes: dict[str, str], error: str) -> None:
    with served() as url:
        assert asked(service, url, **changes) == error


@pytest.mark.parametrize("service", SERVICES)
def test_temporary_keys_need_their_token_and_stop_when_they_expire(service: str) -> None:
    now = [datetime.now(UTC)]
    keys = {"ASIAEXAMPLE": Key("temporary", "token", now[0] + timedelta(minutes=2))}
    told = {"aws_access_key_id": "ASIAEXAMPLE", "aws_secret_access_key": "temporary"}
    with served(cloud(keys=keys, now=lambda: now[0])) as url:
        assert asked(service, url, **told) == "UnrecognizedClientException"
        assert asked(service, url, **told, aws_session_token="token") == "ok"
        now[0] += timedelta(minutes=3)
        assert asked(service, url, **told, aws_session_token="token") == "ExpiredTokenException"


@pytest.mark.parametrize(("minutes", "words"), [(7, "Signature expired"), (-7, "Signature not yet current")])
def test_a_request_of_another_time_is_refused(minutes: int, words: str) -> None:
    from botocore.exceptions import ClientError

    simulated = cloud(now=lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    with served(simulated) as url, pytest.raises(ClientError, match=words) as refused:
        client("guardduty", url).list_detectors()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def findings_asked(simulated: AwsCloud, **asked: int) -> Request:
    """The request, as boto3 signed it, for findings of Security Hub."""
    kept: list[Request] = []

    def answer(request: Request) -> Reply:
        kept.append(request)
        return simulated.answer(request)

    with Server(answer) as server:
        client("securityhub", server.url).get_findings(**asked)
    (request,) = kept
    return request


def test_a_service_is_told_apart_from_another_by_the_signature() -> None:
    simulated = cloud()
    request = findings_asked(simulated)
    wrong = Request(request.method, "/detector", {}, request.headers, request.body)
    assert "correct service: 'guardduty'" in simulated.answer(wrong).body["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"MaxResults": 2}'},
        {"query": {"x": "1"}},
        {"headers": {"host": "elsewhere"}},
        {"headers": {"content-type": "text/plain"}},
        {"headers": {"x-amz-target": "added.later"}},
    ],
)
def test_what_is_changed_on_the_way_breaks_the_signature(changed: dict[str, Any]) -> None:
    simulated = cloud()
    sent = findings_asked(simulated, MaxResults=1)
    headers = {**sent.headers, "content-type": sent.headers["content-type"], **changed.get("headers", {})}
    body, query = changed.get("body", sent.body), changed.get("query", sent.query)
    assert simulated.answer(sent).status == 200
    refused = simulated.answer(Request(sent.method, sent.path, query, headers, body))
    signed = "content-type" in sent.headers["authorization"]
    if changed.get("headers", {}).get("content-type") and not signed:
        assert refused.status == 200  # boto3 leaves it unsigned there, and so it is nobody's to protect
    else:
        assert (refused.status, refused.headers["x-amzn-ErrorType"].partition(":")[0]) == (
            403,
            "InvalidSignatureException",
        )


def test_a_request_without_a_signature_is_refused() -> None:
    with served() as url:
        connection = HTTPConnection(urlsplit(url).netloc)
        connection.request("GET", "/detector")
        reply = connection.getresponse()
        assert (reply.status, json.loads(reply.read())["message"]) == (403, "Missing Authentication Token")
        connection.request("GET", "/detector", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
        reply = connection.getresponse()
        assert (reply.status, reply.headers["x-amzn-errortype"].partition(":")[0]) == (
            400,
            "IncompleteSignatureException",
        )
        connection.close()


@pytest.mark.parametrize(
    ("service", "error"), zip(SERVICES, ("TooManyRequestsException",) * 2 + ("ThrottlingException",), strict=True)
)
def test_requests_above_the_rate_are_throttled_in_the_services_words(service: str, error: str) -> None:
    with served(cloud(rate=1)) as url:
        assert [asked(service, url), asked(service, url)] == ["ok", error]


@pytest.mark.parametrize(
    ("service", "action"),
    [
        ("securityhub", "securityhub:GetFindings"),
        ("guardduty", "guardduty:ListDetectors"),
        ("config", "config:SelectResourceConfig"),
    ],
)
def test_an_action_that_no_policy_allows_is_denied(service: str, action: str) -> None:
    with served(cloud(denied=[action])) as url:
        assert asked(service, url) == "AccessDeniedException"


def test_an_account_without_security_hub_says_so() -> None:
    with served(cloud(unsubscribed=True)) as url:
        assert asked("securityhub", url) == "InvalidAccessException"


def code(call: Any, **given: Any) -> str:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def test_what_a_service_does_not_understand_is_refused_in_its_words() -> None:
    with served(cloud(plant(4))) as url:
        hub, duty, config = (client(service, url) for service in SERVICES)
        token = hub.get_findings(MaxResults=1)["NextToken"]
        assert code(hub.get_findings, NextToken=token, Filters={"Id": [{"Value": "x", "Comparison": "EQUALS"}]}) == (
            "InvalidInputException"
        )
        assert code(hub.get_findings, NextToken="made up") == "InvalidInputException"
        assert code(hub.get_findings, Filters={"UpdatedAt": [{"Start": "2026-01-01T00:00:00Z"}]}) == (
            "InvalidInputException"
        )
        assert code(duty.list_findings, DetectorId="0" * 32) == "BadRequestException"
        (detector,) = duty.list_detectors()["DetectorIds"]
        assert code(duty.get_findings, DetectorId=detector, FindingIds=["x"] * 51) == "BadRequestException"
        assert code(config.select_resource_config, Expression="SELECT nonsense WHERE x") == "InvalidExpressionException"
        assert (
            code(config.select_resource_config, Expression=SELECT, NextToken="made up") == "InvalidNextTokenException"
        )
        assert (
            code(config.select_aggregate_resource_config, Expression=SELECT, ConfigurationAggregatorName="none")
            == "NoSuchConfigurationAggregatorException"
        )
