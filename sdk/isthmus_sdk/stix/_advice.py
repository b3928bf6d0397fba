"""What the standard advises (SHOULD) about an object that is valid: each as (path, rule, message)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._grammar import is_cve, is_strict_uri, type_of_identifier, uuid_version
from isthmus_sdk.stix._ids import sco_id
from isthmus_sdk.stix._pattern import FOREIGN_LIMIT, read_pattern
from isthmus_sdk.stix._table import TYPES, Entry
from isthmus_sdk.stix._table.relationships import LISTED, LISTED_FOR_ALL

Advice = Iterator[tuple[str, str, str]]


def advice(obj: Mapping[str, Any], entry: Entry) -> Advice:
    """All advice about a valid object."""
    if entry.family == "SCO":
        yield from _deterministic_id(obj, entry)
    if obj["type"] == "relationship":
        yield from _listed(obj)
    if obj["type"] == "indicator":
        yield from _pattern(obj)
    if obj["type"] == "network-traffic" and "end" in obj and obj.get("is_active") is not False:
        yield "is_active", "network-traffic (6.12)", "should be false where end is given (stix2 refuses otherwise)"
    for at, reference in enumerate(obj.get("external_references", ())):
        yield from _reference(f"external_references[{at}]", reference)
    if obj["type"] == "url" and obj.get("defanged") is not True and not is_strict_uri(obj["value"]):
        yield "value", "url (6.15)", "is not a URI by the letter of RFC 3986"


def _deterministic_id(obj: Mapping[str, Any], entry: Entry) -> Advice:
    """Section 2.9: observables SHOULD use the UUIDv5 of their contributing properties."""
    if not any(name in obj for name in entry.identity):
        return
    if uuid_version(obj["id"]) != "5":
        yield "id", "id-random (2.9)", "should be the UUIDv5 of its contributing properties"
        return
    try:
        right = sco_id(obj["type"], obj)
    except RecordError:
        return
    if right != obj["id"].lower():
        yield "id", "id-mismatch (2.9)", f"its contributing properties give {right}"


def _listed(obj: Mapping[str, Any]) -> Advice:
    """Appendix B lists which types of relationship connect which types of object."""
    kind, source, target = (
        obj["relationship_type"],
        type_of_identifier(obj["source_ref"]),
        type_of_identifier(obj["target_ref"]),
    )
    if kind in LISTED_FOR_ALL or source not in TYPES or target not in TYPES:
        return
    allowed = LISTED.get(source, {}).get(kind, frozenset())
    if target not in allowed and not ("SCO" in allowed and TYPES[target].family == "SCO"):
        yield "relationship_type", "relationship (appendix B)", f"{source} {kind} {target} is not listed"


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
    if reference["source_name"] != "cve" and is_cve(str(reference.get("external_id", ""))):
        yield f"{path}.source_name", "external-reference (2.5)", "should be 'cve' where external_id is a CVE id"
    if "url" in reference and not is_strict_uri(reference["url"]):
        yield f"{path}.url", "external-reference (2.5)", "is not a URI by the letter of RFC 3986"
