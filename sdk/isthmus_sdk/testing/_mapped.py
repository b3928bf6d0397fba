"""Rules about recorded pages and what they become; no server is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from isthmus_sdk import stix
from isthmus_sdk.commands.map import MapOptions, Mapped, map_files
from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.page import Page
from isthmus_sdk.testing._bench import OBSERVED, SOURCE, Bench
from isthmus_sdk.testing._case import import_root
from isthmus_sdk.testing._material import found, put, walk
from isthmus_sdk.testing._rules import Book, Note

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

book = Book()
_NAME_FIELD = re.compile(
    r"(?:^|[_.\-])(?:name|hostname|host|label|title|fqdn|display|caption|alias)$|[a-z](?:Name|Label|Title|HostName)$"
    r"|^(?:computer|machine|device)?(?:dns)?name$",
    re.IGNORECASE,
)
_OTHER_PROCESS = """
import datetime, json, sys
sys.path[:0] = json.loads(sys.argv[2])
from pathlib import Path
from isthmus_sdk import loader
from isthmus_sdk.commands.map import MapOptions, map_files
connector = loader.load(sys.argv[1])
job = json.load(sys.stdin)
out = {}
for name, files in job["streams"].items():
    options = MapOptions(source_id=job["source"], observed_at=job["observed"], settings=job["settings"])
    out[name] = [line.decode() for line in map_files(connector, connector.streams[name], files, options).objects]
json.dump(out, sys.stdout)
"""
_EVERYWHERE = ("marking-definition--", "extension-definition--")
_PATIENCE = 60


def mapped(bench: Bench, stream: Stream[Any, Any]) -> Mapped:
    """What the recorded pages of a stream become; done once."""
    key = f"mapped.{stream.name}"
    if key not in bench.kept:
        options = MapOptions(
            source_id=SOURCE,
            observed_at=OBSERVED,
            settings=bench.written,
            loss=True,
            reasons=bench.case.reasons(stream.name),
        )
        with bench._listening():
            bench.kept[key] = map_files(bench.connector, stream, bench.case.pages(stream.name), options)
    made: Mapped = bench.kept[key]
    return made


@book.rule("pages", "bronze", "every default stream has recorded pages, and they hold records")
def pages(bench: Bench) -> Iterator[str]:
    """A stream that nobody recorded a page of cannot be looked at."""
    for stream in bench.connector.streams.values():
        if stream.default and not bench.case.pages(stream.name):
            yield (
                f"stream {stream.name}: put a page as the vendor sends it in {bench.case.folder}/pages/{stream.name}.json, "
                "or record some with `isthmus sync --record DIR`"
            )
    for stream in bench.streams:
        if not bench.recorded(stream):
            yield f"stream {stream.name}: the recorded pages hold no record; check items="


@book.rule("mapped", "bronze", "recorded records map, and none fails in the mapping itself")
def maps(bench: Bench) -> Iterator[str]:
    """Records that do not fit the model are the vendor's; those that fail later are the mapping's."""
    for stream in bench.streams:
        done = mapped(bench, stream)
        if done.problem:
            yield f"stream {stream.name}: {done.problem}"
        elif not done.report["mapped"]:
            yield f"stream {stream.name}: no recorded record maps to anything"
        for bad in done.report["quarantined"]:
            if bad["stage"] in ("map", "check"):
                yield f"stream {stream.name}: record {bad['index']} {bad['native_id']} fails to {bad['stage']}: {bad['error']}"


@book.rule("valid", "bronze", "every object is valid STIX 2.1 and refers to nothing that is not there")
def valid(bench: Bench) -> Iterator[str]:
    """By the core's own rules, compiled from the standard."""
    made = {stream.name: [stix.decode(line) for line in mapped(bench, stream).objects] for stream in bench.streams}
    known = {obj["id"] for objects in made.values() for obj in objects}
    for name, objects in made.items():
        for obj in objects:
            try:
                stix.check(obj)
            except IsthmusError as error:
                yield f"stream {name}: {error}"
            for reference in _references(obj):
                if reference not in known and not reference.startswith(_EVERYWHERE):
                    yield f"stream {name}: {obj['id']} refers to {reference}, which no recorded page gives"


@book.rule("golden", "bronze", "recorded pages become exactly the objects that were agreed on")
def golden(bench: Bench) -> Iterator[str]:
    """Written at the first run; from then on a change of the mapping shows, and is accepted by removing the file."""
    for stream in bench.streams:
        path, made = bench.case.golden(stream.name), b"".join(line + b"\n" for line in mapped(bench, stream).objects)
        if path.exists():
            wanted = path.read_bytes()
            if wanted != made:
                yield (
                    f"stream {stream.name}: {_difference(wanted, made)}; if that is right, remove {path} and run the kit again"
                )
        elif bench.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made)
            yield Note(f"{path} written: read it, and keep it")
        else:
            yield f"stream {stream.name}: there is no {path}; run the kit once where it may write"


@book.rule("stable", "bronze", "the same pages give the same bytes, in any process, order and time zone")
def stable(bench: Bench) -> Iterator[str]:
    """A second look in another process, with other hash seeds and another time zone."""
    if not bench.streams:
        return
    job = {
        "streams": {s.name: [str(path) for path in bench.case.pages(s.name)] for s in bench.streams},
        "source": SOURCE,
        "observed": OBSERVED,
        "settings": bench.written,
    }
    value = _value_of(bench)
    done = subprocess.run(
        [sys.executable, "-c", _OTHER_PROCESS, value, json.dumps([str(import_root(bench.connector)), *sys.path])],
        input=json.dumps(job, default=str),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
        env={**os.environ, "TZ": "Pacific/Chatham", "PYTHONHASHSEED": "4711", "LC_ALL": "C"},
    )
    if done.returncode:
        yield f"the second process failed: {done.stderr.strip().splitlines()[-1:]}"
        return
    again = json.loads(done.stdout[done.stdout.index("{") :])
    for stream in bench.streams:
        first = {line.decode() for line in mapped(bench, stream).objects}
        second = set(again[stream.name])
        if first != second:
            fresh = sorted(second - first)
            shown = json.loads(fresh[0])["id"] if fresh else "fewer objects"
            yield f"stream {stream.name}: {len(first ^ second)} objects differ between two processes, as {shown}"


