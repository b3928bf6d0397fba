"""Exposures:

A vulnerability on an asset. The vulnerability is everybody's, its state on this asset is on the relationship.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._extensions import EXPOSURE
from isthmus_sdk.stix._ids import sdo_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._shapes.core import (
    Origin,
    Reference,
    Referent,
    Shape,
    checked,
    end_of,
    gather,
    given,
    notes_of,
    objects_of,
)
from isthmus_sdk.stix._shapes.reading import flag, listed, number, one_of, said, words
from isthmus_sdk.stix._time import both_ends

STATES = ("open", "resolved", "accepted")
LIKELIHOODS = ("confirmed", "likely", "possible")


class ExposureShapes(Origin):
    """Vulnerabilities and what they mean for an asset."""

    def vulnerability(
        self,
        name: str,
        *,
        description: str | None = None,
        cvss: float | None = None,
        epss: float | None = None,
        kev: bool | None = None,
        fix: str | None = None,
        cvss_vector: str | None = None,
        kev_added: str | None = None,
        kev_due: str | None = None,
        labels: Iterable[str] = (),
        references: Iterable[Reference | Mapping[str, str]] = (),
        modified: object = None,
    ) -> Shape:
        """A vulnerability by CVE id, or under the source's own name where it has none.

        What a catalogue knows of it everywhere (``cvss`` 0 to 10, ``epss`` 0 to 1, ``kev``: known to be exploited) goes to
        our `EXPOSURE` facts, without a state: that is the assets'. ``kev_added`` and ``kev_due`` are days (YYYY-MM-DD): since
        when it is listed, and until when CISA asks to have acted; what is no day raises :class:`RecordError`.
        """
        title = said("vulnerability", name)
        if not title:
            raise RecordError("a vulnerability needs a CVE id or a name")
        began, changed = self.versions(None, modified)
        try:
            cve = normalise.cve(title)
        except RecordError:
            cve = None
        if cve:
            key: dict[str, str] = {"name": cve}
            reference = Reference("cve", external_id=cve)
        else:
            key = {"connector": self.connector, "name": title, "source_id": self.source_id}
            reference = Reference(self.connector or self.source_id, external_id=title)
        made = self.versioned(
            "vulnerability", key, began, changed,
            name=cve or title, description=said("description", description), labels=words(labels, "labels"),
            external_references=self.references([reference, *listed("references", references)]),
        )  # fmt: skip
        known = self._scores(cvss, epss, kev, fix) | given(
            cvss_vector=said("cvss_vector", cvss_vector),
            kev_added=_day("kev_added", kev_added),
            kev_due=_day("kev_due", kev_due),
        )
        if known:
            known["source_id"] = self.source_id
            made["extensions"] = {EXPOSURE: {"extension_type": "property-extension", **known}}
        return Shape(checked(made) if references else made)

    def _scores(self, cvss: float | None, epss: float | None, kev: bool | None, fix: str | None) -> Json:
        return given(
            cvss=number("cvss", cvss, 0, 10),
            epss=number("epss", epss, 0, 1),
            kev=flag("kev", kev),
            fix=said("fix", fix),
        )

    def exposure(
        self,
        asset: Referent,
        cve: str,
        *,
        state: str,
        likelihood: str | None = None,
        cvss: float | None = None,
        epss: float | None = None,
        kev: bool | None = None,
        first_seen: object = None,
        last_seen: object = None,
        modified: object = None,
        description: str | None = None,
        fix: str | None = None,
        finding: str | None = None,
    ) -> Shape:
        """``has`` from the asset to the vulnerability.

        ``state``: open, resolved or accepted. ``likelihood``: confirmed, likely or possible. ``cvss`` 0 to 10, ``epss``
        0 to 1. ``finding``: what tells this one from others of the same vulnerability on the same asset, for sources that find
        and close it in each product by itself; it is part of the identity, and the ``native_id`` of the facts.
        """
        one_of("state", state, STATES)
        if likelihood is not None:
            one_of("likelihood", likelihood, LIKELIHOODS)
        exposed = end_of(asset, "asset")
        flaw = self.vulnerability(cve, description=description)
        first, last = both_ends(self.time(first_seen), self.time(last_seen))
        began, changed = self.versions(None, modified, first)
        known = given(
            state=state,
            likelihood=likelihood,
            **self._scores(cvss, epss, kev, fix),
            first_seen=first,
            last_seen=last,
            native_id=said("finding", finding),
            source_id=self.source_id,
        )
        edge = self.edge("has", exposed, flaw.id, began, changed)
        if named := known.get("native_id"):
            key = {"finding": named, "relationship_type": "has", "source_ref": exposed, "target_ref": flaw.id}
            edge["id"] = sdo_id("relationship", key)
        edge["extensions"] = {EXPOSURE: {"extension_type": "property-extension", **known}}
        return Shape(edge, gather(objects_of(asset), flaw, [edge]), notes_of(asset))


def _day(name: str, value: str | None) -> str | None:
    text = said(name, value)
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise RecordError(f"{name}: {text!r} is no day (YYYY-MM-DD)", path=name) from error
