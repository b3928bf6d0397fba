"""Rules of the standard that bind several properties of one object; the table names them.

Each takes the object and yields (path, message) for what is broken. The names are those of ``special(...)`` in the
table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from isthmus_sdk.stix._grammar import is_cve, is_language, is_property_name, selector_steps, uuid_version
from isthmus_sdk.stix._markings import TLP_1, tlp1_object
from isthmus_sdk.stix._pattern import read_pattern
from isthmus_sdk.stix._table import TYPES
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES

Values = Mapping[str, Any]
Broken = Iterator[tuple[str, str]]


def observable_id(obj: Values) -> Broken:
    """Section 2.9: without id contributing properties, and for every process, the UUID has version 4."""
    entry, id = TYPES[obj["type"]], obj.get("id")
    if isinstance(id, str) and uuid_version(id) != "4" and not any(name in obj for name in entry.identity):
        why = "a process" if obj["type"] == "process" else "an object without id contributing properties"
        yield "id", f"{why} must have a UUID of version 4"


def stix_pattern(obj: Values) -> Broken:
    """Section 4.7: a pattern of type ``stix`` follows the grammar of section 9."""
    if obj.get("pattern_type") == "stix" and isinstance(obj.get("pattern"), str):
        error = read_pattern(obj["pattern"]).error
        if error:
            yield "pattern", f"not a STIX pattern: {error}"


def a_place(obj: Values) -> Broken:
    """Section 4.10: a region, a country, or latitude and longitude."""
    if not ("region" in obj or "country" in obj or ("latitude" in obj and "longitude" in obj)):
        yield "", "a location needs a region, a country, or latitude and longitude"


def a_family_has_a_name(obj: Values) -> Broken:
    """Section 4.11: a malware family must be named."""
    if obj.get("is_family") is True and not obj.get("name"):
        yield "name", "a malware family needs a name"


def multipart_body(obj: Values) -> Broken:
    """Section 6.6: ``body`` only in single-part messages, ``body_multipart`` only in multipart ones."""
    if obj.get("is_multipart") is True and "body" in obj:
        yield "body", "only allowed where is_multipart is false"
    if obj.get("is_multipart") is False and "body_multipart" in obj:
        yield "body_multipart", "only allowed where is_multipart is true"


def active_has_no_end(obj: Values) -> Broken:
    """Section 6.12: traffic that is active has not ended."""
    if obj.get("is_active") is True and "end" in obj:
        yield "end", "must not be present while is_active is true"


def reference_hashes(obj: Values) -> Broken:
    """Section 2.5: hashes of a reference use names of hash-algorithm-ov."""
    hashes = obj.get("hashes")
    if isinstance(hashes, Mapping):
        for name in hashes:
            if name not in VOCABULARIES["hash-algorithm-ov"]:
                yield f"hashes.{name}", "not a name of hash-algorithm-ov"


def cve_reference(obj: Values) -> Broken:
    """Section 4.19: under source name ``cve`` the external id is a CVE id."""
    if obj.get("source_name") == "cve":
        number = obj.get("external_id")
        if not isinstance(number, str) or not is_cve(number):
            yield "external_id", f"{number!r} is not a CVE id, which source name 'cve' demands"


def a_definition(obj: Values) -> Broken:
    """Section 7.2.1: definition and definition_type together, or an extension instead."""
    kind, definition = obj.get("definition_type"), obj.get("definition")
    if kind is None and definition is None:
        if "extensions" not in obj:
            yield "definition", "a marking needs definition_type and definition, or an extension"
    elif kind is None or definition is None:
        yield "definition", "definition_type and definition go together"
    elif isinstance(definition, Mapping) and kind in ("tlp", "statement") and not isinstance(definition.get(kind), str):
        yield f"definition.{kind}", f"a marking of type {kind} needs it as text"


def marks_itself(obj: Values) -> Broken:
    """Section 7.2: no marking marks itself."""
    id = obj.get("id")
    refs = obj.get("object_marking_refs")
    if isinstance(refs, list) and id in refs:
        yield "object_marking_refs", "a marking must not refer to itself"
    granular = obj.get("granular_markings")
    for at, each in enumerate(granular if isinstance(granular, list) else ()):
        if isinstance(each, Mapping) and each.get("marking_ref") == id:
            yield f"granular_markings[{at}].marking_ref", "a marking must not refer to itself"


def fixed_tlp(obj: Values) -> Broken:
    """Section 7.2.1.4: the four TLP markings are printed in the standard, and there are no others."""
    name = obj["definition"].get("tlp") if isinstance(obj.get("definition"), Mapping) else None
    is_tlp = obj.get("definition_type") == "tlp"
    if not is_tlp and obj.get("id") not in TLP_1.values():
        return
    if not isinstance(name, str) or name not in TLP_1:
        yield "definition.tlp", f"TLP {name!r} is not one of {', '.join(TLP_1)}"
        return
    printed = tlp1_object(name)
    for part in ("id", "created", "definition_type", "definition"):
        if obj.get(part) != printed[part] and not (part == "created" and str(obj.get(part))[:19] == printed[part][:19]):
            yield part, f"the marking TLP:{name.upper()} is fixed by the standard: {printed[part]!r}"


def contents_by_language(obj: Values) -> Broken:
    """Section 7.1: keys are languages, their members are property names with texts, lists or structures."""
    contents = obj.get("contents")
    for language, words in contents.items() if isinstance(contents, Mapping) else ():
        if not is_language(language):
            yield f"contents.{language}", "not an RFC 5646 language"
        if not isinstance(words, Mapping):
            yield f"contents.{language}", "must be a dictionary of properties"
            continue
        for name in words:
            if not is_property_name(name):
                yield f"contents.{language}.{name}", "not a property name"


def top_level_extension_properties(obj: Values) -> Broken:
    """Section 7.3: ``extension_properties`` belongs to top-level property extensions."""
    kinds = obj.get("extension_types")
    names = obj.get("extension_properties")
    if names is not None and isinstance(kinds, list) and "toplevel-property-extension" not in kinds:
        yield "extension_properties", "only allowed where extension_types has toplevel-property-extension"
    for at, name in enumerate(names if isinstance(names, list) else ()):
        if isinstance(name, str) and not is_property_name(name):
            yield f"extension_properties[{at}]", f"{name[:60]!r} is not a property name"


def nothing(_obj: Values) -> Broken:
    """Rules that only advise have their place in the warnings."""
    return iter(())


def selectors(obj: Values) -> Broken:
    """Section 7.2.3: every selector of a granular marking points at something in the object."""
    granular = obj.get("granular_markings")
    for at, each in enumerate(granular if isinstance(granular, list) else ()):
        chosen = each.get("selectors") if isinstance(each, Mapping) else None
        for index, selector in enumerate(chosen if isinstance(chosen, list) else ()):
            if isinstance(selector, str) and not _reaches(obj, selector_steps(selector)):
                yield (
                    f"granular_markings[{at}].selectors[{index}]",
                    f"{selector[:80]!r} points at nothing in the object",
                )


def _reaches(value: Any, steps: list[str] | None) -> bool:
    if steps is None:
        return False
    for step in steps:
        if step[0] == "[":
            at = int(step[1:-1])
            if not isinstance(value, list) or at >= len(value):
                return False
            value = value[at]
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            return False
    return True


SPECIAL: Final[Mapping[str, Callable[[Values], Broken]]] = {
    "observable id": observable_id,
    "stix pattern": stix_pattern,
    "a place": a_place,
    "a family has a name": a_family_has_a_name,
    "multipart body": multipart_body,
    "active has no end": active_has_no_end,
    "reference hashes": reference_hashes,
    "cve reference": cve_reference,
    "a definition": a_definition,
    "marks itself": marks_itself,
    "fixed TLP": fixed_tlp,
    "contents by language": contents_by_language,
    "top-level extension properties": top_level_extension_properties,
    "listed relationship": nothing,
}
