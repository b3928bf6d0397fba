"""Seeded STIX objects of the usual sizes, for benchmarks that move bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from isthmus_sdk import stix

Json = dict[str, Any]
START = "2024-05-01T00:00:00.000Z"


def plant(assets: int, *, seed: int = 1, version: int = 0, forget: bool = False) -> Iterator[Json]:
    """For each asset: the asset, its two addresses, two relationships to them and one to another asset (six objects).

    ``version`` changes what the assets say (and the relationships' descriptions), not their ids: a re-synchronisation
    in which everything has changed. ``forget`` keeps only the last thousand ids and mints no observable's id with the SDK, which caches them: for
    measuring somebody else's memory.
    """
    generator = random.Random(seed)
    known: list[str] = []
    modified = f"2024-05-{version % 28 + 1:02}T00:00:00.000Z"
    for number in range(assets):
        ip = _observable("ipv4-addr", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", forget)
        mac = _observable("mac-addr", f"00:1b:{number.to_bytes(4).hex(':')}", forget)
        asset = {
            "type": "infrastructure",
            "spec_version": "2.1",
            "id": _id("infrastructure", generator),
            "created": START,
            "modified": modified,
            "name": f"PLC-{number:06} {generator.choice(('filling line', 'boiler', 'packaging', 'pumps'))}",
            "infrastructure_types": ["control-system"],
            "labels": ["asset", "ot", "plc", f"purdue:{number % 4}"],
            "external_references": [
                {"source_name": "nozomi-guardian", "external_id": str(UUID(int=generator.getrandbits(128)))},
                {"source_name": "asset-register", "external_id": f"{generator.getrandbits(64):016x}"},
            ],
            "extensions": {
                stix.ASSET: {
                    "extension_type": "property-extension",
                    "kind": "asset",
                    "asset_class": "plc",
                    "technology": "ot",
                    "vendor": generator.choice(("Siemens", "Rockwell Automation", "Schneider Electric")),
                    "model": f"S7-15{number % 20:02}",
                    "firmware": f"V2.{version}.{number % 7}",
                    "serial": f"S C-{generator.getrandbits(40):010x}",
                    "native_id": f"node-{number}",
                    "source_id": "cmc-north",
                    "connector": "nozomi-guardian",
                    "purdue_level": str(number % 4),
                    "zone": f"cell-{number % 40}",
                    "interfaces": [
                        {
                            "mac": mac["value"],
                            "mac_ref": mac["id"],
                            "ips": [ip["value"]],
                            "ip_refs": [ip["id"]],
                            "scope": f"north/cell-{number % 40}",
                        }
                    ],
                    "first_seen": START,
                    "last_seen": modified,
                }
            },
        }
        known.append(asset["id"])
        if forget:
            del known[:-1_000]
        yield from (asset, ip, mac)
        for kind, target in (
            ("consists-of", ip["id"]),
            ("consists-of", mac["id"]),
            ("related-to", generator.choice(known)),
        ):
            yield {
                "type": "relationship",
                "spec_version": "2.1",
                "id": _id("relationship", generator),
                "created": START,
                "modified": modified,
                "relationship_type": kind,
                "source_ref": asset["id"],
                "target_ref": target,
                "description": f"seen by sensor {number % 9} in capture {generator.getrandbits(96):024x}, report {version}",
                "external_references": [
                    {"source_name": "nozomi-guardian", "external_id": str(UUID(int=generator.getrandbits(128)))}
                ],
                "object_marking_refs": [stix.TLP["amber"]],
            }


def _observable(type: str, value: str, plain: bool) -> Json:
    id = f"{type}--{uuid5(NAMESPACE_URL, value)}" if plain else stix.sco_id(type, {"value": value})
    return {"type": type, "spec_version": "2.1", "id": id, "value": value}


def _id(type: str, generator: random.Random) -> str:
    return f"{type}--{UUID(int=generator.getrandbits(128), version=4)}"
