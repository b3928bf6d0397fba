"""Gold: what is lost of each record, what a manifest promises, memory over many pages, and payloads nobody foresaw."""

from __future__ import annotations

import copy
import gc
import json
import random
import re
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus_sdk import stix
from isthmus_sdk.engine import PageMapper
from isthmus_sdk.page import Page
from isthmus_sdk.reasons import contradicted, outermost
from isthmus_sdk.records import screen
from isthmus_sdk.testing._bench import OBSERVED, Bench
from isthmus_sdk.testing._case import FILE
from isthmus_sdk.testing._faults import sound
from isthmus_sdk.testing._mapped import emitted_classes, mapped
from isthmus_sdk.testing._material import Path, found, put, walk
from isthmus_sdk.testing._rules import Book, Note, over_the_network
from isthmus_sdk.unused import unused_in

if TYPE_CHECKING:
    from isthmus_sdk.block import Block
    from isthmus_sdk.connector import Stream
    from isthmus_sdk.engine import Outcome

book = Book()
_HOUR = re.compile(r"\d{4}-\d\d-\d\d[T ](\d\d):\d\d")
_PAGES, _PER_PAGE = 30, 30
_SPARE = 384 << 10
"""Bytes that a run may keep whatever it reads: the digests of its cursor, caches of libraries."""
_LOOKS = 12
"""Records that are tried for each field."""
_FUZZED = 240
"""Changed records of each stream."""
_SLOW = 2.0
"""Seconds that a page of twenty may take."""
_COMPONENT_NEEDS = {
    "asset inventory": {"asset"},
    "software": {"software", "asset", "vulnerability"},
    "vulnerability": {"vulnerability"},
    "user account": {"user-account", "alert"},
    "malware": {"malware", "alert", "indicator"},
    "certificate": {"x509-certificate", "alert"},
    "domain": {"domain-name", "alert", "indicator"},
}
_ELSE = {"alert", "communication", "event"}


@book.rule("components", "gold", "the data components that the manifest declares are really given")
def components(bench: Bench) -> Iterator[str]:
    """For each data component there are objects that can carry it."""
    by_stream = {stream.name: _kinds(bench, stream) for stream in bench.streams}
    for capability in bench.connector.manifest.capabilities:
        of = [name for name in by_stream if not capability.streams or name in capability.streams]
        kinds = set().union(*(by_stream[name] for name in of))
        for component in capability.data_components:
            needs = next((n for head, n in _COMPONENT_NEEDS.items() if component.lower().startswith(head)), _ELSE)
            if not kinds & needs:
                yield f"data component {component}: no recorded page of {', '.join(of) or 'any stream'} gives {' or '.join(sorted(needs))}"


@book.rule("declared-classes", "gold", "the asset classes that the manifest declares are really given")
def declared_classes(bench: Bench) -> Iterator[str]:
    """Where the product tells classes at all."""
    emitted = emitted_classes(bench)
    classes = {name for capability in bench.connector.manifest.capabilities for name in capability.asset_classes}
    if emitted:
        never = sorted(classes - emitted - {"any", "all", "*"})
        if never:
            yield f"asset classes that no recorded page gives: {', '.join(never)}; record such a device, or declare less"


@book.rule("loss", "gold", "every vendor field is used, or somebody says why not")
def loss(bench: Bench) -> Iterator[str]:
    """Unused fields have a reason. A field that the model names and whose value changes nothing is lost without a word."""
    for stream in bench.streams:
        yield from _unjustified(bench, stream)
    for stream in bench.streams:
        if stream.mapping is None:
            continue
        mapper = PageMapper(
            stream, lambda _at: bench.telling_builder(), tlp=bench.connector.manifest.tlp, settings=bench.settings
        )
        own = {key.partition(".")[0] for key in mapper.records.keys}
        raws = [raw for raw in dict.fromkeys(bench.recorded(stream)) if stream.unwrap is None][:40]
        places: dict[str, list[tuple[bytes, Path]]] = defaultdict(list)
        for raw in raws:
            unused = set(unused_in(stream.model, raw))
            for path, value in walk(msgspec.json.decode(raw)):
                name = _general(path)
                if value not in (None, "", []) and name not in unused and str(path[0]) not in own:
                    places[name].append((raw, path))
        silent = [
            name
            for name, where in places.items()
            if all(_matters(mapper, raw, path) is False for raw, path in where[:_LOOKS])
            and all(_matters(mapper, _bare(mapper, raw, path), path) is False for raw, path in where[:2])
        ]
        if silent:
            yield (
                f"stream {stream.name}: the model names fields whose value changes nothing: {', '.join(sorted(silent)[:12])}; "
                "map them, or take them out of the model so that `map --loss` reports them"
            )


