"""Findings and instances: one alert in two services, what AWS's own models say of requests and replies, and the samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.aws_security.aws_models import service_model
from tests.connectors.conftest import Objects, map_records, objects_of, run_stream
from tests.connectors.scripted import Asked, Says, serve

from isthmus_connectors.aws_security.connector import aws_security
from isthmus_sdk import stix
from isthmus_sdk.testing import unjustified

PAGES = aws_security.folder / "conformance" / "pages"
SECRETS = {"secret_access_key": "secret-key"}


def page(stream: str) -> dict[str, Any]:
    return json.loads((PAGES / f"{stream}.json").read_bytes())


HUB, CONTROL = page("findings")["Findings"]
DUTY = page("guardduty")["findings"][0]
ROW = page("instances")["Results"][0]
DETECTOR = "12abc34d567e8fa901bc2d34e56789f0"


def alert(record: Any, stream: str = "findings") -> dict[str, Any]:
    (made,) = objects_of(map_records(aws_security, stream, [record]), "incident")
    return made


def facts(record: Any, stream: str = "findings") -> dict[str, Any]:
    return dict(stix.facts(alert(record, stream), stix.ALERT) or {})


def pascal(value: Any) -> Any:
    """As the command line and boto3 write what the API writes."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: pascal(inner) for name, inner in value.items()}
    return [pascal(inner) for inner in value] if isinstance(value, list) else value


def test_a_finding_that_both_services_carry_is_one_alert() -> None:
    imported = {**HUB, "Id": DUTY["arn"], "Types": ["TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce"]}
    assert alert(imported)["id"] == alert(DUTY, "guardduty")["id"]


def test_the_api_and_the_command_line_write_the_same_finding() -> None:
    assert alert(pascal(DUTY)) == alert(DUTY) == alert(DUTY, "guardduty")


def test_the_instance_is_one_asset_in_every_stream() -> None:
    ids = [
        {
            obj["id"]
            for obj in objects_of(map_records(aws_security, stream, [record]), "infrastructure")
            if (stix.facts(obj, stix.ASSET) or {}).get("kind") != "zone"
        }
        for stream, record in (("findings", HUB), ("guardduty", DUTY), ("instances", ROW))
    ]
    assert ids[0] == ids[1] == ids[2]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "open"),
        ({"Workflow": {"Status": "NOTIFIED"}}, "acknowledged"),
        ({"Workflow": {"Status": "SUPPRESSED"}}, "closed"),
        ({"RecordState": "ARCHIVED"}, "closed"),
        ({"Compliance": {"Status": "PASSED"}}, "closed"),
    ],
)
def test_what_happened_to_a_finding_is_a_state_of_the_same_alert(changes: dict[str, Any], status: str) -> None:
    later = {**HUB, **changes, "UpdatedAt": "2026-11-22T08:00:00.000Z"}
    assert facts(later)["status"] == status
    assert alert(later)["id"] == alert(HUB)["id"]
    assert alert(later)["modified"] == "2026-11-22T08:00:00.000Z"


def test_an_archived_finding_of_guardduty_is_closed_also_where_the_flag_is_text() -> None:
    service = {**DUTY["service"], "archived": "true"}
    assert facts({**DUTY, "service": service}, "guardduty")["status"] == "closed"


def test_the_label_decides_where_it_and_the_products_word_disagree() -> None:
    assert (facts(HUB)["severity"], facts(CONTROL)["severity"]) == (70, 0)
    assert facts(DUTY, "guardduty")["severity"] == 50


def test_a_vulnerability_of_inspector_is_an_exposure_of_the_instance() -> None:
    objects = objects_of(map_records(aws_security, "findings", [HUB]))
    (edge,) = [obj for obj in objects if obj.get("relationship_type") == "has"]
    known = stix.facts(edge, stix.EXPOSURE)
    assert known is not None
    assert (known["state"], known["cvss"], known["epss"]) == ("open", 8.1, 0.94)


