"""Claroty xDome's API v1, simulated.

``python -m isthmus_connectors.claroty_xdome.simulator --data plant.json`` serves ``POST /api/v1/devices/ alerts/
device_alert_relations/ vulnerabilities/ device_vulnerability_relations/ ot_activity_events/ sites/get`` with a Bearer token.
As the vendor's: ``fields`` is required, and one that a list does not know refuses the request with 422; ``offset`` and
``limit`` (at most 5,000) are in the body; ``sort_by``; ``filter_by`` with ``in`` and ``greater_or_equal``; ``include_count``;
the trailing slash counts; a list that is read to its end answers with an empty page. ``--rate`` requests a minute, then 429.
The data file is described in :mod:`isthmus_connectors.simulation._plant`; the product in ``seen_by`` is ``claroty-xdome``, and
``native`` rows go by the names of the streams.
"""

from __future__ import annotations

import argparse
import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from isthmus_connectors.claroty_xdome import asked
from isthmus_connectors.simulation import (
    Plant,
    Reply,
    Request,
    add_secret,
    given_secret,
    iso,
    run,
)

PRODUCT = "claroty-xdome"
_MOST = 5000
_MORE = ("ot_criticality", "criticality")
"""Fields of devices that the tenant knows and the connector does not ask for by itself."""


class Tenant:
    """One tenant: its lists and its token. ``rate``: requests a minute; 0 for no limit."""

    def __init__(
        self,
        plant: Plant,
        *,
        token: str = "xdome",  # noqa: S107 - made up: the simulator guards nothing
        rate: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plant = plant
        self._credential = f"Bearer {token}"
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._times: list[float] = []

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        found = _LISTS.get(request.path)
        if found is None:
            return Reply(404, {"detail": "Not Found"})
        if request.method != "POST":
            return Reply(405, {"detail": "Method Not Allowed"})
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._credential.encode()):
            return Reply(401, {"detail": "Unauthorized"})
        if not self._may():
            return Reply(429, {"detail": "Too Many Requests"}, {"Retry-After": "1"})
        try:
            body = json.loads(request.body)
        except ValueError:
            return _refused("body", "not JSON")
        self.plant.refresh()
        key, stream, known, rows = found
        problem = _problem(body, known)
        if problem is not None:
            return problem
        listed = [row for row in [*rows(self.plant), *self.plant.native(stream)] if _holds(row, body.get("filter_by"))]
        for clause in reversed(body.get("sort_by") or []):
            listed.sort(key=partial(_rank, str(clause["field"])), reverse=clause.get("order") == "desc")
        start = int(body.get("offset", 0))
        shown = listed[start : start + min(int(body.get("limit", 1000)), _MOST)]
        wanted = {*body["fields"], "id"} if stream in ("alerts", "vulnerabilities", "sites") else set(body["fields"])
        reply: dict[str, Any] = {key: [{name: row[name] for name in row if name in wanted} for row in shown]}
        return Reply(200, {**reply, "count": len(listed)} if body.get("include_count") else reply)

    def _may(self) -> bool:
        if not self._rate:
            return True
        with self._lock:
            now = self._clock()
            self._times = [at for at in self._times if now - at < 60]
            if len(self._times) >= self._rate:
                return False
            self._times.append(now)
            return True


def _rank(name: str, row: Mapping[str, Any]) -> str:
    return str(row.get(name))


def _refused(place: str, message: str) -> Reply:
    return Reply(422, {"detail": [{"loc": ["body", place], "msg": message, "type": "value_error"}]})


def _problem(body: Any, known: frozenset[str]) -> Reply | None:
    if not isinstance(body, dict) or not isinstance(body.get("fields"), list) or not body["fields"]:
        return _refused("fields", "field required")
    unknown = [str(name) for name in body["fields"] if name not in known]
    if unknown:
        return _refused("fields", f"unexpected value: {unknown[0]}")
    limit = body.get("limit", 1000)
    if not isinstance(limit, int) or not 1 <= limit <= _MOST:
        return _refused("limit", f"ensure this value is from 1 to {_MOST}")
    return None


def _holds(row: Mapping[str, Any], condition: Any) -> bool:
    if not condition:
        return True
    value = row.get(condition["field"])
    if condition["operation"] == "in":
        return value in condition["value"]
    return value is not None and str(value)[:23].rstrip("Z") >= str(condition["value"])[:23].rstrip("Z")


def _devices(plant: Plant) -> list[dict[str, Any]]:
    made = []
    for device, view in plant.visible("devices"):
        cards = [card for card in device.get("interfaces", ()) if card.get("mac") or card.get("ips")]
        flat = [(card.get("mac"), ip, card.get("vlan")) for card in cards for ip in card.get("ips") or [None]]
        row = {
            "uid": plant.native_id("device", device["id"]),
            "asset_id": plant.native_id("asset", device["id"])[:7].upper(),
            "device_name": device.get("name"),
            "device_category": str(device.get("technology", "it")).upper(),
            "device_type": str(device.get("class", "")).replace("_", " ").title(),
            "manufacturer": device.get("vendor"),
            "model": device.get("model"),
            "serial_number": device.get("serial"),
            "software_or_firmware_version": device.get("firmware"),
            "combined_os": " ".join(part for part in (device.get("os"), device.get("os_version")) if part) or None,
            "mac_list": [mac for mac, _, _ in flat],
            "ip_list": [ip for _, ip, _ in flat],
            "vlan_list": [vlan for _, _, vlan in flat],
            "site_name": device.get("site"),
            "purdue_level": f"Level {device['level']}" if device.get("level") else None,
            "purdue_level_source": "Auto-Assigned",
            "organization_zone_name": device.get("zone") or "No Zone",
            "windows_last_seen_hostname": device.get("hostname"),
            "labels": device.get("tags", []),
            "retired": False,
            "first_seen_list": [iso(device.get("first_seen"), 6)],
            "last_seen_list": [iso(device.get("last_seen"), 6)],
            **view,
        }
        made.append(row)
    return made