def _unjustified(bench: Bench, stream: Stream[Any, Any]) -> Iterator[str]:
    """One finding for each unused field without a reason, with the line that would give it."""
    report = mapped(bench, stream).report
    bare = [path for path in report["unused_fields"] if path not in report["unused_reasons"]]
    for path in outermost(stream.model, bare):
        yield (
            f"stream {stream.name}: nothing uses {path}: map it, or say why not in {bench.case.folder / FILE}: "
            f'[unused.{stream.name}] {json.dumps(path)} = "..."'
        )
    for name in contradicted(bench.case.unused.get(stream.name, {}), stream.model):
        yield f"stream {stream.name}: {name} is called unused in {bench.case.folder / FILE}, and the model names it"


@book.rule("memory", "gold", "memory does not grow with the number of pages", over_the_network)
def memory(bench: Bench) -> Iterator[str]:
    """What is kept between the tenth and the last page of a long run, against the bytes that were read meanwhile."""
    from isthmus_sdk.testing import _vendor

    for stream in sound(bench):
        copies = bench.vendor.tables[stream.name].copies
        small, _vendor.PAGE = _vendor.PAGE, _PER_PAGE
        try:
            bench.vendor.hold(stream.name, copies.many(_PAGES * _PER_PAGE))
            kept, read = _kept(bench, stream.name)
        finally:
            _vendor.PAGE = small
            bench.renew(stream.name)
            bench.vendor.announce(stream.name, [None])
        if kept > read / 2 + _SPARE:
            yield f"stream {stream.name}: {kept >> 10} KiB stayed of {read >> 10} KiB that were read; keep nothing between records"


def _kept(bench: Bench, stream: str) -> tuple[int, int]:
    """Bytes that stayed, and raw bytes that were read, from the tenth page on."""
    marks: list[tuple[int, int]] = []
    raw = 0

    def settle(block: Block) -> None:
        nonlocal raw
        raw += block.raw_bytes
        if block.page in (10, _PAGES):
            gc.collect()
            marks.append((tracemalloc.get_traced_memory()[0], raw))

    tracemalloc.start()
    try:
        bench.run(stream, settle=settle)
    finally:
        tracemalloc.stop()
    if len(marks) < 2:
        return 0, 0
    return marks[-1][0] - marks[0][0], marks[-1][1] - marks[0][1]


@book.rule("fuzz", "gold", "payloads that nobody foresaw end in objects, quarantine or an ignored record")
def fuzz(bench: Bench) -> Iterator[str]:
    """Recorded records, changed at random but always in the same way."""
    surprised: set[str] = set()
    for stream in bench.streams:
        raws = bench.recorded(stream)
        if stream.mapping is None or not raws:
            continue
        chance = random.Random(f"{bench.connector.name}/{stream.name}")  # noqa: S311 - repeatable on purpose
        mapper = bench.mapper(stream)
        for first in range(0, _FUZZED, 20):
            page = [_changed(chance, chance.choice(raws)) for _ in range(first, first + 20)]
            began = time.process_time()
            try:
                outcome = mapper.map(Page(records=page, observed_at=OBSERVED))
            except Exception as error:
                yield f"stream {stream.name}: {type(error).__name__}: {error}"
                break
            if time.process_time() - began > _SLOW:
                yield f"stream {stream.name}: twenty records took more than {_SLOW:.0f} s"
            yield from (f"stream {stream.name}: {finding}" for finding in _sane(outcome))
            surprised |= {bad.error for bad in outcome.quarantined if bad.stage == "map" and _unforeseen(bad.error)}
    if surprised:
        yield Note(f"mappings raised what was not foreseen: {sorted(surprised)[0][:100]}")


def _sane(outcome: Outcome) -> Iterator[str]:
    if outcome.records != outcome.mapped + sum(outcome.ignored.values()) + len(outcome.quarantined):
        yield "the counts of a page do not add up"
    for _, encoded in outcome.objects.values():
        try:
            screen(encoded)
            stix.check(stix.decode(encoded))
        except Exception as error:
            yield f"an object that should not have left: {type(error).__name__}: {error}"
            return


