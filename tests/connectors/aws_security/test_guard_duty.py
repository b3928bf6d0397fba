"""Findings of GuardDuty: whom each kind is about, and what was seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.aws_security.aws_models import everything
from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.aws_security.connector import aws_security
from isthmus_sdk import stix
from isthmus_sdk.testing import unjustified

FAR = {"ipAddressV4": "203.0.113.7", "country": {"countryName": "Nowhere"}}
DATABASE = "arn:aws:rds:eu-central-1:111122223333:db:orders"


def finding(resource: dict[str, Any], service: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A finding with these parts."""
    times = {"eventFirstSeen": "2026-05-04T05:20:00Z", "eventLastSeen": "2026-05-04T05:21:00Z"}
    return {
        "schemaVersion": "2.0", "id": "f1", "arn": "arn:aws:guardduty:eu-central-1:111122223333:detector/d/finding/f1",
        "accountId": "111122223333", "region": "eu-central-1", "type": "T:R/F", "title": "t", "severity": 5,
        "createdAt": "2026-05-04T05:22:00Z", "updatedAt": "2026-05-04T05:22:00Z",
        "resource": resource, "service": {"serviceName": "guardduty", **times, **service}, **more,
    }  # fmt: skip


def mapped(record: dict[str, Any]) -> Objects:
    outcome = map_records(aws_security, "guardduty", [record])
    assert outcome.quarantined == []
    return objects_of(outcome)


def about(objects: Objects) -> dict[str, list[str]]:
    """Role -> names of the subjects of the one alert."""
    (alert,) = [obj for obj in objects if obj["type"] == "incident"]
    by_id = {obj["id"]: obj for obj in objects}
    found: dict[str, list[str]] = {}
    for each in (stix.facts(alert, stix.ALERT) or {}).get("subjects", []):
        obj = by_id[each["ref"]]
        found.setdefault(each["role"], []).append(obj.get("name") or obj.get("account_login") or obj["user_id"])
    return found


def seen(objects: Objects, type: str) -> Objects:
    """Objects of a type that the alert's observation names."""
    (observed,) = [obj for obj in objects if obj["type"] == "observed-data"]
    return [obj for obj in objects if obj["type"] == type and obj["id"] in observed["object_refs"]]


def test_an_inbound_connection_is_traffic_from_the_far_side_to_the_instance() -> None:
    card = {"networkInterfaceId": "eni-1", "privateIpAddress": "10.0.0.7", "vpcId": "vpc-1"}
    met = {"connectionDirection": "INBOUND", "protocol": "TCP", "remoteIpDetails": FAR,
           "localPortDetails": {"port": 22}, "remotePortDetails": {"port": 40001}}  # fmt: skip
    objects = mapped(
        finding(
            {"instanceDetails": {"instanceId": "i-0a1b2c3d", "networkInterfaces": [card]}},
            {"action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": met}},
        )
    )
    (traffic,) = seen(objects, "network-traffic")
    values = {obj["id"]: obj["value"] for obj in objects if obj["type"] == "ipv4-addr"}
    assert (values[traffic["src_ref"]], values[traffic["dst_ref"]]) == ("203.0.113.7", "10.0.0.7")
    assert (traffic["src_port"], traffic["dst_port"], traffic["protocols"]) == (40001, 22, ["ipv4", "tcp"])


def test_a_login_to_a_database_names_the_database_the_account_and_where_it_came_from() -> None:
    tried = {"remoteIpDetails": FAR, "LoginAttributes": [{"user": "admin", "failedLoginAttempts": 9}]}
    objects = mapped(
        finding(
            {
                "resourceType": "RDSDBInstance",
                "rdsDbInstanceDetails": {
                    "dbInstanceIdentifier": "orders",
                    "dbInstanceArn": DATABASE,
                    "engine": "Aurora",
                },
                "rdsDbUserDetails": {"user": "admin", "application": "psql"},
            },
            {"action": {"actionType": "RDS_LOGIN_ATTEMPT", "rdsLoginAttemptAction": tried}},
        )
    )
    assert about(objects) == {"resource": ["orders"], "user": ["admin"]}
    (account,) = seen(objects, "user-account")
    assert account["user_id"] == f"{DATABASE}/admin"
    assert [obj["value"] for obj in seen(objects, "ipv4-addr")] == ["203.0.113.7"]


