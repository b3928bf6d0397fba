"""The truth: devices with their adapters, names, serials and addresses over thirty days.

Networks: a corporate one with DHCP, a DMZ, and four cells that all use 192.168.1.0/24; cell 4 is behind NAT.
"""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 5, 1, tzinfo=UTC)
DAYS = 30
CELLS = ("cell-1", "cell-2", "cell-3", "cell-4")
VIRTUAL = "00:00:5e:00:01"
"""Adapters of virtual routers (VRRP) begin with this."""
SHARED_SERIALS = ("To be filled by O.E.M.", "123456789", "SN-TEMPLATE-01")
"""Placeholders: two of them well known, the last one of a maker nobody has met before."""


def when(day: float) -> str:
    """A STIX timestamp, ``day`` days after the beginning."""
    at = START + timedelta(seconds=round(day * 86_400))
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass(frozen=True)
class Lease:
    """An address, from one day to another."""

    ip: str
    begin: float = 0.0
    end: float = DAYS


@dataclass
class Adapter:
    """A network interface; ``random`` ones show another MAC in every network."""

    mac: str
    scope: str
    leases: list[Lease]
    random: bool = False

    def at(self, day: float) -> str:
        """The address on a day; empty where it had none."""
        return next((lease.ip for lease in self.leases if lease.begin <= day < lease.end), "")


@dataclass
class Device:
    """One real thing."""

    key: str
    role: str
    adapters: list[Adapter]
    hostname: str = ""
    serial: str = ""
    vendor: str = ""
    model: str = ""
    os: str = ""
    edr: bool = False
    born: float = 0.0
    died: float = DAYS + 1.0
    reinstalled: float | None = None
    """Day on which it was set up anew: its agent has had another id since."""
    slots: tuple[str, ...] = ()
    """Serials of modules behind the address of a chassis."""


@dataclass
class Site:
    """Everything there is."""

    seed: int
    devices: list[Device] = field(default_factory=list)
    gateways: dict[str, str] = field(default_factory=dict)
    """MAC of the router of each scope: what is seen from beyond it has this one."""

    def by_role(self, *roles: str) -> list[Device]:
        """Devices of some roles, in order."""
        return [device for device in self.devices if device.role in roles]


_MAKERS = {
    "pc": (("Dell Inc.", "Latitude 5440"), ("Dell Inc.", "OptiPlex 7010"), ("HP", "EliteDesk 800"), ("LENOVO", "20XW")),
    "server": (("Dell Inc.", "PowerEdge R650"), ("HPE", "ProLiant DL380"), ("VMware, Inc.", "VMware Virtual Platform")),
    "plc": (("Siemens", "6ES7 515-2AM01-0AB0"), ("Rockwell Automation", "1756-L81E/B"), ("Schneider Electric", "BMEP582040")),
    "network": (("Cisco", "IE-3300-8T2S"), ("Hirschmann", "RS20"), ("Moxa", "EDS-408A")),
    "iot": (("Axis Communications AB", "P3245-V"), ("HP", "LaserJet M507"), ("Zebra", "ZT411")),
}  # fmt: skip
_OUIS = {
    "Dell Inc.": "d0:94:66", "HP": "3c:52:82", "LENOVO": "54:e1:ad", "HPE": "94:40:c9", "VMware, Inc.": "00:50:56",
    "Siemens": "28:63:36", "Rockwell Automation": "f4:54:33", "Schneider Electric": "00:80:f4", "Cisco": "00:1b:0d",
    "Hirschmann": "ec:e5:55", "Moxa": "00:90:e8", "Axis Communications AB": "ac:cc:8e", "Zebra": "48:a4:93",
}  # fmt: skip


