"""Falcon's API, simulated: ``python -m isthmus_connectors.crowdstrike_falcon.simulator --data plant.json --port 0``.

The file's format is told in ``isthmus_connectors/simulation/_plant.py``; the product name in ``seen_by`` is
``crowdstrike-falcon``. Tables for ``native`` rows: ``hosts``, ``alerts``, ``vulnerabilities``.

It has the service's habits: a token is refused once it is old; the pointer of the list of hosts stays the same from page
to page, moves with each request and is forgotten after two minutes; hidden hosts stand in a list of their own; a filter that
is not understood is refused; the list of vulnerabilities wants one.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isthmus_connectors.simulation import (
    Plant,
    Reply,
    Request,
    add_secret,
    given_secret,
    iso,
    run,
)

PRODUCT = "crowdstrike-falcon"
CID = "0123456789abcdef0123456789abcdef"
LIFETIME = 1799
POINTER_LIFE = 120
_CLAUSE = re.compile(r"([a-z_.]+):(>=|>|<=|<|!)?(?:'([^']*)'|\[([^\]]*)\])")
_SORT = re.compile(r"([a-z_]+)[|.](asc|desc)")
_SCOPES = {"devices": "hosts", "alerts": "alerts", "spotlight": "vulnerabilities"}
_STATUSES = {"open": "new", "in_progress": "in_progress", "acknowledged": "in_progress", "closed": "closed"}
_KINDS = {"server": "Server", "historian": "Server", "scada_server": "Server"}


class BadRequest(Exception):
    """Answered with 400 and the message."""


class FalconCloud:
    """One customer: its API client, its token, its limit and its lists.

    ``clock`` returns seconds and decides when a token and a pointer are old; ``rate`` = requests a minute; ``denied`` = lists
    (hosts, alerts, vulnerabilities) that the API client has no scope for.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        client_id: str = "falcon-client",
        secret: str = "falcon-secret",  # noqa: S107 - made up: the simulator guards nothing
        expires_in: int = LIFETIME,
        rate: int = 6000,
        denied: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plant = plant
        self.client_id, self.secret, self.expires_in = client_id, secret, expires_in
        self.rate, self.denied, self.clock = rate, tuple(denied), clock
        self._tokens: dict[str, float] = {}
        self._pointers: dict[str, tuple[float, int, list[str]]] = {}
        self._calls: list[float] = []
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        if request.path == "/oauth2/token":
            return self._sign_in(request)
        refused = self._refuse(request)
        if refused is not None:
            return refused
        self.plant.refresh()
        try:
            with self._lock:
                return self._routed(request)
        except BadRequest as error:
            return _error(400, str(error))

    def host_id(self, plant_id: str) -> str:
        """The agent id of a device: the same in every run."""
        return self.plant.native_id("devices", plant_id).replace("-", "")

    def _sign_in(self, request: Request) -> Reply:
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.secret):
            return _error(403, "access denied, authorization failed")
        token = uuid.uuid4().hex
        self._tokens[token] = self.clock() + self.expires_in
        return Reply(201, {"access_token": token, "token_type": "bearer", "expires_in": self.expires_in})

    def _refuse(self, request: Request) -> Reply | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0.0) <= self.clock():
            return _error(401, "access denied, invalid bearer token")
        with self._lock:
            now = self.clock()
            self._calls = [called for called in self._calls if called > now - 60]
            if len(self._calls) >= self.rate:
                wait = {"X-RateLimit-RetryAfter": str(int(time.time()) + 1), "Retry-After": "1"}
                return _error(429, "API rate limit exceeded.", wait)
            self._calls.append(now)
        if _SCOPES.get(request.path.split("/")[1]) in self.denied:
            return _error(403, "access denied, authorization failed")
        return None

    def _routed(self, request: Request) -> Reply:
        query, body = request.query, _json(request.body)
        if request.path == "/devices/queries/devices-scroll/v1":
            return self._scrolled(query)
        if request.path in ("/devices/queries/devices/v1", "/devices/queries/devices-hidden/v1"):
            hidden = "hidden" in request.path
            ids = [row["device_id"] for row in self._hosts() if (row["host_hidden_status"] == "hidden") is hidden]
            return _counted(ids, query, 5000)
        if request.path == "/devices/entities/devices/v2":
            return _entities(self._hosts(), "device_id", body.get("ids"), 5000)
        if request.path == "/alerts/queries/alerts/v2":
            return _counted([row["composite_id"] for row in _chosen(self._alerts(), query)], query, 10_000)
        if request.path == "/alerts/entities/alerts/v2":
            return _entities(self._alerts(), "composite_id", body.get("composite_ids"), 1000)
        if request.path == "/alerts/combined/alerts/v1":
            return _after(_chosen(self._alerts(), {"sort": "created_timestamp|desc", **body}), body, 1000)
        if request.path == "/spotlight/combined/vulnerabilities/v1":
            if not query.get("filter"):
                raise BadRequest("filter: is required")
            return _after(_chosen(self._vulnerabilities(), query), query, 5000)
        return _error(404, f"404: Page Not Found: {request.path}")

    def _scrolled(self, query: Mapping[str, Any]) -> Reply:
        limit = _limit(query, 10_000)
        pointer = query.get("offset") or ""
        if pointer:
            until, begin, ids = self._pointers.pop(pointer, (0.0, 0, []))
            if until <= self.clock():
                raise BadRequest("invalid offset: the pointer has expired")
        else:
            ids = [row["device_id"] for row in self._hosts() if row["host_hidden_status"] != "hidden"]
            begin, pointer = 0, uuid.uuid4().hex
        end = begin + limit
        left = end < len(ids)
        if left:
            self._pointers[pointer] = (self.clock() + POINTER_LIFE, end, ids)
        paging = {"total": len(ids), "offset": pointer if left else "", "expires_at": 0}
        return Reply(200, _document(ids[begin:end], paging))

    def _hosts(self) -> list[dict[str, Any]]:
        rows = [{**self._host(device), **view} for device, view in self.plant.visible("devices")]
        return rows + [{"host_hidden_status": "visible", **row} for row in self.plant.native("hosts")]

    def _host(self, device: Mapping[str, Any]) -> dict[str, Any]:
        interface: Mapping[str, Any] = next(iter(device.get("interfaces", ())), {})
        mac, ip = (interface.get("mac") or "").replace(":", "-"), next(iter(interface.get("ips", ())), None)
        return {
            "device_id": self.host_id(device["id"]), "cid": CID, "hostname": device.get("hostname") or device.get("name"),
            "local_ip": ip, "mac_address": mac, "connection_ip": ip, "connection_mac_address": mac,
            "external_ip": device.get("external_ip"), "platform_name": str(device.get("os") or "").split(" ")[0] or None,
            "os_version": device.get("os"), "os_build": str(device.get("os_build") or ""), "agent_version": "7.24.19607.0",
            "product_type_desc": _KINDS.get(str(device.get("class")), "Workstation"),
            "chassis_type_desc": "Laptop" if device.get("class") == "laptop" else "Desktop",
            "system_manufacturer": device.get("vendor"), "system_product_name": device.get("model"),
            "serial_number": device.get("serial"), "site_name": device.get("site") or "", "tags": device.get("tags", []),
            "groups": [], "first_seen": iso(device.get("first_seen"), 0), "last_seen": iso(device.get("last_seen"), 0),
            "modified_timestamp": iso(device.get("last_seen"), 0), "status": "normal", "reduced_functionality_mode": "no",
            "host_hidden_status": "visible",
        }  # fmt: skip

    def _alerts(self) -> list[dict[str, Any]]:
        rows = [{**self._alert(alert), **view} for alert, view in self.plant.visible("alerts")]
        return rows + self.plant.native("alerts")

    def _alert(self, alert: Mapping[str, Any]) -> dict[str, Any]:
        host = alert.get("device") or alert.get("source")
        aid = self.host_id(host) if isinstance(host, str) else None
        own = f"ind:{aid}:{self.plant.native_id('alerts', alert['id'])[:8]}"
        created = alert.get("created") or alert.get("first_seen")
        return {
            "composite_id": f"{CID}:{own}", "id": own, "cid": CID, "agent_id": aid,
            "device": {"device_id": aid, "cid": CID} if aid else None,
            "name": alert.get("category"), "display_name": alert.get("title"), "description": alert.get("description"),
            "type": "ldt", "product": "epp", "severity": alert.get("severity"), "pattern_id": 10197,
            "severity_name": None, "status": _STATUSES.get(alert.get("status", "open"), "new"), "show_in_ui": True,
            "created_timestamp": _nine(created), "timestamp": iso(alert.get("first_seen") or created, 3),
            "updated_timestamp": _nine(alert.get("updated") or created), "technique_id": next(iter(alert.get("techniques", ())), ""),
            "user_name": (alert.get("user") or {}).get("name"), "logon_domain": (alert.get("user") or {}).get("domain"),
        }  # fmt: skip

    def _vulnerabilities(self) -> list[dict[str, Any]]:
        rows = [{**self._vulnerability(flaw), **view} for flaw, view in self.plant.visible("vulnerabilities")]
        return rows + self.plant.native("vulnerabilities")

    def _vulnerability(self, flaw: Mapping[str, Any]) -> dict[str, Any]:
        aid, product = self.host_id(flaw["device"]), flaw.get("product") or {}
        closed = flaw.get("state") == "resolved"
        changed = flaw.get("last_seen") or flaw.get("first_seen")
        name = " ".join(str(product[part]) for part in ("name", "version") if product.get(part))
        return {
            "id": f"{aid}_{self.plant.native_id('vulnerabilities', flaw['id']).replace('-', '')}", "cid": CID, "aid": aid,
            "vulnerability_id": flaw["cve"], "status": "closed" if closed else "open", "confidence": "confirmed",
            "created_timestamp": iso(flaw.get("first_seen"), 0), "updated_timestamp": iso(changed, 0),
            "closed_timestamp": iso(changed, 0) if closed else None,
            "apps": [{"vendor_normalized": product.get("vendor"), "product_name_normalized": product.get("name"),
                      "product_name_version": name}] if product.get("name") else [],
            "suppression_info": {"is_suppressed": flaw.get("state") == "accepted"},
            "cve": {"id": flaw["cve"], "base_score": flaw.get("cvss"), "severity": str(flaw.get("severity") or "").upper(),
                    "cisa_info": {"is_cisa_kev": bool(flaw.get("kev"))}, "description": flaw.get("summary")},
            "remediation": {"entities": [{"action": flaw["fix"]}] if flaw.get("fix") else []},
        }  # fmt: skip


