"""Shapes without a topic of their own: systems, places, notes, relationships, sightings, observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._ids import edge_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._markings import TLP, TLP_ORDER, tlp_object
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.core import (
    Origin,
    Reference,
    Referent,
    Shape,
    checked,
    end_of,
    gather,
    given,
    id_of,
    notes_of,
    objects_of,
    subject_of,
)
from isthmus_sdk.stix._shapes.reading import listed, mapping, one_of, said, whole, words
from isthmus_sdk.stix._shapes.reading import number as number_in
from isthmus_sdk.stix._time import both_ends, instant


class GeneralShapes(Origin):
    """Systems, people, places, notes, relationships, sightings and observations."""

    def system(self, name: str, *, native_id: object = None, description: str | None = None) -> Shape:
        """identity of class ``system``: a sensor, a product, a tenant; named within its source."""
        title = self.native_key(name, "system")
        began, changed = self.versions(None, None)
        key = {
            "identity_class": "system",
            "native_id": said("native_id", native_id) or title.lower(),
            "source_id": self.source_id,
        }
        return Shape(
            self.versioned(
                "identity", key, began, changed,
                name=title, identity_class="system", description=said("description", description),
            )
        )  # fmt: skip

    def location(
        self,
        name: str | None = None,
        *,
        country: str | None = None,
        region: str | None = None,
        city: str | None = None,
        latitude: float | None = None,
        longitude: float | None = None,
        administrative_area: str | None = None,
        street_address: str | None = None,
        postal_code: str | None = None,
    ) -> Shape:
        """location. The standard wants a region, a country, or latitude and longitude; raises `RecordError` without."""
        north, east = number_in("latitude", latitude, -90, 90), number_in("longitude", longitude, -180, 180)
        place = given(
            name=said("name", name), country=said("country", country), region=said("region", region),
            city=said("city", city), administrative_area=said("administrative_area", administrative_area),
            street_address=said("street_address", street_address), postal_code=said("postal_code", postal_code),
        )  # fmt: skip
        if north is not None and east is not None:
            place |= {"latitude": north, "longitude": east}
        elif "country" not in place and "region" not in place:
            raise RecordError("a location needs a country, a region, or latitude and longitude")
        began, changed = self.versions(None, None)
        return Shape(
            checked(self.versioned("location", {**place, "source_id": self.source_id}, began, changed, **place))
        )

    def marked(self, made: Shape, tlp: str) -> Shape:
        """The same shape under a TLP marking: ``clear``, ``green``, ``amber``, ``amber+strict`` or ``red``.

        Objects that are marked already keep their marking. Needed only where one record is more or less confidential than
        its source: what a mapping leaves unmarked, the hub marks as the configuration says.
        """
        name = one_of("tlp", tlp, TLP_ORDER)
        if not isinstance(made, Shape):
            raise RecordError(f"made: expected a shape, found {shown(made)}")
        main, objects = made.object, []
        for obj in made:
            told = obj if "object_marking_refs" in obj else {**obj, "object_marking_refs": [TLP[name]]}
            main = told if obj["id"] == made.id else main
            objects.append(told)
        return Shape(main, gather([tlp_object(name)], objects), made.notes)

    def relationship(
        self,
        type: str,
        source: Referent,
        target: Referent,
        *,
        start_time: object = None,
        stop_time: object = None,
        description: str | None = None,
        created: object = None,
        modified: object = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Shape:
        """relationship by type and both ends; time is a fact of it, not part of its id."""
        kind, begin, end = (
            self.native_key(type, "relationship type"),
            end_of(source, "source"),
            end_of(target, "target"),
        )
        start, stop = self.time(start_time), self.time(stop_time)
        if start and stop and instant(stop) <= instant(start):
            stop = None
        began, changed = self.versions(created, modified, start)
        made = self.edge(kind, begin, end, began, changed)
        made.update(
            given(
                start_time=start,
                stop_time=stop,
                description=said("description", description),
                extensions=mapping("extensions", extensions),
            )
        )
        return Shape(checked(made), gather(objects_of(source), objects_of(target), [made]), notes_of(source, target))

    def relationship_id(self, type: str, source: Referent, target: Referent) -> str:
        """Id of the relationship of that type between the two."""
        return edge_id(type, end_of(source, "source"), end_of(target, "target"))

    def sighting(
        self,
        of: Referent,
        native_id: object,
        *,
        first_seen: object = None,
        last_seen: object = None,
        count: int | None = None,
        where: Iterable[Referent] = (),
        observed: Iterable[Referent] = (),
        description: str | None = None,
        modified: object = None,
        extensions: Mapping[str, Any] | None = None,
        references: Iterable[Reference | Mapping[str, str]] = (),
    ) -> Shape:
        """sighting of a domain object, known to the source as ``native_id``."""
        first, last = both_ends(self.time(first_seen), self.time(last_seen))
        places, data = listed("where", where), listed("observed", observed)
        began, changed = self.versions(first, modified)
        key = {
            "connector": self.connector,
            "native_id": self.native_key(native_id, "sighting"),
            "source_id": self.source_id,
        }
        made = self.versioned(
            "sighting", key, began, changed,
            first_seen=first, last_seen=last, count=whole("count", count, 0, _MOST),
            description=said("description", description), sighting_of_ref=id_of(of, "of"),
            where_sighted_refs=sorted({id_of(each, "where") for each in places}),
            observed_data_refs=sorted({id_of(each, "observed") for each in data}),
            extensions=mapping("extensions", extensions), external_references=self.references(references),
        )  # fmt: skip
        along = gather(objects_of(of), *map(objects_of, places), *map(objects_of, data), [made])
        return Shape(checked(made), along, notes_of(of, *places, *data))

    def observed(
        self,
        objects: Iterable[Referent],
        *,
        first_observed: object,
        last_observed: object = None,
        number: int = 1,
        sensor: Referent | None = None,
        native_id: object = None,
        labels: Iterable[str] = (),
        references: Iterable[Reference | Mapping[str, str]] = (),
        created: object = None,
        modified: object = None,
    ) -> Shape:
        """observed-data over observables (or relationships between them).

        Key: the source's id, else objects, times and sensor. ``labels`` say what kind of event it was and how it ended.
        """
        items = listed("objects", objects)
        ids = sorted({id_of(each, "objects") for each in items})
        if not ids:
            raise RecordError("observed-data needs at least one object")
        first, last = self.time(first_observed), self.time(last_observed)
        if first is None:
            raise RecordError("observed-data needs the time of its first observation")
        start, stop = both_ends(first, last)
        began, changed = self.versions(created, modified, start)
        key: Json = {"source_id": self.source_id}
        if native_id is None:
            key |= given(first=start, last=stop, objects=ids, sensor=id_of(sensor, "sensor") if sensor else None)
        else:
            key |= {"connector": self.connector, "native_id": self.native_key(native_id, "observation")}
        times = max(whole("number", number) or 1, 1)
        made = self.versioned(
            "observed-data", key, began, changed,
            first_observed=start, last_observed=stop, number_observed=min(times, _MOST), object_refs=ids,
            labels=words(labels, "labels"), external_references=self.references(references),
        )  # fmt: skip
        return Shape(checked(made), gather(*map(objects_of, items), [made]), notes_of(*items))

    def note(
        self,
        content: str,
        about: Iterable[Referent],
        *,
        native_id: object = None,
        abstract: str | None = None,
        authors: Iterable[str] = (),
        labels: Iterable[str] = (),
        created: object = None,
        modified: object = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Shape:
        """note on one or more objects. Key: the source's id, else its content and what it is about."""
        refs = sorted({subject_of(each, "about") for each in listed("about", about)})
        if not refs:
            raise RecordError("a note needs an object it is about")
        what = self.native_key(content, "note")
        began, changed = self.versions(created, modified)
        key: Json = {"source_id": self.source_id}
        key |= (
            {"content": what, "object_refs": refs}
            if native_id is None
            else {"native_id": self.native_key(native_id, "note")}
        )
        return Shape(
            checked(
                self.versioned(
                    "note", key, began, changed,
                    content=what, abstract=said("abstract", abstract), object_refs=refs,
                    authors=[name for each in listed("authors", authors) if (name := said("authors", each))],
                    labels=words(labels, "labels"), extensions=mapping("extensions", extensions),
                )
            )
        )  # fmt: skip


_MOST = 999_999_999
"""Largest count of a sighting or an observation (sections 4.14 and 5.2)."""
