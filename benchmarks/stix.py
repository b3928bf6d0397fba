"""The STIX core against the ``stix2`` library: the same objects, built, checked and encoded by both in one run."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks._report import Row, seconds
from isthmus_sdk.stix import Interface, Software

RECORDS = 300
PEER_RECORDS = 30
OBJECTS = 9
"""Objects per record: the asset, its two addresses, two programs, four edges."""
IDS = 20_000


def run(rounds: int) -> list[Row]:
    """Rates of the core; the ratio is against stix2 in the same run."""
    return [_build(rounds), _check_parsed(rounds), _address_ids(rounds), _pattern(rounds)]


def _against(
    ours: Callable[[], object], count: int, theirs: Callable[[], object], their_count: int, rounds: int
) -> tuple[float, float]:
    """Median seconds per item of ours, and median of the ratio;

    Both sides take turns, so that both see the same machine.
    """
    own, ratios = [], []
    for _ in range(rounds):
        mine = seconds(ours, 1) / count
        own.append(mine)
        ratios.append(seconds(theirs, 1) / their_count / mine)
    return statistics.median(own), statistics.median(ratios)


def _record(number: int) -> dict[str, Any]:
    return {
        "id": f"a-{number}",
        "name": f"PLC-{number}",
        "mac": f"00:1b:1b:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
        "ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "seen": 1_714_000_000 + number,
    }


def _asset(builder: Any, record: dict[str, Any]) -> Any:
    return builder.asset(
        record["id"],
        name=record["name"],
        asset_class="plc",
        technology="ot",
        vendor="Siemens",
        model="S7-1500",
        serial=record["id"],
        firmware="V2.8.1",
        software=(Software("STEP 7", "Siemens", "17"),),
        interfaces=(Interface(record["mac"], (record["ip"],)),),
        purdue_level=1,
        first_seen=record["seen"],
        last_seen=record["seen"],
    )


def _build(rounds: int) -> Row:
    """A page of asset records, nine objects each: with ids, checked and encoded as the engine does it."""
    from isthmus_sdk import stix

    start = iter(range(0, 1_000_000_000, RECORDS))

    def ours() -> None:
        base = next(start)
        builder = stix.Builder(source_id="bench", connector="bench", observed_at="2024-05-01T10:00:00.000Z")
        page = [obj for number in range(base, base + RECORDS) for obj in _asset(builder, _record(number))]
        if not stix.accepts_all(page):
            raise AssertionError("the page is not valid")
        stix.encode_all(page)

    sample = _peer_input()
    own, ratio = _against(
        ours, RECORDS * OBJECTS, lambda: [make(**fields).serialize() for make, fields in sample], len(sample), rounds
    )
    return Row("stix.build", 1 / own, "objects/s", "stix2", ratio, 25, 60, note="build + id + check + encode")


def _peer_input() -> list[tuple[Callable[..., Any], dict[str, Any]]]:
    """What stix2 is asked to build: the same objects, without their ids (it makes its own)."""
    import stix2

    from isthmus_sdk import stix

    builder = stix.Builder(source_id="bench", connector="bench", observed_at="2024-05-01T10:00:00.000Z")
    classes = {cls._type: cls for cls in vars(stix2.v21).values() if isinstance(getattr(cls, "_type", None), str)}
    made = []
    for number in range(PEER_RECORDS):
        for obj in _asset(builder, _record(number)):
            fields = {name: value for name, value in obj.items() if name not in ("id", "type", "spec_version")}
            made.append((classes[obj["type"]], fields))
    return made


def _check_parsed(rounds: int) -> Row:
    """A bundle of JSON, decoded and checked object by object, against ``stix2.parse``."""
    import stix2

    from isthmus_sdk import stix

    builder = stix.Builder(source_id="bench", connector="bench", observed_at="2024-05-01T10:00:00.000Z")
    lines = [stix.encode(obj) for number in range(RECORDS) for obj in _asset(builder, _record(number))]
    few = [json.loads(line) for line in lines[: PEER_RECORDS * OBJECTS]]

    def ours() -> None:
        for line in lines:
            stix.check(stix.decode(line))

    own, ratio = _against(
        ours, len(lines), lambda: [stix2.parse(obj, allow_custom=True) for obj in few], len(few), rounds
    )
    return Row("stix.check", 1 / own, "objects/s", "stix2", ratio, 25, 60, note="decode + check")


def _address_ids(rounds: int) -> Row:
    """Fresh ids of addresses, none met before."""
    import stix2

    from isthmus_sdk.stix import sco_id

    source = random.Random(7)

    def ours() -> None:
        for _ in range(IDS):
            sco_id("ipv4-addr", {"value": f"{source.getrandbits(32):08x}"})

    own, ratio = _against(ours, IDS, lambda: [stix2.IPv4Address(value=f"10.0.0.{n}") for n in range(200)], 200, rounds)
    return Row("stix.sco_id", 1 / own, "ids/s", "stix2", ratio, 25, 100, note="one value, never seen before")


def _pattern(rounds: int) -> Row:
    """Patterns never read before."""
    import stix2

    from isthmus_sdk.stix._pattern import read_pattern

    source = random.Random(7)

    def text() -> str:
        return f"[ipv4-addr:value = '10.0.0.{source.getrandbits(30)}' OR file:name = 'a'] WITHIN 5 SECONDS"

    own, ratio = _against(
        lambda: [read_pattern(text()) for _ in range(500)],
        500,
        lambda: [stix2.Indicator(pattern=text(), pattern_type="stix") for _ in range(20)],
        20,
        rounds,
    )
    return Row("stix.pattern", 1 / own, "patterns/s", "stix2", ratio, 10, 20, note="read and judged, no cache")
