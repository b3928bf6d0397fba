"""Grammars of the standard as predicates that take linear time on any input.

No nested quantifiers, no backtracking over user text: a hostile name costs as much as its length. Each function answers
for the text alone; the table says where it applies.
"""

from __future__ import annotations

import binascii
import ipaddress
import re
from functools import lru_cache
from typing import Final

from isthmus_sdk.stix._table.registries import CHARSETS, GRANDFATHERED, is_registered_language

_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
_UUID_AT_END = re.compile(f"--({_UUID})")
_TYPE = re.compile("[a-z](?:-?[a-z0-9])*-?")
_RELATIONSHIP_TYPE = re.compile("[a-z0-9-]+")
_PROPERTY = re.compile("[a-z][a-z0-9_]{2,249}|id")
_DICTIONARY_KEY = re.compile("[A-Za-z0-9_-]{1,250}")
_SELECTOR_STEP = re.compile(r"\[[0-9]{1,9}\]|[A-Za-z0-9_-]{1,250}")
_HEX = re.compile("(?:[0-9a-f]{2})+")
_DIGEST = re.compile("[0-9a-fA-F]+")
_BASE64 = re.compile("[A-Za-z0-9+/]*={0,2}")
_MAC = re.compile("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}(?:/(?:3[0-2]|[12]?[0-9]))?")
_LABEL = re.compile(r"[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+")
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")
_NO_URI = re.compile(r"[\x00-\x20\x7f]")
_UNWISE_URI = re.compile(r"[<>\"{}|\\^`]|[^\x00-\x7f]|%(?![0-9A-Fa-f]{2})")
_MIME_NAME = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MIME = re.compile(f"{_MIME_NAME}/{_MIME_NAME}")
_SEMVER = re.compile(
    r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_CPE_VALUE = re.compile(r"[*-]|\*?\?*(?:[A-Za-z0-9._-]|\\[^A-Za-z0-9\s])+\?*\*?|\?+")
_CPE_SPLIT = re.compile(r"(?:\\.|[^:\\])*")
_CPE_LANGUAGE = re.compile("[*-]|[A-Za-z]{2,3}(?:-(?:[A-Za-z]{2}|[0-9]{3}))?")
_CVE = re.compile("CVE-[0-9]{4}-(?:0[0-9]{3}|[1-9][0-9]{3,})")
_CAPEC = re.compile("CAPEC-[0-9]+")
_ENCODED_WORD = re.compile(r"=\?[^?\s]{1,75}\?[BbQq]\?[^?\s]{0,75}\?=")
_SHORT_HIVES: Final = frozenset(("HKLM", "HKCU", "HKCR", "HKU", "HKCC", "HKPD", "HKDD"))
_ID_START: Final = "0123456789abcdefABCDEF"


HASH_LENGTHS: Final = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64, "SHA3-512": 128}
_HASH_TEXT = {
    "SSDEEP": re.compile("[0-9]{1,12}:[A-Za-z0-9/+]{0,64}:[A-Za-z0-9/+]{0,64}"),
    "TLSH": re.compile("(?:T1)?[0-9A-Fa-f]{70}"),
}


def is_type_name(text: str) -> bool:
    """Sections 3.1 and 7.3.2: a-z, 0-9 and single hyphens, 3 to 250 characters, a letter first."""
    return 3 <= len(text) <= 250 and _TYPE.fullmatch(text) is not None


def is_relationship_type(text: str) -> bool:
    """Section 5.1.2: a-z, 0-9 and hyphen, nothing else is asked."""
    return _RELATIONSHIP_TYPE.fullmatch(text) is not None


def is_identifier(text: str) -> bool:
    """Section 2.9: ``type--UUID`` with an RFC 4122 UUID."""
    at = len(text) - 38
    return 3 <= at <= 250 and _UUID_AT_END.fullmatch(text, at) is not None and _TYPE.fullmatch(text, 0, at) is not None


