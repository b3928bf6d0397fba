"""A simulated site: office network, DMZ, two production cells that reuse one subnet. The same seed gives the same site.

The result is the plant file that the vendors' simulators read (their documentation names its fields). Which product sees
what is decided here, with the blind spots that real sites have: endpoint agents that were never rolled out, a sensor that
hears only its own cell, a machine the inventory has and the wire does not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from isthmus_hub.demo._people import add_people

NOZOMI, DEFENDER, ZEEK = "nozomi-guardian", "microsoft-defender", "zeek"
SERVICENOW, TENABLE, OKTA = "servicenow-cmdb", "tenable-vm", "okta"
CELLS = ("cell-1", "cell-2")
CELL_SUBNET = "192.168.10"
"""Both cells: one address, two devices. Only the address scope tells them apart."""
START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
"""The simulated moment unless another is given: a Monday, six o'clock."""

_CVES: Sequence[tuple[str, float, float, bool, str]] = (
    ("CVE-2020-15782", 9.8, 0.012, False, "Memory protection bypass in SIMATIC S7-1200 and S7-1500 controllers."),
    ("CVE-2018-7844", 7.5, 0.138, False, "Information exposure over Modbus in Modicon controllers."),
    ("CVE-2021-22681", 9.8, 0.019, False, "Authentication bypass between engineering software and Logix controllers."),
    ("CVE-2019-0708", 9.8, 0.944, True, "Remote code execution in Remote Desktop Services."),
    ("CVE-2017-0144", 8.1, 0.943, True, "Remote code execution in SMBv1."),
    ("CVE-2021-34527", 8.8, 0.942, True, "Remote code execution in the Windows print spooler."),
    ("CVE-2022-26809", 9.8, 0.931, False, "Remote code execution in the RPC runtime."),
    ("CVE-2023-23397", 9.8, 0.935, True, "Elevation of privilege in Outlook."),
)
_PLCS = (
    ("Siemens", "SIMATIC S7-1500", "V2.8.1"),
    ("Schneider Electric", "Modicon M340", "v2.9"),
    ("Rockwell Automation", "1756-L71", "30.11"),
)
_OUI = {
    "Siemens": "00:1b:1b",
    "Schneider Electric": "00:80:f4",
    "Rockwell Automation": "00:00:bc",
    "Dell": "00:14:22",
    "HP": "3c:d9:2b",
    "Cisco": "00:1e:13",
    "Moxa": "00:90:e8",
}


@dataclass
class Site:
    """The site while it is being built, and the numbers that the demonstration can check itself against."""

    random: random.Random
    now: datetime = START
    devices: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    vulnerabilities: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    relations: list[dict[str, Any]] = field(default_factory=list)

    def device(
        self,
        id: str,
        kind: str,
        *,
        ips: Sequence[str],
        vendor: str,
        zone: str,
        level: str,
        technology: str,
        **more: Any,
    ) -> dict[str, Any]:
        """Add a device with one interface; MAC and serial come from the seed."""
        seen = more.pop("seen_by", {})
        tail = ":".join(f"{self.random.randrange(256):02x}" for _ in range(3))
        record = {
            "id": id,
            "name": more.pop("name", id.upper()),
            "class": kind,
            "technology": technology,
            "vendor": vendor,
            "serial": f"{vendor[:2].upper()}{self.random.randrange(10**8, 10**9)}",
            "level": level,
            "site": "North",
            "zone": zone,
            "interfaces": [
                {"mac": f"{_OUI.get(vendor, '00:50:56')}:{tail}", "mac_level": "confirmed", "ips": list(ips)}
            ],
            "first_seen": _iso(self.now - timedelta(days=self.random.randrange(60, 700))),
            "last_seen": _iso(self.now - timedelta(seconds=self.random.randrange(3600))),
            "seen_by": seen,
            **more,
        }
        self.devices.append(record)
        return record

    def link(
        self,
        source: str,
        target: str,
        protocol: str,
        port: int,
        *,
        functions: Sequence[str] = (),
        transport: str = "tcp",
        seen_by: Sequence[str] = (NOZOMI,),
    ) -> None:
        """Add a communication between two devices (by id)."""
        self.links.append(
            {
                "id": f"link-{len(self.links)}",
                "source": source,
                "target": target,
                "protocol": protocol,
                "transport": transport,
                "port": port,
                "function_codes": list(functions),
                "bytes": self.random.randrange(1_000, 5_000_000),
                "packets": self.random.randrange(10, 40_000),
                "first_seen": _iso(self.now - timedelta(days=self.random.randrange(1, 90))),
                "last_seen": _iso(self.now - timedelta(seconds=self.random.randrange(1800))),
                "seen_by": {name: {"sensor": self.sensor(source)} if name == ZEEK else {} for name in seen_by},
            }
        )

    def sensor(self, id: str) -> str:
        """The Zeek sensor on the segment of a device."""
        zone = next(str(device["zone"]) for device in self.devices if device["id"] == id)
        return f"zeek-{zone.lower().replace(' ', '-')}" if zone.startswith("Cell") else "zeek-office"

    def vulnerable(
        self,
        device: dict[str, Any],
        cve: tuple[str, float, float, bool, str],
        *,
        seen_by: str | Sequence[str],
        fix: str = "",
    ) -> None:
        """Add an exposure of a device to a CVE, as one product or several report it."""
        name, cvss, epss, kev, summary = cve
        self.vulnerabilities.append(
            {
                "id": f"vulnerability-{len(self.vulnerabilities)}",
                "device": device["id"],
                "cve": name,
                "cvss": cvss,
                "epss": epss,
                "kev": kev,
                "severity": "Critical" if cvss >= 9 else "High",
                "likelihood": 1.0 if self.random.random() < 0.7 else 0.6,
                "summary": summary,
                "state": "open",
                "fix": fix,
                "first_seen": _iso(self.now - timedelta(days=self.random.randrange(1, 60))),
                "last_seen": _iso(self.now - timedelta(hours=2)),
                "seen_by": {name: {} for name in ((seen_by,) if isinstance(seen_by, str) else seen_by)},
            }
        )


