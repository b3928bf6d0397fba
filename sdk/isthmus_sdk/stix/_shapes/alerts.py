"""Alerts: a detection by a product. With a rule, the sighting of its indicator; without, an incident."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._extensions import ALERT
from isthmus_sdk.stix._ids import NativeIds
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.core import (
    SPEC,
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
)
from isthmus_sdk.stix._shapes.general import GeneralShapes
from isthmus_sdk.stix._shapes.reading import listed, one_of, said, whole, words
from isthmus_sdk.stix._time import both_ends
from isthmus_sdk.stix.pattern import canonical

STATUSES = ("open", "acknowledged", "closed")
_TECHNIQUE = re.compile(r"T[0-9]{4}(\.[0-9]{3})?")


class Rule(msgspec.Struct, frozen=True):
    """The detection rule behind an alert. ``pattern_type`` as in pattern-type-ov (stix, sigma, snort, yara, ...)."""

    id: str
    name: str | None = None
    pattern: str | None = None
    pattern_type: str | None = None


class Subject(msgspec.Struct, frozen=True):
    """Whom an alert is about, and in which role (``source``, ``target``, ``victim``, ``device``, ...)."""

    ref: Referent
    role: str | None = None


class AlertShapes(GeneralShapes):
    """Alerts and the rules behind them."""

    def rule(self, rule: Rule) -> Shape:
        """indicator of a detection rule: by its pattern where the source tells it, else by the source's rule id."""
        if not isinstance(rule, Rule):
            raise RecordError(f"rule: expected a Rule, found {shown(rule)}")
        began, changed = self.versions(None, None)
        native_id = self.native_key(rule.id, "rule")
        pattern, kind = said("pattern", rule.pattern), said("pattern_type", rule.pattern_type)
        if pattern and kind:
            key = {"pattern": canonical(pattern) if kind == "stix" else pattern, "pattern_type": kind}
        else:
            key = {"connector": self.connector, "native_id": native_id, "source_id": self.source_id}
        made = self.versioned(
            "indicator",
            key,
            began,
            changed,
            name=said("rule name", rule.name) or native_id,
            pattern=pattern or native_id,
            pattern_type=kind if pattern and kind else "vendor-rule",
            valid_from=began,
            external_references=self.references([Reference(self.connector or self.source_id, external_id=native_id)]),
        )
        return Shape(checked(made) if pattern else made)

    def alert(
        self,
        native_id: object,
        *,
        title: str,
        first_seen: object,
        description: str | None = None,
        severity: int | None = None,
        vendor_severity: object = None,
        status: str | None = None,
        vendor_status: object = None,
        category: str | None = None,
        rule: Rule | None = None,
        last_seen: object = None,
        modified: object = None,
        count: int = 1,
        sensor: Referent | None = None,
        subjects: Iterable[Subject] = (),
        observables: Iterable[Referent] = (),
        techniques: Iterable[str] = (),
        references: Iterable[Reference | Mapping[str, str]] = (),
    ) -> Shape:
        """One alert; a later state of it is a newer version of the same object.

        ``severity`` 0 to 100 (see `normalise.severity`), ``status`` open, acknowledged or closed; the source's own
        words go to ``vendor_severity`` and ``vendor_status``. ``sensor``: identity that saw it, the source itself by
        default.
        """
        key = self.native_key(native_id, "alert")
        span = both_ends(self.time(first_seen), self.time(last_seen))
        began, changed = self.versions(None, modified, span[0])
        about = [_about(each) for each in listed("subjects", subjects)] if subjects else []
        seen = listed("observables", observables) if observables else []
        name, told = said("title", title), said("description", description)
        times = whole("count", count, 0, _MOST) or 0
        known = self._facts(
            key, name, severity, vendor_severity, status, vendor_status, category, techniques, span,
            sorted({(ref, role or "") for ref, role, _ in about}) if about else [],
        )  # fmt: skip
        seen_by, along = self._watcher(sensor)
        evidence = self._evidence(key, seen, seen_by, span, began, changed, times) if seen else None
        notes = notes_of(*(each.ref for each in subjects), *seen) if about or seen else ()
        if about or evidence:
            along = gather(*(objects for _, _, objects in about), along, evidence or ())
        if rule is not None:
            indicator = self.rule(rule)
            main: Json = {
                "type": "sighting", "spec_version": SPEC, "id": self._sighting_ids(key),
                "created": began, "modified": changed,
            } | given(
                description=told, first_seen=span[0], last_seen=span[1], count=times,
                sighting_of_ref=indicator.id,
                observed_data_refs=[evidence.id] if evidence else None, where_sighted_refs=[seen_by],
                external_references=self._alert_references(key, references), labels=["alert"],
            )  # fmt: skip
            main["extensions"] = {ALERT: known}
            return Shape(main, gather(along, indicator, [main]), notes)
        main = {
            "type": "incident", "spec_version": SPEC, "id": self._incident_ids(key),
            "created": began, "modified": changed, "name": name or key,
        }  # fmt: skip
        if told:
            main["description"] = told
        main["labels"] = ["alert"]
        main["external_references"] = self._alert_references(key, references)
        main["extensions"] = {ALERT: known}
        if about or evidence:
            ends = sorted({*(ref for ref, _, _ in about), seen_by, *((evidence.id,) if evidence else ())})
            edges = [self.edge("related-to", main["id"], end, began, changed) for end in ends]
            return Shape(main, gather(along, [main], edges), notes)
        return Shape(main, (*along, main, self.edge("related-to", main["id"], seen_by, began, changed)))

    def incident_id(self, native_id: object) -> str:
        """Id of the incident that `alert` makes of an alert without a rule: for sources that relate it elsewhere."""
        return self._incident_ids(self.native_key(native_id, "alert"))

    @cached_property
    def _incident_ids(self) -> NativeIds:
        return NativeIds("incident", self.connector, self.source_id)

    @cached_property
    def _sighting_ids(self) -> NativeIds:
        return NativeIds("sighting", self.connector, self.source_id)

    @cached_property
    def _source(self) -> Json:
        """The identity of the source itself: who saw what no sensor is named for."""
        return self.system(self.source_id, native_id=self.source_id).object

    @cached_property
    def _said_by(self) -> Json:
        """What the facts of every alert have in common."""
        return given(extension_type="property-extension", source_id=self.source_id, connector=self.connector)

    def _watcher(self, sensor: Referent | None) -> tuple[str, tuple[Json, ...]]:
        """Id of who saw an alert, and the objects that come along."""
        if sensor is None:
            source = self._source.copy()  # nested values it has none
            return source["id"], (source,)
        return id_of(sensor, "sensor", ("identity", "location")), objects_of(sensor)

    def _alert_references(self, key: str, others: Iterable[Reference | Mapping[str, str]]) -> list[Json]:
        own = {"source_name": self.connector or self.source_id, "external_id": key}
        plain = not others and own["source_name"] and key[0] != "C"  # a CVE is told as text
        return [own] if plain else self.references((own, *listed("references", others)))

    def _facts(
        self,
        key: str,
        title: str | None,
        severity: int | None,
        vendor_severity: object,
        status: str | None,
        vendor_status: object,
        category: str | None,
        techniques: Iterable[str],
        span: tuple[str | None, str | None],
        subjects: list[tuple[str, str]],
    ) -> Json:
        if status is not None:
            one_of("status", status, STATUSES, ": the source's word goes to vendor_status")
        if severity is not None and (
            isinstance(severity, bool) or not isinstance(severity, (int, float)) or not 0 <= severity <= 100
        ):
            raise RecordError(f"severity {shown(severity)} is not a number from 0 to 100")
        facts: Json = {**self._said_by, "native_id": key}
        if title:
            facts["title"] = title
        if severity is not None:
            facts["severity"] = round(severity)
        if word := said("vendor_severity", vendor_severity):
            facts["vendor_severity"] = word
        if status is not None:
            facts["status"] = status
        if word := said("vendor_status", vendor_status):
            facts["vendor_status"] = word
        if word := said("category", category):
            facts["category"] = word
        spelled = dict.fromkeys(word.upper() for word in words(techniques, "techniques"))
        if known := [word for word in spelled if _TECHNIQUE.fullmatch(word)]:
            facts["techniques"] = known
        if subjects:
            facts["subjects"] = [given(ref=ref, role=role) for ref, role in subjects]
        if span[0]:
            facts["first_seen"] = span[0]
        if span[1]:
            facts["last_seen"] = span[1]
        return facts

    def _evidence(
        self,
        key: str,
        observables: list[Referent],
        sensor: str,
        span: tuple[str | None, str | None],
        created: str,
        modified: str,
        count: int,
    ) -> Shape:
        """observed-data that belongs to the alert: its id follows the alert, so that a later state replaces it."""
        return self.observed(
            observables,
            native_id=f"alert:{key}",
            first_observed=span[0] or created,
            last_observed=span[1] or span[0] or created,
            number=max(count, 1),
            sensor=sensor,
            created=created,
            modified=modified,
        )


_MOST = 999_999_999
"""Largest count of a sighting or an observation (sections 4.14 and 5.2)."""


def _about(subject: Subject) -> tuple[str, str | None, tuple[Json, ...]]:
    if not isinstance(subject, Subject):
        raise RecordError(f"subjects: expected a Subject, found {shown(subject)}")
    return end_of(subject.ref, "subjects.ref"), said("subjects.role", subject.role), objects_of(subject.ref)