def _nine(text: str | None) -> str | None:
    """A time with nine digits, as the service writes some of its times."""
    written = iso(text, 7)
    return written and f"{written[:-1]}00Z"


def _chosen(rows: list[dict[str, Any]], query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows that the filter (FQL: clauses with ``+`` between) lets through, in the order of ``sort``."""
    for clause in filter(None, str(query.get("filter") or "").split("+")):
        match = _CLAUSE.fullmatch(clause.strip())
        if match is None:
            raise BadRequest(f"invalid filter expression: {clause}")
        name, operator, one, several = match.groups()
        wanted = [one] if one is not None else [each.strip().strip("'") for each in several.split(",")]
        rows = [row for row in rows if _fits(row.get(name), operator or "", wanted)]
    if sort := query.get("sort"):
        if (match := _SORT.fullmatch(str(sort))) is None:
            raise BadRequest(f"invalid sort expression: {sort}")
        field = match[1]
        rows = sorted(rows, key=lambda row: (_exact(row.get(field)), str(row.get("composite_id") or row.get("id"))))
        rows = rows[::-1] if match[2] == "desc" else rows
    return rows


def _fits(value: Any, operator: str, wanted: list[str]) -> bool:
    if operator in ("", "!"):
        return (str(value) in wanted) is (operator == "")
    mine, theirs = _exact(value), _exact(wanted[0])
    return {">=": mine >= theirs, ">": mine > theirs, "<=": mine <= theirs, "<": mine < theirs}[operator]


def _exact(value: Any) -> str:
    """A time as text that sorts, whatever its digits."""
    text = str(value or "")
    head, _, fraction = text.rstrip("Z").partition(".")
    return f"{head}.{fraction:0<9}" if text[:2].isdigit() else text


def _after(rows: list[dict[str, Any]], query: Mapping[str, Any], most: int) -> Reply:
    limit, after = _limit(query, most), str(query.get("after") or "")
    if after and not after.startswith("after-"):
        raise BadRequest("invalid after token")
    begin = int(after.removeprefix("after-")) if after else 0
    paging: dict[str, Any] = {"limit": limit, "total": len(rows)}
    if begin + limit < len(rows):
        paging["after"] = f"after-{begin + limit}"
    return Reply(200, _document(rows[begin : begin + limit], paging))


def _counted(ids: list[str], query: Mapping[str, Any], most: int) -> Reply:
    limit, offset = _limit(query, most), int(query.get("offset") or 0)
    if offset + limit > 10_000:
        raise BadRequest("offset + limit exceeds the 10,000 that can be read this way")
    return Reply(200, _document(ids[offset : offset + limit], {"offset": offset, "limit": limit, "total": len(ids)}))


def _entities(rows: list[dict[str, Any]], key: str, ids: Any, most: int) -> Reply:
    if not isinstance(ids, list) or len(ids) > most:
        raise BadRequest(f"ids: one to {most} are expected")
    held = {row[key]: row for row in rows}
    return Reply(200, _document([held[each] for each in ids if each in held], None))


def _limit(query: Mapping[str, Any], most: int) -> int:
    text = str(query.get("limit") or 100)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise BadRequest(f"limit: 1 to {most} is allowed")
    return int(text)


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _document(resources: list[Any], paging: Mapping[str, Any] | None) -> dict[str, Any]:
    meta = {"query_time": 0.01, "powered_by": "simulator", "trace_id": "simulated"}
    return {"meta": {**meta, **({"pagination": paging} if paging else {})}, "errors": [], "resources": resources}


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {**_document([], None), "errors": [{"code": status, "message": message}]}, headers or {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m isthmus_connectors.crowdstrike_falcon.simulator")
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    parser.add_argument("--client-id", default="falcon-client")
    add_secret(parser, "secret", "falcon-secret")
    parser.add_argument("--expires-in", type=int, default=LIFETIME, help="seconds that a token is good for")
    parser.add_argument("--rate", type=int, default=6000, help="requests a minute before 429")
    parser.add_argument("--deny", action="append", default=[], metavar="LIST", help="hosts, alerts or vulnerabilities")

    def build(options: argparse.Namespace) -> Callable[[Request], Reply]:
        return FalconCloud(
            Plant(options.data, PRODUCT),
            client_id=options.client_id,
            secret=given_secret(options, "secret"),
            expires_in=options.expires_in,
            rate=options.rate,
            denied=options.deny,
        ).answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
