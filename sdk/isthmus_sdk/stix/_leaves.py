"""Single values: for each kind of the table, the test and the word for what was expected.

The same tests serve the explainer and the compiled checkers, so the two cannot disagree about a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from isthmus_sdk.stix import _grammar as grammar
from isthmus_sdk.stix._json import SAFE_INTEGER
from isthmus_sdk.stix._time import is_timestamp


class Leaf(NamedTuple):
    """Test of one kind of text, and how to name the kind in a message."""

    test: Callable[[str], bool]
    expected: str
    rule: str
    section: str = ""
    """Where the standard says so; empty: where it describes the property."""


def is_text(value: Any) -> bool:
    """A string that UTF-8 can hold: lone surrogates cannot travel."""
    if type(value) is not str:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_millisecond_timestamp(value: str) -> bool:
    """A timestamp with three fraction digits or more, as ``created`` and ``modified`` must have."""
    return len(value) >= 24 and is_timestamp(value)


def is_integer(value: Any) -> bool:
    """Section 2.10: a whole number from -(2**53)+1 to (2**53)-1, and no boolean."""
    return type(value) is int and -SAFE_INTEGER <= value <= SAFE_INTEGER


def is_number(value: Any) -> bool:
    """Section 2.6: a finite number, and no boolean."""
    return (type(value) is float and math.isfinite(value)) or is_integer(value)


TEXTS: Final[Mapping[str, Leaf]] = {
    "text": Leaf(is_text, "a string", "string", "2.15"),
    "timestamp": Leaf(is_timestamp, "a timestamp like 2025-01-31T12:00:00.000Z", "timestamp", "2.16"),
    "milliseconds": Leaf(
        is_millisecond_timestamp, "a timestamp with milliseconds, like 2025-01-31T12:00:00.000Z", "timestamp", "3.2"
    ),
    "binary": Leaf(grammar.is_base64, "base64", "binary", "2.1"),
    "hex": Leaf(grammar.is_hex, "pairs of hexadecimal digits in lower case", "hex", "2.8"),
    "language": Leaf(grammar.is_language, "an RFC 5646 language", "language"),
    "type name": Leaf(grammar.is_relationship_type, "a name of a-z, 0-9 and hyphen", "relationship-type"),
    "selector": Leaf(
        lambda value: grammar.selector_steps(value) is not None,
        "a selector like external_references.[0].url",
        "selector",
        "7.2.3.1",
    ),
    "uri": Leaf(grammar.is_uri, "a URI", "uri"),
    "url": Leaf(grammar.is_strict_uri, "a URL by RFC 3986", "url"),
    "cpe": Leaf(grammar.is_cpe, "a CPE 2.3 name", "cpe"),
    "mime": Leaf(grammar.is_mime_type, "a media type", "media-type"),
    "charset": Leaf(grammar.is_charset, "the name of a character set in the IANA registry", "charset", "3.9.1"),
    "ipv4": Leaf(grammar.is_ipv4, "an IPv4 address or CIDR range", "ipv4-address"),
    "ipv6": Leaf(grammar.is_ipv6, "an IPv6 address or CIDR range", "ipv6-address"),
    "mac": Leaf(grammar.is_mac, "a MAC address like 00:1b:2c:3d:4e:5f", "mac-address"),
    "domain": Leaf(grammar.is_domain, "a domain name", "domain-name"),
    "email": Leaf(grammar.is_email, "an e-mail address without display name", "email-address"),
}

DEFANGED: Final = frozenset({"ipv4", "ipv6", "mac", "domain", "email", "url"})
"""Kinds whose grammar does not hold where ``defanged`` is true (section 3.2)."""
