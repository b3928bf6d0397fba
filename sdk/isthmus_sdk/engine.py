"""A page of raw records in, checked and encoded STIX objects out, with every record accounted for.

Per record all or nothing: either every object of a record is in the result, or none and the record is in quarantine or
ignored with a reason. Always ``records = mapped + ignored + quarantined``. Pure: no clock, no network, no state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from isthmus_sdk import stix
from isthmus_sdk.block import BLOCK_BYTES
from isthmus_sdk.drift import Drift
from isthmus_sdk.errors import Ignored, RecordError, SourceError
from isthmus_sdk.faults import fault_point
from isthmus_sdk.records import Bad, Records, cut, getter, raw_paths
from isthmus_sdk.snapshot import PAIR, devices, exposures, object_key, record_key

if TYPE_CHECKING:
    from isthmus_sdk.connector import Contract, Stream
    from isthmus_sdk.page import Page
    from isthmus_sdk.stix import Builder

MakeBuilder = Callable[[str], "Builder"]
"""From the page's ``observed_at`` to the builder its mappings get."""
_NO_MARKING = frozenset({"marking-definition", "extension-definition"})
RECORD_BYTES = 8 * 1024 * 1024
"""A record above this goes to quarantine unread."""
NOTHING = "the mapping yielded nothing"
ALREADY_READ = "already read"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record for quarantine: exactly as it came, where it broke and why."""

    index: int
    """Position in its page, from 0."""
    native_id: str
    path: str
    error: str
    stage: str
    """``read``, ``validate``, ``map`` or ``check``."""
    raw: bytes


@dataclass(frozen=True, slots=True)
class Noted:
    """A value that could not be normalised and was left out of its object; the record itself was mapped."""

    index: int
    """Position of the record in its page, from 0."""
    native_id: str
    note: str
    """Its place in the object, a colon, what is wrong with it."""


@dataclass(slots=True)
class Outcome:
    """What became of one page."""

    records: int = 0
    mapped: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: list[Rejected] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)
    """What mappings could not normalise, each once per record."""
    objects: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    """Object and its encoding by id, in order of appearance."""
    raw_bytes: int = 0
    values: list[Any] = field(default_factory=list)
    """Value of the cursor field of each record, ``None`` where there is none; only for streams with a cursor."""
    seen: set[bytes] = field(default_factory=set)
    """Devices of the records that mapped, see :mod:`isthmus_sdk.snapshot`; only for streams of snapshots."""
    exposed: set[bytes] = field(default_factory=set)
    """Exposures of the records that mapped, in the same way; only for streams of snapshots."""
    unmapped: list[int] = field(default_factory=list)
    """Key of each quarantined record, 0 where none can be read; only for streams of snapshots."""

    def add(self, other: Outcome) -> None:
        """Take over the counts of a page that brought neither objects nor bad records."""
        self.records += other.records
        self.ignored.update(other.ignored)
        self.raw_bytes += other.raw_bytes

    def encoded(self) -> list[bytes]:
        """The encoded objects, in order of appearance."""
        return [encoded for _, encoded in self.objects.values()]


Staged = dict[str, tuple[dict[str, Any], bytes]]
"""Objects and their encodings by id."""
Made = tuple[int, bytes, list[dict[str, Any]]]
"""A record that was mapped: its position in the page, its bytes, its objects."""


class Collector:
    """Marks, checks, unites and encodes objects: the last step of every object before it leaves."""

    def __init__(self, tlp: str | None = None) -> None:
        self._marking: list[str] | None = [stix.TLP[tlp]] if tlp else None
        self._check = stix.check
        self._encode = stix.encode
        self._coalesce = stix.coalesce

    def add(self, out: Outcome, obj: dict[str, Any]) -> None:
        """Take one object into an outcome at once."""
        self.stage(out.objects, out.objects, obj)

    def together(self, records: Iterable[Sequence[dict[str, Any]]]) -> Staged | None:
        """All objects of these records as :meth:`stage` would leave them, quicker; ``None`` where one may be amiss."""
        found: dict[Any, dict[str, Any]] = {}
        unchecked: list[dict[str, Any]] = []
        marking = self._marking
        try:
            for objects in records:
                for made in objects:
                    obj = made
                    if marking and "object_marking_refs" not in made and made["type"] not in _NO_MARKING:
                        obj = {**made, "object_marking_refs": marking}
                    identifier = obj["id"]
                    earlier = found.get(identifier)
                    if earlier is None:
                        found[identifier] = obj
                    elif earlier == obj:
                        continue
                    else:
                        found[identifier] = self._coalesce(earlier, obj)
                    unchecked.append(obj)
            if not stix.accepts_all(unchecked):
                return None
            encoded = stix.encode_all(found.values())
        except Exception:  # whatever it is, the look at single objects will name it
            return None
        if max(map(len, encoded), default=0) > BLOCK_BYTES:
            return None
        return dict(zip(found, zip(found.values(), encoded, strict=True), strict=True))

    def stage(self, before: Staged, staged: Staged, obj: dict[str, Any]) -> None:
        """Put one object into ``staged``, united with what ``staged`` or ``before`` has of its id.

        Raises ``InvalidObject`` for what breaks STIX and ``RecordError`` for what is too large to be sent.
        """
        if self._marking and "object_marking_refs" not in obj and obj.get("type") not in _NO_MARKING:
            obj = {**obj, "object_marking_refs": self._marking}
        identifier = obj.get("id", "")
        earlier = (staged.get(identifier) or before.get(identifier)) if isinstance(identifier, str) else None
        if earlier is not None:
            if earlier[0] == obj:
                return
            self._check(obj)
            obj = self._coalesce(earlier[0], obj)
        else:
            self._check(obj)
        encoded = self._encode(obj)
        if len(encoded) > BLOCK_BYTES:
            raise RecordError(f"{identifier} has {len(encoded)} bytes; the largest object may have {BLOCK_BYTES}")
        staged[identifier] = (obj, encoded)


class PageMapper:
    """Applies one stream's model and mapping to pages."""

    def __init__(
        self,
        stream: Stream[Any, Any],
        make_builder: MakeBuilder,
        *,
        tlp: str | None = None,
        in_worker: bool = False,
        contract: Contract | None = None,
        look_at_all: bool = False,
        settings: Any = None,
    ) -> None:
        """``contract``: in place of the stream's own. ``look_at_all``: drift is counted over every record, not a sample.
        ``settings``: for a mapping that takes them.
        """
        self.stream = stream
        self.contract: Contract = contract or stream.contract
        self._strict = self.contract in ("freeze", "quarantine_record")
        self.drift = Drift(stream.model, whole=look_at_all or self._strict)
        """How the records that were mapped differ from the model."""
        self.records = Records(stream.model, stream.key)
        self._make_builder = make_builder
        self._collector = Collector(tlp)
        self._in_worker = in_worker
        self._more: tuple[Any, ...] = (settings,) if stream.mapping_takes_settings else ()
        self._value_of = getter(stream.cursor) if stream.cursor else None
        needed = [*self.records.keys, *([stream.cursor] if stream.cursor else [])]
        self._kept = {path.split("\x1f")[0] for path in raw_paths(stream.model, needed)}
        """Raw fields at the top of a record that are never dropped: its id and where the stream goes on."""

    def map(self, page: Page, skip: Callable[[Any, bytes], bool] | None = None) -> Outcome:
        """The page's objects and the account of its records.

        ``skip(cursor value, raw)`` tells that a record was stored before; it is then ignored as ``already read``.
        """
        fault_point("fetch", kill_parent=self._in_worker)
        out = Outcome(records=len(page.records), raw_bytes=sum(map(len, page.records)))
        unwrapped, broken = self._unwrap(page)
        validated = self.records.validate(unwrapped)
        self.drift.look(unwrapped)
        fault_point("validate", kill_parent=self._in_worker)
        builder = self._make_builder(page.observed_at)
        # The builder and the mapping are called per record: what does not change is looked up once.
        value_of, keyless, mapped = self._value_of, self.records.keyless, self._mapped
        strict = self._strict
        made: list[Made] = []
        for index, raw in enumerate(page.records):
            record = validated[index]
            stage = "validate"
            value = None
            if index in broken:
                record, stage = broken[index], "read"
            elif isinstance(record, Bad):
                record = self._misfit(record, unwrapped[index])
            if not isinstance(record, Bad):
                value = value_of(record) if value_of is not None else None
                if value is None and value_of is not None:
                    value = page.mark
                if skip is not None and skip(value, raw):
                    out.ignored[ALREADY_READ] += 1
                    out.values.append(value)
                    continue
                record = keyless(record) or (self._unknown(unwrapped[index]) if strict else None) or record
            if value_of is not None:
                out.values.append(value)
            if isinstance(record, Bad):
                self._reject(out, index, raw, record, stage)
            elif objects := mapped(out, index, raw, record, builder):
                made.append((index, raw, objects))
        self._commit(out, made)
        if self.stream.snapshot:
            self._witness(out, made)
        fault_point("map", kill_parent=self._in_worker)
        return out

    def _mapped(self, out: Outcome, index: int, raw: bytes, record: Any, builder: Builder) -> list[dict[str, Any]]:
        """The objects of one record; none where it is ignored or rejected, which is then counted."""
        made: list[dict[str, Any]] = []
        notes: list[str] = []
        try:
            assert self.stream.mapping is not None, f"stream {self.stream.name} has no @maps function"
            flatten(self.stream.mapping(record, builder, *self._more), made, notes)
            if not made:
                out.ignored[NOTHING] += 1
            elif notes:
                native_id = self.records.native_id(raw)
                out.notes += [Noted(index, native_id, cut(note)) for note in dict.fromkeys(notes)]
            return made
        except Exception as error:  # a mapping is somebody else's code: one record must not stop the stream
            self._give_up(out, index, raw, error, "map")
        return []

    def _witness(self, out: Outcome, made: Sequence[Made]) -> None:
        """Note which devices and exposures the page shows, and which records could be one."""
        whole_key = self.records.whole_key
        for _, raw, objects in made:
            key = record_key(whole_key(raw))
            out.seen.update(PAIR.pack(object_key(id), key) for id in devices(objects))
            out.exposed.update(PAIR.pack(object_key(id), key) for id in exposures(objects))
        out.unmapped = [record_key(whole_key(bad.raw)) for bad in out.quarantined]

    def _commit(self, out: Outcome, made: Sequence[Made]) -> None:
        """Take over the objects of all records, those of one record together or not at all."""
        together = self._collector.together([objects for _, _, objects in made])
        if together is not None:
            out.objects = together
            out.mapped += len(made)
            return
        for index, raw, objects in made:  # at least one cannot be taken: find out which
            staged: Staged = {}
            try:
                for obj in objects:
                    self._collector.stage(out.objects, staged, obj)
            except Exception as error:
                self._give_up(out, index, raw, error, "check")
            else:
                out.objects.update(staged)
                out.mapped += 1
        out.quarantined.sort(key=attrgetter("index"))

    def _give_up(self, out: Outcome, index: int, raw: bytes, error: Exception, stage: str) -> None:
        if isinstance(error, Ignored):
            out.ignored[cut(error.reason)] += 1
        elif isinstance(error, RecordError):
            self._reject(out, index, raw, Bad(error.path, cut(str(error))), stage)
        elif isinstance(error, RecursionError):
            self._reject(out, index, raw, Bad("", "nested too deeply"), stage)
        else:
            self._reject(out, index, raw, Bad("", cut(f"{type(error).__name__}: {error}")), stage)

    def _unwrap(self, page: Page) -> tuple[Sequence[bytes], dict[int, Bad]]:
        """Records without their envelope, and those that could not be read or unwrapped (a stand-in takes their place)."""
        unwrap = self.stream.unwrap
        broken = {index: Bad("", cut(why)) for index, why in page.unreadable.items()}
        for index, raw in enumerate(page.records):
            if len(raw) > RECORD_BYTES:
                broken[index] = Bad("", f"has {len(raw)} bytes; the largest record may have {RECORD_BYTES}")
        if unwrap is None and not broken:
            return page.records, broken
        inner: list[bytes] = []
        for index, raw in enumerate(page.records):
            if index in broken:
                inner.append(b"null")
                continue
            if unwrap is None:
                inner.append(raw)
                continue
            try:
                inner.append(unwrap(raw))
            except RecordError as error:
                broken[index] = Bad(error.path, cut(str(error)))
                inner.append(b"null")
            except (Exception, RecursionError) as error:
                broken[index] = Bad("", cut(f"{type(error).__name__}: {error}"))
                inner.append(b"null")
        return inner, broken

    def _misfit(self, bad: Bad, raw: bytes) -> Any:
        """What the contract makes of a record that does not fit the model: the same verdict, or the record without a part.

        Raises ``SourceError`` where the contract is ``freeze`` and a field is missing or of another kind.
        """
        for fault in bad.faults:
            self.drift.fault(fault)
        if self.contract == "freeze":
            for what, path in bad.faults:
                if what != "value":
                    told = "a required field is missing" if what == "missing" else "a field is of another kind"
                    raise SourceError(self._frozen(f"{told}: {path}"))
        if self.contract != "drop_field":
            return bad
        found = self.records.without_misfits(raw, self._kept)
        if found is None:
            return bad
        record, dropped = found
        for fault in dropped:
            self.drift.fault(fault)
        return record

    def _frozen(self, what: str) -> str:
        return (
            f"stream {self.stream.name}: {what}; the contract is freeze, so it stops here until the connector is updated or "
            f'the operator chooses another one: contracts = {{ {self.stream.name} = "quarantine_record" }}'
        )

    def _unknown(self, raw: bytes) -> Bad | None:
        """A verdict on fields that the model does not name, for streams whose contract asks for one."""
        from isthmus_sdk.unused import unused_in

        unknown = unused_in(self.stream.model, raw)
        if not unknown:
            return None
        if self.contract == "freeze":
            raise SourceError(self._frozen(f"the vendor sends a field that the model does not name: {unknown[0]}"))
        return Bad(unknown[0], "a field that the model does not name; the stream's contract is quarantine_record")

    def _reject(self, out: Outcome, index: int, raw: bytes, bad: Bad, stage: str) -> None:
        out.quarantined.append(Rejected(index, self.records.native_id(raw), bad.path, bad.error, stage, raw))


