"""Findings of Security Hub: evidence of every kind, who found them, and what mends a vulnerability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.aws_security.aws_models import everything
from tests.connectors.conftest import Objects, edges, map_records, objects_of

from isthmus_connectors.aws_security.connector import aws_security
from isthmus_sdk import stix
from isthmus_sdk.testing import unjustified

INSTANCE = {"Type": "AwsEc2Instance", "Id": "arn:aws:ec2:eu-central-1:111122223333:instance/i-0a1b2c3d"}


def finding(**parts: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08", "Id": "f1", "ProductArn": "arn:aws:securityhub:eu-central-1::product/acme/scanner",
        "AwsAccountId": "111122223333", "Title": "t", "CreatedAt": "2026-05-04T05:00:00Z", "UpdatedAt": "2026-05-04T05:00:00Z",
        "Severity": {"Label": "HIGH"}, "RecordState": "ACTIVE", "Workflow": {"Status": "NEW"}, **parts,
    }  # fmt: skip


def mapped(record: dict[str, Any]) -> Objects:
    outcome = map_records(aws_security, "findings", [record])
    assert outcome.quarantined == []
    return objects_of(outcome)


def alert(objects: Objects) -> dict[str, Any]:
    (made,) = [obj for obj in objects if obj["type"] == "incident"]
    return made


def seen(objects: Objects) -> dict[str, set[str]]:
    """Type -> values, names or paths of what the alert's observation names."""
    (observed,) = [obj for obj in objects if obj["type"] == "observed-data"]
    found: dict[str, set[str]] = {}
    for obj in objects:
        if obj["id"] in observed["object_refs"]:
            told = (
                obj.get("value") or obj.get("name") or obj.get("pid") or next(iter(obj.get("hashes", {}).values()), "")
            )
            found.setdefault(obj["type"], set()).add(str(told))
    return found


def test_indicators_of_a_threat_are_evidence_by_their_type() -> None:
    told = {
        "IPV4_ADDRESS": "203.0.113.7", "IPV6_ADDRESS": "2001:db8::7", "DOMAIN": "evil.example", "URL": "https://evil.example/x",
        "EMAIL_ADDRESS": "a@evil.example", "HASH_SHA256": "ab" * 32, "HASH_MD5": "cd" * 16, "MUTEX": "m1", "PROCESS": "/tmp/x",
    }  # fmt: skip
    rows = [{"Type": kind, "Value": value} for kind, value in told.items()]
    useless = [
        {"Type": "IPV4_ADDRESS", "Value": "999.1.1.1"},
        {"Type": "HASH_SHA1", "Value": "short"},
        {"Type": "NEW_KIND", "Value": "v"},
    ]
    assert seen(mapped(finding(ThreatIntelIndicators=rows + useless))) == {
        "ipv4-addr": {"203.0.113.7"}, "ipv6-addr": {"2001:db8::7"}, "domain-name": {"evil.example"},
        "url": {"https://evil.example/x"}, "email-addr": {"a@evil.example"}, "file": {"ab" * 32, "cd" * 16, "x"}, "mutex": {"m1"},
    }  # fmt: skip


def test_processes_malware_and_threats_are_evidence_and_their_names_are_kept() -> None:
    objects = mapped(
        finding(
            Process={"Name": "sh", "Path": "/bin/sh", "Pid": 30, "ParentPid": 20, "LaunchedAt": "2026-05-04T05:00:00Z"},
            Malware=[{"Name": "EICAR", "Path": "C:\\temp\\eicar.com", "Type": "VIRUS"}],
            Threats=[{"Name": "Mirai", "FilePaths": [{"FilePath": "opt/m", "FileName": "m", "Hash": "ef" * 32}]}],
        )
    )
    assert seen(objects) == {"process": {"30"}, "file": {"eicar.com", "m"}}
    files = {obj["name"]: obj for obj in objects if obj["type"] == "file"}
    folders = {obj["id"]: obj["path"] for obj in objects if obj["type"] == "directory"}
    assert folders[files["eicar.com"]["parent_directory_ref"]] == "C:\\temp"
    (process,) = [obj for obj in objects if obj["type"] == "process" and obj["pid"] == 30]
    assert process["image_ref"] == files["sh"]["id"]
    names = {ref["external_id"] for ref in alert(objects)["external_references"] if ref["source_name"] == "aws-threat"}
    assert names == {"EICAR", "Mirai"}


