"""Alerts: a detection by a product. With a rule, the sighting of its indicator; without, an incident."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._extensions import ALERT
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._shapes.core import Reference, Referent, Shape, gather, given, id_of, objects_of, words
from isthmus_sdk.stix._shapes.general import GeneralShapes
from isthmus_sdk.stix._time import earliest, latest, timestamp

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
        began, changed = self.versions(None, None)
        if rule.pattern and rule.pattern_type:
            key = {"pattern": rule.pattern, "pattern_type": rule.pattern_type}
        else:
            key = {
                "connector": self.connector,
                "native_id": self.native_key(rule.id, "rule"),
                "source_id": self.source_id,
            }
        return Shape(
            self.versioned(
                "indicator",
                key,
                began,
                changed,
                name=normalise.text(rule.name) or str(rule.id),
                pattern=rule.pattern or str(rule.id),
                pattern_type=rule.pattern_type if rule.pattern and rule.pattern_type else "vendor-rule",
                valid_from=began,
                external_references=self.references(
                    [Reference(self.connector or self.source_id, external_id=str(rule.id))]
                ),
            )
        )

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
        first, last = timestamp(first_seen), timestamp(last_seen)
        span = earliest(first, last), latest(first, last)
        began, changed = self.versions(span[0], modified)
        about = [(id_of(each.ref), each.role, objects_of(each.ref)) for each in subjects]
        known = self._facts(
            key, title, severity, vendor_severity, status, vendor_status, category, techniques, span,
            sorted({(ref, role or "") for ref, role, _ in about}),
        )  # fmt: skip
        sources = self.references([Reference(self.connector or self.source_id, external_id=key), *references])
        watcher = sensor if sensor is not None else self.system(self.source_id, native_id=self.source_id)
        evidence = self._evidence(key, list(observables), watcher, span, began, changed, count)
        identity = {"connector": self.connector, "native_id": key, "source_id": self.source_id}
        along = gather(*(objects for _, _, objects in about), objects_of(watcher), evidence or ())
        if rule is not None:
            indicator = self.rule(rule)
            main = self.versioned(
                "sighting", identity, began, changed,
                description=description, first_seen=span[0], last_seen=span[1], count=count,
                sighting_of_ref=indicator.id,
                observed_data_refs=[evidence.id] if evidence else None, where_sighted_refs=[id_of(watcher)],
                external_references=sources, labels=["alert"],
            )  # fmt: skip
            main["extensions"] = {ALERT: known}
            return Shape(main, gather(along, indicator, [main]))
        main = self.versioned(
            "incident", identity, began, changed,
            name=normalise.text(title) or key, description=description, labels=["alert"], external_references=sources,
        )  # fmt: skip
        main["extensions"] = {ALERT: known}
        ends = sorted({*(ref for ref, _, _ in about), id_of(watcher), *((evidence.id,) if evidence else ())})
        edges = [self.edge("related-to", main["id"], end, began, changed) for end in ends]
        return Shape(main, gather(along, [main], edges))

    def _facts(
        self,
        key: str,
        title: str,
        severity: int | None,
        vendor_severity: object,
        status: str | None,
        vendor_status: object,
        category: str | None,
        techniques: Iterable[str],
        span: tuple[str | None, str | None],
        subjects: list[tuple[str, str]],
    ) -> Json:
        if status is not None and status not in STATUSES:
            raise RecordError(
                f"status {status!r} is not one of {', '.join(STATUSES)}: the source's word goes to vendor_status"
            )
        if severity is not None and (isinstance(severity, bool) or not 0 <= severity <= 100):
            raise RecordError(f"severity {severity!r} is not a number from 0 to 100")
        return {
            "extension_type": "property-extension",
            **given(
                native_id=key,
                source_id=self.source_id,
                connector=self.connector,
                title=normalise.text(title),
                severity=round(severity) if severity is not None else None,
                vendor_severity=normalise.text(vendor_severity),
                status=status,
                vendor_status=normalise.text(vendor_status),
                category=normalise.text(category),
                techniques=[word for word in words(techniques) if _TECHNIQUE.fullmatch(word)],
                subjects=[given(ref=ref, role=role) for ref, role in subjects],
                first_seen=span[0],
                last_seen=span[1],
            ),
        }

    def _evidence(
        self,
        key: str,
        observables: list[Referent],
        sensor: Referent,
        span: tuple[str | None, str | None],
        created: str,
        modified: str,
        count: int,
    ) -> Shape | None:
        """observed-data that belongs to the alert: its id follows the alert, so that a later state replaces it."""
        if not observables:
            return None
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