@book.rule("times", "bronze", "no time is invented")
def times(bench: Bench) -> Iterator[str]:
    """A time in an object is the record's, the observation's, or computed from them; never the clock's."""
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    near = {(now + timedelta(hours=hours)).isoformat()[:13] for hours in range(-26, 27)}
    for stream in bench.streams:
        recorded = b"\n".join(bench.recorded(stream)).decode("utf-8", "replace")
        if any(hour[:10] in recorded for hour in near) or not mapped(bench, stream).objects:
            continue  # recorded just now: the clock and the records cannot be told apart
        for line in mapped(bench, stream).objects:
            obj = stix.decode(line)
            for path, value in walk(obj):
                if isinstance(value, str) and value[:13] in near and value[10:11] == "T" and value not in recorded:
                    if _epoch_in(value, recorded):
                        continue
                    yield f"stream {stream.name}: {obj['id']} {'.'.join(map(str, path))} is {value}, which no record says"
                    break


@book.rule("ids", "bronze", "ids come from the vendor's own ids, not from names")
def ids(bench: Bench) -> Iterator[str]:
    """A renamed device or alert is the same one."""
    for stream in bench.streams:
        if stream.mapping is None:
            continue
        mapper = bench.mapper(stream)
        for recorded in bench.recorded(stream)[:50]:
            raw = _object(recorded)
            before = mapper.map(Page(records=[raw], observed_at=OBSERVED))
            if not before.mapped:
                continue
            document = stix.decode(raw)
            keys = {str(part) for key in mapper.records.keys for part in key.split(".")}
            for path, value in walk(document):
                name = str(path[-1])
                if not isinstance(value, str) or not value or name in keys or not _NAME_FIELD.search(name):
                    continue
                changed = stix.decode(raw)
                put(changed, path, _renamed(value))
                after = mapper.map(Page(records=[json.dumps(changed).encode()], observed_at=OBSERVED))
                if after.mapped and (gone := _identities(before) - _identities(after)):
                    yield (
                        f"stream {stream.name}: after a change of {'.'.join(map(str, path))}, {sorted(gone)[0]} is another object; "
                        "take its id from the vendor's own id"
                    )
                    return


def _object(raw: bytes) -> bytes:
    """A record that is an object in a JSON text, as some services write their rows, without the text around it."""
    if not raw.lstrip().startswith(b'"'):
        return raw
    inner = json.loads(raw)
    return inner.encode() if inner.lstrip().startswith("{") else raw


@book.rule("classes", "bronze", "asset classes of the objects are declared in the manifest")
def classes(bench: Bench) -> Iterator[str]:
    """Coverage counts on what the manifest says."""
    declared = {name for capability in bench.connector.manifest.capabilities for name in capability.asset_classes}
    if declared & {"any", "all", "*"}:
        return
    for name in sorted(emitted_classes(bench) - declared - {"unknown"}):
        yield f"assets of class {name} are given and no [[capability]] names it"


def emitted_classes(bench: Bench) -> set[str]:
    """Asset classes among the objects of the recorded pages."""
    out = set()
    for stream in bench.streams:
        for line in mapped(bench, stream).objects:
            facts = stix.facts(stix.decode(line), stix.ASSET)
            if facts and facts.get("kind") == "asset" and facts.get("asset_class"):
                out.add(str(facts["asset_class"]))
    return out


def _identities(outcome: Any) -> set[str]:
    """Assets and alerts of a page: what a hub follows over time."""
    kept = set()
    for identifier, (obj, _) in outcome.objects.items():
        asset = stix.facts(obj, stix.ASSET)
        if (asset and asset.get("kind") == "asset") or obj["type"] in ("incident", "sighting"):
            kept.add(identifier)
    return kept


def _renamed(value: str) -> str:
    head, dot, rest = value.partition(".")
    return f"{head}-renamed{dot}{rest}"


def _references(obj: dict[str, Any]) -> Iterator[str]:
    for path, value in walk(obj):
        name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
        if isinstance(value, str) and (name.endswith(("_ref", "_refs"))) and "--" in value:
            yield value


def _difference(wanted: bytes, made: bytes) -> str:
    before, after = (
        {json.loads(line)["id"]: json.loads(line) for line in text.splitlines()} for text in (wanted, made)
    )
    for identifier in sorted(before.keys() & after.keys()):
        if before[identifier] != after[identifier]:
            for path, value in walk(after[identifier]):
                if found(before[identifier], path) != value:
                    where = ".".join(map(str, path))
                    return f"{identifier} {where} is {value!r} and was {found(before[identifier], path)!r}"
            return f"{identifier} has fewer properties"
    gone, new = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    return f"{len(gone)} objects are gone and {len(new)} are new, as {(gone + new)[0]}" if gone or new else "the order"


def _epoch_in(value: str, recorded: str) -> bool:
    from datetime import datetime

    return str(int(datetime.fromisoformat(value).timestamp())) in recorded


def _value_of(bench: Bench) -> str:
    """``package.module:object`` of the connector under test."""
    value: str = bench.kept["value"]
    return value


__all__ = ["book", "emitted_classes", "mapped"]
