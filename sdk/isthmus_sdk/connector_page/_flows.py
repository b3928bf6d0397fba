"""Where each vendor field goes, found by experiment.

One value of a recorded record is changed, or taken out, and the record is mapped again: what differs in the objects is what
the field flows into. So the answer is that of the code, also where a value passes through tables, units or ids.
"""

from __future__ import annotations

import copy
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus_sdk import stix
from isthmus_sdk.engine import PageMapper
from isthmus_sdk.page import Page
from isthmus_sdk.testing._bench import OBSERVED
from isthmus_sdk.testing._material import Path, found, put, walk
from isthmus_sdk.unused import Named, named, unused_in

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream
    from isthmus_sdk.engine import Outcome
    from isthmus_sdk.testing._bench import Bench

_RECORDS = 60
"""Records of a stream that are looked at."""
_LOOKS = 4
"""Values that are tried for each field."""
_HOUR = re.compile(r"\d{4}-\d\d-\d\d[T ](\d\d):\d\d")
_EXTENSIONS = {
    stix.ASSET: "asset", stix.ALERT: "alert", stix.COMMUNICATION: "communication", stix.EXPOSURE: "exposure",
    stix.COVERAGE: "coverage",
}  # fmt: skip
_WHOLE = ""
"""In place of a property: the whole object comes or goes."""
Map = Callable[[bytes], "Made | None"]


@dataclass(frozen=True, slots=True)
class Made:
    """What becomes of one record."""

    objects: list[dict[str, Any]]
    ignored: tuple[str, ...]
    marks: tuple[str, ...]
    """The value of the stream's cursor."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One field that the model names."""

    field: str
    into: Mapping[str, tuple[str, ...]]
    """Kind of object -> properties, sorted; no property: the object is there or not."""
    ignored: tuple[str, ...] = ()
    """Reasons for which a record is ignored, depending on the field."""
    cursor: bool = False
    """It says where the next run begins."""
    recorded: bool = True
    """Whether a recorded page has a value to try it with."""


def flows(bench: Bench, stream: Stream[Any, Any]) -> list[Flow]:
    """Fields of a stream that its model names, in the order in which they are first met; those never met at the end."""
    model: Any = stream.model
    tree = named(model)
    become = _once(_mapping(bench, stream))
    raws = sorted(_plain(bench, stream), key=lambda raw: _says_nothing(become(raw)))[:_RECORDS]
    places: dict[str, list[tuple[bytes, Path]]] = defaultdict(list)
    tried: set[tuple[str, str]] = set()
    for raw in raws:
        unused = set(unused_in(model, raw))
        for path, value in walk(msgspec.json.decode(raw)):
            name = _general(path, tree)
            fresh = (name, repr(value)) not in tried
            if value in (None, "") or not fresh or _listed(path) in unused or len(places[name]) >= _LOOKS:
                continue
            tried.add((name, repr(value)))
            places[name].append((raw, path))
    made = [_flow(name, where, become) for name, where in places.items() if where]
    met = {flow.field for flow in made}
    return made + [Flow(name, {}, recorded=False) for name in _leaves("", tree) if name not in met]


def _flow(name: str, where: list[tuple[bytes, Path]], become: Map) -> Flow:
    """What a field flows into; where that does not show, in records without what may stand in for it."""
    made = _tried(name, where, become)
    if made.into or made.ignored or made.cursor:
        return made
    return _tried(name, [(_bare(become, raw, path), path) for raw, path in where[:2]], become)


def _bare(become: Map, raw: bytes, path: Path) -> bytes:
    """The record without whatever may be missing beside a value."""
    document = msgspec.json.decode(raw)
    for name in [name for name in document if name != path[0]]:
        less = {other: value for other, value in document.items() if other != name}
        made = become(msgspec.json.encode(less))
        if made is not None and made.objects:
            document = less
    return msgspec.json.encode(document)