def test_private_addresses_are_in_the_vpc_and_public_ones_are_not() -> None:
    zones: list[tuple[str | None, Any]] = []

    def scope(*args: Any, **named: Any) -> str:
        zones.append((args, named))  # type: ignore[arg-type]
        return "vpc" if "vpc-0a1b2c3d" in map(str, (*args, *named.values())) else "default"

    made = objects_of(map_records(aws_security, "instances", [ROW], scope=scope), "infrastructure")
    (known,) = [f for obj in made if (f := stix.facts(obj, stix.ASSET)) and f.get("kind") != "zone"]
    assert {ip: card["scope"] for card in known["interfaces"] for ip in card["ips"]} == {
        "10.0.1.17": "vpc",
        "2001:db8::17": "vpc",
        "198.51.100.17": "default",
    }
    assert (known["site"], known["zone"]) == ("111122223333/eu-central-1", "vpc-0a1b2c3d")


def test_an_instance_of_describe_instances_is_the_same_asset() -> None:
    plain = pascal(json.loads(ROW)["configuration"])
    made = map_records(aws_security, "instances", [plain])
    assert (made.mapped, made.quarantined) == (1, [])
    assert {"cloud_id"} <= {
        each["kind"]
        for obj in objects_of(made, "infrastructure")
        for each in (stix.facts(obj, stix.ASSET) or {}).get("identifiers", [])
    }


@pytest.mark.parametrize("stream", ["findings", "guardduty", "instances"])
def test_records_with_nothing_but_their_id_are_mapped_and_broken_ones_kept_aside(stream: str) -> None:
    least: list[Any] = {
        "findings": [
            {"Id": "f-1", "ProductArn": "p"},
            {"Id": "f-2", "ProductArn": "p", "Resources": None, "Severity": None},
        ],
        "guardduty": [{"id": "g-1", "schemaVersion": "2.0"}, {"Id": "g-2", "Service": None}],
        "instances": ['{"resourceId": "i-1"}', {"instanceId": "i-2"}],
    }[stream]
    outcome = map_records(aws_security, stream, [*least, {"Title": "no id"}, "text", 5])
    assert (outcome.mapped, len(outcome.quarantined)) == (2, 3)


# The API


class Cloud:
    """The three services behind one address; each request is checked against botocore's model of the operation."""

    def __init__(self) -> None:
        self.hub = [
            {**HUB, "Id": f"f-{number}", "UpdatedAt": f"2026-11-20T08:00:0{number}.000Z"} for number in range(3)
        ]
        self.duty = [
            {**DUTY, "id": f"g{number}", "arn": f"arn:g{number}", "updatedAt": f"2026-11-20T09:00:0{number}.000Z"}
            for number in range(3)
        ]
        self.rows = [json.dumps({**json.loads(ROW), "resourceId": f"i-{number}"}) for number in range(3)]
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, asked: Asked) -> Says:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        body = asked.json() if asked.body else {}
        if asked.path == "/detector":
            return self.says("guardduty", "ListDetectors", {}, {"detectorIds": [DETECTOR]}, headers)
        if asked.path == f"/detector/{DETECTOR}/findings":
            least = (
                body.get("findingCriteria", {}).get("criterion", {}).get("updatedAt", {}).get("greaterThanOrEqual", 0)
            )
            rows = [row["id"] for row in self.duty if _ms(row["updatedAt"]) >= least]
            return self.says(
                "guardduty",
                "ListFindings",
                {**body, "DetectorId": DETECTOR},
                self.cut(rows, body, "findingIds", "nextToken"),
                headers,
            )
        if asked.path == f"/detector/{DETECTOR}/findings/get":
            rows = [row for row in self.duty if row["id"] in body["findingIds"]]
            return self.says("guardduty", "GetFindings", {**body, "DetectorId": DETECTOR}, {"findings": rows}, headers)
        if asked.path == "/findings":
            least = body.get("Filters", {}).get("UpdatedAt", [{"Start": ""}])[0]["Start"]
            rows = [row for row in self.hub if row["UpdatedAt"] >= least]
            return self.says("securityhub", "GetFindings", body, self.cut(rows, body, "Findings", "NextToken"), headers)
        operation = headers["x-amz-target"].rpartition(".")[2]
        return self.says("config", operation, body, self.cut(self.rows, body, "Results", "NextToken"), headers)

    def cut(self, rows: list[Any], body: dict[str, Any], name: str, token: str) -> dict[str, Any]:
        """Two rows a page."""
        at = int(body.get(token, "0"))
        return {name: rows[at : at + 2], **({token: str(at + 2)} if at + 2 < len(rows) else {})}

    def says(self, service: str, operation: str, body: Any, reply: Any, headers: dict[str, str]) -> Says:
        assert f"/eu-central-1/{service}/aws4_request" in headers["authorization"]
        valid_request(service, operation, body)
        valid_reply(service, operation, reply)
        self.asked.append((operation, body))
        return Says(200, reply)


