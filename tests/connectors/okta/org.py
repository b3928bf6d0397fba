"""A small org, as a plant file and as single records of the vendor's shape."""

from __future__ import annotations

import copy
from typing import Any

from isthmus_connectors.okta.simulator import OktaOrg
from isthmus_connectors.simulation import Plant, Server

ORG: dict[str, Any] = {
    "name": "north",
    "people": [
        {"id": f"p{n}", "name": f"Person {n}", "login": f"p{n}@north.example", "created": "2026-01-01T00:00:00Z",
         "updated": f"2026-05-0{n + 1}T00:00:00Z"}
        for n in range(5)
    ]
    + [{"id": "gone", "name": "Gone Goner", "login": "gone@north.example", "status": "DEPROVISIONED",
        "created": "2026-01-01T00:00:00Z", "updated": "2026-05-07T00:00:00Z"}],
    "groups": [
        {"id": "operators", "name": "Operators", "members": ["p0", "p1", "gone"], "updated": "2026-05-01T00:00:00Z"},
        {"id": "empty", "name": "Empty", "members": []},
    ],
    "devices": [
        {"id": "laptop", "name": "LAPTOP-1", "os": "Windows 11", "serial": "7XK2Q24", "seen_by": {"okta": {}},
         "first_seen": "2026-01-01T00:00:00Z"},
    ],
    "events": [
        {"id": f"e{n}", "type": "user.session.start", "title": "User login to Okta", "person": f"p{n}",
         "ip": f"198.51.100.{n}", "at": f"2026-05-04T05:0{n}:00Z"}
        for n in range(5)
    ],
}  # fmt: skip


def plant(**changes: Any) -> dict[str, Any]:
    """A copy of the org that a test may change."""
    return {**copy.deepcopy(ORG), **changes}


def org(data: dict[str, Any] | None = None, **options: Any) -> OktaOrg:
    """The org, simulated."""
    return OktaOrg(Plant(data or plant(), "okta"), **options)


def settings_for(to: Server, **more: Any) -> dict[str, Any]:
    """Settings of an instance that reads the simulated org, from long ago on."""
    return {"base_url": to.url, "log_since": "2026-01-01T00:00:00Z", **more}


def event(type: str = "user.session.start", **changes: Any) -> dict[str, Any]:
    """One line of the log: somebody signs in."""
    return {
        "uuid": "5e056745-6640-11ed-869e-9507ab80c238", "published": "2026-05-04T05:00:00.123Z", "eventType": type,
        "displayMessage": "User login to Okta", "severity": "INFO",
        "actor": {"id": "00u1", "type": "User", "alternateId": "ann@north.example", "displayName": "Ann"},
        "client": {"ipAddress": "198.51.100.7", "zone": "null"}, "device": None,
        "outcome": {"result": "SUCCESS", "reason": None}, "debugContext": {"debugData": {}}, "target": None,
        **changes,
    }  # fmt: skip


def user(id: str, **changes: Any) -> dict[str, Any]:
    """An actor or target of an event."""
    return {"id": id, "type": "User", "alternateId": f"{id}@north.example", "displayName": id, **changes}


def group(id: str) -> dict[str, Any]:
    """A group as a target of an event."""
    return {"id": id, "type": "UserGroup", "alternateId": "unknown", "displayName": id}
