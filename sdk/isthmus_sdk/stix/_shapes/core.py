"""The ground all shapes stand on: who speaks, when, and how an object is put together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias, overload

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._ids import edge_id, edge_ids, sdo_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._time import is_later, is_timestamp
from isthmus_sdk.stix._vendor_time import timestamp
from isthmus_sdk.stix.normalise import text

SPEC = "2.1"

ScopeOf: TypeAlias = Callable[[str | None, str | None, str | None, str | None, str | None], str]
"""Address scope from site, zone, sensor, VLAN and IP address."""


def default_scope(
    _site: str | None, _zone: str | None, _sensor: str | None, _vlan: str | None, _ip: str | None
) -> str:  # the signature of ScopeOf
    return "default"


class Shape(Sequence[Json]):
    """Objects that belong together, referents first: immutable, iterable, with the object that matters at hand."""

    __slots__ = ("notes", "object", "objects")

    def __init__(self, object: Json, objects: Iterable[Json] = (), notes: Iterable[str] = ()) -> None:
        self.object = object
        """The main object."""
        self.objects = tuple(objects) or (object,)
        """All of them, referents first."""
        self.notes = tuple(notes)
        """What the source said that could not be normalised, each with its place."""

    @property
    def id(self) -> str:
        """Id of the main object."""
        found: str = self.object["id"]
        return found

    @overload
    def __getitem__(self, index: int) -> Json: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Json, ...]: ...
    def __getitem__(self, index: int | slice) -> Json | tuple[Json, ...]:
        return self.objects[index]

    def __len__(self) -> int:
        return len(self.objects)

    def __iter__(self) -> Iterator[Json]:
        return iter(self.objects)

    def __repr__(self) -> str:
        return f"<Shape {self.id} of {len(self)} objects>"


Referent: TypeAlias = "str | Shape | Mapping[str, Any]"
"""Something that can be pointed at: its id, its shape or its object."""


class Reference(msgspec.Struct, frozen=True):
    """An external reference: where else this is known."""

    source_name: str
    external_id: str | None = None
    url: str | None = None
    description: str | None = None

    def fields(self) -> tuple[tuple[str, str | None], ...]:
        """Name and value of every field."""
        return (
            ("source_name", self.source_name),
            ("external_id", self.external_id),
            ("url", self.url),
            ("description", self.description),
        )


def id_of(referent: Referent) -> str:
    """The id behind a referent. Raises `RecordError` where there is none."""
    if isinstance(referent, str):
        return referent
    found = referent.id if isinstance(referent, Shape) else referent.get("id")
    if not isinstance(found, str):
        raise RecordError("a reference needs an id, a shape or an object with an id")
    return found


def objects_of(referent: Referent) -> tuple[Json, ...]:
    """The objects that come along with a referent; none for a bare id."""
    if isinstance(referent, str):
        return ()
    return tuple(referent) if isinstance(referent, Shape) else (dict(referent),)


def gather(*groups: Iterable[Json]) -> tuple[Json, ...]:
    """All objects in order, each id once: where it first stands, so that referents stay in front."""
    found: dict[str, Json] = {}
    for group in groups:
        for obj in group:
            found.setdefault(obj["id"], obj)
    return tuple(found.values())


def given(**values: Any) -> Json:
    """The values that say something: no ``None``, no empty text, no empty list. Zero and ``False`` do."""
    if 0 in values.values():
        return {name: value for name, value in values.items() if value or value.__class__ in _NEVER_EMPTY}
    return dict(filter(_value_of, values.items()))


_NEVER_EMPTY = frozenset({bool, int, float})
_value_of = itemgetter(1)


class Origin:
    """Whose statements these are, and when they were observed.

    No clock, no randomness: the same input, the same objects.
    """

    def __init__(
        self,
        *,
        source_id: str = "local",
        connector: str = "",
        observed_at: object = None,
        scope: ScopeOf | None = None,
    ) -> None:
        """``source_id``:

        Vendor tenant or appliance; ``observed_at``: when the page was fetched; ``scope``: see `ScopeOf`.
        """
        self.source_id = source_id
        self.connector = connector
        self.observed_at = _observation(observed_at)
        self.scope = scope or default_scope

    def time(self, value: object, unit: str = "auto") -> str | None:
        """`timestamp`: the canonical form of a vendor's time, ``None`` for "never"."""
        return timestamp(value, unit=unit)

    def native_key(self, native_id: object, what: str) -> str:
        """A native id as text. Raises `RecordError` where the source gives none: an id is never invented."""
        key = text(native_id)
        if not key:
            raise RecordError(f"the {what} has no native id")
        return key

    def versions(self, created: object, modified: object, first_seen: str | None = None) -> tuple[str, str]:
        """``created`` and ``modified`` of a versioned object; the first never after the second."""
        changed = self.observed_at if modified is None else timestamp(modified) or self.observed_at
        if changed is None:
            raise RecordError("no time of change: give modified, or the builder an observed_at")
        began = (None if created is None else timestamp(created)) or first_seen
        if began is None or began == changed:
            return changed, changed
        return (changed if is_later(began, changed) else began), changed

    def references(self, items: Iterable[Reference | Mapping[str, str]]) -> list[Json]:
        """External references, sorted. A CVE under another source's name is told as text: only ``cve`` may hold one."""
        made: list[Json] = []
        for item in items:
            pairs = item.items() if isinstance(item, Mapping) else item.fields()
            fields = {name: value for name, value in pairs if value}
            external_id = fields.get("external_id", "")
            if (
                external_id[:1] == "C"
                and external_id.startswith(_REGISTERED)
                and fields["source_name"] not in _REGISTRIES
            ):
                fields["description"] = fields.get("description", external_id)
                del fields["external_id"]
            if fields not in made:
                made.append(fields)
        if len(made) > 1:
            made.sort(key=_reference_order)
        return made

    def versioned(self, type: str, key: Mapping[str, Any], created: str, modified: str, **properties: Any) -> Json:
        """A domain or relationship object named by its natural key."""
        return {
            "type": type,
            "spec_version": SPEC,
            "id": sdo_id(type, key),
            "created": created,
            "modified": modified,
            **given(**properties),
        }

    def edge(self, kind: str, source: str, target: str, created: str, modified: str) -> Json:
        """A relationship that is named by its type and ends."""
        return {
            "type": "relationship",
            "spec_version": SPEC,
            "id": edge_id(kind, source, target),
            "created": created,
            "modified": modified,
            "relationship_type": kind,
            "source_ref": source,
            "target_ref": target,
        }

    def edges(self, kind: str, source: str, targets: Collection[str], created: str, modified: str) -> list[Json]:
        """The same relationship from one source to many targets."""
        return [
            {
                "type": "relationship",
                "spec_version": SPEC,
                "id": id,
                "created": created,
                "modified": modified,
                "relationship_type": kind,
                "source_ref": source,
                "target_ref": target,
            }
            for id, target in zip(edge_ids(kind, source, targets), targets, strict=True)
        ]


_REGISTERED = ("CVE-", "CAPEC-")
_REGISTRIES = ("cve", "capec")


def _reference_order(reference: Mapping[str, str]) -> tuple[str, ...]:
    find = reference.get
    return reference["source_name"], find("external_id", ""), find("url", ""), find("description", "")


def _observation(value: object) -> str | None:
    """``observed_at`` in canonical form. Here even the epoch is meant: it does not stand for "never"."""
    found = timestamp(value)
    return f"{value[:19]}.000Z" if found is None and isinstance(value, str) and is_timestamp(value) else found


def words(values: Iterable[object]) -> list[str]:
    """Texts, sorted and each once, without those that say nothing."""
    if not values:
        return []
    return sorted({found for value in values if value is not None and (found := text(value))})
