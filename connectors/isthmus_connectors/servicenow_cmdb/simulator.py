"""ServiceNow's Table API over a CMDB, simulated.

``python -m isthmus_connectors.servicenow_cmdb.simulator --data plant.json`` serves ``GET /api/now/table/{table}`` for the
classes of computers, network gear and OT devices, with their children, and for ``cmdb_rel_ci``: ``sysparm_query`` (``^``,
``^OR``, ``^NQ``, ``=``, ``>``, ``>=``, ``<``, ``!=``, ``INSTANCEOF``, ``ORDERBY``), ``sysparm_fields``, ``sysparm_limit`` and
``sysparm_offset``, ``sysparm_display_value``, ``Link`` and ``X-Total-Count`` headers; 401 for a wrong password or key, 403 for what
``--deny`` takes away, 400 for a table that is not there, 429 with ``Retry-After`` above ``--rate`` calls a minute.

The data file is described in :mod:`isthmus_connectors.simulation._plant` (``devices``, ``relations``); the product name in
``seen_by`` is ``servicenow-cmdb``. Tables for ``native`` rows: the names of the service's own tables.
"""

from __future__ import annotations

import argparse
import base64
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from isthmus_connectors.servicenow_cmdb.query import ITEM_FIELDS
from isthmus_connectors.simulation import (
    Plant,
    Reply,
    Request,
    add_secret,
    epoch_ms,
    given_secret,
    run,
)

PRODUCT = "servicenow-cmdb"
RELATIONS = "cmdb_rel_ci"
_PARENTS = {"cmdb_ci_computer": ("cmdb_ci_pc_hardware",), "cmdb_ci_netgear": ("cmdb_ci_ip_", "cmdb_ci_wap")}
"""Classes whose children bear other names than their own with something behind it."""
_CLASSES = {
    "plc": "cmdb_ci_ot_plc", "rtu": "cmdb_ci_ot_rtu", "ied": "cmdb_ci_ot_ied", "hmi": "cmdb_ci_ot_hmi",
    "dcs_controller": "cmdb_ci_ot_dcs", "engineering_station": "cmdb_ci_ot_ews", "historian": "cmdb_ci_ot_historian",
    "scada_server": "cmdb_ci_ot_scada_server", "switch": "cmdb_ci_ip_switch", "router": "cmdb_ci_ip_router",
    "firewall": "cmdb_ci_ip_firewall", "server": "cmdb_ci_server", "jump_host": "cmdb_ci_server",
    "workstation": "cmdb_ci_computer", "laptop": "cmdb_ci_computer",
}  # fmt: skip
Row = dict[str, Any]
_BLANK: Row = {name: "" for name in ITEM_FIELDS if not name.startswith("u_") and name != "purdue_level"}
"""Columns of every class, empty where nobody filled them."""
_CONDITION = re.compile(r"([a-z_.]+)(INSTANCEOF|>=|<=|!=|=|>|<)(.*)", re.DOTALL)


class BadRequest(Exception):
    """Answered with 400 and the message."""


def is_child(name: str, of: str) -> bool:
    """Whether a class is another one or extends it."""
    servers = of == "cmdb_ci_computer" and name.startswith("cmdb_ci_") and name.endswith("server")
    begins = (of if of == name else f"{of}_", *_PARENTS.get(of, ()))
    return name == of or name.startswith(begins) or (servers and not name.startswith("cmdb_ci_ot"))


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, "INSTANCEOF": is_child,
}  # fmt: skip