def _unforeseen(error: str) -> bool:
    head = error.partition(":")[0]
    return head.isidentifier() and head.endswith(("Error", "Exception"))


_ODD: list[Any] = [
    None, "", " ", "0", 0, -1, 1.5, 2**63, 2**70, True, [], {}, [None], [[]], {"": ""}, "\u0000", "\u202e", "a" * 5000,
    "1970-01-01", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "::1", "999.999.999.999", "ff:ff:ff:ff:ff:ff", "CVE-0-0",
    "http://", "../../etc/passwd", "'; --", -(2**31), 1e308,
]  # fmt: skip


def _changed(chance: random.Random, raw: bytes) -> bytes:
    """One record after one to four changes, or bytes that are no record any more."""
    if chance.random() < 0.1:
        cut = bytearray(raw)
        for _ in range(chance.randint(1, 4)):
            cut[chance.randrange(len(cut))] = chance.randrange(256)
        return bytes(cut)
    document = msgspec.json.decode(raw)
    if not isinstance(document, dict):
        return raw
    for _ in range(chance.randint(1, 4)):
        places = [path for path, _ in walk(document)]
        if not places:
            break
        path = chance.choice(places)
        path = path[: chance.randint(1, len(path))]
        if chance.random() < 0.3:
            _drop(document, path)
        else:
            put(document, path, copy.deepcopy(chance.choice(_ODD)))  # a later change must not reach into ours
    return json.dumps(document).encode()


def _matters(mapper: PageMapper, raw: bytes, path: Path) -> bool | None:
    """Whether what becomes of a record depends on one of its values; ``None`` where every change is refused."""
    before = _signature(mapper, raw)
    refused = True
    for change in ("other", "none"):
        document = msgspec.json.decode(raw)
        if change == "none":
            _drop(document, path)
        else:
            put(document, path, _other(found(document, path)))
        after = _signature(mapper, json.dumps(document).encode())
        if after is not None and after != before:
            return True
        refused = refused and after is None
    return None if refused else False


def _bare(mapper: PageMapper, raw: bytes, path: Path) -> bytes:
    """The record without whatever may be missing beside a value: so one shows that stands in for another."""
    document = msgspec.json.decode(raw)
    for name in list(document):
        if name == path[0]:
            continue
        less = {other: value for other, value in document.items() if other != name}
        outcome = mapper.map(Page(records=[json.dumps(less).encode()], observed_at=OBSERVED))
        if outcome.mapped:
            document = less
    return json.dumps(document).encode()


def _signature(mapper: PageMapper, raw: bytes) -> Any:
    """What becomes of a record; ``None`` where it is refused."""
    outcome = mapper.map(Page(records=[raw], observed_at=OBSERVED))
    if outcome.quarantined:
        return None
    return sorted(encoded for _, encoded in outcome.objects.values()), dict(outcome.ignored), outcome.values


def _other(value: Any) -> Any:
    """Another value of the same form: an hour later, one more, one character longer."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    match = _HOUR.search(value)
    if match is not None:
        return f"{value[: match.start(1)]}{(int(match[1]) + 1) % 24:02d}{value[match.end(1) :]}"
    return f"{value}1"


def _drop(document: Any, path: Path) -> None:
    above = found(document, path[:-1]) if len(path) > 1 else document
    if isinstance(above, dict):
        above.pop(path[-1], None)
    elif isinstance(above, list) and isinstance(path[-1], int) and path[-1] < len(above):
        del above[path[-1]]


def _general(path: Path) -> str:
    text = ""
    for part in path:
        text += "[]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _kinds(bench: Bench, stream: Stream[Any, Any]) -> set[str]:
    """Types of the objects that a stream gives, and in our own words what they are."""
    out = set()
    for line in mapped(bench, stream).objects:
        obj = stix.decode(line)
        out.add(obj["type"])
        facts = stix.facts(obj, stix.ASSET)
        if facts and facts.get("kind") == "asset":
            out.add("asset")
        if obj["type"] in ("incident", "sighting", "observed-data"):
            out |= {"alert", "event"}
        if obj.get("relationship_type") == "communicates-with" or stix.facts(obj, stix.COMMUNICATION):
            out.add("communication")
    return out


__all__ = ["book"]