def plant(seed: int = 7, now: datetime = START) -> dict[str, Any]:
    """The plant file for a seed and a moment: about 300 devices with their links, alerts and vulnerabilities."""
    site = Site(random.Random(seed), now)
    _office(site)
    _dmz(site)
    for cell in CELLS:
        _cell(site, cell)
    _operations(site)
    _office_links(site)
    _alerts(site)
    add_people(site)
    return {
        "name": "north-works",
        "devices": site.devices,
        "links": site.links,
        "alerts": site.alerts,
        "vulnerabilities": site.vulnerabilities,
        "people": site.people,
        "groups": site.groups,
        "events": site.events,
        "relations": site.relations,
    }


def _office(site: Site) -> None:
    """Workstations and laptops with an agent (not quite all), servers, and the printers nobody manages."""
    for number in range(1, 151):
        agent = site.random.random() < 0.93
        laptop = number > 100
        device = site.device(
            f"off-{'lt' if laptop else 'ws'}-{number:03d}",
            "laptop" if laptop else "workstation",
            ips=[f"10.1.{1 + number // 120}.{10 + number % 120}"],
            vendor=site.random.choice(("Dell", "HP")),
            zone="Office",
            level="4",
            technology="it",
            hostname=f"off-{'lt' if laptop else 'ws'}-{number:03d}.north.example",
            os=site.random.choice(("Windows 10", "Windows 11")),
            seen_by={
                DEFENDER: {} if agent else None,
                SERVICENOW: {} if number % 10 else None,
                OKTA: {} if laptop else None,
            },
        )
        if agent and site.random.random() < 0.12:
            site.vulnerable(device, site.random.choice(_CVES[3:]), seen_by=DEFENDER, fix="KB5034441")
    for number in range(1, 19):
        device = site.device(
            f"off-srv-{number:02d}",
            "server",
            ips=[f"10.1.9.{10 + number}"],
            vendor="HP",
            zone="Datacentre",
            level="4",
            technology="it",
            hostname=f"off-srv-{number:02d}.north.example",
            os="Windows Server 2019",
            seen_by={SERVICENOW: {}, TENABLE: {}} | ({DEFENDER: {}} if number != 18 else {}),
        )
        if number in (3, 9):
            site.vulnerable(device, _CVES[3], seen_by=(DEFENDER, TENABLE), fix="KB4499175")
        if number == 18:
            site.vulnerable(device, _CVES[4], seen_by=TENABLE, fix="KB4012598")
    for number in range(1, 13):
        site.device(
            f"off-prn-{number:02d}",
            "printer",
            ips=[f"10.1.8.{10 + number}"],
            vendor="HP",
            zone="Office",
            level="4",
            technology="iot",
            seen_by={SERVICENOW: {}} if number > 8 else {},
        )
    for number in range(1, 4):
        site.device(
            f"old-srv-{number:02d}",
            "server",
            ips=[f"10.1.9.{200 + number}"],
            vendor="HP",
            zone="Datacentre",
            level="4",
            technology="it",
            hostname=f"old-srv-{number:02d}.north.example",
            os="Windows Server 2008 R2",
            seen_by={SERVICENOW: {}},
        )


