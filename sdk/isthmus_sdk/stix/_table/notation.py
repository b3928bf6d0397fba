"""The words in which the table of the specification is written.

An `Entry` lists properties by name; each is a *kind* (what values it takes), marked by `needed` where the standard says
required. Rules that bind several properties follow. Everything is plain data: the compiler and the explainer read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a property takes. ``name`` selects the check; the rest are its arguments."""

    name: str
    of: Kind | None = None
    """Kind of the members, for lists and dictionaries."""
    low: float | None = None
    high: float | None = None
    choices: str = ""
    """Name of the enumeration or open vocabulary."""
    targets: tuple[str, ...] = ()
    """For references: types, or the families SDO, SCO, SRO; with a leading ``!`` what is barred."""
    part: str = ""
    """For embedded structures: their entry in ``PARTS``."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an entry."""

    kind: Kind
    required: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over several properties of one object. ``name`` selects the check."""

    name: str
    given: tuple[str, ...] = ()
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One type of object, structure or extension."""

    name: str
    section: str
    family: str
    """SDO, SRO, SCO, META, PART or EXTENSION."""
    properties: Mapping[str, Property]
    rules: tuple[Rule, ...] = ()
    identity: tuple[str, ...] = ()
    """Id contributing properties of cyber observables."""
    forbidden: tuple[str, ...] = field(default=())
    """Common properties that this type must not have."""


RESERVED = frozenset(("severity", "username", "phone_number", "phone_numbers", "action"))
"""Section 3.8: names that no property may have."""


TEXT = Kind("text")
BOOLEAN = Kind("boolean")
INTEGER = Kind("integer")
COUNT = Kind("integer", low=0)
PORT = Kind("integer", low=0, high=65_535)
FLOAT = Kind("float")
TIMESTAMP = Kind("timestamp")
MILLISECONDS = Kind("milliseconds")
BINARY = Kind("binary")
HEX = Kind("hex")
DICTIONARY = Kind("dictionary")
TEXT_BY_KEY = Kind("dictionary", of=TEXT)
TEXTS_BY_KEY = Kind("dictionary", of=Kind("list", of=TEXT))
INTEGER_BY_KEY = Kind("dictionary", of=INTEGER)
INTEGER_OR_TEXT_BY_KEY = Kind("dictionary", of=Kind("integer or text"))
HASHES = Kind("hashes")
EXTENSIONS_OF = Kind("extensions")
LANGUAGE = Kind("language")
TYPE_NAME = Kind("type name")
SELECTOR = Kind("selector")
URI = Kind("uri")
CPE = Kind("cpe")
MIME = Kind("mime")
CHARSET = Kind("charset")
IPV4 = Kind("ipv4")
IPV6 = Kind("ipv6")
MAC = Kind("mac")
DOMAIN = Kind("domain")
EMAIL = Kind("email")
URL = Kind("url")
OPEN_OBJECTS = Kind("observable objects")
BUNDLED = Kind("bundled objects")


def needed(kind: Kind) -> Property:
    """A required property."""
    return Property(kind, True)


def list_of(kind: Kind) -> Kind:
    """A list with at least one member (lists are never empty: section 2.12)."""
    return Kind("list", of=kind)


def one_of(enumeration: str) -> Kind:
    """A value from a closed enumeration: MUST."""
    return Kind("enum", choices=enumeration)


def open_vocabulary(vocabulary: str) -> Kind:
    """A value that SHOULD come from a vocabulary."""
    return Kind("vocabulary", choices=vocabulary)


def ref(*targets: str) -> Kind:
    """An identifier of an object of one of the types or families."""
    return Kind("ref", targets=targets)


def refs(*targets: str) -> Kind:
    """A list of `ref`."""
    return list_of(ref(*targets))


def within(low: float, high: float | None, kind: Kind = INTEGER) -> Kind:
    """A number in a closed range."""
    return Kind(kind.name, low=low, high=high)


def part(name: str) -> Kind:
    """An embedded structure."""
    return Kind("part", part=name)


def not_before(later: str, earlier: str) -> Rule:
    """``later`` >= ``earlier`` where both are present."""
    return Rule("not before", (later,), (earlier,))


def after(later: str, earlier: str) -> Rule:
    """``later`` > ``earlier`` where both are present."""
    return Rule("after", (later,), (earlier,))


def at_least_one(*names: str) -> Rule:
    """One or more of the properties; without names: any property of its own."""
    return Rule("at least one", names)


def exactly_one(*names: str) -> Rule:
    """One and only one of the properties."""
    return Rule("exactly one", names)


def requires(given: str, *then: str) -> Rule:
    """Where ``given`` is present, all of ``then`` are."""
    return Rule("requires", (given,), then)


def special(name: str) -> Rule:
    """A rule of this type alone, written as a function in ``_rules``."""
    return Rule(name)


def properties(**kinds: Kind | Property) -> dict[str, Property]:
    """The property column of an entry."""
    return {name: kind if isinstance(kind, Property) else Property(kind) for name, kind in kinds.items()}


COMMON: dict[str, Property] = properties(
    type=needed(TEXT),
    spec_version=TEXT,
    id=needed(TEXT),
    object_marking_refs=refs("marking-definition"),
    granular_markings=list_of(part("granular-marking")),
    extensions=EXTENSIONS_OF,
)
"""Section 3.2: on every object."""

AUTHORED: dict[str, Property] = properties(
    created_by_ref=ref("identity"),
    created=needed(MILLISECONDS),
    external_references=list_of(part("external-reference")),
)

VERSIONED: dict[str, Property] = AUTHORED | properties(
    modified=needed(MILLISECONDS),
    revoked=BOOLEAN,
    labels=list_of(TEXT),
    confidence=within(0, 100),
    lang=LANGUAGE,
)
"""Section 3.2: on domain and relationship objects."""

VERSIONING = (not_before("modified", "created"),)
NOT_ON_OTHERS = ("defanged",)
"""Section 3.2: only for cyber observables."""


def sdo(name: str, section: str, /, *rules: Rule, **kinds: Kind | Property) -> Entry:
    """A STIX Domain Object."""
    return Entry(
        name, section, "SDO", COMMON | VERSIONED | properties(**kinds), VERSIONING + rules, forbidden=NOT_ON_OTHERS
    )


def sro(name: str, section: str, /, *rules: Rule, **kinds: Kind | Property) -> Entry:
    """A STIX Relationship Object."""
    return Entry(
        name, section, "SRO", COMMON | VERSIONED | properties(**kinds), VERSIONING + rules, forbidden=NOT_ON_OTHERS
    )


def sco(name: str, section: str, identity: str, /, *rules: Rule, **kinds: Kind | Property) -> Entry:
    """A STIX Cyber-observable Object; ``identity`` names its id contributing properties."""
    own = COMMON | properties(defanged=BOOLEAN, **kinds)
    return Entry(
        name,
        section,
        "SCO",
        own,
        (special("uuid-version"), special("versioned-observable"), *rules),
        tuple(identity.split()),
    )


def structure(name: str, section: str, /, *rules: Rule, **kinds: Kind | Property) -> Entry:
    """A structure inside objects."""
    return Entry(name, section, "PART", properties(**kinds), rules)


def extension(name: str, section: str, /, *rules: Rule, **kinds: Kind | Property) -> Entry:
    """A predefined extension of an observable; never empty."""
    return Entry(name, section, "EXTENSION", properties(**kinds), (at_least_one(), *rules))


Table = tuple[Entry, ...]
Values = Mapping[str, Any]
