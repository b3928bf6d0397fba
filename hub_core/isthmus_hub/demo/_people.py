"""The people of the simulated site: accounts, groups, sign-ins, and the laptops that are registered to them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus_hub.demo._plant import Site

DEPARTMENTS = ("Production", "Maintenance", "Engineering", "Finance")
PEOPLE = 40


def add_people(site: Site) -> None:
    """Forty people in four departments and the group that may reach the cells; one of them left and kept that right."""
    for number in range(1, PEOPLE + 1):
        site.people.append(
            {
                "id": f"user{number}",
                "name": f"User {number}",
                "login": f"user{number}@north.example",
                "email": f"user{number}@north.example",
                "department": DEPARTMENTS[number % len(DEPARTMENTS)],
                "status": "DEPROVISIONED" if number == PEOPLE else "ACTIVE",
                "created": _iso(site, days=400 - number),
                "updated": _iso(site, days=30),
                "last_login": _iso(site, hours=number),
            }
        )
    for department in DEPARTMENTS:
        members = [person["id"] for person in site.people if person["department"] == department]
        _group(site, department.lower(), department, members)
    _group(site, "ot-remote-access", "OT remote access", ["user3", "user7", "user11", f"user{PEOPLE}"])
    for number in range(1, 13):
        _event(site, "user.session.start", f"user{number}", hours=number, device=f"off-lt-{100 + number}")
    for minute in range(3):
        _event(
            site, "user.session.start", "user7", hours=6 + minute / 60, result="FAILURE", reason="INVALID_CREDENTIALS"
        )
    _event(site, "user.account.lock", "user7", hours=5.9, severity="WARN")
    _event(
        site,
        "group.user_membership.add",
        "user3",
        hours=50,
        targets=[{"person": "user11"}, {"group": "ot-remote-access"}],
    )


def _group(site: Site, id: str, name: str, members: list[str]) -> None:
    made = _iso(site, days=300)
    site.groups.append({"id": id, "name": name, "members": members, "created": made, "updated": made})


def _event(site: Site, kind: str, person: str, *, hours: float, **more: Any) -> None:
    at = _iso(site, hours=hours)
    known = {"id": f"event-{len(site.events)}", "type": kind, "title": kind.replace(".", " "), "person": person}
    site.events.append({**known, "ip": f"198.51.100.{10 + len(site.events)}", "severity": "INFO", "result": "SUCCESS", "at": at, "stored": at, **more})  # fmt: skip


def _iso(site: Site, *, days: float = 0, hours: float = 0) -> str:
    return (site.now - timedelta(days=days, hours=hours)).isoformat().replace("+00:00", "Z")