def _dmz(site: Site) -> None:
    both: dict[str, Any] = {DEFENDER: {}, NOZOMI: {}, SERVICENOW: {}, TENABLE: {}}
    host = {"zone": "DMZ", "level": "3.5", "technology": "it", "vendor": "Dell", "os": "Windows Server 2019"}
    site.device(
        "dmz-jump-01", "jump_host", ips=["10.50.0.11"], hostname="dmz-jump-01.north.example", seen_by=both, **host
    )
    site.device(
        "dmz-jump-02",
        "jump_host",
        ips=["10.50.0.12"],
        hostname="dmz-jump-02.north.example",
        seen_by={NOZOMI: {}},
        **host,
    )
    site.device(
        "dmz-hist-01", "historian", ips=["10.50.0.21"], hostname="dmz-hist-01.north.example", seen_by=both, **host
    )
    site.device("dmz-wsus-01", "server", ips=["10.50.0.31"], hostname="dmz-wsus-01.north.example", seen_by=both, **host)
    site.device(
        "dmz-fw-01",
        "firewall",
        ips=["10.50.0.1"],
        vendor="Cisco",
        zone="DMZ",
        level="3.5",
        technology="it",
        seen_by={NOZOMI: {}},
    )


def _cell(site: Site, cell: str) -> None:
    """One production cell. Both use the same subnet, so addresses repeat and names carry the cell."""
    zone, prefix = f"Cell {cell[-1]}", f"c{cell[-1]}"
    common = {"zone": zone, "technology": "ot", "sensor": f"guardian-{cell}"}
    seen: dict[str, Any] = {NOZOMI: {}}
    for number in range(1, 17):
        vendor, model, firmware = _PLCS[number % 3]
        plc = site.device(
            f"{prefix}-plc-{number:02d}",
            "plc",
            ips=[f"{CELL_SUBNET}.{20 + number}"],
            vendor=vendor,
            model=model,
            firmware=firmware,
            level="1",
            roles=["producer"],
            protocols=["modbus"],
            seen_by=seen,
            **common,
        )
        if number % 4 == 0:
            site.vulnerable(plc, _CVES[number % 3], seen_by=NOZOMI, fix="")
    for number in range(1, 5):
        site.device(
            f"{prefix}-hmi-{number:02d}",
            "hmi",
            ips=[f"{CELL_SUBNET}.{60 + number}"],
            vendor="Siemens",
            model="IPC477E",
            hostname=f"{prefix}-hmi-{number:02d}.ot.example",
            os="Windows 10",
            level="2",
            seen_by=seen | ({DEFENDER: {}} if number == 1 else {}),
            **common,
        )
    for number in range(1, 25):
        site.device(
            f"{prefix}-io-{number:02d}",
            "io",
            ips=[f"{CELL_SUBNET}.{100 + number}"],
            vendor="Siemens",
            model="ET 200SP",
            firmware="V4.2",
            level="0",
            seen_by=seen if number <= 20 else {},
            **common,
        )
    for number in range(1, 4):
        site.device(
            f"{prefix}-sw-{number:02d}",
            "switch",
            ips=[f"{CELL_SUBNET}.{number}"],
            vendor="Moxa",
            model="EDS-510E",
            level="1",
            seen_by=seen,
            **common,
        )
    for controller in range(1, 17):
        for hmi in (1 + controller % 4, 1 + (controller + 1) % 4):
            site.link(
                f"{prefix}-hmi-{hmi:02d}",
                f"{prefix}-plc-{controller:02d}",
                "modbus",
                502,
                functions=("3", "4"),
                seen_by=(NOZOMI, ZEEK),
            )
        for io in range(controller, 25, 16):
            site.link(f"{prefix}-plc-{controller:02d}", f"{prefix}-io-{io:02d}", "s7comm", 102)


