"""Nozomi Guardian's open API, simulated.

``python -m isthmus_connectors.nozomi_guardian.simulator --data plant.json`` serves ``GET /api/open/query/do?query=…``
with Basic authentication; sources ``assets nodes alerts links sessions node_cves``; at most ``--max-rows`` (1000) rows an
answer; ``page``, ``count`` and ``skip_total_count``; a bad query is answered with status 200 and an ``error`` field, as
the appliance does. The data file is described in
:mod:`isthmus_connectors.simulation._plant`; the product name in ``seen_by`` is ``nozomi-guardian``.

Rows have the appliance's habits: times in milliseconds and end-of-support in seconds, ``risk`` and counters as text,
``level`` as ``level1``, roles of an alert as one comma-separated text, links without an id, dotted flat keys.
"""

from __future__ import annotations

import argparse
import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from isthmus_connectors.nozomi_guardian import n2ql
from isthmus_connectors.simulation import (
    Plant,
    Reply,
    Request,
    add_secret,
    epoch_ms,
    given_secret,
    run,
)

PRODUCT = "nozomi-guardian"
PATH = "/api/open/query/do"
_TYPES = {
    "plc": "PLC", "rtu": "RTU", "ied": "IED", "safety_controller": "controller", "dcs_controller": "controller",
    "hmi": "HMI", "engineering_station": "computer", "historian": "historian", "scada_server": "server",
    "io": "IO module", "gateway": "gateway", "switch": "switch", "router": "router",
    "firewall": "firewall", "jump_host": "computer", "server": "server", "workstation": "computer",
    "laptop": "computer", "printer": "printer", "camera": "camera",
    "iot": "IOT_device",
}  # fmt: skip
_ROLES = {
    "plc": "producer", "rtu": "slave", "hmi": "consumer", "engineering_station": "engineering_station",
    "historian": "historian", "scada_server": "master",
}  # fmt: skip


class Guardian:
    """One appliance: its tables and its sign-in."""

    def __init__(
        self,
        plant: Plant,
        *,
        username: str = "hub",
        password: str = "guardian",  # noqa: S107 - made up: the simulator guards nothing
        max_rows: int = 1000,
    ) -> None:
        self.plant = plant
        self.max_rows = max_rows
        self._credential = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        if request.path != PATH:
            return Reply(404, {"error": "Not found"})
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), self._credential.encode()):
            return Reply(401, {"error": "Unauthorized"}, {"WWW-Authenticate": 'Basic realm="Application"'})
        self.plant.refresh()
        try:
            rows = n2ql.evaluate(request.query.get("query", ""), self.tables())
            page, count = (_positive(request.query, name) for name in ("page", "count"))
        except n2ql.QueryError as error:
            return Reply(200, {"result": [], "header": [], "error": str(error), "total": 0})
        if page and page > 1000:
            return Reply(400, {"error": "Bad request"})
        size = min(count or self.max_rows, self.max_rows)
        start = ((page or 1) - 1) * size
        shown = rows[start : start + size]
        body: dict[str, Any] = {
            "result": shown,
            "header": sorted({name for row in shown for name in row}),
            "error": None,
        }
        if request.query.get("skip_total_count") != "true":
            body["total"] = len(rows)
        return Reply(200, body)

    def tables(self) -> dict[str, Callable[[], list[dict[str, Any]]]]:
        """Every source this appliance has, with a function that gives its rows."""
        return {table: partial(self._rows, table) for table in (*_TABLES, "nodes")}

    def _rows(self, table: str) -> list[dict[str, Any]]:
        if table == "nodes":
            seen = [row for device in self.plant.visible("devices") for row in _nodes(self.plant, *device)]
        else:
            kind, row_of = _TABLES[table]
            seen = [row_of(self.plant, *each) for each in self.plant.visible(kind)]
        return seen + self.plant.native(table)


