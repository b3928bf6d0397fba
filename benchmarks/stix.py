"""The STIX core against ``stix2``, pydantic and bare encoders: the same objects in one run, in CPU time."""

from __future__ import annotations

import gc
import random
import statistics
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import fastuuid
import msgspec
import orjson
import stix2

from benchmarks import _stix_types
from benchmarks._report import Row, cpu_seconds, median_ratio
from benchmarks._stix_peers import PydanticBundle, pydantic_build, stix2_build
from isthmus_sdk import stix
from isthmus_sdk.stix import Interface, Software, sco_id
from isthmus_sdk.stix._ids import OASIS_NAMESPACE

RECORDS, PEER_RECORDS = 300, 30
OBJECTS = 9
"""Objects per record: the asset, its two addresses, two programs, four edges."""
IDS, PEER_IDS = 2_000, 200
BUNDLE = "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"

Side = tuple[Callable[[], Callable[[], object]], int]
"""What gives the work of a round, and how many items are in it."""


def run(rounds: int) -> Iterator[Row]:
    """Rates of the core; each ratio is against a peer in the same rounds."""
    gc.collect()
    gc.freeze()  # what was imported stays, for all sides alike
    rounds = max(9, rounds)
    yield from _build(rounds)
    yield from _bundle(rounds)
    yield from _ids(rounds)
    yield _pattern(rounds)
    yield from _stix_types.rows(rounds)
    gc.unfreeze()


def _compared(
    name: str, unit: str, ours: Side, peers: Mapping[str, Side], promises: Mapping[str, tuple[float, float]], rounds: int, note: str
) -> list[Row]:  # fmt: skip
    """One row per peer: our median rate, and the median ratio to it."""
    sides = {"": ours, **peers}
    spent = cpu_seconds({side: work for side, (work, _) in sides.items()}, rounds)
    each = {side: [seconds / sides[side][1] for seconds in spent[side]] for side in sides}
    own = statistics.median(each[""])
    return [
        Row(
            name if number == 0 else f"{name}, the same",
            1 / own,
            unit,
            peer,
            median_ratio(each[peer], each[""]),
            must=promises.get(peer, (None, None))[0],
            aim=promises.get(peer, (None, None))[1],
            note=f"{own * 1e9:,.0f} ns each, {statistics.median(each[peer]) * 1e9:,.0f} there; {note}",
        )
        for number, peer in enumerate(peers)
    ]


def _always(work: Callable[[], object]) -> Callable[[], Callable[[], object]]:
    return lambda: work


def _builder() -> stix.Builder:
    return stix.Builder(source_id="bench", connector="bench", observed_at="2024-05-01T10:00:00.000Z")


def _record(number: int) -> dict[str, Any]:
    return {
        "id": f"a-{number}",
        "name": f"PLC-{number}",
        "mac": f"00:1b:1b:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
        "ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "seen": 1_714_000_000 + number,
    }


def _asset(builder: stix.Builder, record: dict[str, Any]) -> stix.Shape:
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


