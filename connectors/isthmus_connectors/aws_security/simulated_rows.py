"""A plant as AWS tells it: findings of GuardDuty and Security Hub, rows of AWS Config. Pure; for the simulator alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isthmus_connectors.simulation import Plant, iso

PRODUCT = "aws-security"
_LABELS = ((90, "CRITICAL"), (70, "HIGH"), (40, "MEDIUM"), (1, "LOW"), (0, "INFORMATIONAL"))
_WORKFLOW = {"acknowledged": "NOTIFIED", "in_progress": "NOTIFIED", "closed": "RESOLVED"}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose findings and instances they are."""

    id: str = "111122223333"
    region: str = "eu-central-1"
    detector: str = "12abc34d567e8fa901bc2d34e56789f0"

    def arn(self, service: str, rest: str) -> str:
        """The ARN of something of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.id}:{rest}"


def hub_findings(plant: Plant, account: Account) -> list[dict[str, Any]]:
    """ASFF: GuardDuty's findings as Security Hub imports them, Inspector's for the vulnerabilities, native rows."""
    imported = [_imported(row, account) for row in duty_findings(plant, account)]
    flaws = [{**_inspected(plant, flaw, account), **view} for flaw, view in plant.visible("vulnerabilities")]
    return [*imported, *flaws, *plant.native("findings")]


def duty_findings(plant: Plant, account: Account) -> list[dict[str, Any]]:
    """GuardDuty's findings: the alerts, and native rows."""
    rows = [{**_seen(plant, alert, account), **view} for alert, view in plant.visible("alerts")]
    return [*rows, *plant.native("guardduty")]


def config_rows(plant: Plant, account: Account) -> list[dict[str, Any]]:
    """Config's items of EC2 instances: the devices, and native rows."""
    rows = [{**_item(plant, device, account), **view} for device, view in plant.visible("devices")]
    return [*rows, *plant.native("instances")]


def instance_id(plant: Plant, device_id: str) -> str:
    """``i-`` and 17 hexadecimal digits, the same in every run."""
    return f"i-{_digest(plant, 'instance', device_id)[:17]}"


def _digest(plant: Plant, kind: str, id: str) -> str:
    return hashlib.sha256(f"{plant.name}\0{kind}\0{id}".encode()).hexdigest()


def _cards(plant: Plant, device: Mapping[str, Any]) -> list[dict[str, Any]]:
    cards = []
    for number, interface in enumerate(device.get("interfaces", ())):
        v4 = [ip for ip in interface.get("ips", ()) if ":" not in ip]
        v6 = [ip for ip in interface.get("ips", ()) if ":" in ip]
        outside = device.get("external_ip") if number == 0 else None
        cards.append(
            {
                "networkInterfaceId": f"eni-{_digest(plant, f'card{number}', device['id'])[:17]}",
                "macAddress": interface.get("mac"),
                "privateIpAddress": v4[0] if v4 else None,
                "privateIpAddresses": [{"privateIpAddress": ip, "primary": index == 0} for index, ip in enumerate(v4)],
                "ipv6Addresses": [{"ipv6Address": ip} for ip in v6],
                "vpcId": _vpc(plant, device),
                **({"association": {"publicIp": outside, "ipOwnerId": "amazon"}} if outside else {}),
            }
        )
    return cards


def _vpc(plant: Plant, device: Mapping[str, Any]) -> str:
    return f"vpc-{_digest(plant, 'vpc', str(device.get('zone', '')))[:17]}"


