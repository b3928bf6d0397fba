"""Threat intelligence: techniques, malware, tools, actors, campaigns, indicators, courses of action, reports.

The same everywhere: keyed by the id that a public catalogue gives (ATT&CK, CAPEC), else by name and type, never by
source. What a feed adds to an object of that id is a newer version of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._shapes.core import (
    Origin,
    Reference,
    Referent,
    Shape,
    checked,
    gather,
    notes_of,
    objects_of,
    subject_of,
)
from isthmus_sdk.stix._shapes.reading import flag, listed, said, whole, words
from isthmus_sdk.stix._time import both_ends, is_later
from isthmus_sdk.stix.pattern import canonical

References = Iterable[Reference | Mapping[str, str]]


class ThreatShapes(Origin):
    """Objects of threat intelligence. Each raises `RecordError` without a name, and for what STIX does not allow.

    All take ``external_id`` (``T0843``, ``S0604``, ``G0034``; with ``catalogue``, ``mitre-attack`` by default), which
    then is the key, ``description``, ``aliases`` where the standard has them, ``labels``, ``references``, and the times
    ``created`` and ``modified`` of the source.
    """

    def technique(
        self, name: str, *, tactics: Iterable[str] = (), matrix: str = "mitre-attack", **common: Any
    ) -> Shape:
        """attack-pattern. ``tactics``: phases of the kill chain ``matrix`` (``mitre-ics-attack``), as the catalogue writes them."""
        return self._threat("attack-pattern", name, common, kill_chain_phases=_phases(tactics, matrix))

    def malware(
        self,
        name: str,
        *,
        is_family: bool = True,
        malware_types: Iterable[str] = (),
        first_seen: object = None,
        last_seen: object = None,
        **common: Any,
    ) -> Shape:
        """malware: a family, or with ``is_family=False`` one sample. ``malware_types`` from malware-type-ov."""
        return self._threat(
            "malware", name, common, is_family=bool(flag("is_family", is_family)),
            malware_types=words(malware_types, "malware_types"), **self._seen(first_seen, last_seen),
        )  # fmt: skip

    def tool(self, name: str, *, tool_types: Iterable[str] = (), version: str | None = None, **common: Any) -> Shape:
        """tool: legitimate software that attackers use. ``tool_types`` from tool-type-ov."""
        return self._threat(
            "tool", name, common, tool_types=words(tool_types, "tool_types"), tool_version=said("version", version)
        )

    def campaign(
        self,
        name: str,
        *,
        objective: str | None = None,
        first_seen: object = None,
        last_seen: object = None,
        **common: Any,
    ) -> Shape:
        """campaign."""
        return self._threat(
            "campaign", name, common, objective=said("objective", objective), **self._seen(first_seen, last_seen)
        )

    def intrusion_set(
        self,
        name: str,
        *,
        goals: Iterable[str] = (),
        first_seen: object = None,
        last_seen: object = None,
        **common: Any,
    ) -> Shape:
        """intrusion-set: a group's behaviour over its campaigns (a "group" of ATT&CK)."""
        return self._threat(
            "intrusion-set", name, common, goals=words(goals, "goals"), **self._seen(first_seen, last_seen)
        )

    def threat_actor(
        self,
        name: str,
        *,
        actor_types: Iterable[str] = (),
        first_seen: object = None,
        last_seen: object = None,
        **common: Any,
    ) -> Shape:
        """threat-actor: people behind attacks. ``actor_types`` from threat-actor-type-ov."""
        return self._threat(
            "threat-actor", name, common, threat_actor_types=words(actor_types, "actor_types"),
            **self._seen(first_seen, last_seen),
        )  # fmt: skip

    def course_of_action(self, name: str, **common: Any) -> Shape:
        """course-of-action: a mitigation or a fix, in words."""
        return self._threat("course-of-action", name, common)

    def indicator(
        self,
        pattern: str,
        *,
        name: str | None = None,
        pattern_type: str = "stix",
        indicator_types: Iterable[str] = (),
        valid_from: object = None,
        valid_until: object = None,
        confidence: int | None = None,
        **common: Any,
    ) -> Shape:
        """indicator by its pattern: of type ``stix`` it must be one (section 9); ``confidence`` 0 to 100.

        Key: pattern and its type. ``valid_until`` is left out where it is not after ``valid_from``, which is the time of
        creation by default.
        """
        text, kind = self.native_key(pattern, "indicator"), self.native_key(pattern_type, "pattern type")
        began, changed = self.versions(common.pop("created", None), common.pop("modified", None))
        start, end = self.time(valid_from) or began, self.time(valid_until)
        return Shape(
            checked(
                self.versioned(
                    "indicator", {"pattern": canonical(text) if kind == "stix" else text, "pattern_type": kind}, began, changed,
                    name=said("name", name), pattern=text, pattern_type=kind, valid_from=start,
                    valid_until=end if end and is_later(end, start) else None,
                    indicator_types=words(indicator_types, "indicator_types"),
                    confidence=whole("confidence", confidence, 0, 100), **self._common("indicator", common),
                )
            )
        )  # fmt: skip

    def report(
        self,
        name: str,
        about: Iterable[Referent],
        *,
        published: object,
        native_id: object = None,
        report_types: Iterable[str] = (),
        **common: Any,
    ) -> Shape:
        """report about one or more objects. Key: the source's id, else name and time of publication.

        ``report_types`` from report-type-ov. Raises `RecordError` without a time of publication or an object.
        """
        title, items = self.native_key(name, "report"), listed("about", about)
        out = self.time(published)
        if out is None:
            raise RecordError("a report needs the time of its publication")
        if not items:
            raise RecordError("a report needs an object it is about")
        began, changed = self.versions(common.pop("created", None), common.pop("modified", None), out)
        key: Json = {"connector": self.connector, "source_id": self.source_id}
        key |= (
            {"name": title, "published": out}
            if native_id is None
            else {"native_id": self.native_key(native_id, "report")}
        )
        made = self.versioned(
            "report", key, began, changed,
            name=title, published=out, report_types=words(report_types, "report_types"),
            object_refs=sorted({subject_of(each, "about") for each in items}), **self._common("report", common),
        )  # fmt: skip
        return Shape(checked(made), gather(*map(objects_of, items), [made]), notes_of(*items))

    def _threat(self, type: str, name: str, common: Json, **properties: Any) -> Shape:
        title = self.native_key(name, type)
        began, changed = self.versions(
            common.pop("created", None), common.pop("modified", None), properties.get("first_seen")
        )
        external_id, catalogue = said("external_id", common.get("external_id")), _catalogue(common)
        key = {"external_id": external_id, "source_name": catalogue} if external_id else {"name": title.lower()}
        return Shape(
            checked(self.versioned(type, key, began, changed, name=title, **properties, **self._common(type, common)))
        )

    def _common(self, type: str, common: Json) -> Json:
        unknown = set(common) - _COMMON - ({"aliases"} if type in _WITH_ALIASES else set())
        if unknown:
            raise RecordError(f"{type}: {', '.join(sorted(unknown))} is no argument of it")
        known = listed("references", common.get("references"))
        if external_id := said("external_id", common.get("external_id")):
            known = [Reference(_catalogue(common), external_id=external_id), *known]
        made: Json = {
            "description": said("description", common.get("description")),
            "labels": words(common.get("labels"), "labels"),
            "external_references": self.references(known),
        }
        if type in _WITH_ALIASES:
            made["aliases"] = words(common.get("aliases"), "aliases")
        return made

    def _seen(self, first_seen: object, last_seen: object) -> Json:
        first, last = both_ends(self.time(first_seen), self.time(last_seen))
        return {"first_seen": first, "last_seen": last}


_COMMON = frozenset({"external_id", "catalogue", "description", "labels", "references"})
_WITH_ALIASES = frozenset({"attack-pattern", "malware", "tool", "campaign", "intrusion-set", "threat-actor"})


def _catalogue(common: Mapping[str, Any]) -> str:
    return said("catalogue", common.get("catalogue")) or "mitre-attack"


def _phases(tactics: Iterable[str], matrix: str) -> list[Json]:
    chain = said("matrix", matrix)
    return [{"kill_chain_name": chain, "phase_name": phase} for phase in words(tactics, "tactics")] if chain else []