def test_a_call_of_a_cluster_names_its_user_workload_and_containers() -> None:
    call = {"verb": "create", "sourceIPs": ["203.0.113.5", "203.0.113.7"], "remoteIpDetails": FAR}
    kubernetes = {
        "kubernetesUserDetails": {
            "username": "system:anonymous", "uid": "u-1", "groups": ["system:unauthenticated"],
            "impersonatedUser": {"username": "admin"},
        },
        "kubernetesWorkloadDetails": {
            "name": "web", "namespace": "shop", "type": "pods", "uid": "w-1",
            "containers": [{"name": "nginx", "id": "containerd://1", "image": "nginx:1"}],
        },
    }  # fmt: skip
    objects = mapped(
        finding(
            {
                "eksClusterDetails": {"name": "shop", "arn": "arn:aws:eks:::cluster/shop"},
                "kubernetesDetails": kubernetes,
            },
            {"action": {"actionType": "KUBERNETES_API_CALL", "kubernetesApiCallAction": call}},
        )
    )
    assert about(objects) == {
        "resource": ["shop"], "user": ["system:anonymous"], "impersonated": ["admin"], "workload": ["shop/web"],
        "container": ["nginx"],
    }  # fmt: skip
    assert {obj["value"] for obj in seen(objects, "ipv4-addr")} == {"203.0.113.5", "203.0.113.7"}


def test_a_process_at_run_time_has_its_image_its_user_and_its_ancestors() -> None:
    process = {
        "name": "miner", "executablePath": "/tmp/miner", "executableSha256": "ab" * 32, "pid": 30, "uuid": "p-30",
        "parentUuid": "p-20", "startTime": 1777872001, "user": "www", "userId": 33, "pwd": "/tmp",
        "lineage": [
            {"uuid": "p-20", "parentUuid": "p-1", "pid": 20, "executablePath": "/bin/sh"},
            {"uuid": "p-1", "parentUuid": "p-1", "pid": 1, "executablePath": "/sbin/init"},
        ],
    }  # fmt: skip
    ecs = {"name": "c", "arn": "arn:aws:ecs:::cluster/c", "taskDetails": {"arn": "arn:aws:ecs:::task/c/t1"}}
    objects = mapped(
        finding(
            {"ecsClusterDetails": ecs, "containerDetails": {"id": "docker://9", "name": "app"}},
            {
                "runtimeDetails": {
                    "process": process,
                    "context": {"scriptPath": "/tmp/run.sh", "moduleSha256": "12" * 32},
                }
            },
        )
    )
    assert about(objects) == {"resource": ["c"], "workload": ["t1"], "container": ["app"]}
    processes = {obj["pid"]: obj for obj in objects if obj["type"] == "process"}
    files = {obj["id"]: obj for obj in objects if obj["type"] == "file"}
    assert processes[30]["parent_ref"] == processes[20]["id"]
    assert processes[20]["parent_ref"] == processes[1]["id"]
    assert "parent_ref" not in processes[1]
    assert files[processes[30]["image_ref"]]["hashes"] == {"SHA-256": "ab" * 32}
    assert processes[30]["cwd"] == "/tmp"
    assert {obj.get("name") for obj in seen(objects, "file")} == {"run.sh", None}


