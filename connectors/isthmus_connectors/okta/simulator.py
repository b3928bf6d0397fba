"""Okta's management API, simulated.

``python -m isthmus_connectors.okta.simulator --data plant.json`` serves ``GET /api/v1/users`` (``search``, ``sortBy``),
``/api/v1/groups``, ``/api/v1/groups/{id}/users``, ``/api/v1/devices`` and ``/api/v1/logs`` (``since``, ``until``,
``sortOrder``) with ``limit``, ``after`` and ``Link`` headers; 401 for another token than ``SSWS``, 403 for what ``--deny``
takes away, 400 for a bad search, 429 with ``X-Rate-Limit-*`` above ``--rate`` calls a minute.

The data file is described in :mod:`isthmus_connectors.simulation._plant` (``people``, ``groups``, ``events``, ``devices``);
the product name in ``seen_by`` is ``okta``. Tables for ``native`` rows: ``users``, ``groups``, ``devices``, ``logs``.

It has the service's habits: without a search the list of users leaves deprovisioned ones out; the log that is asked for
without ``until`` is ordered by when events were stored and links to a next page for ever.
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from isthmus_connectors.simulation import (
    Plant,
    Reply,
    Request,
    add_secret,
    given_secret,
    iso,
    run,
)

PRODUCT = "okta"
_CLAUSE = re.compile(r'\s*(lastUpdated|status)\s+(eq|ge|gt|le|lt)\s+"([^"]*)"\s*')
_MEMBERS = re.compile(r"/api/v1/groups/([^/]+)/users")
_MOST = {"/api/v1/users": 200, "/api/v1/groups": 10_000, "/api/v1/devices": 200, "/api/v1/logs": 1000}
_PREFIX = {"people": "00u", "groups": "00g", "devices": "guo"}


class BadRequest(Exception):
    """Answered with 400 and the message."""


class OktaOrg:
    """One org: its token, its limits and its lists.

    ``clock`` returns seconds since 1970 and decides how calls are counted; ``rate`` = calls a minute; ``denied`` = first
    segments of paths ("logs") that the token's owner may not read.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        token: str = "okta-token",  # noqa: S107 - made up: the simulator guards nothing
        rate: int | None = None,
        denied: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.plant = plant
        self.token, self.rate, self.denied, self.clock = token, rate, tuple(denied), clock
        self._calls: list[float] = []
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        limits, refused = self._refuse(request)
        if refused is not None:
            return refused
        self.plant.refresh()
        try:
            reply = self._list(request)
        except BadRequest as error:
            reply = _error(400, "E0000031", f"Invalid search criteria: {error}")
        return Reply(reply.status, reply.body, {**limits, **reply.headers})

    def id_of(self, kind: str, plant_id: str) -> str:
        """Okta's id of a person, a group or a device: the same in every run."""
        return _PREFIX[kind] + self.plant.native_id(kind, plant_id).replace("-", "")[:17]

    def _refuse(self, request: Request) -> tuple[dict[str, str], Reply | None]:
        authorization = request.headers.get("authorization", "")
        if not authorization.startswith("SSWS") or authorization[4:].strip() != self.token:
            return {}, _error(401, "E0000011", "Invalid token provided")
        with self._lock:
            now = self.clock()
            self._calls = [called for called in self._calls if called > now - 60]
            if self.rate is not None:
                begun = self._calls[0] if self._calls else now
                reset = str(int(begun + 60) + 1)
                left = self.rate - len(self._calls)
                limits = {"X-Rate-Limit-Limit": str(self.rate), "X-Rate-Limit-Reset": reset}
                limits["X-Rate-Limit-Remaining"] = str(max(left - 1, 0))
                if left <= 0:
                    return {}, _error(429, "E0000047", "API call exceeded rate limit due to too many requests.", limits)
            else:
                limits = {}
            self._calls.append(now)
        if any(request.path.startswith(f"/api/v1/{each}") for each in self.denied):
            return {}, _error(403, "E0000006", "You do not have permission to perform the requested action")
        return limits, None

    def _list(self, request: Request) -> Reply:
        if match := _MEMBERS.fullmatch(request.path):
            members = self._members(match[1])
            if members is None:
                return _error(404, "E0000007", f"Not found: Resource not found: {match[1]} (UserGroup)")
            return _page(request, members, 1000)
        lists: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "/api/v1/users": lambda: _searched(self._users(), request.query),
            "/api/v1/groups": self._groups,
            "/api/v1/devices": self._devices,
            "/api/v1/logs": lambda: _logged(self._logs(), request.query),
        }
        if request.path not in lists:
            return _error(404, "E0000007", f"Not found: {request.path}")
        polled = request.path == "/api/v1/logs" and "until" not in request.query
        return _page(request, lists[request.path](), _MOST[request.path], endless=polled)

    def _users(self) -> list[dict[str, Any]]:
        rows = [
            {
                "id": self.id_of("people", person["id"]),
                "status": person.get("status", "ACTIVE"),
                "created": iso(person.get("created"), 3),
                "activated": None,
                "statusChanged": None,
                "lastLogin": iso(person.get("last_login"), 3),
                "lastUpdated": iso(person.get("updated") or person.get("created"), 3),
                "passwordChanged": None,
                "profile": _profile(person),
                "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
                **view,
            }
            for person, view in self.plant.visible("people")
        ]
        return rows + self.plant.native("users")

    def _groups(self) -> list[dict[str, Any]]:
        rows = [
            {
                "id": self.id_of("groups", group["id"]),
                "created": iso(group.get("created"), 3),
                "lastUpdated": iso(group.get("updated") or group.get("created"), 3),
                "lastMembershipUpdated": iso(group.get("updated") or group.get("created"), 3),
                "objectClass": ["okta:user_group"],
                "type": "OKTA_GROUP",
                "profile": {"name": group.get("name", group["id"]), "description": group.get("description")},
                **view,
            }
            for group, view in self.plant.visible("groups")
        ]
        return rows + self.plant.native("groups")

    def _members(self, group_id: str) -> list[dict[str, Any]] | None:
        for group, _ in self.plant.visible("groups"):
            if self.id_of("groups", group["id"]) == group_id:
                wanted = {self.id_of("people", each) for each in group.get("members", ())}
                return [user for user in self._users() if user["id"] in wanted]
        return None

    def _devices(self) -> list[dict[str, Any]]:
        rows = [
            {
                "id": self.id_of("devices", device["id"]),
                "status": "ACTIVE",
                "created": iso(device.get("first_seen"), 3),
                "lastUpdated": iso(device.get("first_seen"), 3),
                "profile": {
                    "displayName": device.get("hostname") or device.get("name"),
                    "platform": str(device.get("os", "")).split(" ")[0].upper() or None,
                    "manufacturer": device.get("vendor"),
                    "model": device.get("model"),
                    "osVersion": device.get("os_version"),
                    "serialNumber": device.get("serial"),
                    "registered": True,
                    "secureHardwarePresent": True,
                },
                "resourceType": "UDDevice",
                "_embedded": {"users": []},
                **view,
            }
            for device, view in self.plant.visible("devices")
            if "okta" in (device.get("seen_by") or {})
        ]
        return rows + self.plant.native("devices")

    def _logs(self) -> list[dict[str, Any]]:
        rows = [
            {**self._event(event), **view, "_stored": _stored(event)} for event, view in self.plant.visible("events")
        ]
        rows += [{"_stored": row["published"], **row} for row in self.plant.native("logs")]
        return rows

    def _event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        device = self.plant.device(event.get("device")) if event.get("device") else None
        ip = event.get("ip")
        return {
            "uuid": self.plant.native_id("events", event["id"]),
            "published": iso(event.get("at"), 3),
            "eventType": event.get("type"),
            "version": "0",
            "severity": event.get("severity", "INFO"),
            "legacyEventType": None,
            "displayMessage": event.get("title") or event.get("type"),
            "actor": self._party({"person": event["person"]}) if event.get("person") else _system(),
            "client": {
                "userAgent": None, "zone": "null", "device": "Computer", "id": None, "ipAddress": ip,
                "geographicalContext": None,
            },
            "device": device and {"id": self.id_of("devices", device["id"]), "name": device.get("name"),
                                  "os_platform": "WINDOWS", "os_version": None, "managed": False, "registered": True},
            "authenticationContext": {"authenticationStep": 0, "externalSessionId": "unknown"},
            "outcome": {"result": event.get("result", "SUCCESS"), "reason": event.get("reason")},
            "target": [self._party(target) for target in event.get("targets", ())] or None,
            "transaction": {"type": "WEB", "id": event["id"], "detail": {}},
            "debugContext": {"debugData": event.get("debug", {})},
            "request": {"ipChain": [{"ip": ip, "geographicalContext": None, "version": "V4", "source": None}] if ip else []},
            "securityContext": {"asNumber": None, "asOrg": None, "isp": None, "domain": None, "isProxy": False},
        }  # fmt: skip

    def _party(self, target: Mapping[str, Any]) -> dict[str, Any]:
        """An actor or a target; those that are gone from the plant still have their ids."""
        kind, type = ("people", "User") if "person" in target else ("groups", "UserGroup")
        reference = target.get("person") or target.get("group")
        record = next((each for each, _ in self.plant.visible(kind) if each["id"] == reference), {})
        return {
            "id": self.id_of(kind, str(reference)), "type": type, "alternateId": record.get("login") or "unknown",
            "displayName": record.get("name") or reference, "detailEntry": None,
        }  # fmt: skip