def _positive(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise n2ql.QueryError(f"{name} is not a positive number")
    return int(text)


def _asset(plant: Plant, device: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    interfaces = device.get("interfaces", ())
    addresses = [ip for interface in interfaces for ip in interface.get("ips", ())]
    macs = {
        interface["mac"]: interface.get("mac_level", "confirmed") for interface in interfaces if interface.get("mac")
    }
    kind = str(device.get("class", ""))
    passive = {"source": "passive"}
    return {
        "id": plant.native_id("asset", device["id"]),
        "name": device.get("name") or next(iter(addresses), ""),
        "ip": addresses,
        "mac_address": list(macs),
        "mac_address_level": macs,
        "vlan_id": [str(interface["vlan"]) for interface in interfaces if interface.get("vlan") is not None],
        "nodes": addresses,
        "os": " ".join(part for part in (device.get("os"), device.get("os_version")) if part),
        "vendor": device.get("vendor", ""), "vendor:info": passive,
        "product_name": device.get("model", ""), "product_name:info": passive,
        "serial_number": device.get("serial", ""), "serial_number:info": passive,
        "firmware_version": device.get("firmware", ""), "firmware_version:info": passive,
        "type": _TYPES.get(kind, "-"), "type:info": passive,
        "level": f"level{device['level']}" if device.get("level") else "",
        "roles": device.get("roles") or [_ROLES.get(kind, "other")],
        "zones": [device.get("zone") or "Undefined"],
        "protocols": device.get("protocols", []),
        "technology_category": str(device.get("technology", "")).upper(),
        "risk": str(device.get("risk", 0) / 10),
        "tags": device.get("tags", []),
        "lifecycle": "",
        "end_of_support_date": epoch_ms(device.get("end_of_support")) // 1000,
        "appliance_hosts": [device["sensor"]] if device.get("sensor") else [],
        "capture_device": "eth0",
        "created_at": str(epoch_ms(device.get("first_seen"))),
        "last_activity_time": epoch_ms(device.get("last_seen")),
        "record_created_at": epoch_ms(device.get("first_seen")),
        "time": epoch_ms(device.get("last_seen")),
        "custom_fields": {},
        **view,
    }  # fmt: skip


def _nodes(plant: Plant, device: Mapping[str, Any], view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each address of a device; its MAC where an interface has no address (a node of layer 2)."""
    asset = _asset(plant, device, view)
    same = ("os", "vendor", "vendor:info", "product_name", "firmware_version", "type", "level", "roles", "created_at")
    return [
        {
            "id": address or mac,
            "label": asset["name"],
            "ip": address,
            "mac_address": mac,
            "mac_address:info": {
                "source": "passive", "likelihood": 1, "likelihood_level": interface.get("mac_level", "confirmed"),
            },
            "vlan_id": None if interface.get("vlan") is None else str(interface["vlan"]),
            "zone": next(iter(asset["zones"]), "Undefined"),
            "level:info": {"source": "passive"},
            "is_broadcast": False, "is_public": _public(address), "is_confirmed": True, "is_disabled": False,
            "reputation": None,
            **{name: asset[name] for name in same},
            "first_activity_time": asset["created_at"],
            "last_activity_time": str(asset["last_activity_time"]),
            "appliance_host": next(iter(asset["appliance_hosts"]), ""),
            "appliance_site": device.get("site", ""),
            "device_id": asset["id"],
        }
        for interface in device.get("interfaces", ())
        for mac in (interface.get("mac"),)
        for address in interface.get("ips") or (None,)
        if address or mac
    ]  # fmt: skip


def _link(plant: Plant, link: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    source, target = plant.party(link["source"]), plant.party(link["target"])
    return {
        "from": source.get("ip") or source.get("mac"),
        "to": target.get("ip") or target.get("mac"),
        "from_zone": source.get("zone") or "Undefined",
        "to_zone": target.get("zone") or "Undefined",
        "protocol": link.get("protocol", "other"),
        "transport_protocols": [link["transport"]] if link.get("transport") else [],
        "_ports": [{str(link.get("transport", "tcp")): str(link["port"])}] if link.get("port") else [],
        "function_codes": [str(code) for code in link.get("function_codes", ())],
        "vlan_id": str(link.get("vlan", "")),
        "is_broadcast": bool(link.get("broadcast", False)),
        "is_from_public": _public(source.get("ip")),
        "is_to_public": _public(target.get("ip")),
        "first_activity_time": str(epoch_ms(link.get("first_seen"))),
        "last_activity_time": epoch_ms(link.get("last_seen")),
        "transferred.bytes": str(link.get("bytes", 0)),
        "transferred.packets": str(link.get("packets", 0)),
        "appliance_host": source.get("sensor") or target.get("sensor") or "",
        "alerts": "0",
        **view,
    }


def _session(plant: Plant, link: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    row = _link(plant, link, {})
    port, source_port = str(link.get("port", 0)), str(49152 + sum(str(link["id"]).encode()) % 16000)
    transport = str(link.get("transport", "tcp"))
    for name in ("_ports", "transport_protocols", "function_codes", "alerts"):
        del row[name]
    return {
        **row,
        "id": plant.native_id("session", link["id"]),
        "key": f"{row['to']};{port};{row['from']};{source_port};{transport};1",
        "status": "ACTIVE",
        "from_port": source_port,
        "to_port": port,
        "transport_protocol": transport,
        "direction_is_known": True,
        "throughput_speed": 0,
        **view,
    }


def _alert(plant: Plant, alert: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    source, target = plant.party(alert.get("source")), plant.party(alert.get("target"))
    closed = alert.get("status") == "closed"
    rule = alert.get("rule") or {}
    first, raised = epoch_ms(alert.get("first_seen")), epoch_ms(alert.get("created") or alert.get("first_seen"))
    return {
        "id": plant.native_id("alert", alert["id"]),
        "type_id": alert.get("category", ""),
        "type_name": alert.get("title", ""),
        "name": alert.get("title", ""),
        "description": alert.get("description", ""),
        "risk": f"{alert.get('severity', 0) / 10:.1f}",
        "severity": 10,
        "status": "close" if closed else "open",
        "ack": alert.get("status") == "acknowledged",
        "protocol": alert.get("protocol", ""),
        "transport_protocol": alert.get("transport", ""),
        **{
            name: value
            for side, party, port in (("src", source, alert.get("source_port")), ("dst", target, alert.get("port")))
            for name, value in (
                (f"id_{side}", party.get("ip")), (f"ip_{side}", party.get("ip")), (f"mac_{side}", party.get("mac")),
                (f"zone_{side}", party.get("zone") or "Undefined"), (f"label_{side}", party.get("name")),
                (f"{side}_roles", ", ".join(party.get("roles") or ["other"])), (f"port_{side}", port),
            )
        },
        "properties": {
            "base_risk": alert.get("severity", 0) // 10,
            "mitre_attack_for_ics": {
                "source": {"types": [], "levels": [source["level"]] if source.get("level") else []},
                "destination": {"types": [], "levels": [target["level"]] if target.get("level") else []},
            },
        },
        "trigger_id": rule.get("id"),
        "trigger_type": rule.get("kind"),
        "threat_name": "",
        "time": first,
        "created_time": first,
        "closed_time": epoch_ms(alert.get("closed")) if closed else 0,
        "record_created_at": raised,
        "appliance_host": source.get("sensor") or target.get("sensor") or "",
        "appliance_site": source.get("site") or target.get("site") or "",
        "parents": [],
        "is_incident": False,
        "is_security": True,
        **view,
    }  # fmt: skip


def _cve(plant: Plant, finding: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    device = plant.device(finding["device"]) or {}
    product = finding.get("product") or {}
    addresses = [ip for interface in device.get("interfaces", ()) for ip in interface.get("ips", ())]
    state = finding.get("state", "open")
    likelihood = finding.get("likelihood", 1.0)
    return {
        "id": plant.native_id("node_cve", finding["id"]),
        "cve": finding["cve"],
        "cve_score": finding.get("cvss"),
        "cve_epss_score": finding.get("epss"),
        "is_kev": finding.get("kev", False),
        "cve_summary": finding.get("summary", ""),
        "matching_cpes": [product["cpe"]] if product.get("cpe") else [],
        "probability": "Confirmed" if likelihood >= 1 else "Likely" if likelihood >= 0.5 else "Possible",
        "likelihood": likelihood,
        "resolved": state == "resolved",
        "resolution_reason": finding.get("resolution", ""),
        "asset_id": plant.native_id("asset", finding["device"]),
        "node_id": next(iter(addresses), ""),
        "nodes": addresses,
        "zones": [device.get("zone") or "Undefined"],
        "vendor": device.get("vendor", ""),
        "product_name": device.get("model", ""),
        "minimum_hotfix": finding.get("fix"),
        "time": epoch_ms(finding.get("last_seen") or finding.get("first_seen")),
        "record_created_at": epoch_ms(finding.get("first_seen")),
        "appliance_host": device.get("sensor", ""),
        **view,
    }


_TABLES: dict[str, tuple[str, Callable[[Plant, Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]]] = {
    "assets": ("devices", _asset),
    "alerts": ("alerts", _alert),
    "links": ("links", _link),
    "sessions": ("links", _session),
    "node_cves": ("vulnerabilities", _cve),
}


def _public(address: str | None) -> bool:
    try:
        return bool(address) and ip_address(str(address)).is_global
    except ValueError:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see :func:`isthmus_connectors.simulation.run` for the common options."""
    parser = argparse.ArgumentParser(prog="nozomi_guardian.simulator", description="Guardian's open API, simulated.")
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    parser.add_argument("--username", default="hub")
    add_secret(parser, "password", "guardian")
    parser.add_argument("--max-rows", type=int, default=1000)

    def build(options: argparse.Namespace) -> Any:
        plant = Plant(options.data, PRODUCT)
        guardian = Guardian(
            plant,
            username=options.username,
            password=given_secret(options, "password"),
            max_rows=options.max_rows,
        )
        return guardian.answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
