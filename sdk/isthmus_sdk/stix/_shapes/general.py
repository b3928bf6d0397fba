"""Shapes without a topic of their own: systems, places, notes, relationships, sightings, observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._ids import edge_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._shapes.core import Origin, Reference, Referent, Shape, gather, given, id_of, objects_of
from isthmus_sdk.stix._time import both_ends, instant
from isthmus_sdk.stix._vendor_time import timestamp


class GeneralShapes(Origin):
    """Systems, people, places, notes, relationships, sightings and observations."""

    def system(self, name: str, *, native_id: object = None, description: str | None = None) -> Shape:
        """identity of class ``system``: a sensor, a product, a tenant; named within its source."""
        title = self.native_key(name, "system")
        began, changed = self.versions(None, None)
        key = {
            "identity_class": "system",
            "native_id": normalise.text(native_id) or title.lower(),
            "source_id": self.source_id,
        }
        return Shape(
            self.versioned(
                "identity", key, began, changed, name=title, identity_class="system", description=description
            )
        )

    def identity(
        self, name: str, *, identity_class: str, sectors: Iterable[str] = (), description: str | None = None
    ) -> Shape:
        """identity of a person (``individual``), a group or an organisation: the same everywhere by class and name."""
        title = self.native_key(name, "identity")
        began, changed = self.versions(None, None)
        key = {"identity_class": identity_class, "name": title.lower()}
        return Shape(
            self.versioned(
                "identity", key, began, changed,
                name=title, identity_class=identity_class, sectors=sorted(set(sectors)), description=description,
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
        if not (country or region or (latitude is not None and longitude is not None)):
            raise RecordError("a location needs a country, a region, or latitude and longitude")
        began, changed = self.versions(None, None)
        place = given(
            name=name, country=country, region=region, city=city, latitude=latitude, longitude=longitude,
            administrative_area=administrative_area, street_address=street_address, postal_code=postal_code,
        )  # fmt: skip
        key = {**place, "source_id": self.source_id}
        return Shape(self.versioned("location", key, began, changed, **place))

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
        start, stop = timestamp(start_time), timestamp(stop_time)
        if start and stop and instant(stop) <= instant(start):
            stop = None
        began, changed = self.versions(created, modified, start)
        made = self.edge(type, id_of(source), id_of(target), began, changed)
        made.update(given(start_time=start, stop_time=stop, description=description, extensions=dict(extensions or {})))
        return Shape(made, gather(objects_of(source), objects_of(target), [made]))

    def relationship_id(self, type: str, source: Referent, target: Referent) -> str:
        """Id of the relationship of that type between the two."""
        return edge_id(type, id_of(source), id_of(target))

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
        first, last = both_ends(timestamp(first_seen), timestamp(last_seen))
        places, data = list(where), list(observed)
        began, changed = self.versions(first, modified)
        key = {
            "connector": self.connector,
            "native_id": self.native_key(native_id, "sighting"),
            "source_id": self.source_id,
        }
        made = self.versioned(
            "sighting", key, began, changed,
            first_seen=first, last_seen=last, count=count, description=description,
            sighting_of_ref=id_of(of), where_sighted_refs=sorted({id_of(each) for each in places}),
            observed_data_refs=sorted({id_of(each) for each in data}), extensions=dict(extensions or {}),
            external_references=self.references(references),
        )  # fmt: skip
        return Shape(made, gather(objects_of(of), *map(objects_of, places), *map(objects_of, data), [made]))

    def observed(
        self,
        objects: Iterable[Referent],
        *,
        first_observed: object,
        last_observed: object = None,
        number: int = 1,
        sensor: Referent | None = None,
        native_id: object = None,
        created: object = None,
        modified: object = None,
    ) -> Shape:
        """observed-data over observables (or relationships between them).

        Key: the source's id, else objects, times and sensor.
        """
        items = list(objects)
        ids = sorted({id_of(each) for each in items})
        if not ids:
            raise RecordError("observed-data needs at least one object")
        first, last = timestamp(first_observed), timestamp(last_observed)
        if first is None:
            raise RecordError("observed-data needs the time of its first observation")
        start, stop = both_ends(first, last)
        began, changed = self.versions(created, modified, start)
        key: Json = {"source_id": self.source_id}
        if native_id is None:
            key |= given(first=start, last=stop, objects=ids, sensor=id_of(sensor) if sensor else None)
        else:
            key |= {"connector": self.connector, "native_id": self.native_key(native_id, "observation")}
        made = self.versioned(
            "observed-data", key, began, changed,
            first_observed=start, last_observed=stop, number_observed=min(max(number, 1), 999_999_999), object_refs=ids,
        )  # fmt: skip
        return Shape(made, gather(*map(objects_of, items), [made]))

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
        refs = sorted({id_of(each) for each in about})
        if not refs:
            raise RecordError("a note needs an object it is about")
        said = self.native_key(content, "note")
        began, changed = self.versions(created, modified)
        key: Json = {"source_id": self.source_id}
        key |= (
            {"content": said, "object_refs": refs}
            if native_id is None
            else {"native_id": self.native_key(native_id, "note")}
        )
        return Shape(
            self.versioned(
                "note", key, began, changed,
                content=said, abstract=abstract, authors=list(authors), labels=sorted(set(labels)), object_refs=refs,
                extensions=dict(extensions or {}),
            )
        )  # fmt: skip