def _profile(person: Mapping[str, Any]) -> dict[str, Any]:
    first, _, last = str(person.get("name", "")).partition(" ")
    return {
        "login": person.get("login"), "email": person.get("email") or person.get("login"), "firstName": first or None,
        "lastName": last or None, "mobilePhone": None, "secondEmail": None, "department": person.get("department"),
        "title": person.get("title"),
    }  # fmt: skip


def _system() -> dict[str, Any]:
    return {"id": "okta.sys", "type": "SystemPrincipal", "alternateId": "system@okta.com", "displayName": "Okta System",
            "detailEntry": None}  # fmt: skip


def _stored(event: Mapping[str, Any]) -> str:
    return iso(event.get("stored") or event.get("at"), 3) or ""


def _searched(rows: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    search = query.get("search") or query.get("filter")
    if search is None:
        return [row for row in rows if row["status"] != "DEPROVISIONED"]
    if (clause := _CLAUSE.fullmatch(search)) is None:
        raise BadRequest(search)
    name, operator, wanted = clause.groups()
    tests: dict[str, Callable[[str], bool]] = {
        "eq": lambda value: value == wanted, "ge": lambda value: value >= wanted, "gt": lambda value: value > wanted,
        "le": lambda value: value <= wanted, "lt": lambda value: value < wanted,
    }  # fmt: skip
    found = [row for row in rows if tests[operator](str(row.get(name) or ""))]
    if (by := query.get("sortBy")) is not None:
        found.sort(key=lambda row: (str(row.get(by) or ""), row["id"]), reverse=query.get("sortOrder") == "desc")
    return found


def _logged(rows: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    since, until = query.get("since", ""), query.get("until")
    found = [row for row in rows if row["published"] >= since and (until is None or row["published"] < until)]
    order = "_stored" if until is None else "published"
    found.sort(key=lambda row: (row[order], row["uuid"]), reverse=query.get("sortOrder") == "DESCENDING")
    return [{name: value for name, value in row.items() if name != "_stored"} for row in found]


def _page(request: Request, rows: list[dict[str, Any]], most: int, *, endless: bool = False) -> Reply:
    text = request.query.get("limit", str(min(most, 100)))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        return _error(400, "E0000001", f"Api validation failed: limit must be between 1 and {most}")
    size, after = int(text), request.query.get("after", "0")
    if not after.isdecimal():
        return _error(400, "E0000031", "Invalid value for 'after'")
    begin = int(after)
    host = request.headers.get("host", "localhost")
    links = [f'<http://{host}{request.path}?{urlencode(request.query)}>; rel="self"']
    end = min(begin + size, len(rows))
    if end < len(rows) or endless:
        links.append(f'<http://{host}{request.path}?{urlencode({**request.query, "after": str(end)})}>; rel="next"')
    return Reply(200, rows[begin:end], {"Link": ", ".join(links)})


def _error(status: int, code: str, summary: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "simulated", "errorCauses": []}
    return Reply(status, body, headers or {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m isthmus_connectors.okta.simulator", description="Okta, simulated")
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    add_secret(parser, "token", "okta-token")
    parser.add_argument("--rate", type=int, help="calls a minute before 429")
    parser.add_argument(
        "--deny", action="append", default=[], metavar="LIST", help="users, groups, devices or logs: 403"
    )

    def build(options: argparse.Namespace) -> Callable[[Request], Reply]:
        token = given_secret(options, "token")
        return OktaOrg(Plant(options.data, PRODUCT), token=token, rate=options.rate, denied=options.deny).answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
