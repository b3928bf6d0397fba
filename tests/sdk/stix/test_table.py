"""The table of the specification against an independent reading of the same standard."""

from __future__ import annotations

from typing import Any

import pytest
import stix2.properties
import stix2.v21
from stix2validator.v21 import enums

from isthmus_sdk.stix._rules import SPECIAL
from isthmus_sdk.stix._table import EXTENSIONS, PARTS, TYPES, Entry
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
    plain = {"not before", "after", "at least one", "exactly one", "not together", "requires"}
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
