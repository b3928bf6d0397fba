"""What each product says of the site, as asset facts: partly, late, and sometimes wrongly, as real ones do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.hub.assets.site.world import CELLS, DAYS, VIRTUAL, Adapter, Device, Site, when

from isthmus_sdk import stix

NETBIOS = 15
"""What listens takes names from NetBIOS, which cuts them."""
SOURCES = ("edr", "scanner", "cmdb", "guardian", "xdome", "dhcp", "wire")


@dataclass(frozen=True)
class Record:
    """What one product says of one device."""

    id: str
    source: str
    truth: str
    """Key of the device it really is."""
    facts: dict[str, Any]


class Products:
    """The products of a site; each has its own view."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.rng = random.Random(site.seed * 7919 + 1)

    def all(self) -> Iterator[Record]:
        for source in SOURCES:
            yield from getattr(self, source)()

    def record(self, source: str, native: str, device: Device, **facts: Any) -> Record:
        known = {"kind": "asset", "connector": source, "source_id": "north", "native_id": native, **facts}
        known = {name: value for name, value in known.items() if value not in ("", None, [])}
        id = stix.sdo_id("infrastructure", {"connector": source, "source_id": "north", "native_id": native})
        return Record(id, source, _what(device, known), known)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    # -- products ----------------------------------------------------------------------------------------------------

    def edr(self) -> Iterator[Record]:
        """An agent on the device: name, serial, every adapter, addresses as they were when it last called home."""
        for device in self.site.devices:
            if not device.edr:
                continue
            lives = [(device.born, min(device.died, DAYS - self.rng.uniform(0, 1)))]
            if device.reinstalled is not None:
                lives = [(device.born, device.reinstalled), (device.reinstalled + 0.1, lives[0][1])]
            for begin, end in lives:
                seen = max(begin, end - (self.rng.uniform(0, 3) if self.chance(0.2) else 0.01))
                agent = f"{self.rng.getrandbits(128):032x}"
                yield self.record(
                    "edr", agent, device, hostname=self.named(device, domain=True), serial=device.serial,
                    vendor=device.vendor, model=device.model, operating_system=_joined(device.os), asset_class=_class(device),
                    technology="it", identifiers=[{"kind": "agent_id", "value": agent}],
                    interfaces=[self.card(each, seen) for each in device.adapters if each is device.adapters[0] or self.chance(0.95)],
                    first_seen=when(begin), last_seen=when(seen),
                )  # fmt: skip

    def scanner(self) -> Iterator[Record]:
        """Scans corporate and DMZ networks once, cells through their routers: there it sees the router's MAC."""
        for device in self.site.devices:
            for adapter in device.adapters:
                day = self.rng.uniform(8, 24)
                inside = adapter.scope in ("corp", "dmz")
                ip = adapter.at(day)
                if not ip or not device.born <= day < device.died or self.chance(0.45 if inside else 0.7):
                    continue
                scope = adapter.scope
                if scope == "cell-4":  # behind NAT: another address in another scope
                    ip, scope = f"10.94.{ip.split('.')[2]}.{ip.split('.')[3]}", "corp"
                mac = "" if self.chance(0.4) else adapter.mac if inside else self.site.gateways["corp"]
                yield self.record(
                    "scanner", f"{self.rng.getrandbits(64):016x}", device, hostname=self.named(device) if self.chance(0.7) else "",
                    operating_system=_fingerprint(device.os) if self.chance(0.7) else "", vendor="", interfaces=[_card(mac, [ip], scope)],
                    first_seen=when(day), last_seen=when(day),
                )  # fmt: skip

    def cmdb(self) -> Iterator[Record]:
        """Typed in by people: names and serials, addresses of long ago, retired machines that are still there."""
        for device in self.site.devices:
            if device.role == "phone" or not self.chance(0.85 if device.os else 0.55):
                continue
            adapter = device.adapters[0]
            stale = self.chance(0.3)
            ip = adapter.leases[0].ip if stale else adapter.at(min(DAYS - 1, device.died - 1))
            serial = device.serial if self.chance(0.8) else ""
            yield self.record(
                "cmdb", f"CI{self.rng.randrange(10**7):07d}", device, name=device.key, serial=_typed(serial),
                hostname=self.named(device), vendor=_spelt(device.vendor, self.rng), model=f"{device.vendor} {device.model}",
                asset_class=_class(device), interfaces=[_card(adapter.mac if self.chance(0.3) else "", [ip] if ip and self.chance(0.7) else [], adapter.scope)],
            )  # fmt: skip

    def guardian(self) -> Iterator[Record]:
        """Listens in the cells and the DMZ; in cell 3 behind a router."""
        for device, adapter, day in self.plant(0.92):
            ip = adapter.at(day)
            mac = self.site.gateways["cell-3"] if adapter.scope == "cell-3" and self.chance(0.4) else adapter.mac
            deep = self.chance(0.6)
            yield self.record(
                "guardian", f"{self.rng.getrandbits(64):016x}", device, hostname=self.named(device)[:NETBIOS] if self.chance(0.5) else "",
                vendor=device.vendor if deep else "", model=_order_number(device.model) if deep else "",
                serial=device.serial if deep and device.role == "plc" else "", asset_class=_class(device) if deep else "",
                operating_system=device.os if self.chance(0.5) else "", technology="ot", site="North",
                interfaces=[_card(mac, [ip], adapter.scope)], first_seen=when(1), last_seen=when(day),
            )  # fmt: skip
            for number, serial in enumerate(device.slots):
                if deep:
                    yield self.record(
                        "guardian", f"{self.rng.getrandbits(64):016x}", _Module(device.key, number), vendor=device.vendor,
                        model=f"{device.model} slot {number + 1}", serial=serial, asset_class="field-io", technology="ot",
                        interfaces=[_card("", [ip], adapter.scope)], first_seen=when(1), last_seen=when(day),
                    )  # fmt: skip

    def xdome(self) -> Iterator[Record]:
        """Another one that listens, in cells 1 to 3."""
        for device, adapter, day in self.plant(0.75):
            if adapter.scope not in CELLS[:3]:
                continue
            deep = self.chance(0.7)
            yield self.record(
                "xdome", f"{self.rng.getrandbits(96):024x}", device, hostname=self.named(device)[:NETBIOS] if self.chance(0.4) else "",
                vendor=_of_adapter(device, _spelt(device.vendor, self.rng)) if deep else "Unknown", model=_order_number(device.model) if deep else "",
                serial=device.serial if deep and self.chance(0.5) else "", asset_class=_class(device) if deep else "",
                operating_system=device.os if self.chance(0.5) else "", technology="ot",
                interfaces=[_card(adapter.mac if self.chance(0.9) else "", [adapter.at(day)], adapter.scope)],
                first_seen=when(2), last_seen=when(day),
            )  # fmt: skip

    def dhcp(self) -> Iterator[Record]:
        """Leases of the corporate network: MAC, the name that the client said, every address it had."""
        for device in self.site.devices:
            for adapter in device.adapters:
                if adapter.scope != "corp" or (
                    len(adapter.leases) == 1 and not adapter.leases[0].ip.startswith("10.11.")
                ):
                    continue
                changing = adapter.random and device.role == "phone"
                for part, leases in enumerate([[lease] for lease in adapter.leases] if changing else [adapter.leases]):
                    mac = adapter.mac if part == 0 else _again(adapter.mac, part)
                    yield self.record(
                        "dhcp", mac, device, hostname=self.named(device) if self.chance(0.85) else "",
                        interfaces=[_card(mac, [lease.ip for lease in leases[-1:]], "corp")],
                        first_seen=when(leases[-1].begin), last_seen=when(min(leases[-1].end, device.died, DAYS - 0.05)),
                    )  # fmt: skip

    def wire(self) -> Iterator[Record]:
        """Addresses seen talking in the last days: no name, no adapter."""
        talking: dict[tuple[str, str], Device] = {}
        for device in self.site.devices:
            for adapter in device.adapters:
                ip = adapter.at(DAYS - 0.5)
                if ip and device.died > DAYS - 0.5 and self.chance(0.8):
                    talking.setdefault((adapter.scope, ip), device)
        for (scope, ip), device in sorted(talking.items()):
            yield self.record(
                "wire", f"endpoint:{scope}:{ip}", device, kind="endpoint", interfaces=[_card("", [ip], scope)],
                first_seen=when(DAYS - 2), last_seen=when(DAYS - 0.5),
            )  # fmt: skip

    # -- how they look at things ----------------------------------------------------------------------------------------

    def plant(self, share: float) -> Iterator[tuple[Device, Adapter, float]]:
        for device in self.site.devices:
            for adapter in device.adapters:
                day = DAYS - self.rng.uniform(0.01, 2)
                if adapter.scope not in ("corp",) and adapter.at(day) and self.chance(share):
                    yield device, adapter, day

    def card(self, adapter: Adapter, day: float) -> dict[str, Any]:
        ip = adapter.at(min(day, DAYS - 0.01))
        return _card(adapter.mac, [ip] if ip else [], adapter.scope)

    def named(self, device: Device, *, domain: bool = False) -> str:
        if not device.hostname:
            return ""
        name = device.hostname.lower() if self.chance(0.5) else device.hostname
        return f"{name}.north.example" if domain or (device.os and self.chance(0.3)) else name