def _tried(name: str, where: list[tuple[bytes, Path]], become: Map) -> Flow:
    into: dict[str, set[str]] = defaultdict(set)
    ignored: set[str] = set()
    cursor = False
    for raw, path in where:
        before = become(raw)
        if before is None:
            continue
        for changed in _changes(raw, path):
            after = become(changed)
            if after is None:
                continue
            ignored |= set(before.ignored) ^ set(after.ignored)
            cursor = cursor or before.marks != after.marks
            if not after.ignored and not before.ignored:
                for kind, text in _differences(before.objects, after.objects):
                    into[kind].add(text)
    kinds = {kind: tuple(sorted(found - {_WHOLE} if len(found) > 1 else found)) for kind, found in sorted(into.items())}
    return Flow(name, kinds, tuple(sorted(ignored)), cursor)


def _changes(raw: bytes, path: Path) -> Iterator[bytes]:
    """The record with another value of the same form, and without the value."""
    document = msgspec.json.decode(raw)
    put(document, path, _other(found(document, path)))
    yield msgspec.json.encode(document)
    document = msgspec.json.decode(raw)
    above = found(document, path[:-1]) if len(path) > 1 else document
    del above[path[-1]]
    yield msgspec.json.encode(document)


def _other(value: Any) -> Any:
    """An hour later, one more, or the last letter or digit another one: addresses and ids stay what they are."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    match = _HOUR.search(value)
    if match is not None:
        return f"{value[: match.start(1)]}{(int(match[1]) + 1) % 24:02d}{value[match.end(1) :]}"
    for at in range(len(value) - 1, -1, -1):
        if value[at].isascii() and value[at].isalnum():
            return value[:at] + _next(value[at]) + value[at + 1 :]
    return f"{value}1"


def _next(letter: str) -> str:
    for alphabet in ("0123456789", "abcdef", "ABCDEF"):
        if letter in alphabet:
            return alphabet[(alphabet.index(letter) + 1) % len(alphabet)]
    return "a" if letter in "zZ" else chr(ord(letter) + 1)


def _plain(bench: Bench, stream: Stream[Any, Any]) -> list[bytes]:
    """Recorded records without their envelope; each once."""
    raws = dict.fromkeys(stream.unwrap(raw) if stream.unwrap else raw for raw in bench.recorded(stream))
    return [raw for raw in raws if _is_object(raw)]


def _says_nothing(made: Made | None) -> bool:
    """Whether a record is of no use to the experiment; a log may hold many kinds, and a stream one of them."""
    return made is None or not made.objects


def _is_object(raw: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(raw), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _mapping(bench: Bench, stream: Stream[Any, Any]) -> Map:
    """What becomes of a record without an envelope; ``None`` where it is refused."""
    bare = copy.copy(stream)
    bare.unwrap = None
    tlp = bench.connector.manifest.tlp
    mapper = PageMapper(bare, lambda _at: bench.telling_builder(), tlp=tlp, settings=bench.settings)

    def single(raw: bytes) -> Made | None:
        return _made([mapper.map(Page(records=[raw], observed_at=OBSERVED))])

    def summarised(raw: bytes) -> Made | None:
        from isthmus_sdk import summarise

        page = Page([raw], OBSERVED, after={"off": len(raw), "sum": ""}, positions=[{"off": 0, "sum": ""}])
        parts = summarise.run([page], bare, lambda _at: bench.telling_builder(), bench.settings, tlp=tlp)
        return _made([part.outcome for part in parts])

    return single if stream.summary is None else summarised


def _made(outcomes: Iterable[Outcome]) -> Made | None:
    objects: list[dict[str, Any]] = []
    ignored: Counter[str] = Counter()
    marks: list[str] = []
    for outcome in outcomes:
        if outcome.quarantined:
            return None
        objects += [obj for obj, _ in outcome.objects.values()]
        ignored.update(outcome.ignored)
        marks += map(repr, outcome.values)
    return Made(objects, tuple(sorted(ignored)), tuple(marks))


def _once(become: Map) -> Map:
    """The same, for records that come again."""
    known: dict[bytes, Made | None] = {}

    def remembered(raw: bytes) -> Made | None:
        if raw not in known:
            known[raw] = become(raw)
        return known[raw]

    return remembered


def _differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """``(kind, property)`` of what differs; an object that got another id is compared with the one it was."""
    pairs, alone = _pairs(before, after)
    renamed = {new["id"]: old["id"] for old, new in pairs}
    for old, new in pairs:
        kind = kind_of(old)
        if old["id"] != new["id"] and "created" in old and old["type"] != "relationship":
            yield kind, "id"
        was, is_ = _flat(old, {}), _flat(new, renamed)
        for path in was.keys() | is_.keys():
            if was.get(path) != is_.get(path):
                yield kind, path
    for obj in alone:
        yield kind_of(obj), _WHOLE


def _pairs(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], list[dict[str, Any]]]:
    """Objects before and after that are one, by id and else those of one kind that are most alike; and those without a partner."""
    later = {obj["id"]: obj for obj in after}
    pairs = [(obj, later[obj["id"]]) for obj in before if obj["id"] in later]
    same = {obj["id"] for obj, _ in pairs}
    left = [obj for obj in after if obj["id"] not in same]
    alone = []
    for obj in before:
        if obj["id"] in same:
            continue
        alike = [other for other in left if kind_of(other) == kind_of(obj)]
        if alike:
            partner = max(alike, key=lambda other: _likeness(obj, other))
            pairs.append((obj, partner))
            left.remove(partner)
        else:
            alone.append(obj)
    return pairs, alone + left


def _likeness(one: dict[str, Any], other: dict[str, Any]) -> int:
    """Properties that are equal."""
    flat, others = _flat(one, {}), _flat(other, {})
    return sum(others.get(path) == values for path, values in flat.items())


def kind_of(obj: Mapping[str, Any]) -> str:
    """What an object is, in a word: the type; of a relationship its own name; of infrastructure asset, endpoint or zone."""
    known = (stix.facts(dict(obj), stix.ASSET) or {}).get("kind")
    return str(obj.get("relationship_type") or known or obj["type"])


def _flat(obj: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, list[str]]:
    """Property -> its values, lists without positions; ids of renamed objects as they were."""
    flat: dict[str, list[str]] = defaultdict(list)
    for path, value in walk(obj):
        if path == ("id",) or path[-1] == "extension_type":
            continue
        if path[0] == "extensions" and len(path) > 1:
            place = (_EXTENSIONS.get(str(path[1]), str(path[1])), *path[2:])
        else:
            place = path
        flat[_listed(place)].append(repr(renamed.get(value, value) if isinstance(value, str) else value))
    return {path: sorted(values) for path, values in flat.items()}


def _listed(path: Path) -> str:
    text = ""
    for part in path:
        text += "[]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _general(path: Path, tree: Named) -> str:
    """The field's name: no positions, and ``*`` where the model takes any name."""
    text = ""
    use: Any = tree
    for part in path:
        inner = use if isinstance(use, dict) else {}
        if isinstance(part, int):
            text, use = f"{text}[]", inner.get("[]", use)
            continue
        if isinstance(inner.get("[]"), dict) and part not in inner:
            inner = inner["[]"]  # one object in place of a list
        shown = part if part in inner or "*" not in inner else "*"
        text, use = f"{text}.{shown}" if text else shown, inner.get(part, inner.get("*"))
    return text


def _leaves(path: str, tree: Named) -> Iterator[str]:
    """Fields whose values a model takes."""
    if not isinstance(tree, dict) or not tree:
        if path:
            yield path
        return
    for name, inner in tree.items():
        yield from _leaves(f"{path}[]" if name == "[]" else f"{path}.{name}" if path else name, inner)


__all__ = ["Flow", "flows", "kind_of"]