def _operations(site: Site) -> None:
    """Level 3: SCADA servers, historian, engineering stations; one of them has a foot in each cell."""
    both: dict[str, Any] = {NOZOMI: {}, DEFENDER: {}, SERVICENOW: {}}
    host = {"zone": "Operations", "level": "3", "technology": "ot", "vendor": "Dell", "sensor": "guardian-ops"}
    site.device(
        "ops-scada-01",
        "scada_server",
        ips=["10.20.0.11"],
        hostname="ops-scada-01.ot.example",
        os="Windows Server 2019",
        seen_by=both,
        **host,
    )
    site.device(
        "ops-scada-02",
        "scada_server",
        ips=["10.20.0.12"],
        hostname="ops-scada-02.ot.example",
        os="Windows Server 2019",
        seen_by={NOZOMI: {}},
        **host,
    )
    site.device(
        "ops-hist-01",
        "historian",
        ips=["10.20.0.21"],
        hostname="ops-hist-01.ot.example",
        os="Windows Server 2019",
        seen_by=both,
        **host,
    )
    for number in range(1, 7):
        station = site.device(
            f"ops-eng-{number:02d}",
            "engineering_station",
            ips=[f"10.20.0.{40 + number}"],
            hostname=f"ops-eng-{number:02d}.ot.example",
            os="Windows 10",
            seen_by=both if number <= 3 else {NOZOMI: {}},
            **host,
        )
        if number == 1:
            station["interfaces"].append(
                {
                    "mac": "00:14:22:aa:00:01",
                    "mac_level": "confirmed",
                    "ips": [f"{CELL_SUBNET}.201"],
                    "zone": "Cell 1",
                    "sensor": "guardian-cell-1",
                }
            )
    for cell in ("c1", "c2"):
        for plc in range(1, 17):
            site.link("ops-scada-01", f"{cell}-plc-{plc:02d}", "modbus", 502, functions=("1", "3"))
        site.link("ops-eng-01", f"{cell}-plc-01", "modbus", 502, functions=("3", "16"))
    site.link("ops-hist-01", "ops-scada-01", "opc-ua", 4840)
    site.link("dmz-hist-01", "ops-hist-01", "opc-ua", 4840)
    site.link("dmz-jump-01", "ops-eng-01", "rdp", 3389)
    site.link("off-ws-007", "c2-plc-03", "modbus", 502, functions=("3",))


def _office_links(site: Site) -> None:
    for number in range(1, 100, 3):
        site.link(f"off-ws-{number:03d}", f"off-srv-{1 + number % 18:02d}", "smb", 445, seen_by=(ZEEK,))
    for number in range(1, 60, 5):
        site.link(f"off-ws-{number:03d}", f"off-prn-{1 + number % 12:02d}", "ipp", 631, seen_by=(ZEEK,))
    for number in (2, 5):
        site.link(f"off-ws-{number:03d}", "dmz-jump-01", "rdp", 3389, seen_by=(ZEEK,))


def _alerts(site: Site) -> None:
    def add(id: str, title: str, product: str, severity: int, hours: float, **more: Any) -> None:
        at = _iso(site.now - timedelta(hours=hours))
        base = {
            "id": id,
            "title": title,
            "severity": severity,
            "status": "open",
            "first_seen": at,
            "last_seen": at,
            "created": at,
            "updated": at,
        }
        site.alerts.append(base | {"seen_by": {product: {}}} | more)

    modbus = {"protocol": "modbus", "transport": "tcp", "port": 502, "source_port": 50412}
    add(
        "alert-program-change",
        "Program change",
        NOZOMI,
        90,
        5,
        category="SIGN:PROGRAM:CHANGE",
        source="ops-eng-01",
        target="c1-plc-01",
        techniques=["T0843"],
        **modbus,
    )
    add(
        "alert-new-node",
        "New node on the network",
        NOZOMI,
        40,
        9,
        category="VI:NEW-NODE",
        source="c2-io-20",
        target="c2-plc-04",
        protocol="s7comm",
        transport="tcp",
        port=102,
    )
    add(
        "alert-it-to-plc",
        "Office station reads a controller",
        NOZOMI,
        80,
        3,
        category="SIGN:UNAUTH",
        source="off-ws-007",
        target="c2-plc-03",
        techniques=["T0801"],
        **modbus,
    )
    add(
        "alert-multiple-logins",
        "Repeated failed logins",
        NOZOMI,
        50,
        30,
        category="SIGN:MULTIPLE-UNSUCCESSFUL-LOGINS",
        source="dmz-jump-01",
        target="ops-eng-01",
        protocol="rdp",
        transport="tcp",
        port=3389,
        status="closed",
        closed=_iso(site.now - timedelta(hours=28)),
    )
    for number, title in enumerate(
        ("Suspicious PowerShell command line", "Credential dumping tool", "Unusual remote desktop session"), start=1
    ):
        device = f"off-ws-{number * 14:03d}"
        add(
            f"alert-edr-{number}",
            title,
            DEFENDER,
            30 + 20 * number,
            number * 4,
            category="Execution",
            device=device,
            techniques=[["T1059.001"], ["T1003"], ["T1021.001"]][number - 1],
            user={"name": f"user{number}", "domain": "NORTH"},
        )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
