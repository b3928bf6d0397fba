"""Tenable's export API, simulated: ``python -m isthmus_connectors.tenable_vm.simulator --data plant.json --port 0``.

The file's format is told in ``isthmus_connectors/simulation/_plant.py``; the product name in ``seen_by`` is ``tenable-vm``. Tables for
``native`` rows: ``assets``, ``vulns``.

It has the service's habits: an export takes some looks until it is done, and lists the chunks that are; a second one over the same
filter is refused with the number of the first while that runs; its chunks are gone after a day; a user who may not export is refused.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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

PRODUCT = "tenable-vm"
LIFE = 86_400
"""Seconds that chunks are kept."""
_JOB = re.compile(r"/(assets|vulns)/export/([0-9a-f-]{36})/(status|cancel|chunks/(\d+))")
_SIZES = {"assets": ("chunk_size", 100, 10_000), "vulns": ("num_assets", 50, 5000)}
_TYPES = {"switch": "switch", "router": "router", "firewall": "firewall", "printer": "printer", "camera": "webcam"}
_STATES = {"open": "OPEN", "resolved": "FIXED", "accepted": "OPEN"}
_SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass
class Job:
    """One export: what it holds was settled when it was started."""

    id: str
    kind: str
    asked: str
    chunks: list[list[dict[str, Any]]]
    begun: float
    looks: int = 0
    state: str = "QUEUED"


class TenableCloud:
    """One container: its keys and its exports.

    ``clock`` returns seconds and decides when chunks are old; ``looks`` = how often an export is looked at until it is done;
    ``rows`` = rows in a chunk, ``None``: as many as were asked for; ``rate`` = requests a minute; ``denied`` = kinds of export
    (assets, vulns) that the owner of the keys may not start.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        access_key: str = "tenable-access",
        secret_key: str = "tenable-secret",  # noqa: S107 - made up: the simulator guards nothing
        looks: int = 3,
        rows: int | None = None,
        rate: int = 6000,
        denied: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plant = plant
        self.keys = f"accessKey={access_key};secretKey={secret_key}"
        self.looks, self.rows, self.rate, self.denied, self.clock = looks, rows, rate, tuple(denied), clock
        self.jobs: dict[str, Job] = {}
        self._calls: list[float] = []
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        with self._lock:
            refused = self._refuse(request)
            if refused is not None:
                return refused
            self.plant.refresh()
            return self._routed(request)

    def asset_id(self, plant_id: str) -> str:
        """The UUID of a device: the same in every run."""
        return self.plant.native_id("devices", plant_id)

    def _refuse(self, request: Request) -> Reply | None:
        keys = request.headers.get("x-apikeys", "").replace(" ", "").rstrip(";")
        if keys != self.keys:
            return _error(401, "Invalid Credentials")
        now = self.clock()
        self._calls = [called for called in self._calls if called > now - 60]
        if len(self._calls) >= self.rate:
            return _error(429, "Too many requests", {"Retry-After": "1"})
        self._calls.append(now)
        if request.path.split("/")[1] in self.denied:
            return _error(403, "You do not have permission to export")
        return None

    def _routed(self, request: Request) -> Reply:
        kind = request.path.split("/")[1]
        if request.path == f"/{kind}/export/status":
            jobs = [self._told(job) for job in self.jobs.values() if job.kind == kind]
            return Reply(200, {"exports": jobs})
        if request.method == "POST" and request.path in ("/assets/export", "/vulns/export"):
            return self._start(kind, request.body)
        match = _JOB.fullmatch(request.path)
        job = self.jobs.get(match[2]) if match else None
        if match is None or job is None or job.kind != kind or self.clock() - job.begun > LIFE:
            return _error(404, "Export not found or expired")
        if match[3] == "cancel":
            job.state = "CANCELLED"
            return Reply(200, {"status": job.state})
        if match[3] == "status":
            self._look(job)
            return Reply(200, self._told(job))
        number = int(match[4])
        ready = len(self._available(job))
        return Reply(200, job.chunks[number - 1]) if 1 <= number <= ready else _error(404, f"Chunk {number} not found")

    def _start(self, kind: str, body: bytes) -> Reply:
        try:
            asked = json.loads(body or b"{}")
            name, least, most = _SIZES[kind]
            size = asked.get(name, least)
            filters = asked.get("filters") or {}
            rows = self._assets(filters) if kind == "assets" else self._findings(filters)
        except (ValueError, AttributeError, TypeError) as error:
            return _error(400, f"Invalid request: {error}")
        if not isinstance(size, int) or not least <= size <= most:
            return _error(400, f"{name} must be between {least} and {most}")
        key = json.dumps(filters, sort_keys=True)
        running = next(
            (job for job in self.jobs.values() if self._runs(job) and (job.kind, job.asked) == (kind, key)), None
        )
        if running is not None:
            why = "Duplicate export request: an export with the same filters is already running"
            return Reply(409, {"failure_reason": why, "active_job_id": running.id})
        per = self.rows or size
        chunks = [rows[at : at + per] for at in range(0, len(rows), per)]
        job = Job(str(uuid.uuid4()), kind, key, chunks, self.clock())
        self.jobs[job.id] = job
        return Reply(200, {"export_uuid": job.id})

    def _runs(self, job: Job) -> bool:
        return job.state in ("QUEUED", "PROCESSING") and self.clock() - job.begun <= LIFE

    def _look(self, job: Job) -> None:
        job.looks += 1
        if job.state in ("QUEUED", "PROCESSING"):
            job.state = "FINISHED" if job.looks >= self.looks else "PROCESSING"

    def _available(self, job: Job) -> list[int]:
        """Numbers of chunks that can be fetched: some before the export is done, the last first."""
        numbers = list(range(1, len(job.chunks) + 1))
        return numbers[::-1] if job.state == "FINISHED" else numbers[: job.looks] if job.state == "PROCESSING" else []

    def _told(self, job: Job) -> dict[str, Any]:
        return {"uuid": job.id, "status": job.state, "chunks_available": self._available(job), "chunks_failed": [],
                "chunks_cancelled": [], "total_chunks": len(job.chunks), "filters": job.asked}  # fmt: skip

    def _assets(self, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows = [{**self._asset(device), **view} for device, view in self.plant.visible("devices")]
        rows += self.plant.native("assets")
        times = {name: value for name, value in filters.items() if name.endswith("_at")}
        return [row for row in rows if all(_seconds(row.get(name)) >= value for name, value in times.items())]

    def _asset(self, device: Mapping[str, Any]) -> dict[str, Any]:
        cards: list[dict[str, Any]] = [
            {"name": f"eth{n}", "virtual": False, "aliased": False, "fqdns": [], "mac_addresses": [card["mac"]] if card.get("mac") else [],
             "ipv4s": [ip for ip in card.get("ips", ()) if ":" not in ip], "ipv6s": [ip for ip in card.get("ips", ()) if ":" in ip]}
            for n, card in enumerate(device.get("interfaces", ()))
        ]  # fmt: skip
        first, last = iso(device.get("first_seen"), 3), iso(device.get("last_seen"), 3)
        return {
            "id": self.asset_id(device["id"]), "has_agent": False, "has_plugin_results": True, "created_at": first,
            "updated_at": last, "first_seen": first, "last_seen": last, "terminated_at": None, "deleted_at": None,
            "network_id": "00000000-0000-0000-0000-000000000000", "network_name": device.get("zone") or "Default",
            "hostnames": [device["hostname"]] if device.get("hostname") else [], "fqdns": [],
            "netbios_names": [device["name"]] if device.get("name") else [],
            "operating_systems": [device["os"]] if device.get("os") else [],
            "system_types": [_TYPES.get(str(device.get("class")), "general-purpose")],
            "ipv4s": [ip for card in cards for ip in card["ipv4s"]], "ipv6s": [ip for card in cards for ip in card["ipv6s"]],
            "mac_addresses": [mac for card in cards for mac in card["mac_addresses"]], "network_interfaces": cards,
            "serial_number": device.get("serial"), "installed_software": [], "acr_score": "5",
            "sources": [{"name": "NESSUS_SCAN", "first_seen": first, "last_seen": last}],
            "tags": [{"key": "plant", "value": tag} for tag in device.get("tags", ())],
        }  # fmt: skip

    def _findings(self, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows = [{**self._finding(flaw), **view} for flaw, view in self.plant.visible("vulnerabilities")]
        rows += self.plant.native("vulns")
        states = [str(word).upper() for word in filters.get("state") or ("OPEN", "REOPENED")]
        severities = [str(word).upper() for word in filters.get("severity") or _SEVERITIES]
        since = filters.get("since", 0)
        return [
            row
            for row in rows
            if row["state"] in states
            and str(row.get("severity", "")).upper() in severities
            and _seconds(row.get("last_fixed") if row["state"] == "FIXED" else row.get("last_found")) >= since
        ]

    def _finding(self, flaw: Mapping[str, Any]) -> dict[str, Any]:
        state, cvss = _STATES.get(flaw.get("state", "open"), "OPEN"), flaw.get("cvss")
        first = iso(flaw.get("first_seen"), 3)
        last = iso(flaw.get("last_seen"), 3) or first
        product = flaw.get("product") or {}
        return {
            "asset": {"uuid": self.asset_id(flaw["device"]), "tracked": True},
            "plugin": {
                "id": int(self.plant.native_id("plugins", flaw["cve"])[:6], 16), "cve": [flaw["cve"]],
                "name": f"{product.get('name') or 'System'}: {flaw['cve']}", "cvss3_base_score": cvss, "family": "General",
                "description": flaw.get("summary"), "solution": flaw.get("fix") or "n/a",
                "xrefs": [{"type": "CISA-KNOWN-EXPLOITED", "id": "2026/01/01"}] if flaw.get("kev") else [],
            },
            "port": {"port": 0, "protocol": "TCP"}, "state": state, "first_found": first, "last_found": last,
            "last_fixed": last if state == "FIXED" else None, "severity": str(flaw.get("severity") or _word(cvss)).lower(),
            "severity_modification_type": "ACCEPTED" if flaw.get("state") == "accepted" else "NONE", "indexed": last,
        }  # fmt: skip


def _word(cvss: float | None) -> str:
    return next((word for word, least in (("critical", 9), ("high", 7), ("medium", 4)) if (cvss or 0) >= least), "low")


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"statusCode": status, "error": message, "message": message}, headers or {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m isthmus_connectors.tenable_vm.simulator")
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    parser.add_argument("--access-key", default="tenable-access")
    add_secret(parser, "secret-key", "tenable-secret")
    parser.add_argument("--looks", type=int, default=3, help="how often an export is looked at until it is done")
    parser.add_argument("--rows", type=int, help="rows in a chunk")
    parser.add_argument("--rate", type=int, default=6000, help="requests a minute before 429")
    parser.add_argument("--deny", action="append", default=[], metavar="KIND", help="assets or vulns: 403")

    def build(options: argparse.Namespace) -> Callable[[Request], Reply]:
        return TenableCloud(
            Plant(options.data, PRODUCT),
            access_key=options.access_key,
            secret_key=given_secret(options, "secret-key"),
            looks=options.looks,
            rows=options.rows,
            rate=options.rate,
            denied=options.deny,
        ).answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