def _item(plant: Plant, device: Mapping[str, Any], account: Account) -> dict[str, Any]:
    own = instance_id(plant, device["id"])
    tags = [{"key": "Name", "value": device.get("name") or device["id"]}]
    cards = _cards(plant, device)
    first = cards[0] if cards else {}
    zone = f"{account.region}a"
    return {
        "resourceId": own,
        "resourceName": None,
        "resourceType": "AWS::EC2::Instance",
        "accountId": account.id,
        "awsRegion": account.region,
        "availabilityZone": zone,
        "arn": account.arn("ec2", f"instance/{own}"),
        "resourceCreationTime": iso(device.get("first_seen"), 3),
        "configurationItemCaptureTime": iso(device.get("last_seen"), 3),
        "configurationItemStatus": "OK",
        "tags": tags,
        "configuration": {
            "instanceId": own,
            "instanceType": device.get("model") or "t3.medium",
            "imageId": f"ami-{_digest(plant, 'image', str(device.get('os', '')))[:17]}",
            "launchTime": iso(device.get("first_seen"), 3),
            "platformDetails": device.get("os") or "Linux/UNIX",
            "privateDnsName": device.get("hostname") or "",
            "privateIpAddress": first.get("privateIpAddress"),
            "publicIpAddress": (first.get("association") or {}).get("publicIp"),
            "vpcId": _vpc(plant, device),
            "state": {"code": 16, "name": "running"},
            "networkInterfaces": cards,
            "tags": tags,
        },
    }


def _seen(plant: Plant, alert: Mapping[str, Any], account: Account) -> dict[str, Any]:
    """A finding about the device that an alert names; the other end is the far side."""
    own = next((alert[end] for end in ("device", "target", "source") if isinstance(alert.get(end), str)), None)
    device = plant.device(own)
    acts = own is not None and own == alert.get("source")
    far = plant.party(alert.get("target" if acts else "source"))
    id = _digest(plant, "finding", alert["id"])[:32]
    first = alert.get("first_seen")
    instance = None
    if device is not None:
        instance = _item(plant, device, account)["configuration"]
        cards = [
            {**card, "publicIp": card.pop("association", {}).get("publicIp"),
             "ipv6Addresses": [row["ipv6Address"] for row in card["ipv6Addresses"]]}
            for card in instance["networkInterfaces"]
        ]  # fmt: skip
        for card in cards:
            card.pop("macAddress")  # GuardDuty tells none
        kept = ("instanceId", "instanceType", "imageId", "launchTime", "tags")
        instance = {name: instance[name] for name in kept} | {"instanceState": "running", "networkInterfaces": cards}
    connection = {
        "connectionDirection": "OUTBOUND" if acts else "INBOUND",
        "protocol": str(alert.get("transport", "tcp")).upper(),
        "blocked": False,
        "remoteIpDetails": {"ipAddressV4": far.get("ip")},
        "localPortDetails": {"port": alert.get("source_port" if acts else "port"), "portName": "Unknown"},
        "remotePortDetails": {"port": alert.get("port" if acts else "source_port"), "portName": "Unknown"},
    }
    return {
        "schemaVersion": "2.0",
        "accountId": account.id,
        "region": account.region,
        "partition": "aws",
        "id": id,
        "arn": account.arn("guardduty", f"detector/{account.detector}/finding/{id}"),
        "type": alert.get("category") or "UnauthorizedAccess:EC2/SSHBruteForce",
        "title": alert.get("title"),
        "description": alert.get("description"),
        "severity": min(alert.get("severity", 20) / 10, 8.9),
        "createdAt": iso(alert.get("created") or first, 3),
        "updatedAt": iso(alert.get("updated") or alert.get("closed") or alert.get("created") or first, 3),
        "resource": {"resourceType": "Instance", **({"instanceDetails": instance} if instance else {})},
        "service": {
            "serviceName": "guardduty",
            "detectorId": account.detector,
            "action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": connection},
            "resourceRole": "ACTOR" if acts else "TARGET",
            "eventFirstSeen": iso(first, 0),
            "eventLastSeen": iso(alert.get("last_seen") or first, 0),
            "archived": alert.get("status") == "closed",
            "count": 1,
        },
    }


