"""The ground all shapes stand on: who speaks, when, and how an object is put together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from operator import itemgetter
from typing import Any, TypeAlias, overload

import msgspec

from isthmus_sdk.errors import InvalidObject, RecordError
from isthmus_sdk.stix._check import check
from isthmus_sdk.stix._grammar import is_hash, is_uri
from isthmus_sdk.stix._identifiers import is_identifier
from isthmus_sdk.stix._ids import edge_id, edge_ids, sdo_id
from isthmus_sdk.stix._json import Json, encode
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.reading import listed, mapping, said
from isthmus_sdk.stix._time import is_later, is_timestamp
from isthmus_sdk.stix._vendor_time import time_zone, timestamp

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


def id_of(referent: Referent, name: str = "reference", types: tuple[str, ...] = ()) -> str:
    """The id behind a referent, of one of ``types`` where they are given. Raises `RecordError` where there is none."""
    if isinstance(referent, str):
        found: object = referent
    else:
        found = referent.object.get("id") if isinstance(referent, Shape) else _id_in(referent)
    if not isinstance(found, str) or not is_identifier(found):
        raise RecordError(f"{name}: {shown(found)} is no identifier: give an id, a shape or an object with an id")
    if types and found[:-38] not in types:
        raise RecordError(f"{name}: {found} is not the id of {' or '.join(types)}")
    return found


def end_of(referent: Referent, name: str) -> str:
    """`id_of` what may be an end of a relationship: no relationship and no sighting (section 5.1)."""
    found = id_of(referent, name)
    if found.startswith(_NO_ENDS):
        raise RecordError(f"{name}: {found} cannot be an end of a relationship")
    return found


def subject_of(referent: Referent, name: str) -> str:
    """`id_of` what one may write about: any object but markings, definitions and translations."""
    found = id_of(referent, name)
    if found.startswith(_META):
        raise RecordError(f"{name}: {found} is not an object that one writes about")
    return found


def _id_in(referent: object) -> object:
    return referent.get("id") if isinstance(referent, Mapping) else referent


_META = ("bundle--", "marking-definition--", "language-content--", "extension-definition--")
_NO_ENDS = ("relationship--", "sighting--", *_META)


def objects_of(referent: Referent) -> tuple[Json, ...]:
    """The objects that come along with a referent; none for a bare id."""
    if isinstance(referent, str):
        return ()
    return tuple(referent) if isinstance(referent, Shape) else (dict(referent),)


def notes_of(*referents: Referent | None) -> tuple[str, ...]:
    """The notes that come along with referents: what could not be normalised on the way."""
    found: tuple[str, ...] = ()
    for referent in referents:
        if isinstance(referent, Shape) and referent.notes:
            found += referent.notes
    return found


def checked(obj: Json) -> Json:
    """``obj`` itself where it is valid STIX and can be written. Raises `RecordError` that says what is wrong.

    For objects made of free arguments; what the builder makes of normalised values alone needs no second look.
    """
    try:
        check(obj)
    except InvalidObject:
        raise
    except Exception as error:  # an argument that is no JSON at all
        raise RecordError(f"{obj.get('type')}: an argument is no STIX value: {type(error).__name__}") from error
    encode(obj)
    return obj


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
        zone: str | tzinfo | None = None,
    ) -> None:
        """``source_id``: vendor tenant or appliance; ``observed_at``: when the page was fetched; ``scope``: `ScopeOf`.

        ``zone``: of times that name none (``Europe/Berlin``, ``+02:00``); without it they are UTC. Raises `RecordError`
        without a ``source_id``, `SettingsError` for a zone that does not exist.
        """
        self.source_id = said("source_id", source_id) or ""
        self.connector = said("connector", connector) or ""
        if not self.source_id:
            raise RecordError("the builder needs a source_id: the vendor tenant or appliance that it speaks for")
        self.observed_at = _observation(observed_at)
        self.scope = scope or default_scope
        self._zone = time_zone(zone)

    def time(self, value: object, unit: str = "auto") -> str | None:
        """`timestamp` in the zone of the source: the canonical form of a vendor's time, ``None`` for "never"."""
        return timestamp(value, unit=unit, zone=self._zone)

    def native_key(self, native_id: object, what: str) -> str:
        """A native id as text. Raises `RecordError` where the source gives none: an id is never invented."""
        key = said(f"native id of the {what}", native_id)
        if not key:
            raise RecordError(f"the {what} has no native id")
        return key

    def versions(self, created: object, modified: object, first_seen: str | None = None) -> tuple[str, str]:
        """``created`` and ``modified`` of a versioned object; the first never after the second."""
        changed = self.observed_at if modified is None else self.time(modified) or self.observed_at
        if changed is None:
            raise RecordError("no time of change: give modified, or the builder an observed_at")
        began = (None if created is None else self.time(created)) or first_seen
        if began is None or began == changed:
            return changed, changed
        return (changed if is_later(began, changed) else began), changed

    def references(self, items: Iterable[Reference | Mapping[str, str]]) -> list[Json]:
        """External references, sorted. A CVE under another source's name is told as text: only ``cve`` may hold one.

        Raises `RecordError` for one without a source name, or with nothing but that.
        """
        made: list[Json] = []
        for item in listed("references", items):
            fields = _fields_of(item)
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


_REFERENCE_FIELDS = frozenset({"source_name", "external_id", "url", "description", "hashes"})
_REGISTERED = ("CVE-", "CAPEC-")
_REGISTRIES = ("cve", "capec")


def _fields_of(item: Reference | Mapping[str, Any]) -> Json:
    """The fields of an external reference that say something (section 2.5)."""
    pairs = item.fields() if isinstance(item, Reference) else mapping("references", item).items()
    fields = {name: value for name, value in pairs if value}
    for name, value in fields.items():
        if name == "hashes":
            found = mapping("references.hashes", value)
            if not all(isinstance(each, str) and is_hash(kind, each) for kind, each in found.items()):
                raise RecordError("references.hashes: a hash is not as long as its algorithm wants")
        elif name not in _REFERENCE_FIELDS:
            raise RecordError(f"references: {shown(name)} is no field of an external reference")
        else:
            fields[name] = said(f"references.{name}", value)
    if fields.get("url") and not is_uri(fields["url"]):
        raise RecordError(f"references.url: {shown(fields['url'])} is not a URL")
    fields = {name: value for name, value in fields.items() if value}
    if "source_name" not in fields or len(fields) == 1:
        raise RecordError("references: an external reference needs a source_name, and an id, a URL or a description")
    return fields


def _reference_order(reference: Mapping[str, str]) -> tuple[str, ...]:
    find = reference.get
    return reference["source_name"], find("external_id", ""), find("url", ""), find("description", "")


def _observation(value: object) -> str | None:
    """``observed_at`` in canonical form. Here even the epoch is meant: it does not stand for "never"."""
    found = timestamp(value)
    return f"{value[:19]}.000Z" if found is None and isinstance(value, str) and is_timestamp(value) else found