def type_of_identifier(identifier: str) -> str:
    """The type in front of ``--UUID``; empty where there is none."""
    return identifier[:-38] if identifier[-38:-36] == "--" else ""


def uuid_version(identifier: str) -> str:
    """The version digit of an identifier's UUID."""
    return identifier[-22:-21]


def is_property_name(text: str) -> bool:
    """Section 3.1: a-z, 0-9 and underscore, 3 to 250 characters, a letter first (``id`` alone is shorter)."""
    return _PROPERTY.fullmatch(text) is not None


def is_dictionary_key(text: str) -> bool:
    """Section 2.3: letters, digits, hyphen and underscore, at most 250."""
    return _DICTIONARY_KEY.fullmatch(text) is not None


def selector_steps(text: str) -> list[str] | None:
    """The steps of a granular-marking selector (section 7.2.3.1), or ``None`` where it is malformed."""
    steps = text.split(".")
    return steps if all(_SELECTOR_STEP.fullmatch(step) for step in steps) else None


def is_hex(text: str) -> bool:
    """Section 2.8: octets as pairs of the digits 0-9 and the lower-case letters a-f."""
    return _HEX.fullmatch(text) is not None


def is_hex_constant(text: str) -> bool:
    """Section 9.2: in patterns, pairs of hexadecimal digits of either case, or none."""
    return not text or (len(text) % 2 == 0 and _DIGEST.fullmatch(text) is not None)


def is_base64(text: str) -> bool:
    """Section 2.1: base64 per RFC 4648, padded, of at least one byte."""
    if not text or len(text) % 4 or _BASE64.fullmatch(text) is None:
        return False
    try:
        binascii.a2b_base64(text)
    except binascii.Error:
        return False
    return True


def is_hash(algorithm: str, text: str) -> bool:
    """Section 2.7: the length and alphabet of a known algorithm; any text for an unknown one."""
    length = HASH_LENGTHS.get(algorithm)
    if length is not None:
        return len(text) == length and _DIGEST.fullmatch(text) is not None
    known = _HASH_TEXT.get(algorithm)
    return known is None or known.fullmatch(text) is not None


def is_mac(text: str) -> bool:
    """Section 6.10: six lower-case octets, colons between."""
    return _MAC.fullmatch(text) is not None


def is_ipv4(text: str) -> bool:
    """Section 6.8: dotted decimal without leading zeros, optional CIDR suffix."""
    return _IPV4.fullmatch(text) is not None


@lru_cache(maxsize=16_384)
def is_ipv6(text: str) -> bool:
    """Section 6.9: RFC 5952 or any RFC 4291 form, optional CIDR suffix."""
    if "%" in text or len(text) > 49:
        return False
    try:
        ipaddress.IPv6Interface(text)
    except ValueError:
        return False
    return True


def is_domain(text: str) -> bool:
    """Section 6.4: labels of 1 to 63 characters, 253 in all; international names and underscores are allowed."""
    name = text.removesuffix(".")
    if not 1 <= len(name) <= 253:
        return False
    return all(
        len(label) <= 63 and _LABEL.fullmatch(label) and label[0] != "-" and label[-1] != "-"
        for label in name.split(".")
    )


def is_email(text: str) -> bool:
    """Section 6.5: an address without display name (RFC 5322 addr-spec, loosely)."""
    local, at, host = text.rpartition("@")
    return bool(at and local and host) and not any(char.isspace() or char in "<>" for char in text)


def is_uri(text: str) -> bool:
    """RFC 3986: a scheme, and neither spaces nor control characters."""
    return _SCHEME.match(text) is not None and _NO_URI.search(text) is None


def is_strict_uri(text: str) -> bool:
    """RFC 3986 to the letter: ASCII, no braces, sound percent escapes."""
    return is_uri(text) and _UNWISE_URI.search(text) is None