def test_what_was_done_names_the_far_side_and_a_connection_has_its_ports() -> None:
    network = {"Direction": "IN", "Protocol": "TCP", "SourceIpV4": "203.0.113.7", "SourcePort": 4000, "DestinationIpV4": "10.0.0.7",
               "DestinationPort": 22, "DestinationDomain": "host.example"}  # fmt: skip
    action = {
        "ActionType": "AWS_API_CALL",
        "AwsApiCallAction": {
            "RemoteIpDetails": {"IpAddressV4": "203.0.113.9"},
            "DomainDetails": {"Domain": "evil.example"},
        },
        "PortProbeAction": {"PortProbeDetails": [{"RemoteIpDetails": {"IpAddressV4": "203.0.113.10"}}]},
    }
    objects = mapped(finding(Network=network, Action=action))
    assert seen(objects)["ipv4-addr"] == {"203.0.113.7", "203.0.113.9", "203.0.113.10", "10.0.0.7"}
    assert seen(objects)["domain-name"] == {"host.example", "evil.example"}
    (traffic,) = [obj for obj in objects if obj["type"] == "network-traffic"]
    assert (traffic["src_port"], traffic["dst_port"]) == (4000, 22)


def test_an_access_key_is_the_account_that_guardduty_names_too() -> None:
    key = {"PrincipalId": "AIDA1", "PrincipalName": "eve", "PrincipalType": "IAMUser"}
    hub = mapped(
        finding(
            Resources=[
                {"Type": "AwsIamAccessKey", "Id": "AWS::IAM::AccessKey:AKIA1", "Details": {"AwsIamAccessKey": key}}
            ]
        )
    )
    duty = {
        "schemaVersion": "2.0", "id": "g", "updatedAt": "2026-05-04T05:00:00Z", "service": {},
        "resource": {"accessKeyDetails": {"principalId": "AIDA1", "userName": "eve"}},
    }  # fmt: skip
    (one,) = [obj for obj in hub if obj["type"] == "user-account"]
    (other,) = objects_of(map_records(aws_security, "guardduty", [duty]), "user-account")
    assert one["id"] == other["id"]


def test_the_product_that_found_it_is_the_sensor() -> None:
    objects = mapped(finding(ProductName="Scanner", CompanyName="Acme"))
    (product,) = [obj for obj in objects if obj["type"] == "identity" and obj["name"] == "Scanner"]
    assert product["description"] == "Acme"
    assert product["id"] in {edge["target_ref"] for edge in edges(objects, "related-to")}


def test_what_the_product_said_counts_where_security_hub_says_nothing() -> None:
    said = {"Severity": {"Label": "CRITICAL"}, "Types": ["TTPs/Impact"]}
    facts = stix.facts(alert(mapped(finding(Severity=None, FindingProviderFields=said))), stix.ALERT) or {}
    assert (facts["severity"], facts["category"]) == (90, "TTPs/Impact")


def test_a_verdict_of_people_is_part_of_the_vendors_status() -> None:
    facts = stix.facts(alert(mapped(finding(VerificationState="FALSE_POSITIVE"))), stix.ALERT) or {}
    assert facts["vendor_status"] == "ACTIVE/NEW/FALSE_POSITIVE"


@pytest.mark.parametrize(
    ("packages", "fix"),
    [
        (
            [{"Name": "openssl", "Version": "1", "FixedInVersion": "1.2"}, {"Name": "libssl", "FixedInVersion": "1.3"}],
            "openssl 1.2; libssl 1.3",
        ),
        (
            [{"Name": "kernel", "FixedInVersion": "NotAvailable", "Remediation": "yum update kernel"}],
            "yum update kernel",
        ),
        ([{"Name": "kernel", "FixedInVersion": "NotAvailable"}], None),
    ],
)
def test_a_vulnerability_says_what_mends_it_and_is_scored_by_the_newest_cvss(
    packages: list[Any], fix: str | None
) -> None:
    scores = [
        {"Version": "2.0", "BaseScore": 10.0},
        {"Version": "3.1", "BaseScore": 7.1},
        {"Version": "3.1", "BaseScore": 7.5},
    ]
    flaw = {"Id": "CVE-2026-1000", "Cvss": scores, "EpssScore": 0.25, "VulnerablePackages": packages}
    (edge,) = edges(mapped(finding(Resources=[INSTANCE], Vulnerabilities=[flaw])), "has")
    known = stix.facts(edge, stix.EXPOSURE) or {}
    assert (known["cvss"], known["epss"], known.get("fix")) == (7.5, 0.25, fix)


def test_every_field_of_awss_model_is_used_or_has_its_reason(valid: Callable[[Objects], None]) -> None:
    record = everything("securityhub", "GetFindings", "Findings")
    valid(mapped(record))
    assert unjustified(aws_security, "findings", [record]) == []
