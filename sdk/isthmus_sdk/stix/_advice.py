"""What the standard advises (SHOULD) about an object that is valid: each as (path, rule, message)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._grammar import (
    is_capec,
    is_cve,
    is_semver,
    is_strict_uri,
    type_of_identifier,
    uuid_version,
)
from isthmus_sdk.stix._ids import sco_id
from isthmus_sdk.stix._pattern import FOREIGN_LIMIT, read_pattern
from isthmus_sdk.stix._table import EXTENSIONS, TYPES, Entry
from isthmus_sdk.stix._table.observables import PLACES
from isthmus_sdk.stix._table.relationships import LISTED, LISTED_FOR_ALL
from isthmus_sdk.stix._time import is_later

Advice = Iterator[tuple[str, str, str]]


def advice(obj: Mapping[str, Any], entry: Entry) -> Advice:
    """All advice about a valid object."""
    if entry.family == "SCO":
        yield from _deterministic_id(obj, entry)
    own = _OF_TYPE.get(obj["type"])
    if own is not None:
        yield from own(obj)
    for at, reference in enumerate(obj.get("external_references", ())):
        yield from _reference(f"external_references[{at}]", reference)
    if obj["type"] not in PLACES:
        for name in obj.get("extensions", ()):
            if name in EXTENSIONS:
                yield f"extensions.{name}", "misplaced-extension", f"is no extension of {obj['type']}"


def _deterministic_id(obj: Mapping[str, Any], entry: Entry) -> Advice:
    """Section 2.9: observables SHOULD use the UUIDv5 of their contributing properties."""
    if not any(name in obj for name in entry.identity):
        return
    if uuid_version(obj["id"]) != "5":
        yield "id", "id-random", "should be the UUIDv5 of its contributing properties"
        return
    try:
        right = sco_id(obj["type"], obj)
    except RecordError:
        return
    if right != obj["id"].lower():
        yield "id", "id-mismatch", f"its contributing properties give {right}"


def _listed(obj: Mapping[str, Any]) -> Advice:
    """Appendix B lists which types of relationship connect which types of object."""
    kind, source, target = (
        obj["relationship_type"],
        type_of_identifier(obj["source_ref"]),
        type_of_identifier(obj["target_ref"]),
    )
    if kind in ("derived-from", "duplicate-of") and source != target:
        yield "relationship_type", "relationship-listed", f"{kind} is listed for two objects of one type"
    if kind in LISTED_FOR_ALL or source not in TYPES or target not in TYPES:
        return
    allowed = LISTED.get(source, {}).get(kind, frozenset())
    if target not in allowed and not ("SCO" in allowed and TYPES[target].family == "SCO"):
        yield "relationship_type", "relationship-listed", f"{source} {kind} {target} is not listed"


def _pattern(obj: Mapping[str, Any]) -> Advice:
    if obj.get("pattern_type") != "stix":
        return
    reading = read_pattern(obj["pattern"])
    if reading.comparisons > FOREIGN_LIMIT:
        yield (
            "pattern",
            "pattern-size",
            f"{reading.comparisons} comparisons: other libraries fail beyond {FOREIGN_LIMIT}",
        )


def _reference(path: str, reference: Mapping[str, Any]) -> Advice:
    number, source = str(reference.get("external_id", "")), reference["source_name"]
    for right, fits in (("cve", is_cve), ("capec", is_capec)):
        if (source == right) != fits(number):
            yield (
                f"{path}.external_id",
                "reference-source",
                f"an id of {right.upper()} and source name {right!r} go together",
            )
    if "url" in reference and not is_strict_uri(reference["url"]):
        yield f"{path}.url", "uri-syntax", "is not a URI by the letter of RFC 3986"


def _traffic(obj: Mapping[str, Any]) -> Advice:
    if "end" in obj and obj.get("is_active") is not False:
        yield "is_active", "inactive-end", "should be false where end is given (stix2 refuses otherwise)"


def _analysis(obj: Mapping[str, Any]) -> Advice:
    if (
        "analysis_started" in obj
        and "analysis_ended" in obj
        and is_later(obj["analysis_started"], obj["analysis_ended"])
    ):
        yield "analysis_ended", "analysis-order", "is before analysis_started"
    sample = type_of_identifier(obj.get("sample_ref", ""))
    if sample in TYPES and sample not in ("file", "artifact", "network-traffic"):
        yield "sample_ref", "sample-type", f"{sample} is neither file, artifact nor network-traffic"


def _definition(obj: Mapping[str, Any]) -> Advice:
    if not is_semver(obj["version"]):
        yield "version", "semantic-version", "is not a semantic version like 1.0.0"
    if "toplevel-property-extension" in obj["extension_types"] and "extension_properties" not in obj:
        yield "extension_properties", "extension-properties-missing", "a top-level extension should name its properties"


def _marking(obj: Mapping[str, Any]) -> Advice:
    if "definition_type" in obj and obj["definition_type"] not in ("tlp", "statement"):
        yield "definition_type", "vocabulary", "is neither tlp nor statement"


_OF_TYPE = {
    "relationship": _listed,
    "indicator": _pattern,
    "network-traffic": _traffic,
    "malware-analysis": _analysis,
    "extension-definition": _definition,
    "marking-definition": _marking,
}