def _alerts(plant: Plant) -> list[dict[str, Any]]:
    return [
        {
            "id": plant.native_id("alert", alert["id"]),
            "alert_name": alert.get("title"),
            "alert_type_name": alert.get("category"),
            "alert_class": "Pre-Defined Alerts",
            "category": "Threat",
            "description": alert.get("description"),
            "status": "Resolved" if alert.get("status") == "closed" else "Unresolved",
            "detected_time": iso(alert.get("first_seen"), 6),
            "updated_time": iso(alert.get("closed") or alert.get("updated") or alert.get("first_seen"), 6),
            "mitre_technique_ics_ids": alert.get("techniques", []),
            "mitre_technique_enterprise_ids": [],
            **view,
        }
        for alert, view in plant.visible("alerts")
    ]


def _alert_devices(plant: Plant) -> list[dict[str, Any]]:
    return [
        {
            "alert_id": plant.native_id("alert", alert["id"]),
            "device_uid": plant.native_id("device", device),
            "device_alert_status": "Resolved" if alert.get("status") == "closed" else "Unresolved",
            "device_alert_detected_time": iso(alert.get("first_seen"), 6),
            "device_alert_updated_time": iso(alert.get("closed") or alert.get("updated") or alert.get("first_seen"), 6),
        }
        for alert, _ in plant.visible("alerts")
        for device in (alert.get("device"), alert.get("source"), alert.get("target"))
        if isinstance(device, str)
    ]


def _vulnerabilities(plant: Plant) -> list[dict[str, Any]]:
    made = {
        flaw["cve"]: {
            "id": plant.native_id("vulnerability", flaw["cve"])[:8].upper(),
            "name": flaw["cve"],
            "cve_ids": [flaw["cve"]],
            "vulnerability_type": "Platform",
            "description": flaw.get("summary"),
            "cvss_v3_score": flaw.get("cvss"),
            "epss_score": flaw.get("epss"),
            "is_known_exploited": flaw.get("kev", False),
            "sources": [],
            "published_date": iso(flaw.get("first_seen"), 6),
        }
        for flaw, _ in plant.visible("vulnerabilities")
    }
    return list(made.values())


def _device_vulnerabilities(plant: Plant) -> list[dict[str, Any]]:
    return [
        {
            "device_uid": plant.native_id("device", flaw["device"]),
            "vulnerability_id": plant.native_id("vulnerability", flaw["cve"])[:8].upper(),
            "vulnerability_name": flaw["cve"],
            "vulnerability_cve_ids": [flaw["cve"]],
            "vulnerability_cvss_v3_score": flaw.get("cvss"),
            "vulnerability_relevance": "Fixed"
            if flaw.get("state") == "resolved"
            else "Confirmed"
            if flaw.get("likelihood", 1.0) >= 1
            else "Potentially Relevant",
            "vulnerability_recommendations": flaw.get("fix"),
            "device_vulnerability_detection_date": iso(flaw.get("first_seen"), 6),
            **view,
        }
        for flaw, view in plant.visible("vulnerabilities")
    ]


def _sites(plant: Plant) -> list[dict[str, Any]]:
    names = sorted({str(device["site"]) for device, _ in plant.visible("devices") if device.get("site")})
    return [{"id": number, "name": name} for number, name in enumerate(names, 1)]


def _none(plant: Plant) -> list[dict[str, Any]]:
    return []


_List = tuple[str, str, frozenset[str], Callable[[Plant], list[dict[str, Any]]]]
_LISTS: dict[str, _List] = {
    "/api/v1/devices/": ("devices", "devices", frozenset((*asked.DEVICE, *_MORE)), _devices),
    "/api/v1/alerts/": ("alerts", "alerts", frozenset(asked.ALERT), _alerts),
    "/api/v1/device_alert_relations/": (
        "devices_alerts",
        "alert_devices",
        frozenset(asked.ALERT_DEVICE),
        _alert_devices,
    ),
    "/api/v1/vulnerabilities/": (
        "vulnerabilities",
        "vulnerabilities",
        frozenset(asked.VULNERABILITY),
        _vulnerabilities,
    ),
    "/api/v1/device_vulnerability_relations/": (
        "devices_vulnerabilities",
        "device_vulnerabilities",
        frozenset(asked.VULNERABILITY_DEVICE),
        _device_vulnerabilities,
    ),
    "/api/v1/ot_activity_events/": ("ot_activity_events", "ot_activity_events", frozenset(asked.OT_EVENT), _none),
    "/api/v1/sites/get": ("sites", "sites", frozenset(asked.SITE), _sites),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see :func:`isthmus_connectors.simulation.run` for the common options."""
    parser = argparse.ArgumentParser(prog="claroty_xdome.simulator", description="Claroty xDome's API v1, simulated.")
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    add_secret(parser, "token", "xdome")
    parser.add_argument("--rate", type=int, default=0, help="requests a minute; 0 for no limit")

    def build(options: argparse.Namespace) -> Callable[[Request], Reply]:
        token = given_secret(options, "token")
        return Tenant(Plant(options.data, PRODUCT), token=token, rate=options.rate).answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