_DICTS = {dict}
_SEVERAL = frozenset({stix.Shape, tuple, list, GeneratorType})


def flatten(made: Any, out: list[dict[str, Any]], notes: list[str]) -> None:
    """STIX objects of whatever a mapping gave: a dict, a shape, an object of ``stix2``, ``None``, or an iterable of these.

    What shapes could not normalise goes to ``notes``.
    """
    kind = type(made)
    if kind is stix.Shape and made.notes:
        notes.extend(made.notes)
    if kind is dict:
        out.append(made)
    elif kind in _SEVERAL or isinstance(made, tuple | list):
        # Dicts and shapes are taken here without another call: this runs once for each object.
        for item in made:
            kind = type(item)
            if kind is dict:
                out.append(item)
            elif kind is stix.Shape and set(map(type, item.objects)) == _DICTS:
                out.extend(item.objects)
                if item.notes:
                    notes.extend(item.notes)
            else:
                flatten(item, out, notes)
    elif isinstance(made, Mapping):
        if type(made).__module__.partition(".")[0] == "stix2":
            from isthmus_sdk.stix import interop

            out.append(interop.from_stix2(made))
        else:
            out.append(dict(made))
    elif isinstance(made, Iterable) and not isinstance(made, str | bytes | bytearray):
        for item in made:
            flatten(item, out, notes)
    elif made is not None:
        raise RecordError(f"a mapping yields STIX objects, not {type(made).__name__}")


__all__ = [
    "ALREADY_READ",
    "NOTHING",
    "Collector",
    "MakeBuilder",
    "Noted",
    "Outcome",
    "PageMapper",
    "Rejected",
    "flatten",
]
