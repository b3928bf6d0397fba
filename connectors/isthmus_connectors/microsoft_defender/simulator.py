"""Defender for Endpoint's API, simulated.

``python -m isthmus_connectors.microsoft_defender.simulator --data plant.json`` serves:

``POST /{tenant}/oauth2/v2.0/token`` (client credentials; ``--expires-in`` seconds, real expiry), ``GET /api/machines``,
``/api/alerts`` and ``/api/vulnerabilities`` with ``$filter``, ``$top``, ``$skip``, ``$expand`` and ``@odata.nextLink``, and the
exports ``/api/machines/SoftwareVulnerabilitiesByMachine``, ``SoftwareVulnerabilityChangesByMachine`` (``sinceTime``, at most 14
days back) and ``SoftwareInventoryByMachine`` with ``pageSize`` and opaque links; 401 for expired tokens, 400 for a bad filter,
429 with ``Retry-After`` above ``--rate`` calls a minute, or ``--export-rate`` of the exports. One server plays both the sign-in
host and the API. The data file is described in :mod:`isthmus_connectors.simulation._plant`; the product name in ``seen_by`` is
``microsoft-defender``. Tables for ``native`` rows: ``machines``, ``alerts``, ``vulnerabilities``, ``vulnerability_changes``,
``software``, ``cves``. A vulnerability of the plant is new at its ``first_seen``, and fixed at its ``last_seen`` where its
``state`` is no longer open.

Rows have the service's habits: seven fraction digits, MAC addresses without separators, loopback interfaces with an
all-zero or absent MAC, nulls everywhere, alerts newest first, evidence only when it is asked for.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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

PRODUCT = "microsoft-defender"
_PLATFORMS = {
    "Windows 10": "Windows10", "Windows 11": "Windows11", "Windows Server 2019": "WindowsServer2019",
    "Windows Server 2022": "WindowsServer2022", "Ubuntu": "Ubuntu", "Red Hat Enterprise Linux": "RedHatEnterpriseLinux",
}  # fmt: skip
SOFTWARE = "/api/machines/SoftwareInventoryByMachine"
FINDINGS = "/api/machines/SoftwareVulnerabilitiesByMachine"
CHANGES = "/api/machines/SoftwareVulnerabilityChangesByMachine"
CVES = "/api/vulnerabilities"
EXPORTS = (SOFTWARE, FINDINGS, CHANGES)
"""Paged by ``pageSize`` and the link to the next page; with ``$top`` there is no link."""
_MOST = {**dict.fromkeys(EXPORTS, 200_000), CVES: 8000}
REACH = timedelta(days=14)
"""How far back changes are kept."""
_LOOK = timedelta(hours=6)
"""The service looks so often; changes since a time are those of the look that it falls into, too."""
_STATUS = {"open": "New", "in_progress": "InProgress", "acknowledged": "InProgress", "closed": "Resolved"}
_CLAUSE = re.compile(r"\s*(\w+)\s+(eq|ne|ge|gt|le|lt)\s+('(?:[^']|'')*'|\S+)\s*")
_FILTERS = {
    "/api/machines": {"computerDnsName", "id", "version", "deviceValue", "aadDeviceId", "machineTags", "lastSeen",
                      "exposureLevel", "onboardingStatus", "lastIpAddress", "healthStatus", "osPlatform", "riskScore",
                      "rbacGroupId"},
    "/api/alerts": {"alertCreationTime", "lastUpdateTime", "incidentId", "InvestigationId", "id", "assignedTo",
                    "detectionSource", "lastEventTime", "status", "severity", "category"},
    CVES: {"id", "name", "description", "cvssV3", "publishedOn", "severity", "updatedOn"},
}  # fmt: skip


class BadRequest(Exception):
    """Answered with 400 and the message."""


class DefenderTenant:
    """One tenant: its sign-in, its limits and its tables.

    ``clock`` returns seconds and decides when tokens expire and how calls are counted; ``rate`` = calls a minute, ``export_rate``
    those of the exports. ``today`` decides how far back changes reach.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        tenant_id: str = "11111111-2222-3333-4444-555555555555",
        client_id: str = "isthmus",
        client_secret: str = "defender",  # noqa: S107 - made up: the simulator guards nothing
        expires_in: float = 3599,
        page_size: int = 10_000,
        rate: int | None = None,
        export_rate: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.plant = plant
        self.tenant_id, self.client_id, self.client_secret = tenant_id, client_id, client_secret
        self.expires_in, self.page_size, self.rate, self.clock = expires_in, page_size, rate, clock
        self.tokens: dict[str, float] = {}
        self.calls_per_token: int | None = None
        """A token is revoked after so many API calls: expiry in mid-run without waiting for it."""
        self._used: dict[str, int] = {}
        self.export_rate, self.today = export_rate, today
        self._calls: dict[bool, list[float]] = {False: [], True: []}
        """When calls of the last minute came: of all, and (true) of the exports among them."""
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        if request.path.endswith("/oauth2/v2.0/token"):
            return self._token(request)
        refused = self._refuse(request)
        if refused:
            return refused
        self.plant.refresh()
        tables: dict[str, Callable[[bool], list[dict[str, Any]]]] = {
            "/api/machines": lambda _: self._machines(),
            "/api/alerts": self._alerts,
            FINDINGS: lambda _: self._findings(),
            CHANGES: lambda _: self._changes(request),
            SOFTWARE: lambda _: self._software(),
            CVES: lambda _: self._cves(),
        }
        if request.path not in tables:
            return _error(404, "ResourceNotFound", f"{request.path} does not exist")
        try:
            rows = tables[request.path](request.query.get("$expand") == "evidence")
            return self._page(request, _filtered(rows, request))
        except BadRequest as error:
            return _error(400, "BadRequest", str(error))

    def _token(self, request: Request) -> Reply:
        form = request.form
        if request.path != f"/{self.tenant_id}/oauth2/v2.0/token":
            return Reply(400, {"error": "invalid_request", "error_description": "AADSTS90002: Tenant not found."})
        if form.get("grant_type") != "client_credentials":
            return Reply(400, {"error": "unsupported_grant_type", "error_description": "AADSTS70003"})
        if not form.get("scope", "").endswith("/.default"):
            return Reply(400, {"error": "invalid_scope", "error_description": "AADSTS70011: scope is not valid."})
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            return Reply(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."})
        token = secrets.token_urlsafe(32)
        with self._lock:
            self.tokens[token] = self.clock() + self.expires_in
        lasts = int(self.expires_in)
        body = {"token_type": "Bearer", "expires_in": lasts, "ext_expires_in": lasts, "access_token": token}
        return Reply(200, body)

    def _refuse(self, request: Request) -> Reply | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        with self._lock:
            now = self.clock()
            used = self._used[token] = self._used.get(token, 0) + 1
            spent = self.calls_per_token is not None and used > self.calls_per_token
            if scheme != "Bearer" or token not in self.tokens or self.tokens[token] <= now or spent:
                return _error(401, "Unauthorized", "Token is missing, expired or invalid", challenge)
            for exports, rate in ((False, self.rate), (True, self.export_rate)):
                if exports and request.path not in EXPORTS:
                    continue
                calls = self._calls[exports] = [*(at for at in self._calls[exports] if at > now - 60), now]
                if rate is not None and len(calls) > rate:
                    wait = max(1, round(calls[0] + 60 - now))
                    calls.pop()
                    return _error(429, "TooManyRequests", "API calls quota exceeded", {"Retry-After": str(wait)})
        return None

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> Reply:
        export = request.path in EXPORTS
        given = "$top" if request.query.get("$top") is not None or not export else _named(request, "pageSize")
        asked, skip = _count(request, given), _count(request, "$skip") or _continued(request)
        most = _MOST.get(request.path, 10_000)
        if asked is not None and asked > most:
            raise BadRequest(f"{given}: the maximum is {most}")
        size = min(self.page_size, asked) if asked else self.page_size
        entity = request.path.rsplit("/", 1)[-1].capitalize()
        host = request.headers.get("host", "localhost")
        body: dict[str, Any] = {
            "@odata.context": f"http://{host}/api/$metadata#{entity}",
            "value": rows[skip : skip + size],
        }
        if request.query.get("$top") is None and skip + size < len(rows):
            position = {"$skiptoken": _token_at(skip + size)} if export else {"$skip": skip + size}
            query = urlencode({**request.query, **position}, safe="$")
            body["@odata.nextLink"] = f"http://{host}{request.path}?{query}"
        return Reply(200, body)

    def machine_id(self, device_id: str) -> str:
        """40 hexadecimal digits, the same in every run."""
        return hashlib.sha1(f"{self.plant.name}\0{device_id}".encode(), usedforsecurity=False).hexdigest()

    def _machines(self) -> list[dict[str, Any]]:
        rows = [self._machine(device, view) for device, view in self.plant.visible("devices")]
        return rows + self.plant.native("machines")

    def _machine(self, device: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
        interfaces = [
            {
                "ipAddress": ip,
                "macAddress": str(interface.get("mac") or "").replace(":", "").upper() or None,
                "type": "Ethernet",
                "operationalStatus": "Up",
            }
            for interface in device.get("interfaces", ())
            for ip in interface.get("ips", ())
        ]
        loopback = {"macAddress": "000000000000", "type": "SoftwareLoopback", "operationalStatus": "Up"}
        os = str(device.get("os", ""))
        risk = device.get("risk", 0)
        return {
            "id": self.machine_id(device["id"]),
            "mergedIntoMachineId": None,
            "isPotentialDuplication": False,
            "isExcluded": False,
            "exclusionReason": None,
            "computerDnsName": device.get("hostname") or device.get("name"),
            "firstSeen": iso(device.get("first_seen")),
            "lastSeen": iso(device.get("last_seen")),
            "osPlatform": _PLATFORMS.get(os, os.replace(" ", "")),
            "osVersion": None,
            "osProcessor": "x64",
            "version": device.get("os_version"),
            "lastIpAddress": interfaces[0]["ipAddress"] if interfaces else None,
            "lastExternalIpAddress": device.get("external_ip"),
            "agentVersion": "10.8790.19045.5608",
            "osBuild": device.get("os_build"),
            "healthStatus": "Active",
            "deviceValue": "Normal",
            "rbacGroupId": 0,
            "rbacGroupName": device.get("site"),
            "riskScore": "High" if risk >= 70 else "Medium" if risk >= 40 else "Low" if risk >= 10 else "None",
            "exposureLevel": "Low",
            "isAadJoined": False,
            "aadDeviceId": None,
            "machineTags": list(device.get("tags", ())),
            "onboardingStatus": "Onboarded",
            "osArchitecture": "64-bit",
            "managedBy": "MicrosoftDefenderForEndpoint",
            "managedByStatus": "Success",
            "ipAddresses": [*interfaces, {"ipAddress": "127.0.0.1", **loopback}, {"ipAddress": "::1", **loopback}],
            "vmMetadata": None,
            **view,
        }

    def _alerts(self, with_evidence: bool) -> list[dict[str, Any]]:
        rows = [self._alert(alert, view) for alert, view in self.plant.visible("alerts")]
        rows = sorted(
            rows + self.plant.native("alerts"), key=lambda row: str(row.get("alertCreationTime")), reverse=True
        )
        return rows if with_evidence else [{**row, "evidence": []} for row in rows]

    def _alert(self, alert: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
        concerned = alert.get("device") or alert.get("target") or alert.get("source")
        device = self.plant.device(concerned) or {} if isinstance(concerned, str) else {}
        severity = alert.get("severity", 0)
        user = alert.get("user")
        first = alert.get("first_seen")
        return {
            "id": f"da{int(hashlib.sha1(str(alert['id']).encode(), usedforsecurity=False).hexdigest()[:12], 16)}_1",
            "incidentId": None,
            "investigationId": None,
            "assignedTo": None,
            "severity": "High" if severity >= 70 else "Medium" if severity >= 40 else "Low" if severity >= 10 else
            "Informational",
            "status": _STATUS.get(str(alert.get("status", "open")), "New"),
            "classification": None,
            "determination": None,
            "investigationState": "Queued",
            "detectionSource": "WindowsDefenderAtp",
            "detectorId": (alert.get("rule") or {}).get("id"),
            "category": alert.get("category"),
            "threatFamilyName": None,
            "title": alert.get("title"),
            "description": alert.get("description"),
            "alertCreationTime": iso(alert.get("created") or first),
            "firstEventTime": iso(first),
            "lastEventTime": iso(alert.get("last_seen") or first),
            "lastUpdateTime": iso(alert.get("updated") or alert.get("closed") or alert.get("created") or first),
            "resolvedTime": iso(alert.get("closed")),
            "machineId": self.machine_id(device["id"]) if device else None,
            "computerDnsName": device.get("hostname") or device.get("name"),
            "rbacGroupName": device.get("site"),
            "aadTenantId": self.tenant_id,
            "threatName": None,
            "mitreTechniques": list(alert.get("techniques", ())),
            "relatedUser": {"userName": user.get("name"), "domainName": user.get("domain")} if user else None,
            "comments": [],
            "evidence": [dict(row) for row in alert.get("evidence", ())],
            **view,
        }  # fmt: skip

    def _findings(self) -> list[dict[str, Any]]:
        rows = [
            self._finding(finding, view)
            for finding, view in self.plant.visible("vulnerabilities")
            if finding.get("state", "open") == "open"  # the service lists only what is still there
        ]
        return rows + self.plant.native("vulnerabilities")

    def _changes(self, request: Request) -> list[dict[str, Any]]:
        try:
            since = datetime.fromisoformat(request.query["sinceTime"])
        except (KeyError, ValueError):
            raise BadRequest("sinceTime: a date and time is required") from None
        since = since if since.tzinfo else since.replace(tzinfo=UTC)
        if since < self.today() - REACH:
            raise BadRequest("sinceTime: the maximum is 14 days")
        rows = []
        for finding, view in self.plant.visible("vulnerabilities"):
            row = self._finding(finding, view)
            rows.append({**row, "status": "New", "eventTimestamp": row["firstSeenTimestamp"]})
            if finding.get("state", "open") != "open":
                rows.append({**row, "status": "Fixed", "eventTimestamp": row["lastSeenTimestamp"]})
        told = [*rows, *self.plant.native("vulnerability_changes")]
        return [row for row in told if _moment(row.get("eventTimestamp")) > since - _LOOK]

    def _cves(self) -> list[dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for finding, _ in self.plant.visible("vulnerabilities"):
            row = rows.setdefault(finding["cve"], {
                "id": finding["cve"],
                "name": finding["cve"],
                "description": finding.get("summary"),
                "severity": _severity(finding),
                "cvssV3": finding.get("cvss"),
                "cvssVector": None,
                "exposedMachines": 0,
                "publishedOn": iso(finding.get("first_seen")),
                "updatedOn": iso(finding.get("first_seen")),
                "publicExploit": bool(finding.get("kev")),
                "exploitVerified": bool(finding.get("kev")),
                "exploitInKit": False,
                "exploitTypes": [],
                "exploitUris": [],
                "cveSupportability": "Supported",
                "epss": finding.get("epss"),
            })  # fmt: skip
            row["exposedMachines"] += finding.get("state", "open") == "open"
        return [*rows.values(), *self.plant.native("cves")]

    def _software(self) -> list[dict[str, Any]]:
        """The products that vulnerabilities were found in: what the plant knows of software."""
        rows = {}
        for finding, _ in self.plant.visible("vulnerabilities"):
            product = finding.get("product") or {}
            if product.get("name"):
                row = {
                    "deviceId": self.machine_id(finding["device"]),
                    "softwareVendor": product.get("vendor"),
                    "softwareName": product["name"],
                    "softwareVersion": product.get("version"),
                    "softwareFirstSeenTimestamp": iso(finding.get("first_seen")),
                    "endOfSupportStatus": "None",
                    "endOfSupportDate": None,
                }
                rows[tuple(map(str, row.values()))] = row
        return [*rows.values(), *self.plant.native("software")]

    def _finding(self, finding: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
        product = finding.get("product") or {}
        device = self.plant.device(finding["device"]) or {}
        os = str(device.get("os", ""))
        machine = self.machine_id(finding["device"])
        vendor, name, version = (str(product.get(part) or "unknown") for part in ("vendor", "name", "version"))
        fix = str(finding.get("fix") or "")
        known = fix.removeprefix("KB")
        first = finding.get("first_seen")
        return {
            "id": f"{machine}_{name}_{version}_{finding['cve']}_",
            "deviceId": machine,
            "rbacGroupName": device.get("site"),
            "deviceName": device.get("hostname") or device.get("name"),
            "osPlatform": _PLATFORMS.get(os, os.replace(" ", "")),
            "osVersion": device.get("os_version"),
            "osArchitecture": "x64",
            "softwareVendor": vendor,
            "softwareName": name,
            "softwareVersion": version,
            "cveId": finding["cve"],
            "vulnerabilitySeverityLevel": _severity(finding),
            "cvssScore": finding.get("cvss"),
            "recommendedSecurityUpdate": fix or None,
            "recommendedSecurityUpdateId": known if known.isdecimal() else None,
            "recommendedSecurityUpdateUrl": None,
            "diskPaths": [],
            "registryPaths": [],
            "lastSeenTimestamp": _spaced(finding.get("last_seen") or device.get("last_seen") or first),
            "firstSeenTimestamp": _spaced(first),
            "exploitabilityLevel": "ExploitIsVerified" if finding.get("kev") else "NoExploit",
            "recommendationReference": f"va-_-{vendor}-_-{name}",
            "securityUpdateAvailable": bool(fix),
            **view,
        }


def _severity(finding: Mapping[str, Any]) -> str:
    score = finding.get("cvss") or 0
    word = "Critical" if score >= 9 else "High" if score >= 7 else "Medium" if score >= 4 else "Low"
    return str(finding.get("severity") or word)


def _spaced(moment: Any) -> str | None:
    """The exports write times with a space and without a zone."""
    text = iso(moment)
    return text.replace("T", " ").removesuffix("Z") if text else None


def _moment(text: Any) -> datetime:
    """A time of a row; what has none happened before everything."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _token_at(skip: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"LineStoppedAt": skip}).encode()).decode("ascii")


def _continued(request: Request) -> int:
    """Where a link to the next page goes on."""
    token = request.query.get("$skiptoken")
    if token is None:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["LineStoppedAt"])
    except (ValueError, KeyError, TypeError):
        raise BadRequest("$skiptoken: not one of ours") from None


def _named(request: Request, name: str) -> str:
    """A parameter of the exports as the request spells it: their own links write it in small letters."""
    return next((each for each in request.query if each.lower() == name.lower()), name)


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, "target": ""}}, headers or {})


def _count(request: Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise BadRequest(f"{name}: {text!r} is not a whole number")
    return int(text)


def _filtered(rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """``$filter`` with comparisons joined by ``and``, on the fields the service allows for this path."""
    expression = request.query.get("$filter")
    if not expression:
        return rows
    for text in re.split(r"\s+and\s+", expression):
        match = _CLAUSE.fullmatch(text)
        if match is None:
            raise BadRequest(f"$filter: cannot parse {text!r}")
        field, operator, wanted = match.groups()
        if field not in _FILTERS.get(request.path, ()):
            raise BadRequest(f"$filter: property {field!r} cannot be filtered")
        rows = [row for row in rows if _holds(row.get(field), operator, wanted)]
    return rows


def _holds(found: Any, operator: str, wanted: str) -> bool:
    if found is None:
        return False
    left, right = _comparable(str(found)), _comparable(wanted.strip("'").replace("''", "'"))
    return {"eq": left == right, "ne": left != right, "ge": left >= right, "gt": left > right, "le": left <= right,
            "lt": left < right}[operator]  # fmt: skip


def _comparable(text: str) -> str:
    """Times with any number of fraction digits compare as text once padded."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z", text)
    return f"{match[1]}.{(match[2] or '').ljust(9, '0')}" if match else text


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see :func:`isthmus_connectors.simulation.run` for the common options."""
    parser = argparse.ArgumentParser(
        prog="microsoft_defender.simulator", description="Defender for Endpoint's API, simulated."
    )
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    parser.add_argument("--tenant-id", default="11111111-2222-3333-4444-555555555555")
    parser.add_argument("--client-id", default="isthmus")
    add_secret(parser, "client-secret", "defender")
    parser.add_argument("--expires-in", type=float, default=3599, help="seconds that a token lives")
    parser.add_argument("--page-size", type=int, default=10_000)
    parser.add_argument("--rate", type=int, help="calls a minute before 429")
    parser.add_argument("--export-rate", type=int, help="calls of the exports a minute before 429")

    def build(options: argparse.Namespace) -> Callable[[Request], Reply]:
        tenant = DefenderTenant(
            Plant(options.data, PRODUCT),
            tenant_id=options.tenant_id,
            client_id=options.client_id,
            client_secret=given_secret(options, "client-secret"),
            expires_in=options.expires_in,
            page_size=options.page_size,
            rate=options.rate,
            export_rate=options.export_rate,
        )
        return tenant.answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