class _Maker:
    """Makes devices one after another; everything is drawn from one seed."""

    def __init__(self, seed: int, share: float) -> None:
        self.rng = random.Random(seed)
        self.site = Site(seed)
        self.share = share
        self._hosts: dict[str, int] = {}

    def times(self, number: int) -> range:
        return range(max(1, round(number * self.share)))

    def mac(self, vendor: str) -> str:
        return (
            f"{_OUIS[vendor]}:{self.rng.randrange(256):02x}:{self.rng.randrange(256):02x}:{self.rng.randrange(256):02x}"
        )

    def random_mac(self) -> str:
        return f"{self.rng.choice('26ae')}{self.rng.choice('26ae')}:" + ":".join(
            f"{self.rng.randrange(256):02x}" for _ in range(5)
        )

    def serial(self, maker: str) -> str:
        if self.rng.random() < 0.06:
            return self.rng.choice(SHARED_SERIALS)
        return f"{maker[:2].upper()}{self.rng.randrange(10**8):08d}"

    def address(self, scope: str) -> str:
        """The next static address of a network."""
        number = self._hosts[scope] = self._hosts.get(scope, 9) + 1
        if scope in CELLS:
            return f"192.168.{1 + number // 250}.{1 + number % 250}"
        return f"10.{20 if scope == 'dmz' else 10}.{number // 250}.{1 + number % 250}"

    def leases(self) -> list[Lease]:
        """A pool address that changes a few times."""
        days = sorted(self.rng.uniform(1, DAYS - 1) for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3))))
        edges = [0.0, *days, float(DAYS)]
        return [Lease("", begin, end) for begin, end in itertools.pairwise(edges)]

    def add(self, device: Device) -> Device:
        self.site.devices.append(device)
        return device

    def made(self, group: str) -> tuple[str, str]:
        return self.rng.choice(_MAKERS[group])

    # -- the corporate network ---------------------------------------------------------------------------------------

    def computers(self) -> None:
        for number in self.times(60):
            vendor, model = self.made("pc")
            adapters = [Adapter(self.mac(vendor), "corp", self.leases())]
            if self.rng.random() < 0.25:  # a laptop: cable by day, wireless with a made-up MAC besides
                adapters.append(Adapter(self.random_mac(), "corp", self.leases(), random=True))
            self.add(
                Device(
                    f"pc-{number}", "workstation", adapters, f"NW-{'LT' if len(adapters) > 1 else 'PC'}{number:04d}",
                    self.serial(vendor), vendor, model, self.rng.choice(("Windows 10", "Windows 11")),
                    edr=self.rng.random() < 0.8, reinstalled=12.0 if self.rng.random() < 0.05 else None,
                )
            )  # fmt: skip

    def servers(self) -> None:
        for number in self.times(20):
            vendor, model = self.made("server")
            scope = "dmz" if number % 4 == 0 else "corp"
            self.add(
                Device(
                    f"server-{number}", "server", [Adapter(self.mac(vendor), scope, [Lease(self.address(scope))])],
                    f"srv-{number:03d}", self.serial(vendor), vendor, model,
                    self.rng.choice(("Windows Server 2019", "Ubuntu 22.04")), edr=self.rng.random() < 0.85,
                )
            )  # fmt: skip

    def clones(self) -> None:
        """Virtual machines of one template: one serial, one name in the guest's BIOS, different names and adapters."""
        serial = f"VMware-56 4d {self.rng.randrange(10**6):06d}"
        for number in self.times(6):
            vendor = "VMware, Inc."
            self.add(
                Device(
                    f"clone-{number}", "server", [Adapter(self.mac(vendor), "corp", [Lease(self.address("corp"))])],
                    f"app-{number:02d}", serial, vendor, "VMware Virtual Platform", "Ubuntu 22.04", edr=number % 2 == 0,
                )
            )  # fmt: skip

    def blades(self) -> None:
        """Blades of one enclosure: the CMDB has the enclosure's serial on each."""
        serial = f"CZ{self.rng.randrange(10**8):08d}"
        for number in self.times(4):
            self.add(
                Device(
                    f"blade-{number}", "server", [Adapter(self.mac("HPE"), "corp", [Lease(self.address("corp"))])],
                    f"bl-{number:02d}", serial, "HPE", "ProLiant BL460c", "Windows Server 2019", edr=True,
                )
            )  # fmt: skip

    def replaced(self) -> None:
        """A computer that was retired, and another that took over its name."""
        for number in self.times(3):
            for part, (born, died) in enumerate(((0.0, 10.0), (12.0, DAYS + 1.0))):
                vendor, model = self.made("pc")
                adapter = Adapter(self.mac(vendor), "corp", [Lease("", born, min(died, DAYS))])
                self.add(
                    Device(
                        f"swap-{number}-{part}", "workstation", [adapter], f"NW-RECEPTION{number}",
                        f"{vendor[:2].upper()}{self.rng.randrange(10**8):08d}", vendor, model, "Windows 11",
                        edr=True, born=born, died=died,
                    )
                )  # fmt: skip

    def phones(self) -> None:
        for number in self.times(10):
            name = self.rng.choice(("iPhone", "iPhone", "android", f"Pixel-{number}"))
            self.add(
                Device(
                    f"phone-{number}", "phone", [Adapter(self.random_mac(), "corp", self.leases(), random=True)],
                    name, "", "", "", "iOS" if name == "iPhone" else "Android",
                )
            )  # fmt: skip

    def things(self) -> None:
        for number in self.times(18):
            vendor, model = self.made("iot")
            scope = "corp" if number % 3 else "dmz"
            self.add(
                Device(
                    f"thing-{number}", "camera" if vendor.startswith("Axis") else "printer",
                    [Adapter(self.mac(vendor), scope, [Lease(self.address(scope))])],
                    f"axis-{number}" if vendor.startswith("Axis") else f"PRN{number:03d}", self.serial(vendor), vendor, model,
                )
            )  # fmt: skip

    # -- the plant ---------------------------------------------------------------------------------------------------

    def network(self) -> None:
        for number in self.times(12):
            vendor, model = self.made("network")
            scope = CELLS[number % 4] if number % 3 else "dmz"
            self.add(
                Device(
                    f"switch-{number}", "switch", [Adapter(self.mac(vendor), scope, [Lease(self.address(scope))])],
                    f"sw-{number:02d}", self.serial(vendor), vendor, model,
                )
            )  # fmt: skip
        for scope in ("corp", "dmz", *CELLS):
            mac = self.mac("Cisco")
            self.site.gateways[scope] = mac
            self.add(
                Device(
                    f"gateway-{scope}", "router", [Adapter(mac, scope, [Lease(self.address(scope))])],
                    f"gw-{scope}", self.serial("Cisco"), "Cisco", "ISR4331",
                )
            )  # fmt: skip

    def stations(self) -> None:
        """Engineering stations stand in the corporate network and in a cell; HMIs and servers in a cell or the DMZ."""
        for number in self.times(8):
            vendor, model = self.made("pc")
            adapters = [
                Adapter(self.mac(vendor), "corp", self.leases()),
                Adapter(self.mac(vendor), (cell := CELLS[number % 4]), [Lease(self.address(cell))]),
            ]
            self.add(
                Device(
                    f"ews-{number}", "engineering-workstation", adapters, f"ENGINEERING-WS-{number:02d}", self.serial(vendor), vendor,
                    model, "Windows 10", edr=self.rng.random() < 0.7,
                )
            )  # fmt: skip
        for number in self.times(12):
            vendor, model = self.made("pc")
            cell = CELLS[number % 4]
            self.add(
                Device(
                    f"hmi-{number}", "hmi", [Adapter(self.mac(vendor), cell, [Lease(self.address(cell))])],
                    f"HMI{number:02d}", self.serial(vendor), vendor, model, "Windows 7", edr=self.rng.random() < 0.4,
                )
            )  # fmt: skip
        for number in self.times(6):
            vendor, model = self.made("server")
            scope = "dmz" if number % 2 else CELLS[number % 4]
            self.add(
                Device(
                    f"scada-{number}", "historian" if number % 2 else "control-server",
                    [Adapter(self.mac(vendor), scope, [Lease(self.address(scope))])], f"scada{number}",
                    self.serial(vendor), vendor, model, "Windows Server 2016", edr=self.rng.random() < 0.6,
                )
            )  # fmt: skip

    def controllers(self) -> None:
        for number in self.times(48):
            vendor, model = self.made("plc")
            cell = CELLS[number % 4]
            named = self.rng.random() < 0.3
            slots = tuple(self.serial(vendor) for _ in range(3)) if number % 16 == 0 else ()
            self.add(
                Device(
                    f"plc-{number}", "plc", [Adapter(self.mac(vendor), cell, [Lease(self.address(cell))])],
                    self.rng.choice((f"PLC_{number}", "plc", "S7-1500")) if named else "", self.serial(vendor), vendor, model,
                    "", slots=slots,
                )
            )  # fmt: skip
        for number in self.times(4):
            cell = CELLS[number % 4]
            shared, mac = self.address(cell), f"{VIRTUAL}:{number + 1:02x}"
            for side in "ab":
                adapters = [
                    Adapter(self.mac("Siemens"), cell, [Lease(self.address(cell))]),
                    Adapter(mac, cell, [Lease(shared, 0.0 if side == "a" else 15.0, 15.0 if side == "a" else DAYS)]),
                ]
                self.add(
                    Device(
                        f"pair-{number}{side}", "plc", adapters, "", self.serial("Siemens"), "Siemens", "6ES7 517-3HP00-0AB0",
                    )
                )  # fmt: skip

    def lease(self) -> None:
        """Give pool addresses out, day by day, so that one is used again by others: never by two at once."""
        wanted = [
            (lease.begin, adapter, index)
            for device in self.site.devices
            for adapter in device.adapters
            for index, lease in enumerate(adapter.leases)
            if not lease.ip
        ]
        free: list[str] = []
        busy: list[tuple[float, str]] = []
        fresh = 0
        for begin, adapter, index in sorted(wanted, key=lambda entry: (entry[0], entry[1].mac, entry[2])):
            ended = []
            while busy and busy[0][0] <= begin:
                ended.append(heapq.heappop(busy)[1])
            free += sorted(ended)
            if free and self.rng.random() < 0.9:
                ip = free.pop(self.rng.randrange(len(free)))
            else:
                fresh += 1
                ip = f"10.{11 + fresh // 62_500}.{fresh // 250 % 250}.{1 + fresh % 250}"
            end = adapter.leases[index].end
            adapter.leases[index] = Lease(ip, begin, end)
            heapq.heappush(busy, (end, ip))


def build(seed: int, devices: int = 226) -> Site:
    """A site of about so many devices."""
    maker = _Maker(seed, devices / 226)
    for make in (
        maker.computers, maker.servers, maker.clones, maker.blades, maker.replaced, maker.phones, maker.things, maker.network,
        maker.stations, maker.controllers, maker.lease,
    ):  # fmt: skip
        make()
    return maker.site
