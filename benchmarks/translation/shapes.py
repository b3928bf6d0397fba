"""Made-up records in the shapes of three products, one JSON object a line; the same number gives the same record."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

_SPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_HOSTS, _REMOTE, _USERS = 2_000, 500, 1_000
"""Distinct devices, addresses elsewhere and people: ten thousand records speak of the same ones over and over."""

Shape = Callable[[int], dict[str, Any]]


def nozomi(number: int) -> dict[str, Any]:
    """An alert as ``query=alerts`` gives it."""
    at = _ms(number)
    source, target = number % _HOSTS, (number * 7 + 1) % _HOSTS
    return {
        "id": str(uuid5(_SPACE, f"alert-{number}")), "type_id": "SIGN:PROGRAM:CHANGE", "name": "Program change",
        "type_name": "Program change", "description": f"Program of the controller was changed, {number}", "severity": 10,
        "time": at, "created_time": at, "record_created_at": at + 500, "closed_time": 0, "status": "open", "ack": False,
        "risk": str(number % 10), "ip_src": _host(source), "ip_dst": _host(target), "mac_src": _mac(source),
        "mac_dst": _mac(target), "id_src": _host(source), "id_dst": _host(target), "zone_src": "Production_A",
        "zone_dst": "Production_A", "label_src": f"station-{source}", "label_dst": f"plc-{target}", "port_src": 40_000,
        "port_dst": 44_818, "protocol": "ethernetip", "transport_protocol": "tcp", "appliance_host": "guardian-1",
        "appliance_site": "North", "is_incident": False, "is_security": True, "threat_name": "", "trigger_id": None,
        "trigger_type": None, "src_roles": "engineering_station", "dst_roles": "producer", "note": None,
        "capture_device": "port1", "properties": {"base_risk": 6, "raised_by": "n2os_ids"},
    }  # fmt: skip


def guardduty(number: int) -> dict[str, Any]:
    """A finding as ``GetFindings`` gives it."""
    host, remote = number % _HOSTS, number % _REMOTE
    local, instance = _host(host), f"i-{host:017x}"
    return {
        "AccountId": "123456789012", "Id": f"{number:032x}", "Partition": "aws", "Region": "eu-central-1",
        "Arn": f"arn:aws:guardduty:eu-central-1:123456789012:detector/d0/finding/{number:032x}", "SchemaVersion": "2.0",
        "CreatedAt": _iso(number), "UpdatedAt": _iso(number + 60), "Severity": number % 8 + 1,
        "Title": f"{_far(remote)} is performing RDP brute force attacks against {instance}.",
        "Description": f"{_far(remote)} is performing RDP brute force attacks against {instance}.",
        "Type": "UnauthorizedAccess:EC2/RDPBruteForce", "FindingType": "alert",
        "Resource": {
            "ResourceType": "Instance",
            "InstanceDetails": {
                "AvailabilityZone": "eu-central-1a", "ImageId": "ami-0a1", "InstanceId": instance,
                "InstanceState": "running", "InstanceType": "t3.medium", "LaunchTime": _iso(host), "Platform": "windows",
                "NetworkInterfaces": [{
                    "NetworkInterfaceId": f"eni-{host:017x}", "PrivateDnsName": f"ip-{host}.ec2.internal",
                    "PrivateIpAddress": local, "SubnetId": "subnet-1", "VpcId": "vpc-1", "Ipv6Addresses": [],
                    "PrivateIpAddresses": [{"PrivateDnsName": f"ip-{host}.ec2.internal", "PrivateIpAddress": local}],
                    "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "default"}],
                }],
                "Tags": [{"Key": "Name", "Value": f"server-{host}"}],
            },
        },
        "Service": {
            "Action": {
                "ActionType": "NETWORK_CONNECTION",
                "NetworkConnectionAction": {
                    "Blocked": False, "ConnectionDirection": "INBOUND", "Protocol": "TCP",
                    "LocalPortDetails": {"Port": 3389, "PortName": "RDP"},
                    "LocalIpDetails": {"IpAddressV4": local},
                    "RemotePortDetails": {"Port": 49_163, "PortName": "Unknown"},
                    "RemoteIpDetails": {
                        "IpAddressV4": _far(remote), "City": {"CityName": "Example"},
                        "Country": {"CountryName": "Example"}, "GeoLocation": {"Lat": 1.5, "Lon": 2.5},
                        "Organization": {"Asn": "64496", "AsnOrg": "Example", "Isp": "Example", "Org": "Example"},
                    },
                },
            },
            "Archived": False, "Count": number % 50 + 1, "DetectorId": "d0", "EventFirstSeen": _iso(number),
            "EventLastSeen": _iso(number + 30), "ResourceRole": "TARGET", "ServiceName": "guardduty",
        },
    }  # fmt: skip


def okta(number: int) -> dict[str, Any]:
    """An entry of the system log: a sign-in that was refused."""
    user, remote = number % _USERS, number % _REMOTE
    person = {
        "id": f"00u{user:017d}", "type": "User", "alternateId": f"user{user}@corp.example", "displayName": f"User {user}",
        "detailEntry": None,
    }  # fmt: skip
    place = {
        "city": "Example", "state": None, "country": "Example", "postalCode": None,
        "geolocation": {"lat": 1.5, "lon": 2.5},
    }  # fmt: skip
    return {
        "uuid": str(uuid5(_SPACE, f"event-{number}")), "published": _iso(number), "eventType": "user.session.start",
        "legacyEventType": "core.user_auth.login_failed", "version": "0", "severity": "WARN",
        "displayMessage": "User login to Okta", "actor": person, "target": [person],
        "client": {
            "userAgent": {"rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64)", "os": "Linux", "browser": "FIREFOX"},
            "zone": "null", "device": "Computer", "id": None, "ipAddress": _far(remote), "geographicalContext": place,
        },
        "authenticationContext": {"authenticationStep": 0, "externalSessionId": f"s{number}", "credentialType": None},
        "outcome": {"result": "FAILURE", "reason": "INVALID_CREDENTIALS"},
        "securityContext": {"asNumber": 64496, "asOrg": "example", "isp": "example", "domain": "isp.example",
                            "isProxy": False},
        "debugContext": {"debugData": {"requestId": f"r{number}", "requestUri": "/idp/idx/identify",
                                       "url": "/idp/idx/identify?", "threatSuspected": "false"}},
        "transaction": {"type": "WEB", "id": f"r{number}", "detail": {}},
        "request": {"ipChain": [{"ip": _far(remote), "geographicalContext": place, "version": "V4", "source": None}]},
    }  # fmt: skip


def write(shape: Shape, count: int, path: Path) -> Path:
    """``count`` records, one a line."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps(shape(number), separators=(",", ":")) + "\n")
    return path


def _at(number: int) -> datetime:
    return _EPOCH + timedelta(seconds=number)


def _iso(number: int) -> str:
    return _at(number).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _ms(number: int) -> int:
    return int(_at(number).timestamp() * 1000)


def _host(number: int) -> str:
    return f"10.20.{number // 250}.{number % 250 + 1}"


def _far(number: int) -> str:
    return f"198.18.{number // 250}.{number % 250 + 1}"


def _mac(number: int) -> str:
    return f"00:1b:1b:00:{number // 256:02x}:{number % 256:02x}"