def _ms(text: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(text).timestamp() * 1000)


def valid_request(service: str, operation: str, body: dict[str, Any]) -> None:
    from botocore.validate import ParamValidator

    shape = service_model(service).operation_model(operation).input_shape
    assert ParamValidator().validate(named(body, shape), shape).generate_report() == ""


def valid_reply(service: str, operation: str, reply: dict[str, Any]) -> None:
    """Every name that is sent is one of the model's, all the way down."""
    named(reply, service_model(service).operation_model(operation).output_shape)


def named(value: Any, shape: Any) -> Any:
    """What is on the wire under the names of the model; fails at a name that it does not have."""
    if shape.type_name == "structure" and isinstance(value, dict):
        wire = {inner.serialization.get("name", name): (name, inner) for name, inner in shape.members.items()}
        assert value.keys() <= wire.keys(), (shape.name, sorted(value.keys() - wire.keys()))
        return {wire[name][0]: named(inner, wire[name][1]) for name, inner in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [named(inner, shape.member) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: named(inner, shape.value) for name, inner in value.items()}
    return value


@pytest.mark.parametrize(("stream", "prefix"), [("findings", "f-"), ("guardduty", "arn:g"), ("instances", "i-")])
def test_every_page_is_read_with_requests_that_aws_itself_would_take(stream: str, prefix: str) -> None:
    cloud = Cloud()
    with serve(cloud) as server:
        settings = {"region": "eu-central-1", "access_key_id": "AKIDEXAMPLE", "endpoint": server.url}
        first = run_stream(aws_security, stream, settings, SECRETS)
        assert (first.error, first.totals.mapped, first.rejected) == (None, 3, [])
        second = run_stream(aws_security, stream, settings, SECRETS, cursors=first.cursors)
        assert second.error is None
        if stream != "instances":
            assert second.objects == []
            rows = cloud.hub if stream == "findings" else cloud.duty
            changed = (
                {"UpdatedAt": "2026-11-21T08:00:00.000Z", "RecordState": "ARCHIVED"}
                if stream == "findings"
                else {"updatedAt": "2026-11-21T08:00:00.000Z", "service": {**DUTY["service"], "archived": True}}
            )
            rows[0] = {**rows[0], **changed}
            third = run_stream(aws_security, stream, settings, SECRETS, cursors=first.cursors)
            (made,) = third.of("incident")
            known = stix.facts(made, stix.ALERT)
            assert known is not None
            assert (known["native_id"], known["status"]) == (f"{prefix}0", "closed")
        else:
            assert len(second.totals.snapshots) == 1


def test_an_aggregator_is_asked_where_there_is_one() -> None:
    cloud = Cloud()
    with serve(cloud) as server:
        settings = {
            "region": "eu-central-1",
            "access_key_id": "AKIDEXAMPLE",
            "endpoint": server.url,
            "aggregator": "all",
        }
        assert run_stream(aws_security, "instances", settings, SECRETS).error is None
    assert {(operation, body["ConfigurationAggregatorName"]) for operation, body in cloud.asked} == {
        ("SelectAggregateResourceConfig", "all")
    }


# Published payloads


@pytest.mark.samples
@pytest.mark.parametrize(("folder", "number"), [("aws_security_hub", 10), ("aws_guardduty", 2)])
def test_published_findings_are_mapped_to_valid_objects(
    samples: Path, folder: str, number: int, valid: Callable[[Objects], None]
) -> None:
    records = json.loads((samples / folder / "findings.json").read_bytes())
    outcome = map_records(aws_security, "findings", records)
    assert (outcome.records, outcome.mapped) == (number, number)
    valid(objects_of(outcome))
    assert objects_of(outcome) == objects_of(map_records(aws_security, "findings", records))
    assert unjustified(aws_security, "findings", records) == []