class Instance:
    """One instance: its accounts, its limits and its tables. ``rate`` = calls a minute; ``denied`` = tables that answer 403."""

    def __init__(
        self,
        plant: Plant,
        *,
        username: str = "isthmus",
        password: str = "servicenow",  # noqa: S107 - made up: the simulator guards nothing
        api_key: str = "servicenow-key",
        rate: int | None = None,
        denied: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plant = plant
        self._basic = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._key, self.rate, self.denied, self.clock = api_key, rate, tuple(denied), clock
        self._calls: list[float] = []
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        headers = request.headers
        if headers.get("authorization") != self._basic and headers.get("x-sn-apikey") != self._key:
            return _error(401, "User is not authenticated", "Required to provide Auth information")
        with self._lock:
            now = self.clock()
            self._calls = [called for called in self._calls if called > now - 60]
            if self.rate is not None and len(self._calls) >= self.rate:
                wait = max(1, round(self._calls[0] + 60 - now))
                return _error(429, "Rate limit exceeded", "Try again later", {"Retry-After": str(wait)})
            self._calls.append(now)
        self.plant.refresh()
        table = request.path.removeprefix("/api/now/table/")
        if table in self.denied:
            return _error(403, "User Not Authorized", "Failed API level ACL Validation")
        try:
            return _page(request, _queried(self._rows(table), request.query.get("sysparm_query", "")))
        except BadRequest as error:
            return _error(400, str(error), None)

    def sys_id(self, kind: str, plant_id: str) -> str:
        """32 hexadecimal digits, the same in every run."""
        return self.plant.native_id(kind, plant_id).replace("-", "")

    def _rows(self, table: str) -> list[Row]:
        if table == RELATIONS:
            made = [{**self._relation(each), **view} for each, view in self.plant.visible("relations")]
        elif table.startswith("cmdb_ci"):
            items = ({**self._item(each), **view} for each, view in self.plant.visible("devices"))
            made = [row for row in items if is_child(row["sys_class_name"], table)]
        else:
            raise BadRequest(f"Invalid table {table}")
        return made + self.plant.native(table)

    def _item(self, device: Mapping[str, Any]) -> Row:
        interfaces = device.get("interfaces", ())
        is_ot = device.get("technology") == "ot"
        return {
            **_BLANK,
            "sys_id": self.sys_id("devices", device["id"]),
            "name": str(device.get("name") or device["id"]),
            "sys_class_name": _CLASSES.get(str(device.get("class")), "cmdb_ci_ot" if is_ot else "cmdb_ci_computer"),
            "sys_created_on": _time(device.get("first_seen")),
            "sys_updated_on": _time(device.get("last_seen")),
            "install_status": "1",
            "operational_status": "1",
            "serial_number": str(device.get("serial") or ""),
            "asset_tag": "",
            "ip_address": ", ".join(ip for each in interfaces for ip in each.get("ips", ())),
            "mac_address": " ".join(str(each["mac"]).upper() for each in interfaces if each.get("mac")),
            "fqdn": str(device.get("hostname") or ""),
            "os": str(device.get("os") or ""),
            "os_version": str(device.get("os_version") or ""),
            "firmware_version": str(device.get("firmware") or ""),
            "manufacturer.name": str(device.get("vendor") or ""),
            "model_id.name": str(device.get("model") or ""),
            "location.name": str(device.get("site") or ""),
            "discovery_source": "ServiceNow",
            "first_discovered": _time(device.get("first_seen")),
            "last_discovered": _time(device.get("last_seen")),
            "cmdb_ot_entity": self.sys_id("entities", device["id"]) if is_ot else "",
            "cmdb_ot_entity.purdue_level": str(device.get("level") or "") if is_ot else "",
        }

    def _relation(self, relation: Mapping[str, Any]) -> Row:
        ends = {end: self.plant.device(relation.get(end)) for end in ("parent", "child")}
        updated = _time(relation.get("updated")) or "2026-01-01 00:00:00"
        row: Row = {
            "sys_id": self.sys_id("relations", relation["id"]),
            "sys_updated_on": updated,
            "sys_created_on": updated,
            "type": {"value": self.sys_id("types", str(relation.get("type")))},
            "type.name": str(relation.get("type") or "Depends on::Used by"),
        }
        for end, device in ends.items():
            row[end] = {"value": self.sys_id("devices", str(relation.get(end)))}
            row[f"{end}.sys_class_name"] = self._item(device)["sys_class_name"] if device else ""
        return row


def _time(text: str | None) -> str:
    """UTC without a zone, to the second."""
    return f"{datetime.fromtimestamp(epoch_ms(text) // 1000, UTC):%Y-%m-%d %H:%M:%S}" if text else ""


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return str(value.get("value", "")) if isinstance(value, Mapping) else str(value or "")


def _queried(rows: list[Row], query: str) -> list[Row]:
    """Rows that fulfil one of the queries between ``^NQ``, in the order that they ask for."""
    orders = re.findall(r"\^?ORDERBY(DESC)?([a-z_.]+)", query)
    plain = re.sub(r"\^?ORDERBY(?:DESC)?[a-z_.]+", "", query)
    found = [row for row in rows if any(_fulfils(row, part) for part in plain.split("^NQ"))]
    for descending, name in reversed(orders or [("", "sys_id")]):
        found.sort(key=lambda row, name=name: _text(row, name), reverse=bool(descending))  # type: ignore[misc]
    return found


def _fulfils(row: Row, query: str) -> bool:
    """All conditions, each with the alternatives that ``^OR`` adds to it."""
    groups: list[list[str]] = []
    for part in filter(None, re.split(r"\^(?=OR|[a-z])", query)):
        if part.startswith("OR") and groups:
            groups[-1].append(part[2:])
        else:
            groups.append([part])
    return all(any(_holds(row, condition) for condition in group) for group in groups)


def _holds(row: Row, condition: str) -> bool:
    match = _CONDITION.fullmatch(condition)
    if match is None:
        raise BadRequest(f"Invalid query {condition!r}")
    name, operator, wanted = match.groups()
    return _TESTS[operator](_text(row, name), wanted)


def _page(request: Request, rows: list[Row]) -> Reply:
    query = request.query
    limit, offset = _count(query, "sysparm_limit", 10_000), _count(query, "sysparm_offset", 0)
    names = [name for name in query.get("sysparm_fields", "").split(",") if name]
    shown = [_row(row, names, query.get("sysparm_display_value", "false")) for row in rows[offset : offset + limit]]
    headers = {}
    if query.get("sysparm_no_count") != "true":
        headers["X-Total-Count"] = str(len(rows))
    if offset + limit < len(rows):
        following = urlencode({**query, "sysparm_offset": str(offset + limit)})
        headers["Link"] = f'<http://{request.headers.get("host", "localhost")}{request.path}?{following}>;rel="next"'
    return Reply(200, {"result": shown}, headers)


def _row(row: Row, names: Sequence[str], display: str) -> Row:
    """The columns that were asked for; one that the class does not have is left out without a word."""
    kept = {name: row[name] for name in names if name in row} if names else row
    if display != "all":
        return dict(kept)
    return {name: {"display_value": _text(kept, name), "value": _text(kept, name)} for name in kept}


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise BadRequest(f"{name} is no number")
    return int(text)


def _error(status: int, message: str, detail: str | None, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"error": {"message": message, "detail": detail}, "status": "failure"}, headers or {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(
        prog="python -m isthmus_connectors.servicenow_cmdb.simulator", description="ServiceNow CMDB, simulated"
    )
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    parser.add_argument("--username", default="isthmus")
    add_secret(parser, "password", "servicenow")
    parser.add_argument("--rate", type=int, help="calls a minute before 429")
    parser.add_argument("--deny", action="append", default=[], metavar="TABLE", help="a table that answers 403")

    def build(options: argparse.Namespace) -> Callable[[Request], Reply]:
        password = given_secret(options, "password")
        plant = Plant(options.data, PRODUCT)
        return Instance(
            plant, username=options.username, password=password, rate=options.rate, denied=options.deny
        ).answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