def test_malware_is_a_file_with_its_hash_and_the_threats_name_is_kept() -> None:
    threat = {"name": "EICAR", "filePaths": [{"filePath": "opt/x/eicar", "fileName": "eicar", "hash": "cd" * 32}]}
    scan = {"scanDetections": {"threatDetectedByName": {"threatNames": [threat]}}}
    match = {"threatListName": "ProofPoint", "threatNames": ["Mirai"], "threatFileSha256": "ef" * 32}
    objects = mapped(finding({}, {"ebsVolumeScanDetails": scan, "evidence": {"threatIntelligenceDetails": [match]}}))
    assert {obj["hashes"]["SHA-256"] for obj in seen(objects, "file")} == {"cd" * 32, "ef" * 32}
    (alert,) = [obj for obj in objects if obj["type"] == "incident"]
    named = {
        (ref["external_id"], ref.get("description"))
        for ref in alert["external_references"]
        if ref["source_name"] == "aws-threat"
    }
    assert named == {("EICAR", None), ("Mirai", "ProofPoint")}


def test_an_attack_of_several_steps_names_who_where_techniques_and_findings() -> None:
    sequence = {
        "actors": [{"id": "a", "user": {"name": "eve", "uid": "AIDA1"}}],
        "endpoints": [{"ip": "203.0.113.7", "domain": "evil.example"}],
        "resources": [
            {"uid": "arn:aws:ec2:eu-west-1:444455556666:instance/i-0b", "resourceType": "EC2_INSTANCE", "name": "web"},
            {"uid": "arn:aws:s3:::backups", "resourceType": "S3_BUCKET"},
        ],
        "signals": [{"uid": "s-1", "signalIndicators": [{"key": "ATTACK_TECHNIQUE", "values": ["T1078.004"]}]}],
        "sequenceIndicators": [
            {"key": "ATTACK_TACTIC", "values": ["T0000"]},
            {"key": "ATTACK_TECHNIQUE", "values": ["T1530 - Data"]},
        ],
    }
    objects = mapped(finding({}, {"detection": {"sequence": sequence}}))
    assert about(objects) == {"user": ["eve"], "ec2-instance": ["web"], "s3-bucket": ["arn:aws:s3:::backups"]}
    (alert,) = [obj for obj in objects if obj["type"] == "incident"]
    known = stix.facts(alert, stix.ALERT) or {}
    assert known["techniques"] == ["T1078.004", "T1530"]
    (asset,) = [obj for obj in objects if (stix.facts(obj, stix.ASSET) or {}).get("kind") == "asset"]
    assert (stix.facts(asset, stix.ASSET) or {})["site"] == "444455556666/eu-west-1"
    assert [obj["value"] for obj in seen(objects, "domain-name")] == ["evil.example"]


@pytest.mark.parametrize(
    "service",
    [
        {"runtimeDetails": {"process": {"pid": None, "name": None}}},
        {
            "runtimeDetails": {
                "process": {"executableSha256": "GeneratedFindingHash", "name": "x", "uuid": "u", "parentUuid": "u"}
            }
        },
        {
            "runtimeDetails": "",
            "evidence": {},
            "detection": {"sequence": None},
            "ebsVolumeScanDetails": {"scanDetections": {}},
        },
        {
            "action": {
                "networkConnectionAction": {"remoteIpDetails": {"ipAddressV4": "not an address"}, "protocol": "0"}
            }
        },
        {"action": {"rdsLoginAttemptAction": {"LoginAttributes": [{}]}, "portProbeAction": {"portProbeDetails": None}}},
    ],
)
def test_parts_that_say_nothing_are_left_out(service: dict[str, Any]) -> None:
    assert mapped(finding({"kubernetesDetails": {"kubernetesUserDetails": {}}, "rdsDbUserDetails": {}}, service))


def test_every_field_of_awss_model_is_used_or_has_its_reason(valid: Callable[[Objects], None]) -> None:
    record = everything("guardduty", "GetFindings", "Findings")
    valid(mapped(record))
    assert unjustified(aws_security, "guardduty", [record]) == []
