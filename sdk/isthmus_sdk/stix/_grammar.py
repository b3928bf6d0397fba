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

_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
_UUID_AT_END = re.compile(f"--({_UUID})")
_TYPE = re.compile("[a-z][a-z0-9-]{2,249}")
_PROPERTY = re.compile("[a-z][a-z0-9_]{2,249}|id")
_DICTIONARY_KEY = re.compile("[A-Za-z0-9_-]{1,250}")
_SELECTOR_STEP = re.compile(r"\[[0-9]{1,9}\]|[A-Za-z0-9_-]{1,250}")
_HEX = re.compile("[0-9a-f]*|[0-9A-F]*|[0-9a-fA-F]*")
_BASE64 = re.compile("[A-Za-z0-9+/]*={0,2}")
_MAC = re.compile("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}(?:/(?:3[0-2]|[12]?[0-9]))?")
_LABEL = re.compile(r"[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+")
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")
_NO_URI = re.compile(r"[\x00-\x20\x7f]")
_UNWISE_URI = re.compile(r"[<>\"{}|\\^`]|[^\x00-\x7f]|%(?![0-9A-Fa-f]{2})")
_MIME = re.compile(
    "(?:application|audio|font|image|message|model|multipart|text|video|chemical|x-[a-z0-9-]+)/[A-Za-z0-9.+_!#$&^-]+"
)
_CHARSET = re.compile(r"[A-Za-z0-9_():.+-]+")
_SEMVER = re.compile(
    r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_CPE_VALUE = re.compile(r"[*-]|\*?\?*(?:[A-Za-z0-9._-]|\\[^A-Za-z0-9\s])+\?*\*?|\?+")
_CPE_SPLIT = re.compile(r"(?:\\.|[^:\\])*")
_CVE = re.compile("CVE-[0-9]{4}-(?:0[0-9]{3}|[1-9][0-9]{3,})")
_ID_START: Final = "0123456789abcdefABCDEF"

_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz "
    "ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik "
    "io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml "
    "mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd "
    "se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve "
    "vi vo wa wo xh yi yo za zh zu"
)
_LANGUAGES = frozenset(_ISO_639_1.split())
_SUBTAG = re.compile("[A-Za-z0-9]{1,8}")

HASH_LENGTHS: Final = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64, "SHA3-512": 128}
_HASH_TEXT = {"SSDEEP": re.compile("[A-Za-z0-9/+:.]{1,128}"), "TLSH": re.compile("[A-Za-z0-9]{70,72}")}


def is_type_name(text: str) -> bool:
    """Sections 2.9 and 11: a-z, 0-9 and hyphen, 3 to 250 characters, a letter first."""
    return _TYPE.fullmatch(text) is not None


def is_identifier(text: str) -> bool:
    """Section 2.9: ``type--UUID`` with an RFC 4122 UUID."""
    at = len(text) - 38
    return at >= 3 and _UUID_AT_END.fullmatch(text, at) is not None and _TYPE.fullmatch(text, 0, at) is not None


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
    """Section 2.8: an even number of hexadecimal digits."""
    return len(text) % 2 == 0 and _HEX.fullmatch(text) is not None


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
        return len(text) == length and _HEX.fullmatch(text) is not None
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
    """``type/subtype`` under an IANA top-level type."""
    return _MIME.fullmatch(text) is not None


def is_charset(text: str) -> bool:
    """The alphabet of IANA character set names."""
    return _CHARSET.fullmatch(text) is not None


def is_semver(text: str) -> bool:
    """Semantic Versioning 2.0.0."""
    return len(text) <= 256 and _SEMVER.fullmatch(text) is not None


@lru_cache(maxsize=1_024)
def is_language(text: str) -> bool:
    """RFC 5646: well-formed, and a primary language that could exist (two letters: ISO 639-1; three letters: any)."""
    primary, *rest = text.split("-")
    if not primary.isascii() or not primary.isalpha() or len(primary) > 3:
        return primary in ("x", "i") and bool(rest) and all(map(_SUBTAG.fullmatch, rest))
    if len(primary) == 2 and primary.lower() not in _LANGUAGES:
        return False
    return len(primary) >= 2 and all(map(_SUBTAG.fullmatch, rest))


@lru_cache(maxsize=16_384)
def is_cpe(text: str) -> bool:
    """CPE 2.3 formatted string (NISTIR 7695 section 6.2): thirteen components."""
    if not text.startswith("cpe:2.3:") or len(text) > 2_048:
        return False
    values = _cpe_values(text[8:])
    return len(values) == 11 and values[0] in ("a", "h", "o", "*", "-") and all(map(_CPE_VALUE.fullmatch, values[1:]))


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
