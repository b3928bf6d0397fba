"""People and places: identities of persons, groups and organisations, accounts that are theirs, sites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from isthmus_sdk.stix._extensions import ASSET
from isthmus_sdk.stix._ids import sdo_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._shapes.core import (
    Origin,
    Reference,
    Referent,
    Shape,
    checked,
    gather,
    given,
    id_of,
    notes_of,
    objects_of,
)
from isthmus_sdk.stix._shapes.reading import listed, one_of, said, words
from isthmus_sdk.stix._time import is_later

IDENTITY_CLASSES = ("individual", "group", "system", "organization", "class", "unspecified")


class PeopleShapes(Origin):
    """Persons, groups, organisations, tenants, and the sites they run."""

    def identity(
        self,
        name: str,
        *,
        identity_class: str,
        native_id: object = None,
        sectors: Iterable[str] = (),
        roles: Iterable[str] = (),
        contact: str | None = None,
        description: str | None = None,
        labels: Iterable[str] = (),
        references: Iterable[Reference | Mapping[str, str]] = (),
        created: object = None,
        modified: object = None,
        revoked: bool = False,
    ) -> Shape:
        """identity: a person (``individual``), a ``group`` of a directory, an ``organization``, a ``class``.

        Key: class and name, the same everywhere; with a ``native_id`` (a directory's user or group, a tenant) that id
        within connector and source, so that a change of name is a new version and two of a name stay two.
        ``revoked``: the directory deleted it and gives its id to nobody else, for STIX knows no way back. Raises
        `RecordError` without a name and for a class that is not in identity-class-ov.
        """
        title = self.native_key(name, "identity")
        kind = one_of("identity_class", identity_class, IDENTITY_CLASSES)
        began, changed = self.versions(created, modified)
        key: Json = {"identity_class": kind, "name": title.lower()}
        known = listed("references", references)
        if native_id is not None:
            own = self.native_key(native_id, "identity")
            key = self._identity_key(own, kind)
            known = [Reference(self.connector or self.source_id, external_id=own), *known]
        return Shape(
            checked(
                self.versioned(
                    "identity", key, began, changed,
                    name=title, identity_class=kind, sectors=words(sectors, "sectors"), roles=words(roles, "roles"),
                    contact_information=said("contact", contact), description=said("description", description),
                    labels=words(labels, "labels"), external_references=self.references(known),
                    revoked=True if revoked else None,
                )
            )
        )  # fmt: skip

    def identity_id(self, native_id: object, identity_class: str) -> str:
        """Id of the identity that the source knows as ``native_id``: a person or group that another record tells of."""
        kind = one_of("identity_class", identity_class, IDENTITY_CLASSES)
        return sdo_id("identity", self._identity_key(self.native_key(native_id, "identity"), kind))

    def _identity_key(self, native_id: str, kind: str) -> Json:
        return {
            "connector": self.connector,
            "identity_class": kind,
            "native_id": native_id,
            "source_id": self.source_id,
        }

    def member(
        self,
        whole: Referent,
        part: Referent,
        *,
        start_time: object = None,
        stop_time: object = None,
        modified: object = None,
    ) -> Shape:
        """``related-to`` from a person, account or group to the group, tenant or person it belongs to.

        ``whole``: the group or person, ``part``: the member or account. STIX has no relationship of its own for
        membership, so ``related-to`` carries the description "member of". ``start_time`` and ``stop_time`` say since when and
        until when, where the source tells; who comes back is a newer version of the same relationship.
        """
        owner, own = id_of(whole, "whole", _OWNERS), id_of(part, "part", _PARTS)
        start, stop = self.time(start_time), self.time(stop_time)
        began, changed = self.versions(None, modified)
        edge = self.edge("related-to", own, owner, began, changed)
        edge["description"] = "account of" if own.startswith("user-account--") else "member of"
        edge.update(given(start_time=start, stop_time=None if start and stop and not is_later(stop, start) else stop))
        return Shape(edge, gather(objects_of(whole), objects_of(part), [edge]), notes_of(whole, part))

    def site(
        self, name: str, *, location: Referent | None = None, native_id: object = None, description: str | None = None
    ) -> Shape:
        """A site of the source: an infrastructure of kind ``site``, ``located-at`` its location where one is given.

        Key: the name (or ``native_id``) within connector and source. Raises `RecordError` without a name.
        """
        title = self.native_key(name, "site")
        own = title if native_id is None else self.native_key(native_id, "site")
        began, changed = self.versions(None, None)
        key = {"connector": self.connector, "kind": "site", "native_id": own, "source_id": self.source_id}
        known = given(kind="site", native_id=own, source_id=self.source_id, connector=self.connector, site=title)
        made = self.versioned(
            "infrastructure", key, began, changed,
            name=title, description=said("description", description), labels=["site"],
            extensions={ASSET: {"extension_type": "property-extension", **known}},
        )  # fmt: skip
        if location is None:
            return Shape(made)
        edge = self.edge("located-at", made["id"], id_of(location, "location", ("location",)), began, changed)
        return Shape(made, gather(objects_of(location), [made, edge]), notes_of(location))


_OWNERS = ("identity", "user-account")
_PARTS = ("identity", "user-account")
