"""Rules of the standard that bind several properties of one object; the table names them.

Each takes the object and yields (path, message) for what is broken. The names are those of ``special(...)`` in the
table, and of the problems that come of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._grammar import (
    has_encoded_word,
    is_capec,
    is_cve,
    is_language,
    is_property_name,
    selector_steps,
    short_hive,
    type_of_identifier,
    uuid_version,
)
from isthmus_sdk.stix._ids import sco_id
from isthmus_sdk.stix._markings import TLP, TLP_1, TLP_EXTENSION, tlp1_object
from isthmus_sdk.stix._pattern import read_pattern
from isthmus_sdk.stix._table import EXTENSIONS, TYPES
from isthmus_sdk.stix._table.notation import COMMON, VERSIONED
from isthmus_sdk.stix._table.observables import PLACES
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES

Values = Mapping[str, Any]
Broken = Iterator[tuple[str, str]]

_VERSION_MARKS: Final = ("created_by_ref", "created", "modified", "revoked")
_GENERAL: Final = frozenset({*COMMON, "defanged"})
_NAMES_OF_ALL: Final = frozenset({*COMMON, *VERSIONED, "defanged"})


def observable_id(obj: Values) -> Broken:
    """Section 2.9: without id contributing properties, and for every process, the UUID has version 4."""
    entry, id = TYPES[obj["type"]], obj.get("id")
    if isinstance(id, str) and uuid_version(id) != "4" and not any(name in obj for name in entry.identity):
        why = "a process" if obj["type"] == "process" else "an object without id contributing properties"
        yield "id", f"{why} must have a UUID of version 4"


def versioned_observable(obj: Values) -> Broken:
    """Section 3.6: whoever versions an observable must not give it the id that everybody else would."""
    found = [name for name in _VERSION_MARKS if name in obj]
    if not found or not any(name in obj for name in TYPES[obj["type"]].identity):
        return
    try:
        shared = sco_id(obj["type"], obj)
    except RecordError:
        return
    if shared == str(obj.get("id")).lower():
        yield found[0], "an observable that is versioned must not have its default deterministic id"


def some_property(obj: Values) -> Broken:
    """Sections 6.13 and 6.16: a property of its own, or an extension."""
    own = TYPES[obj["type"]].properties.keys() - _GENERAL
    if own.isdisjoint(obj) and "extensions" not in obj:
        yield "", "needs at least one property of its own, or an extension"


def extension_place(obj: Values) -> Broken:
    """Sections 6.7, 6.12, 6.13, 6.16: predefined extensions belong to one type of object."""
    extensions = obj.get("extensions")
    for name in extensions if isinstance(extensions, Mapping) else ():
        if name in EXTENSIONS and name not in PLACES[obj["type"]]:
            yield f"extensions.{name}", f"is no extension of {obj['type']}"


def pe_property(obj: Values) -> Broken:
    """Section 6.7.6: at least one property besides the required one."""
    if len(obj) < 2:
        yield "pe_type", "needs at least one more property beside it"


def registry_hive(obj: Values) -> Broken:
    """Section 6.17: the hive is written out."""
    key = obj.get("key")
    if isinstance(key, str) and (hive := short_hive(key)):
        yield "key", f"the hive {hive} must be written out, like HKEY_LOCAL_MACHINE"


def encoded_word(obj: Values) -> Broken:
    """Section 6.6: header values are decoded (RFC 2047) before they are used."""
    subject = obj.get("subject")
    if isinstance(subject, str) and has_encoded_word(subject):
        yield "subject", "has an encoded word of RFC 2047, which must be decoded"


def observed_observable(obj: Values) -> Broken:
    """Section 4.14: ``object_refs`` has at least one observable; a type that nobody knows may be one."""
    refs = obj.get("object_refs")
    if isinstance(refs, list) and all(type_of_identifier(str(ref)) in ("relationship", "sighting") for ref in refs):
        yield "object_refs", "must refer to at least one cyber observable"


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
    if obj.get("is_family") is True and "name" not in obj:
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
    """Section 4.19: a CVE id stands under source name ``cve``, and nothing else does."""
    yield from _numbered(obj, "cve", is_cve, "a CVE id")


def capec_reference(obj: Values) -> Broken:
    """Section 4.1: a CAPEC id stands under source name ``capec``, and nothing else does."""
    yield from _numbered(obj, "capec", is_capec, "a CAPEC id like CAPEC-163")


def _numbered(obj: Values, source: str, fits: Callable[[str], bool], what: str) -> Broken:
    references = obj.get("external_references")
    for at, reference in enumerate(references if isinstance(references, list) else ()):
        number = reference.get("external_id") if isinstance(reference, Mapping) else None
        if not isinstance(number, str):
            continue
        named = reference.get("source_name") == source
        if named and not fits(number):
            yield f"external_references[{at}].external_id", f"{number[:60]!r} is not {what}"
        elif fits(number) and not named:
            yield f"external_references[{at}].source_name", f"must be {source!r} where external_id is {what}"


def a_definition(obj: Values) -> Broken:
    """Section 7.2.1: a definition and its type, or an extension instead."""
    kind, definition = obj.get("definition_type"), obj.get("definition")
    if "extensions" not in obj:
        for name in ("definition_type", "definition"):
            if name not in obj:
                yield name, "a marking needs definition_type and definition, or an extension"
    if isinstance(definition, Mapping) and kind in ("tlp", "statement") and not isinstance(definition.get(kind), str):
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
    """Section 7.2.1.4: the four TLP markings are printed in the standard; the five of TLP 2.0 in its extension."""
    name = obj["definition"].get("tlp") if isinstance(obj.get("definition"), Mapping) else None
    if obj.get("definition_type") == "tlp" or obj.get("id") in TLP_1.values():
        yield from _printed_tlp(obj, name)
    extension = obj["extensions"].get(TLP_EXTENSION) if isinstance(obj.get("extensions"), Mapping) else None
    level = extension.get("tlp_2_0") if isinstance(extension, Mapping) else None
    if (level is not None or obj.get("id") in TLP.values()) and (
        not isinstance(level, str) or TLP.get(level) != obj.get("id")
    ):
        yield "id", "is not the marking of this level in the TLP 2.0 extension, which fixes both"


def _printed_tlp(obj: Values, name: object) -> Broken:
    if not isinstance(name, str) or name not in TLP_1:
        yield "definition.tlp", f"TLP is not one of {', '.join(TLP_1)}"
        return
    printed = tlp1_object(name)
    for part, expected in printed.items():
        found = obj.get(part)
        if found != expected and not (part == "created" and str(found)[:19] == expected[:19]):
            yield part, f"the marking TLP:{name.upper()} is fixed by the standard: {expected!r}"
    for part in obj:
        if part not in printed:
            yield part, f"the marking TLP:{name.upper()} is fixed by the standard and has no such property"


def contents_by_language(obj: Values) -> Broken:
    """Section 7.1: keys are languages, their members are property names with texts, lists or structures."""
    contents = obj.get("contents")
    for language, words in contents.items() if isinstance(contents, Mapping) else ():
        if not is_language(language):
            yield f"contents.{language}", "not an RFC 5646 language"
        if not isinstance(words, Mapping):
            yield f"contents.{language}", "must be a dictionary of properties"
            continue
        if not words:
            yield f"contents.{language}", "must not be empty"
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
        elif name in _NAMES_OF_ALL:
            yield f"extension_properties[{at}]", f"{name} is a property of the standard: it must not be defined anew"


def new_object(obj: Values) -> Broken:
    """Section 7.3: an object of a type that an extension brings has the required properties of its family."""
    extensions = obj.get("extensions")
    bodies = extensions.values() if isinstance(extensions, Mapping) else ()
    if any(isinstance(body, Mapping) and body.get("extension_type") in ("new-sdo", "new-sro") for body in bodies):
        for name in ("spec_version", "created", "modified"):
            if name not in obj:
                yield name, "missing, and required of domain and relationship objects that an extension defines"


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
    "uuid-version": observable_id,
    "versioned-observable": versioned_observable,
    "some-property": some_property,
    "extension-place": extension_place,
    "pe-property": pe_property,
    "registry-hive": registry_hive,
    "encoded-word": encoded_word,
    "observed-observable": observed_observable,
    "stix-pattern": stix_pattern,
    "place": a_place,
    "family-name": a_family_has_a_name,
    "multipart-body": multipart_body,
    "active-end": active_has_no_end,
    "hash-name": reference_hashes,
    "cve-reference": cve_reference,
    "capec-reference": capec_reference,
    "marking-definition": a_definition,
    "marks-itself": marks_itself,
    "fixed-tlp": fixed_tlp,
    "language-content": contents_by_language,
    "extension-properties": top_level_extension_properties,
    "new-object": new_object,
}
