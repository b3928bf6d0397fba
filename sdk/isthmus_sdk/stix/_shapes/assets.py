"""Assets: what a source knows of a device or workload, and addresses seen talking that it does not name.

An asset is an infrastructure with our `ASSET` facts, linked by ``consists-of`` to its addresses and software; its zone
is an infrastructure that consists of the asset. Native ids are scoped by source and connector, never by address scope:
an operator may correct a scope without minting new ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._extensions import ASSET
from isthmus_sdk.stix._ids import NativeIds, sdo_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.core import SPEC, Origin, Reference, Shape, given
from isthmus_sdk.stix._shapes.interfaces import Interface, interface_facts
from isthmus_sdk.stix._shapes.observables import Software
from isthmus_sdk.stix._shapes.reading import listed, noted, said, words
from isthmus_sdk.stix._shapes.traits import installed, traits_of
from isthmus_sdk.stix._time import is_later

Identifier: TypeAlias = tuple[str, object] | Mapping[str, object]
"""(kind, value), e.g. ("agent_id", "a-17"), or a mapping of the two."""


class AssetShapes(Origin):
    """Assets, endpoints and zones."""

    def asset_id(self, native_id: object) -> str:
        """Id of the asset that the source knows as ``native_id``."""
        return self._asset_ids(self.native_key(native_id, "asset"))

    @cached_property
    def _asset_ids(self) -> NativeIds:
        return NativeIds("infrastructure", self.connector, self.source_id)

    def asset(
        self,
        native_id: object,
        *,
        name: str | None,
        asset_class: str | None = None,
        technology: str | None = None,
        hostname: str | None = None,
        vendor: str | None = None,
        model: str | None = None,
        serial: str | None = None,
        os: Software | str | None = None,
        firmware: Software | str | None = None,
        software: Iterable[Software | str] = (),
        interfaces: Iterable[Interface] = (),
        purdue_level: object = None,
        level_source: str | None = None,
        site: str | None = None,
        zone: str | None = None,
        criticality: int | None = None,
        roles: Iterable[str] = (),
        identifiers: Iterable[Identifier] = (),
        monitored_by: Iterable[str] = (),
        first_seen: object = None,
        last_seen: object = None,
        created: object = None,
        modified: object = None,
        labels: Iterable[str] = (),
        references: Iterable[Reference | Mapping[str, str]] = (),
        description: str | None = None,
    ) -> Shape:
        """A device or workload.

        ``technology``: ot, it, iot or iomt. ``asset_class``: a name of `ASSET_CLASSES`, or the source's own word.
        ``criticality``: 0 to 100. Times in any form that `timestamp` reads. A single value that is broken (a MAC, an
        IP, a CPE, a level) is left out and noted in `Shape.notes`: it does not cost the asset. Raises `RecordError`
        without a native id or where a time is broken.
        """
        key = self.native_key(native_id, "asset")
        notes: list[str] = []
        began, seen = self._span(first_seen, last_seen)
        traits = traits_of(asset_class, technology, vendor, model, os, firmware, purdue_level, level_source, site, zone)
        notes += traits.notes
        cards, parts = interface_facts(interfaces, traits.site, traits.zone, self.scope, notes)
        for id, made in traits.programs.items():
            parts[id] = made.copy()
        if software:
            parts.update(installed(software, notes))
        known: Json = {
            "extension_type": "property-extension",
            "kind": "asset",
            "native_id": key,
            **self._asset_source,
            **traits.facts,
        }
        if hostname is not None and (host := noted(normalise.hostname, hostname, "hostname", notes)):
            known["hostname"] = host
        if serial is not None and (number := noted(normalise.serial, serial, "serial", notes)):
            known["serial"] = number
        if criticality is not None and (percent := noted(_percent, criticality, "criticality", notes)) is not None:
            known["criticality"] = percent
        if roles and (played := noted(words, roles, "roles", notes)):
            known["roles"] = played
        if identifiers and (found := _identifiers(identifiers, notes)):
            known["identifiers"] = found
        if monitored_by and (watchers := noted(words, monitored_by, "monitored_by", notes)):
            known["monitored_by"] = watchers
        if cards:
            known["interfaces"] = cards
        title = noted(normalise.text, name, "name", notes) or known.get("hostname") or key
        asset = self._infrastructure(title, self.versions(created, modified, began), known, began, seen)
        asset["infrastructure_types"] = [traits.infrastructure_type]
        more = (noted(words, labels, "labels", notes) or ()) if labels else ()
        asset["labels"] = sorted({*traits.labels, *more}) if more else traits.labels.copy()
        asset["external_references"] = self._known_as(key, traits.attack_id, references)
        if description is not None and (told := noted(normalise.text, description, "description", notes)):
            asset["description"] = told
        return self._whole(asset, parts, traits.site, traits.zone, notes)

    def endpoint(
        self,
        ip: object,
        *,
        vantage: str = "",
        mac: object = None,
        site: str | None = None,
        zone: str | None = None,
        vlan: str | int | None = None,
        sensor: str | None = None,
        hostname: str | None = None,
        purdue_level: object = None,
        level_source: str | None = None,
        roles: Iterable[str] = (),
        labels: Iterable[str] = (),
        first_seen: object = None,
        last_seen: object = None,
    ) -> Shape:
        """An address seen talking, where the source gives no asset id.

        ``vantage``: the source's own context (sensor, capture point) in which the address means one host; it is part of
        the id, the address scope is not. ``purdue_level``, ``level_source``, ``roles`` and ``labels`` as of `asset`.
        Raises `RecordError` for what is no address.
        """
        value = normalise.ip(ip)
        if value is None:
            raise RecordError(f"{ip!r} says nothing: no endpoint")
        notes: list[str] = []
        key = f"endpoint:{said('vantage', vantage) or ''}:{value}"
        began, seen = self._span(first_seen, last_seen)
        site, zone = noted(normalise.text, site, "site", notes), noted(normalise.text, zone, "zone", notes)
        card = Interface(mac, (value,), None, vlan, site, zone, sensor)  # type: ignore[arg-type]
        cards, parts = interface_facts((card,), site, zone, self.scope, notes)
        public = normalise.is_public(value)
        level = None if purdue_level is None else noted(normalise.purdue_level, purdue_level, "purdue_level", notes)
        known = {"extension_type": "property-extension", "native_id": key, **self._asset_source} | given(
            kind="endpoint",
            asset_class="external" if public else None,
            hostname=noted(normalise.hostname, hostname, "hostname", notes),
            purdue_level=level,
            level_source=noted(normalise.text, level_source, "level_source", notes) if level else None,
            site=site,
            zone=zone,
            roles=noted(words, roles, "roles", notes) if roles else None,
            interfaces=cards,
        )
        asset = self._infrastructure(value, self.versions(None, None, began), known, began, seen)
        asset["infrastructure_types"] = ["unknown"]
        more = (noted(words, labels, "labels", notes) or ()) if labels else ()
        asset["labels"] = sorted({"endpoint", *(("external",) if public else ()), *more})
        return self._whole(asset, parts, site, zone, notes)

    def _span(self, first_seen: object, last_seen: object) -> tuple[str | None, str | None]:
        """First and last time, in order even where the source swaps them."""
        first = self.time(first_seen)
        last = first if last_seen is first_seen else self.time(last_seen)
        return (last, first) if first and last and is_later(first, last) else (first, last)

    def zone(self, name: str, *, site: str | None = None) -> Shape:
        """A network zone of the source (IEC 62443): an infrastructure that assets are part of."""
        title, place = self.native_key(name, "zone"), said("site", site)
        made = self._zones.get((title, place))
        if made is None:
            made = self._made_zone(title, place)
            if len(self._zones) < _ZONES_HELD:
                self._zones[title, place] = made
        # A fresh object each time, also below: what is done to one must not show in the next.
        return Shape({**made, "labels": ["zone"], "extensions": {ASSET: {**made["extensions"][ASSET]}}})

    @cached_property
    def _zones(self) -> dict[tuple[str, str | None], Json]:
        return {}

    def _made_zone(self, title: str, site: str | None) -> Json:
        began, changed = self.versions(None, None)
        known = given(
            kind="zone", native_id=title, source_id=self.source_id, connector=self.connector, site=site, zone=title
        )
        return {
            "type": "infrastructure",
            "spec_version": SPEC,
            "id": self._zone_id(title, site),
            "created": began,
            "modified": changed,
            "name": title,
            "labels": ["zone"],
            "extensions": {ASSET: {"extension_type": "property-extension", **known}},
        }

    def _zone_id(self, name: str, site: str | None) -> str:
        key = {"connector": self.connector, "kind": "zone", "name": name, "site": site, "source_id": self.source_id}
        return sdo_id("infrastructure", key)

    @cached_property
    def _asset_source(self) -> Json:
        """What the facts of every asset have in common."""
        return given(source_id=self.source_id, connector=self.connector)

    def _infrastructure(
        self, name: str, versions: tuple[str, str], known: Json, first_seen: str | None, last_seen: str | None
    ) -> Json:
        """The infrastructure that carries asset facts; its times of sight are also the standard's."""
        made: Json = {
            "type": "infrastructure",
            "spec_version": SPEC,
            "id": self._asset_ids(known["native_id"]),
            "created": versions[0],
            "modified": versions[1],
            "name": name,
            "extensions": {ASSET: known},
        }
        if first_seen:
            made["first_seen"] = known["first_seen"] = first_seen
        if last_seen:
            made["last_seen"] = known["last_seen"] = last_seen
        return made

    def _known_as(self, key: str, attack_id: str | None, others: Iterable[Reference | Mapping[str, str]]) -> list[Json]:
        """External references: the source's own id, the asset class of ATT&CK for ICS, and what the mapping adds."""
        known = [{"source_name": self.connector or self.source_id, "external_id": key}]
        if attack_id:
            known.append({"source_name": "mitre-attack", "external_id": attack_id})
        if others or key[0] == "C":
            return self.references([*known, *listed("references", others)])
        if known[-1]["source_name"] < known[0]["source_name"]:  # as references sorts them
            known.reverse()
        return known

    def _whole(
        self, asset: Json, parts: Mapping[str, Json], site: str | None, zone: str | None, notes: list[str]
    ) -> Shape:
        """The asset with its parts before it and its edges after it."""
        own, began, changed = asset["id"], asset["created"], asset["modified"]
        edges = self.edges("consists-of", own, parts, began, changed)
        if zone is None:
            return Shape(asset, (*parts.values(), asset, *edges), notes)
        where = self.zone(zone, site=site)
        edges.append(self.edge("consists-of", where.id, own, began, changed))
        return Shape(asset, (*parts.values(), where.object, asset, *edges), notes)


_ZONES_HELD = 1_024


def _percent(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise RecordError(f"{shown(value)} is not a number from 0 to 100")
    return round(value)


def _identifiers(identifiers: Iterable[Identifier], notes: list[str]) -> list[Json]:
    pairs: set[tuple[str, str]] = set()
    for index, each in enumerate(noted(_listed, identifiers, "identifiers", notes) or ()):
        pair = (each.get("kind"), each.get("value")) if isinstance(each, Mapping) else each
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            notes.append(f"identifiers[{index}]: expected a kind and a value, found {shown(each)}")
            continue
        kind, value = (noted(normalise.text, part, "identifiers[{}]", notes, index) for part in pair)
        if kind and value:
            pairs.add((kind, value))
    return [{"kind": kind, "value": value} for kind, value in sorted(pairs)]


def _listed(values: object) -> list[Any]:
    return listed("list", values)
