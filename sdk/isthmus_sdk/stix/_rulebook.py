"""Every rule by name: where STIX 2.1 states it, whether it binds, and what it asks.

Names are stable: reports, filters and tests may rely on them. A section that is empty here is that of the type in which
the rule was broken; the problem itself carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Entry(NamedTuple):
    """One rule of the rulebook."""

    section: str
    binds: bool
    """MUST; otherwise it only advises."""
    asks: str


_MUST = (
    ("object", "1.2.10", "An object is a JSON object."),
    ("type", "3.1", "The type is named by a-z, 0-9 and single hyphens, 3 to 250 characters, a letter first."),
    ("identifier", "2.9", "An identifier is its type, two hyphens and an RFC 4122 UUID."),
    ("identifier-type", "2.9", "The identifier starts with the object's own type."),
    ("spec-version", "3.2", "spec_version is 2.1, and only observables may leave it out."),
    ("required", "", "Required properties are present."),
    ("null", "2", "There is no null: what is unknown is left out."),
    ("property-name", "3.1", "Property names are a-z, 0-9 and _, 3 to 250 characters, a letter first."),
    ("reserved-name", "3.8", "Reserved names are not used."),
    ("not-applicable", "3.2", "Common properties that do not apply to a type are not on it."),
    ("string", "2.15", "Strings are Unicode texts that UTF-8 can hold."),
    ("boolean", "2.2", "Booleans are true or false."),
    ("integer", "2.10", "Integers are whole numbers from -(2**53)+1 to (2**53)-1."),
    ("float", "2.6", "Floats are finite numbers."),
    ("range", "", "Numbers stay within their bounds."),
    ("list", "2.12", "Lists are lists."),
    ("empty-list", "2.12", "Lists are never empty."),
    ("enum", "", "Values of an enumeration come from it."),
    ("reference", "2.9", "References are identifiers."),
    ("reference-target", "", "References point at the types they are made for."),
    ("structure", "", "Structures are JSON objects."),
    ("dictionary", "2.3", "Dictionaries are JSON objects."),
    ("empty-dictionary", "2.3", "Dictionaries are never empty."),
    ("dictionary-key", "2.3", "Keys of dictionaries are a-z, A-Z, 0-9, - and _, at most 250 characters."),
    ("dictionary-value", "", "Values of a dictionary are of the type that its property asks for."),
    ("value", "1.2.10", "Values can be told in I-JSON (RFC 7493) without loss."),
    ("depth", "", "Values are nested at most 200 deep (a limit of ours)."),
    ("hashes", "2.7", "Hashes are a dictionary by algorithm."),
    ("hash-key", "2.7", "Names of hash algorithms are a-z, A-Z, 0-9, - and _, 3 to 250 characters."),
    ("hash-name", "2.5", "Hashes of an external reference are named by hash-algorithm-ov."),
    ("hash-value", "2.7", "A hash has the format of its algorithm."),
    ("extensions", "3.2", "Extensions are a dictionary."),
    ("extension-name", "11.3", "Extensions are named by an extension-definition, or end with -ext."),
    ("extension-content", "3.2", "An extension has content."),
    ("extension-type", "3.2", "The body under an extension-definition says what kind of extension it is."),
    ("extension-place", "3.10", "Predefined extensions stand on the type they are made for."),
    ("timestamp", "2.16", "Timestamps are RFC 3339 times in UTC, written with Z."),
    ("timestamp-precision", "3.2", "created and modified have milliseconds at least."),
    ("binary", "2.1", "Binary values are base64."),
    ("hex", "2.8", "Hexadecimal values are pairs of 0-9 and a-f."),
    ("language", "3.2", "Languages are tags of RFC 5646."),
    ("relationship-type", "5.1", "Relationship types are a-z, 0-9 and hyphen."),
    ("selector", "7.2.3.1", "Selectors are property names, keys and [n], joined by dots."),
    ("selector-target", "7.2.3.1", "Selectors point at something in the object."),
    ("uri", "2.5", "URLs of references are URIs."),
    ("url", "6.15", "URLs are those of RFC 3986."),
    ("cpe", "6.14", "CPE names are formatted strings of CPE 2.3."),
    ("media-type", "6.1", "Media types are type/subtype."),
    ("charset", "3.9.1", "Character sets are named as IANA does, by the preferred MIME name."),
    ("ipv4-address", "6.8", "IPv4 addresses are dotted decimal, with an optional CIDR suffix."),
    ("ipv6-address", "6.9", "IPv6 addresses are those of RFC 4291, with an optional CIDR suffix."),
    ("mac-address", "6.10", "MAC addresses are six lower-case octets with colons."),
    ("domain-name", "6.4", "Domain names are those of RFC 1034 and RFC 5890."),
    ("email-address", "6.5", "E-mail addresses come without display name."),
    ("time-order", "", "Ends are not before beginnings, and modified is not before created."),
    ("at-least-one", "", "One or more of several properties is present."),
    ("exactly-one", "", "Exactly one of several properties is present."),
    ("requires", "", "What a property needs beside it is present."),
    ("some-property", "6.13", "An object whose properties are all optional has at least one of them."),
    ("pe-property", "6.7.6", "The extension for PE binaries says more than its type."),
    ("uuid-version", "2.9", "Observables without id contributing properties, and processes, have UUIDv4."),
    ("versioned-observable", "3.6", "An observable that is versioned does not have the default deterministic id."),
    ("stix-pattern", "4.7", "A pattern of type stix follows the grammar of section 9."),
    ("place", "4.10", "A location has a region, a country, or latitude and longitude."),
    ("family-name", "4.11", "A malware family has a name."),
    ("multipart-body", "6.6", "body is for messages of one part, body_multipart for those of several."),
    ("encoded-word", "6.6", "Header values are decoded (RFC 2047)."),
    ("active-end", "6.12", "Traffic that is active has no end."),
    ("registry-hive", "6.17", "The hive of a registry key is written out."),
    ("observed-observable", "4.14", "Observed data refers to at least one observable."),
    ("cve-reference", "4.19", "A vulnerability's CVE id is one, and stands under source name cve."),
    ("capec-reference", "4.1", "An attack pattern's CAPEC id is one, and stands under source name capec."),
    ("marking-definition", "7.2.1", "A marking has a definition and its type, or an extension."),
    ("marks-itself", "3.2", "No marking marks itself."),
    ("fixed-tlp", "7.2.1.4", "The TLP markings are those that were published, to the letter."),
    ("language-content", "7.1", "Contents are by language, then by property."),
    ("extension-properties", "7.3", "extension_properties are new names, and only for top-level extensions."),
    ("new-object", "7.3", "Objects that an extension defines have the required properties of their family."),
    ("container-key", "2.13", "Observables in the deprecated container have keys."),
    ("container-object", "2.13", "The deprecated container holds observables."),
    ("container-reference", "2.13", "References in the deprecated container stay in it."),
    ("bundle-object", "8.1", "A bundle holds objects, and no other bundle."),
    ("version-created", "3.6", "All versions of an object have the same created."),
    ("version-author", "3.6", "All versions of an object have the same author."),
    ("version-content", "3.6", "One version of an object always says the same."),
    ("version-after-revoked", "3.6", "No version follows one that is revoked."),
    ("family-variant", "4.11", "A malware family is no variant of an instance."),
    ("uuid-reused", "2.9", "A producer gives a UUID to one object only."),
)
_SHOULD = (
    ("vocabulary", "2.14", "Values of an open vocabulary come from it."),
    ("custom-type", "11.2", "Types are those of the standard."),
    ("custom-property", "11.1", "Properties are those of the standard, or in an extension."),
    ("custom-extension", "11.3", "Extensions are predefined or have an extension-definition."),
    ("misplaced-extension", "3.2", "Predefined extensions stand on the type they are made for."),
    ("observable-property", "3.2", "Observables have neither versions, labels, confidence nor languages."),
    ("nested-empty-list", "2.12", "Lists inside custom values are not empty either."),
    ("id-random", "2.9", "Observables have a UUIDv5 of their contributing properties."),
    ("id-mismatch", "2.9", "The UUIDv5 of an observable is that of its contributing properties."),
    ("relationship-listed", "5.1", "Relationships are those that the standard lists for the types at both ends."),
    ("deprecated", "3.1", "Deprecated properties are not used in new content."),
    ("inactive-end", "6.12", "Traffic that has ended says so: is_active is false."),
    ("reference-source", "2.5", "A CVE or CAPEC id stands under source name cve or capec."),
    ("uri-syntax", "2.5", "URLs of references follow RFC 3986 to the letter."),
    ("analysis-order", "4.12", "An analysis ends after it began."),
    ("sample-type", "4.12", "What was analysed is a file, an artifact or network traffic."),
    ("semantic-version", "7.3", "Versions of extensions are semantic versions."),
    ("extension-properties-missing", "7.3", "A top-level extension names its properties."),
    ("pattern-size", "", "Patterns are small enough for other libraries (a limit of theirs)."),
    ("unresolved-reference", "3.3", "What is referred to is in the same set."),
    ("translated-version", "7.1", "The version that was translated is in the same set."),
)

RULES: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        name: Entry(section, binds, asks)
        for rules, binds in ((_MUST, True), (_SHOULD, False))
        for name, section, asks in rules
    }
)
