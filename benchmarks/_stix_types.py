"""What each type of object costs: fresh values, built with their id, checked and encoded one by one and as a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks._report import Row, cpu_seconds
from isthmus_sdk import stix

Json = dict[str, Any]
Make = Callable[[int], Json]
COUNT = 500
T0, T1 = "2024-05-01T00:00:00.000Z", "2024-05-02T00:00:00.000Z"
MALWARE = stix.sdo_id("malware", {"name": "m"})
TOOL = stix.sdo_id("tool", {"name": "t"})
IDENTITY = stix.sdo_id("identity", {"name": "i"})
IPV4 = stix.sco_id("ipv4-addr", {"value": "10.0.0.5"})
FILE = stix.sco_id("file", {"name": "f"})

OBSERVABLES: dict[str, Make] = {
    "artifact": lambda n: {"mime_type": "image/jpeg", "url": f"https://x.example/{n}", "hashes": {"MD5": f"{n:032x}"}},
    "autonomous-system": lambda n: {"number": n, "name": "AS"},
    "directory": lambda n: {"path": f"/tmp/{n}"},
    "domain-name": lambda n: {"value": f"h{n}.example.org"},
    "email-addr": lambda n: {"value": f"a{n}@example.org"},
    "email-message": lambda n: {"is_multipart": False, "subject": f"s{n}", "body": "b"},
    "file": lambda n: {"name": f"f{n}", "hashes": {"SHA-256": f"{n:064x}"}, "size": n},
    "ipv4-addr": lambda n: {"value": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"},
    "ipv6-addr": lambda n: {"value": f"2001:db8::{n >> 16 & 0xFFFF:x}:{n & 0xFFFF:x}"},
    "mac-addr": lambda n: {"value": f"00:1b:{n >> 24 & 255:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"},
    "mutex": lambda n: {"name": f"m{n}"},
    "network-traffic": lambda n: {"src_ref": IPV4, "protocols": ["tcp"], "start": T0, "dst_port": 502, "src_port": n % 65_536},
    "process": lambda n: {"pid": n, "command_line": f"x {n}"},
    "software": lambda n: {"name": f"s{n}", "vendor": "v", "version": "1"},
    "url": lambda n: {"value": f"https://example.org/{n}"},
    "user-account": lambda n: {"user_id": f"u{n}", "account_type": "unix"},
    "windows-registry-key": lambda n: {"key": f"HKEY_LOCAL_MACHINE\\k{n}"},
    "x509-certificate": lambda n: {"serial_number": f"{n:x}", "issuer": "C=DE"},
}  # fmt: skip
DOMAIN: dict[str, Make] = {
    "attack-pattern": lambda n: {"name": f"a{n}", "kill_chain_phases": [{"kill_chain_name": "k", "phase_name": "p"}]},
    "identity": lambda n: {"name": f"i{n}", "identity_class": "system"},
    "incident": lambda n: {"name": f"i{n}", "labels": ["alert"]},
    "indicator": lambda n: {"name": f"i{n}", "pattern": f"[file:name = '{n}']", "pattern_type": "stix", "valid_from": T0},
    "infrastructure": lambda n: {"name": f"i{n}", "infrastructure_types": ["control-system"], "first_seen": T0, "last_seen": T1},
    "location": lambda n: {"name": f"l{n}", "country": "de"},
    "malware": lambda n: {"name": f"m{n}", "is_family": True},
    "note": lambda n: {"content": f"c{n}", "object_refs": [MALWARE]},
    "observed-data": lambda n: {"first_observed": T0, "last_observed": T1, "number_observed": n + 1, "object_refs": [IPV4, FILE]},
    "relationship": lambda n: {"relationship_type": "uses", "source_ref": MALWARE, "target_ref": TOOL, "description": f"d{n}"},
    "sighting": lambda n: {"sighting_of_ref": MALWARE, "count": n + 1, "where_sighted_refs": [IDENTITY]},
    "vulnerability": lambda n: {"name": f"v{n}", "external_references": [{"source_name": "cve", "external_id": f"CVE-2024-{n % 90_000 + 10_000}"}]},
}  # fmt: skip


def rows(rounds: int) -> list[Row]:
    """One row per type: objects a second of build, check and encode one by one; the parts are in the note."""
    return [_row(type, _observable(type, make), rounds) for type, make in OBSERVABLES.items()] + [
        _row(type, _domain(type, make), rounds) for type, make in DOMAIN.items()
    ]


def _observable(type: str, properties: Make) -> Make:
    def make(number: int) -> Json:
        own = properties(number)
        return {"type": type, "spec_version": "2.1", "id": stix.sco_id(type, own), **own}

    return make


def _domain(type: str, properties: Make) -> Make:
    def make(number: int) -> Json:
        id = stix.sdo_id(type, {"native_id": str(number), "source_id": "bench"})
        return {"type": type, "spec_version": "2.1", "id": id, "created": T0, "modified": T1, **properties(number)}

    return make


def _row(type: str, make: Make, rounds: int) -> Row:
    numbers = iter(range(0, 1_000_000_000, COUNT))
    pages: dict[str, list[Json]] = {}

    def build() -> Callable[[], object]:
        start = next(numbers)
        return lambda: pages.update(now=[make(number) for number in range(start, start + COUNT)])

    def single() -> Callable[[], object]:
        page = pages["now"]
        return lambda: _one_by_one(page)

    def whole() -> Callable[[], object]:
        page = pages["now"]
        return lambda: _together(page)

    spent = cpu_seconds({"build": build, "single": single, "page": whole}, max(5, rounds))
    built, alone, together = (
        sorted(spent[name])[len(spent[name]) // 2] / COUNT for name in ("build", "single", "page")
    )
    note = f"ns: build + id {built * 1e9:,.0f}, check + encode {alone * 1e9:,.0f}, in a page {together * 1e9:,.0f}"
    return Row(f"stix.type {type}", 1 / (built + together), "objects/s", note=note)


def _one_by_one(page: list[Json]) -> None:
    for obj in page:
        stix.check(obj)
        stix.encode(obj)


def _together(page: list[Json]) -> None:
    if not stix.accepts_all(page):
        raise AssertionError(f"the page of {page[0]['type']} is not valid")
    stix.encode_all(page)
