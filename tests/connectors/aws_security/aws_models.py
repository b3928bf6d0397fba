"""Records with every member that AWS's own models (botocore) know, and no others."""

from __future__ import annotations

from typing import Any

import pytest

_TEXTS = {
    "Id": "f-1", "id": "f-1", "arn": "arn:aws:guardduty:eu-central-1:111122223333:detector/d/finding/f-1",
    "ipAddressV4": "203.0.113.7", "IpAddressV4": "203.0.113.7", "ip": "203.0.113.8", "Ip": "203.0.113.8", "domain": "evil.example",
    "Domain": "evil.example", "instanceId": "i-0a1b2c3d", "privateIpAddress": "10.0.0.7", "publicIp": "198.51.100.7", "protocol": "TCP",
    "SourceIpV4": "203.0.113.9", "DestinationIpV4": "10.0.0.7", "SourceDomain": "a.example", "DestinationDomain": "b.example",
    "executableSha256": "ab" * 32, "hash": "cd" * 32, "Hash": "cd" * 32, "threatFileSha256": "ef" * 32, "moduleSha256": "12" * 32,
    "severity": "5", "archived": "false",
}  # fmt: skip


def service_model(service: str) -> Any:
    """botocore's model of a service; the test is skipped without botocore."""
    session = pytest.importorskip("botocore.session", reason="botocore is not installed")
    return session.get_session().get_service_model(service)


def everything(service: str, operation: str, member: str) -> dict[str, Any]:
    """One record of the list ``member`` of a reply, in the names of the wire, with each member said once."""
    shape = service_model(service).operation_model(operation).output_shape.members[member].member
    made = _made(shape, "", 0)
    assert isinstance(made, dict)
    return made


def _made(shape: Any, name: str, depth: int) -> Any:
    if depth > 12:
        return None
    match shape.type_name:
        case "structure":
            members = {inner.serialization.get("name", key): inner for key, inner in shape.members.items()}
            return {key: _made(inner, key, depth + 1) for key, inner in members.items()}
        case "list":
            return [_made(shape.member, name, depth + 1)]
        case "map":
            return {"key": _made(shape.value, name, depth + 1)}
        case "boolean":
            return True
        case "integer" | "long":
            return 7
        case "double" | "float":
            return 5.5
        case "timestamp":
            return 1777872001
        case _:
            if getattr(shape, "enum", None):
                return shape.enum[0]
            if name in _TEXTS:
                return _TEXTS[name]
            return "2026-05-04T05:20:00.000Z" if name.endswith(("At", "Time", "Seen")) else f"some-{name}"