class _Module(Device):
    """A module in a slot of a chassis: a device of its own."""

    def __init__(self, chassis: str, number: int) -> None:
        super().__init__(f"{chassis}/{number}", "module", [])


def _what(device: Device, facts: dict[str, Any]) -> str:
    """A virtual address of a redundant pair is a thing of its own: it is on one half today, on the other tomorrow."""
    shared = {lease.ip for adapter in device.adapters if adapter.mac.startswith(VIRTUAL) for lease in adapter.leases}
    alone = all(set(card["ips"]) & shared for card in facts["interfaces"]) and len(facts["interfaces"]) == 1
    return f"{device.key.rstrip('ab')}/virtual" if shared and alone else device.key


def _card(mac: str, ips: list[str], scope: str) -> dict[str, Any]:
    return {**({"mac": mac} if mac else {}), "ips": ips, "scope": scope}


def _again(mac: str, part: int) -> str:
    """Another made-up MAC of the same adapter."""
    return f"{mac[:-2]}{(int(mac[-2:], 16) + part) % 256:02x}"


def _class(device: Device) -> str:
    return {"phone": "mobile", "camera": "iot", "printer": "iot"}.get(device.role, device.role)


_SPELLINGS = {
    "Siemens": ("Siemens AG", "SIEMENS"),
    "Rockwell Automation": ("Rockwell Automation/Allen-Bradley", "Allen-Bradley"),
    "Schneider Electric": ("SCHNEIDER ELECTRIC SE", "Modicon"),
    "Dell Inc.": ("Dell", "Dell Technologies"),
    "HP": ("HP Inc.", "Hewlett-Packard", "HPE"),
    "Cisco": ("Cisco Systems, Inc.", "CISCO"),
}


