"""An Armis tenant on loopback, as its API v1 behaves: sign-in, the query language's filters, two envelopes, pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.connectors.conftest import Ran, run_stream
from tests.connectors.scripted import Asked, Says, Server, serve

from isthmus_connectors.armis.connector import armis

SECRET = "armis-secret-key-of-the-test"
_KEYS = {
    "in:devices": "devices",
    "in:alerts": "alerts",
    "in:vulnerabilities": "vulnerabilities",
    "in:activity": "activities",
}
_TIMES = {"devices": "lastSeen", "alerts": "time", "vulnerabilities": "lastDetected", "activities": "time"}
NOW = "2026-05-04T00:00:00"


@dataclass
class Tenant:
    """What the tenant holds. ``most``: rows in a page, whatever is asked for. ``lives``: requests that a token is good for."""

    devices: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    vulnerabilities: list[dict[str, Any]] = field(default_factory=list)
    matches: list[dict[str, Any]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)
    most: int = 1000
    lives: int = 1000
    signed_in: int = 0
    used: dict[str, int] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    refusal: Says = field(default_factory=lambda: Says(401, {"message": "Invalid access token.", "success": False}))
    forbidden: set[str] = field(default_factory=set)
    """Queries and paths that the key's user may not read."""

    def __call__(self, asked: Asked) -> Says:
        if asked.path == "/api/v1/access_token/":
            return self._sign_in(asked)
        token = asked.headers.get("Authorization", "")
        self.used[token] = self.used.get(token, 0) + 1
        if not token.startswith("token-") or token in self.dead or self.used[token] > self.lives:
            return self.refusal
        query = {name: values[0] for name, values in asked.query.items()}
        if asked.path == "/api/v1/search/":
            return self._search(query)
        if asked.path == "/api/v1/vulnerability-match/":
            return self._match(query)
        return Says(404, {"success": False})

    def _sign_in(self, asked: Asked) -> Says:
        if asked.json() != {"secret_key": SECRET}:
            return Says(400, {"message": "Invalid secret key.", "success": False})
        self.signed_in += 1
        token = {"access_token": f"token-{self.signed_in}", "expiration_utc": "2099-01-01T00:00:00.000000+00:00"}
        return Says(200, {"data": token, "success": True})

    def _search(self, query: dict[str, str]) -> Says:
        source, _, condition = query["aql"].partition(" ")
        if source in self.forbidden:
            return Says(403, {"message": "Forbidden", "success": False})
        name = _KEYS[source]
        rows = sorted(getattr(self, name), key=lambda row: row.get(_TIMES[name]) or "", reverse=True)
        if after := re.search(r"after:(\S+)", condition):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", after[1]), (
                "no fraction and no zone in the query language"
            )
            rows = [row for row in rows if row[_TIMES[name]][:19] >= after[1]]
        if re.search(r'statusChangeTime:"\d+ Seconds"', condition):
            rows = [row for row in rows if row["statusChangeTime"] > "2026-05-01"]
        begin, length = int(query.get("from", 0)), min(int(query["length"]), self.most)
        page = rows[begin : begin + length]
        more = begin + len(page) < len(rows)
        data = {"count": len(page), "next": begin + len(page) if more else None, "prev": None, "results": page}
        return Says(200, {"data": {**data, "total": len(rows)}, "success": True})

    def _match(self, query: dict[str, str]) -> Says:
        if "vulnerability-match" in self.forbidden:
            return Says(403, {"message": "no licence", "success": False})
        wanted = query["vulnerability_ids"].split(",")
        rows = [row for row in self.matches if row.get("askedAs", row["cveUid"]) in wanted]
        begin, length = int(query.get("from", 0)), min(int(query["length"]), self.most)
        page = rows[begin : begin + length]
        following = begin + len(page) if begin + len(page) < len(rows) else None
        paging = {
            "from": begin,
            "length": length,
            "next": following,
            "prev": None,
            "to": begin + len(page),
            "total": len(rows),
        }
        return Says(200, {"data": {"paging": paging, "sample": page}, "success": True})


def device(number: int, **more: Any) -> dict[str, Any]:
    """A device as the API writes it."""
    times = {"firstSeen": "2026-01-01T00:00:00+00:00", "lastSeen": f"2026-05-03T00:00:{number % 60:02}.5+00:00"}
    return {"id": number, "name": f"dev-{number}", **times, **more}


def alert(number: int, time: str = "2026-05-03T09:40:44.016184+00:00", **more: Any) -> dict[str, Any]:
    """An unhandled alert."""
    states = {"status": "Unhandled", "statusChangeTime": time, "severity": "High"}
    return {"alertId": number, "title": f"alert {number}", "time": time, "deviceIds": [1], **states, **more}


def vulnerability(cve: str, **more: Any) -> dict[str, Any]:
    """A row of ``in:vulnerabilities``."""
    return {"id": cve, "cveUid": cve, "cvssScore": 7.5, "description": "a flaw", "status": "Open", **more}


def match(cve: str, device_id: int, **more: Any) -> dict[str, Any]:
    """A row of ``vulnerability-match``. ``askedAs``: the CVE whose answer holds it, where that is another one."""
    return {"cveUid": cve, "deviceId": device_id, "status": "Open", "confidenceLevel": "High", **more}


@contextmanager
def running(tenant: Tenant) -> Iterator[Server]:
    """The tenant behind a port of its own."""
    with serve(tenant) as server:
        yield server


def run(
    server: Server,
    stream: str,
    *,
    secret: str = SECRET,
    cursors: dict[str, bytes] | None = None,
    pages: int | None = None,
    **settings: Any,
) -> Ran:
    """One run of a stream; ``pages`` stops it early."""
    given = {"base_url": server.url, **settings}
    return run_stream(armis, stream, given, {"secret_key": secret}, cursors=cursors, pages=pages)