def _imported(row: Mapping[str, Any], account: Account) -> dict[str, Any]:
    """A finding of GuardDuty as Security Hub has it: its ARN is the id."""
    service = row.get("service") or {}
    instance = (row.get("resource") or {}).get("instanceDetails") or {}
    severity = round(float(row.get("severity") or 0) * 10)
    closed = bool(service.get("archived"))
    return _finding(
        row.get("arn") or row["id"], account, "guardduty", "GuardDuty",
        Types=[f"TTPs/Unclassified/{str(row.get('type', '')).replace(':', '-').replace('/', '-')}"],
        Title=row.get("title") or row.get("type"), Description=row.get("description") or row.get("title"),
        GeneratorId=account.arn("guardduty", f"detector/{account.detector}"),
        FirstObservedAt=service.get("eventFirstSeen"), LastObservedAt=service.get("eventLastSeen"),
        CreatedAt=row.get("createdAt"), UpdatedAt=row.get("updatedAt"),
        Severity=_severity(severity), Workflow={"Status": "NEW"}, RecordState="ARCHIVED" if closed else "ACTIVE",
        Resources=[_resource(instance, account)],
    )  # fmt: skip


def _inspected(plant: Plant, flaw: Mapping[str, Any], account: Account) -> dict[str, Any]:
    device = plant.device(flaw["device"]) or {"id": flaw["device"]}
    instance = _item(plant, device, account)["configuration"]
    product = flaw.get("product") or {}
    open_ = flaw.get("state", "open") == "open"
    score = flaw.get("cvss")
    package = {
        "Name": product.get("name") or "unknown",
        "Version": product.get("version") or "0",
        "FixedInVersion": flaw.get("fix"),
    }
    return _finding(
        account.arn("inspector2", f"finding/{_digest(plant, 'flaw', flaw['id'])[:32]}"), account, "inspector", "Inspector",
        Types=["Software and Configuration Checks/Vulnerabilities/CVE"],
        Title=f"{flaw['cve']} - {package['Name']}", Description=flaw.get("summary") or flaw["cve"],
        GeneratorId="AWSInspector",
        FirstObservedAt=iso(flaw.get("first_seen"), 3), LastObservedAt=iso(flaw.get("last_seen"), 3),
        CreatedAt=iso(flaw.get("first_seen"), 3), UpdatedAt=iso(flaw.get("last_seen") or flaw.get("first_seen"), 3),
        Severity=_severity(round((score or 0) * 10)),
        Workflow={"Status": "SUPPRESSED" if flaw.get("state") == "accepted" else "NEW" if open_ else "RESOLVED"},
        RecordState="ARCHIVED" if flaw.get("state") == "resolved" else "ACTIVE",
        Resources=[_resource(instance, account)],
        Vulnerabilities=[{
            "Id": flaw["cve"], "EpssScore": flaw.get("epss"), "FixAvailable": "YES" if flaw.get("fix") else "NO",
            "Cvss": [{"Version": "3.1", "BaseScore": score, "Source": "NVD"}] if score is not None else [],
            "VulnerablePackages": [package],
        }],
    )  # fmt: skip


def _severity(percent: int) -> dict[str, Any]:
    return {"Label": next(word for least, word in _LABELS if percent >= least), "Normalized": percent}


def _finding(id: str, account: Account, product: str, name: str, **told: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": f"arn:aws:securityhub:{account.region}::product/aws/{product}",
        "ProductName": name,
        "CompanyName": "Amazon",
        "Region": account.region,
        "AwsAccountId": account.id,
        **{field: value for field, value in told.items() if value is not None},
    }


def _resource(instance: Mapping[str, Any], account: Account) -> dict[str, Any]:
    if not instance:
        return {
            "Type": "AwsAccount",
            "Id": f"AWS::::Account:{account.id}",
            "Partition": "aws",
            "Region": account.region,
        }
    cards = instance.get("networkInterfaces", ())
    addresses = [row["privateIpAddress"] for card in cards for row in card["privateIpAddresses"]]
    details = {"Type": instance.get("instanceType"), "IpV4Addresses": addresses, "LaunchedAt": instance.get("launchTime"),
               "VpcId": next((card["vpcId"] for card in cards), None), "ImageId": instance.get("imageId")}  # fmt: skip
    return {
        "Type": "AwsEc2Instance",
        "Id": account.arn("ec2", f"instance/{instance['instanceId']}"),
        "Partition": "aws",
        "Region": account.region,
        "Tags": {tag["key"]: tag["value"] for tag in instance.get("tags", ())},
        "Details": {"AwsEc2Instance": {name: value for name, value in details.items() if value}},
    }
