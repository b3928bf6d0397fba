"""The table of the specification against an independent reading of the same standard."""

from __future__ import annotations

from typing import Any

import pytest
import stix2.properties
import stix2.v21
from stix2validator.v21 import enums

from isthmus_sdk.stix._rules import SPECIAL
from isthmus_sdk.stix._table import EXTENSIONS, PARTS, TYPES, Entry
from isthmus_sdk.stix._table.observables import PLACES
from isthmus_sdk.stix._table.relationships import LISTED, LISTED_FOR_ALL
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES

_CLASSES: dict[str, Any] = {
    cls._type: cls
    for module in (stix2.v21.sdo, stix2.v21.sro, stix2.v21.observables, stix2.v21.common)
    for cls in vars(module).values()
    if isinstance(getattr(cls, "_type", None), str)
}
_STRUCTURES = {
    "external-reference": stix2.v21.ExternalReference,
    "kill-chain-phase": stix2.v21.KillChainPhase,
    "granular-marking": stix2.v21.GranularMarking,
    "email-mime-component": stix2.v21.EmailMIMEComponent,
    "alternate-data-stream": stix2.v21.AlternateDataStream,
    "windows-registry-value": stix2.v21.WindowsRegistryValueType,
    "windows-pe-section": stix2.v21.WindowsPESection,
    "windows-pe-optional-header": stix2.v21.WindowsPEOptionalHeaderType,
    "x509-v3-extensions": stix2.v21.X509V3ExtensionsType,
}
# Properties whose presence the other library fills in by itself, although the standard requires them.
_FILLED_IN = {"created", "modified", "valid_from", "spec_version", "type", "id"}


def _entries() -> list[tuple[Entry, Any]]:
    objects = [(entry, _CLASSES[name]) for name, entry in {**TYPES, **EXTENSIONS}.items()]
    return objects + [(PARTS[name], cls) for name, cls in _STRUCTURES.items()]


@pytest.mark.parametrize(("entry", "theirs"), _entries(), ids=lambda value: getattr(value, "name", ""))
def test_every_entry_has_the_properties_of_the_standard(entry: Entry, theirs: Any) -> None:
    assert set(entry.properties) == set(theirs._properties)
    ours = {name for name, prop in entry.properties.items() if prop.required} - _FILLED_IN
    assert ours == {name for name, prop in theirs._properties.items() if getattr(prop, "required", False)} - _FILLED_IN
    assert list(entry.identity) == list(getattr(theirs, "_id_contributing_properties", ()) or ())


@pytest.mark.parametrize(("entry", "theirs"), _entries(), ids=lambda value: getattr(value, "name", ""))
def test_kinds_agree(entry: Entry, theirs: Any) -> None:
    for name, prop in entry.properties.items():
        if name not in theirs._properties:
            continue
        kind, other = prop.kind, theirs._properties[name]
        if isinstance(other, stix2.properties.ListProperty):
            assert kind.name == "list", name
            assert kind.of
            kind, other = kind.of, other.contained
        assert (kind.name == "integer") == isinstance(other, stix2.properties.IntegerProperty), name
        assert (kind.name == "boolean") == isinstance(other, stix2.properties.BooleanProperty), name
        assert (kind.name in ("timestamp", "milliseconds")) == isinstance(other, stix2.properties.TimestampProperty), (
            name
        )
        assert (kind.name == "enum") == (type(other) is stix2.properties.EnumProperty), name
        if kind.choices and hasattr(other, "allowed"):
            assert VOCABULARIES[kind.choices] == set(other.allowed), name
        if (
            isinstance(other, stix2.properties.ReferenceProperty)
            and other.specifics
            and not kind.targets[0].startswith("!")
        ):
            assert set(kind.targets) == set(other.specifics), name


def test_all_types_of_the_standard_are_there() -> None:
    families = {
        family: sum(entry.family == family for entry in TYPES.values()) for family in ("SDO", "SRO", "SCO", "META")
    }
    assert families == {"SDO": 19, "SRO": 2, "SCO": 18, "META": 3}
    assert len(EXTENSIONS) == 12


def test_every_named_rule_is_written() -> None:
    plain = {"not before", "after", "at least one", "exactly one", "requires"}
    for entry in (*TYPES.values(), *PARTS.values(), *EXTENSIONS.values()):
        assert {rule.name for rule in entry.rules} <= plain | set(SPECIAL)


def test_listed_relationships_agree_with_the_validator() -> None:
    theirs = {
        source: {kind: {targets} if isinstance(targets, str) else set(targets) for kind, targets in kinds.items()}
        for source, kinds in enums.RELATIONSHIPS.items()
        if source != "vulnerability"  # its one line there is not in the standard
    }
    observables = {name for name, entry in TYPES.items() if entry.family == "SCO"}
    for source, kinds in LISTED.items():
        for kind, targets in kinds.items():
            expanded = set(targets - {"SCO"}) | (observables if "SCO" in targets else set())
            if (source, kind) != ("malware", "targets"):  # vulnerability is ours: section 4.11
                assert expanded == theirs[source][kind], (source, kind)
    assert {source: set(kinds) for source, kinds in LISTED.items()} == {
        source: set(kinds) for source, kinds in theirs.items()
    }
    assert set(enums.COMMON_RELATIONSHIPS) == LISTED_FOR_ALL


SECTIONS = {
    "artifact": "6.1", "autonomous-system": "6.2", "directory": "6.3", "domain-name": "6.4", "email-addr": "6.5", "email-message": "6.6", "file": "6.7",
    "archive-ext": "6.7.2", "ntfs-ext": "6.7.3", "pdf-ext": "6.7.4", "raster-image-ext": "6.7.5", "windows-pebinary-ext": "6.7.6", "ipv4-addr": "6.8",
    "ipv6-addr": "6.9", "mac-addr": "6.10", "mutex": "6.11", "network-traffic": "6.12", "http-request-ext": "6.12.2", "icmp-ext": "6.12.3",
    "socket-ext": "6.12.4", "tcp-ext": "6.12.5", "process": "6.13", "windows-process-ext": "6.13.2", "windows-service-ext": "6.13.3", "software": "6.14",
    "url": "6.15", "user-account": "6.16", "unix-account-ext": "6.16.2", "windows-registry-key": "6.17", "x509-certificate": "6.18",
    "relationship": "5.1", "sighting": "5.2", "language-content": "7.1", "marking-definition": "7.2.1", "extension-definition": "7.3",
}  # fmt: skip
"""As the table of contents of the standard has them."""


def test_sections_are_those_of_the_standard() -> None:
    found = {name: entry.section for name, entry in {**TYPES, **EXTENSIONS}.items()}
    domain = sorted(name for name, entry in TYPES.items() if entry.family == "SDO")
    assert found == SECTIONS | {name: f"4.{at}" for at, name in enumerate(domain, 1)}
    assert len({entry.section for entry in PARTS.values()}) == len(PARTS)


def test_predefined_extensions_stand_where_the_standard_puts_them() -> None:
    assert set().union(*PLACES.values()) == set(EXTENSIONS)
    for type, names in PLACES.items():
        assert all(EXTENSIONS[name].section.startswith(TYPES[type].section + ".") for name in names)


def test_common_properties_that_do_not_apply_are_barred() -> None:
    for entry in TYPES.values():
        assert ("defanged" in entry.properties) == (entry.family == "SCO"), entry.name
        assert ("defanged" in entry.forbidden) == (entry.family != "SCO"), entry.name
        assert set(entry.forbidden).isdisjoint(entry.properties), entry.name