def _page(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    builder = _builder()
    return [obj for record in records for obj in _asset(builder, record)]


def _build(rounds: int) -> list[Row]:
    """A page of asset records, nine objects each: with ids, checked and encoded as the engine does it."""
    fresh = iter(range(0, 1_000_000_000, RECORDS))

    def ours() -> Callable[[], object]:
        start = next(fresh)
        return partial(_built, [_record(number) for number in range(start, start + RECORDS)])

    few = _page([_record(number) for number in range(PEER_RECORDS)])
    peers: dict[str, Side] = {
        "stix2": (_always(stix2_build(few)), len(few)),
        "pydantic, ids given": (_always(pydantic_build(few)), len(few)),
        "orjson of dicts, unchecked": (_always(lambda: [orjson.dumps({**obj}) for obj in few]), len(few)),
    }
    return _compared(
        "stix.build", "objects/s", (ours, RECORDS * OBJECTS), peers, {"stix2": (25, 60)}, rounds,
        "build + id + check + encode",
    )  # fmt: skip


def _built(records: list[dict[str, Any]]) -> list[bytes]:
    page = _page(records)
    if not stix.accepts_all(page):
        raise AssertionError("the page is not valid")
    return stix.encode_all(page)


def _bundle(rounds: int) -> list[Row]:
    """A bundle of JSON to checked objects; and the same objects as lines, decoded and checked one by one."""
    page = _page([_record(number) for number in range(RECORDS)])
    few = page[: PEER_RECORDS * OBJECTS]
    data, few_data = (
        msgspec.json.encode({"type": "bundle", "id": BUNDLE, "objects": objects}) for objects in (page, few)
    )
    lines = stix.encode_all(page)
    whole: Side = (_always(lambda: stix.read_bundle(data)), len(page))
    parsed: Side = (_always(lambda: stix2.parse(few_data, allow_custom=True)), len(few))
    peers: dict[str, Side] = {
        "stix2.parse": parsed,
        "pydantic": (_always(lambda: PydanticBundle.model_validate_json(data)), len(page)),
        "msgspec, unchecked": (_always(lambda: msgspec.json.decode(data)), len(page)),
        "orjson, unchecked": (_always(lambda: orjson.loads(data)), len(page)),
    }
    one_by_one: Side = (_always(lambda: _checked(lines)), len(lines))
    promise = {"stix2.parse": (25.0, 60.0)}
    return [
        *_compared("stix.bundle", "objects/s", whole, peers, promise, rounds, "JSON to checked objects"),
        *_compared(
            "stix.check",
            "objects/s",
            one_by_one,
            {"stix2.parse": parsed},
            promise,
            rounds,
            "decode + check, one by one",
        ),
    ]


def _checked(lines: list[bytes]) -> None:
    for line in lines:
        stix.check(stix.decode(line))


def _ids(rounds: int) -> list[Row]:
    """Fresh ids of addresses, none met before. 600 ns where ``uuid.uuid5`` takes 4.0 us is 6.7 times as quick."""
    source = random.Random(7)

    def values() -> list[str]:
        return [f"{source.getrandbits(32):08x}" for _ in range(IDS)]

    def ours() -> Callable[[], object]:
        fresh = values()
        return lambda: [sco_id("ipv4-addr", {"value": value}) for value in fresh]

    def theirs(make: Callable[[str], object]) -> Callable[[], Callable[[], object]]:
        def side() -> Callable[[], object]:
            fresh = [f'{{"value":"{value}"}}' for value in values()]
            return lambda: [make(name) for name in fresh]

        return side

    quick, plain = fastuuid.UUID(OASIS_NAMESPACE), uuid.UUID(OASIS_NAMESPACE)
    peers: dict[str, Side] = {
        "uuid.uuid5 alone": (theirs(lambda name: uuid.uuid5(plain, name)), IDS),
        "fastuuid alone, as text": (theirs(lambda name: str(fastuuid.uuid5(quick, name.encode()))), IDS),
        "stix2": (_always(lambda: [stix2.IPv4Address(value=f"10.0.0.{n}") for n in range(PEER_IDS)]), PEER_IDS),
    }
    promises = {"uuid.uuid5 alone": (6.7, 10.0), "stix2": (25.0, 100.0)}
    return _compared("stix.sco_id", "ids/s", (ours, IDS), peers, promises, rounds, "one value, never seen before")


def _pattern(rounds: int) -> Row:
    """Patterns never read before."""
    from isthmus_sdk.stix._pattern import read_pattern

    source = random.Random(7)

    def texts(count: int) -> list[str]:
        return [
            f"[ipv4-addr:value = '10.0.0.{source.getrandbits(30)}' OR file:name = 'a'] WITHIN 5 SECONDS"
            for _ in range(count)
        ]

    def ours() -> Callable[[], object]:
        fresh = texts(500)
        return lambda: [read_pattern(text) for text in fresh]

    def theirs() -> Callable[[], object]:
        fresh = texts(20)
        return lambda: [stix2.Indicator(pattern=text, pattern_type="stix") for text in fresh]

    (row,) = _compared(
        "stix.pattern", "patterns/s", (ours, 500), {"stix2": (theirs, 20)}, {"stix2": (10, 20)}, rounds,
        "read and judged, no cache",
    )  # fmt: skip
    return row