def _spelt(vendor: str, rng: random.Random) -> str:
    """A vendor as another product writes it."""
    spellings, drawn = _SPELLINGS.get(vendor, (vendor,)), rng.random()
    return spellings[int(drawn * 2 * len(spellings))] if drawn < 0.5 else vendor


def _joined(system: str) -> str:
    """A system as an agent writes it: "WindowsServer2016"."""
    return system.replace(" ", "") if system.startswith("Windows") else system


def _of_adapter(device: Device, vendor: str) -> str:
    """The maker of a computer, or of its adapter, which the first half of the MAC names."""
    return "Intel Corporate" if device.os and device.key.endswith(("1", "4", "7")) else vendor


def _typed(serial: str) -> str:
    """A serial as people type it off the label."""
    return f"{serial[:4]}-{serial[4:]}".lower() if len(serial) > 6 else serial


def _order_number(model: str) -> str:
    """A model as protocols carry it."""
    return model.replace(" ", "").upper()


def _fingerprint(system: str) -> str:
    """A system as a scanner guesses it from outside: "Microsoft Windows 10"."""
    return f"Microsoft {system}" if system.startswith("Windows") else f"Linux Kernel on {system}" if system else ""


def observed(site: Site) -> list[Record]:
    """Everything that is said of a site."""
    return list(Products(site).all())