def is_mime_type(text: str) -> bool:
    """``type/subtype`` by the grammar of RFC 6838 section 4.2; whether it is registered is only advice (section 6.1)."""
    return _MIME.fullmatch(text) is not None


def is_charset(text: str) -> bool:
    """Section 3.9.1: a character set of the IANA registry, by its preferred MIME name where it has one."""
    return text in CHARSETS


def is_semver(text: str) -> bool:
    """Semantic Versioning 2.0.0."""
    return len(text) <= 256 and _SEMVER.fullmatch(text) is not None


@lru_cache(maxsize=1_024)
def is_language(text: str) -> bool:
    """RFC 5646: a well-formed tag whose primary language is registered (scripts, regions and variants may be newer)."""
    if len(text) > 128 or not text.isascii():
        return False
    tag = text.lower()
    if tag in GRANDFATHERED:
        return True
    subtags = tag.split("-")
    if not all(1 <= len(subtag) <= 8 and subtag.isalnum() for subtag in subtags):
        return False
    if subtags[0] == "x":
        return len(subtags) > 1
    return is_registered_language(subtags[0]) and _follow_each_other(subtags[1:])


def _follow_each_other(subtags: list[str]) -> bool:
    """Extended languages, script, region, variants, extensions, private use: in this order (RFC 5646 section 2.1)."""
    rest = subtags[::-1]
    extended = 0
    while rest and len(rest[-1]) == 3 and rest[-1].isalpha() and extended < 3:
        rest.pop()
        extended += 1
    if rest and len(rest[-1]) == 4 and rest[-1].isalpha():
        rest.pop()
    if rest and ((len(rest[-1]) == 2 and rest[-1].isalpha()) or (len(rest[-1]) == 3 and rest[-1].isdigit())):
        rest.pop()
    seen: set[str] = set()
    while rest and (len(rest[-1]) >= 5 or (len(rest[-1]) == 4 and rest[-1][0].isdigit())):
        if rest[-1] in seen:
            return False
        seen.add(rest.pop())
    while rest:
        singleton = rest.pop()
        if len(singleton) != 1 or singleton in seen or not rest:
            return False
        if singleton == "x":
            return True
        seen.add(singleton)
        if len(rest[-1]) < 2:
            return False
        while rest and len(rest[-1]) >= 2:
            rest.pop()
    return True


@lru_cache(maxsize=16_384)
def is_cpe(text: str) -> bool:
    """CPE 2.3 formatted string (NISTIR 7695 section 6.2): thirteen components."""
    if not text.startswith("cpe:2.3:") or len(text) > 2_048:
        return False
    values = _cpe_values(text[8:])
    if len(values) != 11 or values[0] not in ("a", "h", "o", "*", "-"):
        return False
    return _CPE_LANGUAGE.fullmatch(values[6]) is not None and all(map(_CPE_VALUE.fullmatch, values[1:]))


def _cpe_values(text: str) -> list[str]:
    values, at = [], 0
    while True:
        found = _CPE_SPLIT.match(text, at)
        end = found.end() if found else at
        values.append(text[at:end])
        if end >= len(text) or text[end] != ":":
            return values if end >= len(text) else []
        at = end + 1


def is_cve(text: str) -> bool:
    """``CVE-YYYY-NNNN``: four or more digits, a leading zero only in four."""
    return _CVE.fullmatch(text) is not None


def is_capec(text: str) -> bool:
    """``CAPEC-`` and a number."""
    return _CAPEC.fullmatch(text) is not None


def has_encoded_word(text: str) -> bool:
    """Whether an encoded word of RFC 2047 section 2 is left in a header's text."""
    return "=?" in text and _ENCODED_WORD.search(text) is not None


def short_hive(key: str) -> str:
    """The abbreviation a registry key starts with (``HKLM``); empty where the hive is written out (section 6.17)."""
    hive = key.partition("\\")[0]
    return hive if hive.upper() in _SHORT_HIVES else ""
