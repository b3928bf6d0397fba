"""The plant file that every simulator reads.

One JSON object. All times are ISO 8601 with a zone; every list may be absent; every field not marked *required* too::

    {
      "name": "north-works",
      "devices": [{
        "id": "cell3-plc-1",                     required: the plant's own name for it, unique
        "name": "PLC 3-1", "hostname": "plc-3-1",
        "class": "plc",                          plc rtu ied safety_controller dcs_controller hmi engineering_station
                                                 historian scada_server gateway io switch router firewall jump_host
                                                 server workstation laptop printer camera iot
        "technology": "ot",                      ot it iot
        "vendor": "", "model": "", "serial": "", "firmware": "", "os": "", "os_version": "", "os_build": 19045,
        "level": "1", "site": "North", "zone": "Cell 3", "sensor": "guardian-cell-3",
        "roles": ["producer"], "protocols": ["modbus"], "tags": [],
        "interfaces": [{"mac": "00:1b:1b:00:00:01", "mac_level": "confirmed", "ips": ["192.168.10.20"], "vlan": 10}],
        "external_ip": "203.0.113.7",
        "first_seen": "2026-01-01T00:00:00Z", "last_seen": "…", "end_of_support": "…", "risk": 40,
        "seen_by": {"nozomi-guardian": {}, "microsoft-defender": {"healthStatus": "Inactive"}}
      }],
      "links": [{
        "id": "l1",                              required
        "source": "cell3-hmi-1",                 required: a device's id, or {"ip", "mac", "zone"} for something else
        "target": "cell3-plc-1",                 required, likewise
        "protocol": "modbus", "transport": "tcp", "port": 502, "function_codes": ["3", "16"], "vlan": 10,
        "bytes": 1200, "packets": 10, "first_seen": "…", "last_seen": "…", "broadcast": false
      }],
      "alerts": [{
        "id": "a1",                              required
        "title": "Program change", "description": "", "category": "SIGN:PROGRAM:CHANGE",
        "severity": 60,                          0 to 100
        "status": "open",                        open in_progress acknowledged closed
        "source": "…", "target": "…",            as in links; "device": the one device concerned (endpoint products)
        "protocol": "modbus", "transport": "tcp", "source_port": 50000, "port": 502,
        "rule": {"id": "indicator--…", "kind": "stix_indicators"},
        "techniques": ["T0843"], "user": {"name": "", "domain": ""},
        "first_seen": "…", "last_seen": "…", "created": "…", "updated": "…", "closed": "…",
        "evidence": [{…}]                        rows as the endpoint product gives them
      }],
      "vulnerabilities": [{
        "id": "v1",                              required
        "device": "cell3-plc-1",                 required
        "cve": "CVE-2018-7844",                  required
        "cvss": 7.5, "epss": 0.13, "kev": false, "severity": "High", "likelihood": 1.0, "summary": "",
        "state": "open",                         open resolved accepted
        "resolution": "", "product": {"vendor": "", "name": "", "version": "", "cpe": ""}, "fix": "KB3074683",
        "first_seen": "…", "last_seen": "…"
      }],
      "people": [{
        "id": "ann",                             required
        "name": "Ann Example", "login": "ann@north.example", "email": "", "department": "", "title": "",
        "status": "ACTIVE",                      in the identity provider's word
        "created": "…", "updated": "…", "last_login": "…"
      }],
      "groups": [{
        "id": "operators",                       required
        "name": "Operators", "description": "", "members": ["ann"], "created": "…", "updated": "…"
      }],
      "events": [{
        "id": "e1",                              required: one line of the identity provider's log
        "type": "user.session.start", "title": "", "person": "ann", "ip": "198.51.100.7", "device": "office-1",
        "severity": "INFO", "result": "SUCCESS", "reason": "", "at": "…", "stored": "…",
        "targets": [{"person": "ann"}, {"group": "operators"}], "debug": {}
      }],
      "relations": [{
        "id": "r1",                              required
        "parent": "cell1-ews", "child": "cell1-plc-1", "type": "Controls::Controlled by", "updated": "…"
      }],
      "native": {"nozomi-guardian": {"assets": [{…}]}}      rows served exactly as they are, after the derived ones
    }

``seen_by`` (on every kind of record) maps a product's connector name to fields in that product's *own* words, which
replace the derived ones (``null`` stays null). A product that is not named does not see the record; a record without
``seen_by`` is seen by all.

The file is read again when it changes, so that a test or a demonstration can let time pass.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KINDS = ("devices", "links", "alerts", "vulnerabilities", "people", "groups", "events", "relations")
_NATIVE_IDS = uuid.UUID("0f2c8f5e-6f0e-5d0b-9c0a-4b5f5a3c9d11")


class PlantError(Exception):
    """The plant file cannot be used; the message says where and why."""


class Plant:
    """A plant file seen through one product.

    ``source`` is a path or the object itself (tests). ``product`` is the connector's name.
    """

    def __init__(self, source: Path | Mapping[str, Any], product: str) -> None:
        self.product = product
        self._path = source if isinstance(source, Path) else None
        self._stamp: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._data: Mapping[str, Any] = {} if isinstance(source, Path) else source
        if isinstance(source, Path):
            self.refresh()
        else:
            _require(source)

    @property
    def name(self) -> str:
        """The plant's name."""
        return str(self._data.get("name", "plant"))

    def refresh(self) -> None:
        """Read the file again if its time or size changed. Raises :class:`PlantError`."""
        if self._path is None:
            return
        with self._lock:
            try:
                status = self._path.stat()
                stamp = (status.st_mtime_ns, status.st_size)
                if stamp == self._stamp:
                    return
                data = json.loads(self._path.read_bytes())
            except (OSError, ValueError) as error:
                if self._stamp is not None:  # being rewritten: keep what we have
                    return
                raise PlantError(f"plant file {self._path}: {error}") from error
            _require(data)
            self._data, self._stamp = data, stamp

    def visible(self, kind: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Records of a kind that this product sees, each with the fields it replaces."""
        for record in self._data.get(kind, ()):
            views = record.get("seen_by")
            if views is None:
                yield record, {}
            elif isinstance(view := views.get(self.product), dict):
                yield record, view

    def native(self, table: str) -> list[dict[str, Any]]:
        """Rows given in the product's own shape."""
        rows = self._data.get("native", {}).get(self.product, {}).get(table, [])
        return [dict(row) for row in rows]

    def device(self, reference: Any) -> Mapping[str, Any] | None:
        """The device a link or alert names, whether or not this product sees it as an asset."""
        return next((d for d in self._data.get("devices", ()) if d["id"] == reference), None)

    def party(self, reference: Any) -> dict[str, Any]:
        """Address, MAC, zone and name of one end of a link or alert, as a network sensor would see it."""
        if not reference:
            return {}
        if isinstance(reference, Mapping):
            return dict(reference)
        device = self.device(reference)
        if device is None:
            raise PlantError(f"no device {reference!r} in plant {self.name}")
        interface: Mapping[str, Any] = next(iter(device.get("interfaces", ())), {})
        return {
            "ip": next(iter(interface.get("ips", ())), None),
            "mac": interface.get("mac"),
            "vlan": interface.get("vlan"),
            "zone": interface.get("zone", device.get("zone")),
            "name": device.get("name"),
            "roles": device.get("roles", []),
            "level": device.get("level"),
            "sensor": interface.get("sensor", device.get("sensor")),
            "site": device.get("site"),
        }

    def native_id(self, kind: str, plant_id: str) -> str:
        """The UUID under which this product knows a record: the same in every run."""
        return str(uuid.uuid5(_NATIVE_IDS, f"{self.product}\0{kind}\0{plant_id}"))


def _require(data: Any) -> None:
    if not isinstance(data, Mapping):
        raise PlantError("a plant file holds one JSON object")
    needed = {"devices": ("id",), "links": ("id", "source", "target"), "alerts": ("id",)}
    needed["vulnerabilities"] = ("id", "device", "cve")
    for kind in KINDS:
        for index, record in enumerate(data.get(kind, ())):
            missing = [name for name in needed.get(kind, ("id",)) if name not in record]
            if missing:
                raise PlantError(f"{kind}[{index}]: {', '.join(missing)} is required")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise PlantError(f"{text!r} is no ISO 8601 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def epoch_ms(text: str | None) -> int:
    """Milliseconds since 1970 of an ISO time; 0 for none, as appliances write it."""
    return round(_moment(text).timestamp() * 1000) if text else 0


def iso(text: str | None, digits: int = 7) -> str | None:
    """The same time as UTC with ``digits`` fraction digits and ``Z``; ``None`` stays ``None``."""
    if not text:
        return None
    moment = _moment(text).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond * 10:07d}"[: 20 + digits if digits else 19] + "Z"
