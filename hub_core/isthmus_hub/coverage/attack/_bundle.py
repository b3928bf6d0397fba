"""A domain of ATT&CK from MITRE's own STIX 2.1 bundle, version 18 and later (detection strategies and analytics)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from isthmus_hub.coverage.attack._model import Attack, Technique
from isthmus_sdk.errors import ConfigurationError

Json = Mapping[str, Any]
_REFERENCES = ("mitre-attack", "mitre-ics-attack", "mitre-mobile-attack")


def read_bundle(path: Path) -> Attack:
    """The live part of a bundle: what is revoked or deprecated is left out.

    Raises :class:`ConfigurationError` for a file that is no such bundle, or one older than version 18, which has no
    detection strategies.
    """
    try:
        bundle = msgspec.json.decode(path.read_bytes())
        objects = [obj for obj in bundle["objects"] if isinstance(obj, dict)]
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path}: is not a STIX bundle; download one from MITRE's attack-stix-data") from None
    try:
        return _attack(objects)
    except LookupError as error:
        raise ConfigurationError(
            f"{path}: is not a bundle of ATT&CK 18 or later: {error.args[0]}; download one from MITRE's attack-stix-data"
        ) from None


def _attack(objects: Iterable[Json]) -> Attack:
    live: dict[str, dict[str, Json]] = defaultdict(dict)
    notices = []
    for obj in objects:
        if obj.get("type") == "marking-definition":
            notices.append(str(obj.get("definition", {}).get("statement", "")))
        elif not obj.get("revoked") and not obj.get("x_mitre_deprecated"):
            live[str(obj.get("type"))][str(obj.get("id"))] = obj
    for needed in ("x-mitre-matrix", "attack-pattern", "x-mitre-detection-strategy", "x-mitre-data-component"):
        if not live[needed]:
            raise LookupError(f"it has no {needed}")
    edges = _Edges(live["relationship"].values())
    matrices = live["x-mitre-matrix"].values()
    tactics = {ref: live["x-mitre-tactic"][ref] for matrix in matrices for ref in matrix.get("tactic_refs", ())}
    assets, components = live["x-mitre-asset"], live["x-mitre-data-component"]
    phases = {tactic["x_mitre_shortname"]: _key(tactic) for tactic in tactics.values()}
    techniques = [
        Technique(
            _key(each),
            each["name"],
            tuple(phases[phase] for phase in _phases(each) if phase in phases),
            frozenset(_key(assets[ref]) for ref in edges.targets(each["id"]) if ref in assets),
            tuple(_analytics(edges.strategies(each["id"]), live, components)),
        )
        for each in live["attack-pattern"].values()
    ]
    return Attack(
        domain=next(str(_reference(matrix)["external_id"]) for matrix in matrices),
        version=next((str(each["x_mitre_version"]) for each in live["x-mitre-collection"].values()), ""),
        notice=" ".join(notice for notice in notices if notice),
        tactics={_key(tactic): tactic["name"] for tactic in tactics.values()},
        assets=_names(assets.values()),
        components=_names(components.values()),
        techniques={each.id: each for each in sorted(techniques, key=lambda each: each.id)},
    )


class _Edges:
    """What the relationships say: technique to assets, technique to detection strategies."""

    def __init__(self, relationships: Iterable[Json]) -> None:
        self._targets: dict[str, list[str]] = defaultdict(list)
        self._strategies: dict[str, list[str]] = defaultdict(list)
        for edge in relationships:
            source, target = str(edge["source_ref"]), str(edge["target_ref"])
            if edge["relationship_type"] == "targets":
                self._targets[source].append(target)
            elif edge["relationship_type"] == "detects":
                self._strategies[target].append(source)

    def targets(self, technique: str) -> list[str]:
        return self._targets[technique]

    def strategies(self, technique: str) -> list[str]:
        return self._strategies[technique]


def _analytics(
    strategies: Iterable[str], live: Mapping[str, Mapping[str, Json]], components: Mapping[str, Json]
) -> Iterator[frozenset[str]]:
    """The data components of each analytic that names one, in the order of their ids."""
    refs = {
        ref
        for id in strategies
        for ref in live["x-mitre-detection-strategy"].get(id, {}).get("x_mitre_analytic_refs", ())
    }
    analytics = [live["x-mitre-analytic"][ref] for ref in refs if ref in live["x-mitre-analytic"]]
    for analytic in sorted(analytics, key=_key):
        sources = analytic.get("x_mitre_log_source_references", ())
        needs = {source.get("x_mitre_data_component_ref") for source in sources}
        if found := frozenset(_key(components[ref]) for ref in needs if ref in components):
            yield found


def _names(objects: Iterable[Json]) -> dict[str, str]:
    return {_key(obj): str(obj["name"]) for obj in sorted(objects, key=_key)}


def _phases(technique: Json) -> list[str]:
    return [str(phase["phase_name"]) for phase in technique.get("kill_chain_phases", ())]


def _key(obj: Json) -> str:
    """ATT&CK's own id of an object, ``T0800``."""
    return str(_reference(obj)["external_id"])


def _reference(obj: Json) -> Json:
    for reference in obj.get("external_references", ()):
        if reference.get("source_name") in _REFERENCES and reference.get("external_id"):
            found: Json = reference
            return found
    raise LookupError(f"{obj.get('id')} has no ATT&CK id")
