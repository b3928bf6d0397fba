"""A small plant as the hub would resolve it: every shape the builder makes, marked, ready to publish."""

from __future__ import annotations

from typing import Any

from isthmus_sdk import stix

AT = "2026-03-01T10:00:00.000Z"
LATER = "2026-03-02T10:00:00.000Z"


def builder(observed_at: str = AT) -> stix.Builder:
    return stix.Builder(source_id="cmc-north", connector="nozomi-guardian", observed_at=observed_at)


def plc(n: int, *, firmware: str = "4.0", at: str = AT) -> stix.Shape:
    """A controller with two addresses; its firmware can change."""
    return builder(at).asset(
        f"plc-{n}",
        name=f"PLC {n}",
        asset_class="plc",
        technology="ot",
        hostname=f"plc-{n}",
        vendor="Siemens",
        model="S7-1500",
        serial=f"S{n:05}",
        firmware=firmware,
        interfaces=[
            stix.Interface(mac=f"00:1b:1b:00:{n // 256:02x}:{n % 256:02x}", ips=[f"10.1.{n // 250}.{n % 250 + 1}"])
        ],
        purdue_level="1",
        site="North",
        zone="Cell 3",
        created=AT,
        modified=at,
    )


def alert(n: int, asset: str, *, status: str = "open", at: str = AT) -> stix.Shape:
    """An alert of a rule, about one asset."""
    return builder(at).alert(
        f"alert-{n}",
        title="New function code",
        severity=70,
        status=status,
        rule=stix.Rule("SIGN:NEW-FC", "New function code"),
        first_seen=AT,
        modified=at,
        techniques=["T0855"],
        subjects=[stix.Subject(asset, "victim")],
    )


def objects(count: int = 3) -> list[dict[str, Any]]:
    """Controllers, a communication, an exposure and an alert, without repetition, referents first."""
    made: dict[str, dict[str, Any]] = {}
    shapes = [plc(n) for n in range(count)]
    build = builder()
    for shape in shapes:
        made.update({obj["id"]: obj for obj in shape})
    for shape in (
        build.communication(
            shapes[0], shapes[1], services=[stix.Service("modbus", "tcp", 502, (3, 16))], first_seen=AT
        ),
        build.exposure(shapes[0].id, "CVE-2024-12345", state="open", cvss=9.8, epss=0.5, kev=True, first_seen=AT),
        alert(1, shapes[0].id),
    ):
        made.update({obj["id"]: obj for obj in shape})
    return [marked(obj) for obj in made.values()]


def marked(obj: dict[str, Any], tlp: str = "green") -> dict[str, Any]:
    return {**obj, "object_marking_refs": [stix.TLP[tlp]]}
