"""Two independent judges of STIX 2.1: the library stix2 (strict), and OASIS's validator (what it calls errors)."""

from __future__ import annotations

import copy
import json
import re
import warnings as python_warnings
from collections.abc import Callable, Collection
from typing import Any

import stix2
from stix2validator import ValidationOptions, validate_instance
from stix2validator.v21.enums import LANG_CODES

from isthmus_sdk.stix import refs
from isthmus_sdk.stix._grammar import type_of_identifier
from isthmus_sdk.stix._table import TYPES

# 103: SDOs with UUIDv5 (ours are, on purpose); 272: names of OT protocols.
OPTIONS = ValidationOptions(version="2.1", disabled="103,272")


def stix2_refuses(obj: dict[str, Any], *, allow_custom: bool = False) -> bool:
    """Whether ``stix2.parse`` does not take the object."""
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        try:
            stix2.parse(copy.deepcopy(obj), version="2.1", allow_custom=allow_custom)
        except Exception:  # whatever it stumbles over, it does not take the object
            return True
    return False


def validator_refuses(obj: dict[str, Any]) -> bool:
    """Whether the validator reports an error, or cannot even look at the object."""
    try:
        return not validate_instance(json.loads(json.dumps(obj)), OPTIONS).is_valid
    except Exception:  # it trips over what it should report
        return True


def refused_by(obj: dict[str, Any]) -> str:
    """``both``, ``stix2``, ``validator`` or ``nobody``."""
    verdicts = {(True, True): "both", (True, False): "stix2", (False, True): "validator", (False, False): "nobody"}
    return verdicts[stix2_refuses(obj), validator_refuses(obj)]


def reasons_to_differ(obj: dict[str, Any], advice: Collection[str]) -> list[str]:
    """Why a judge may refuse an object that the standard allows: its text, by section. Empty: there is no excuse.

    ``advice``: the rules of our warnings about the object.
    """
    text = json.dumps(obj, default=str)
    return [why for why, applies in _REASONS if applies(obj, text, advice)]


def _languages(obj: dict[str, Any]) -> set[str]:
    granular = [marking.get("lang", "en") for marking in obj.get("granular_markings", ())]
    contents = obj.get("contents") if isinstance(obj.get("contents"), dict) else {}
    return {obj.get("lang", "en"), *granular, *(contents or ()), *obj.get("languages", ())}


def _custom_references(obj: dict[str, Any]) -> bool:
    return any(type_of_identifier(ref) not in TYPES for _, ref in refs(obj))


_CUSTOM = {"custom-type", "custom-property", "custom-extension"}


def _refused_even_if_custom(obj: dict[str, Any]) -> bool:
    return stix2_refuses(obj, allow_custom=True) or validator_refuses(obj)


_Excuse = Callable[[dict[str, Any], str, Collection[str]], Any]
_REASONS: list[tuple[str, _Excuse]] = [
    ("2.16.1: seconds have any number of digits", lambda o, text, _: re.search(r"\.\d{7,}Z", text)),
    ("2.16.1: RFC 3339 knows leap seconds", lambda o, text, _: re.search(r":60(\.\d+)?Z", text)),
    ("11: what is custom is allowed", lambda o, _, a: _CUSTOM & {*a} and not _refused_even_if_custom(o)),
    ("11.2: a type may end with a hyphen", lambda o, *_: o["type"].endswith("-")),
    ("3.3, 11.2: references may point at custom objects", lambda o, *_: _custom_references(o)),
    ("2.7: names of hashes are an open vocabulary", lambda o, _, a: "hashes" in o and "vocabulary" in a),
    ("2.7: TLSH digests of version 4 start with T1", lambda o, text, _: '"TLSH": "T1' in text),
    ("3.2, 6.14, 7.1: languages are all of RFC 5646", lambda o, *_: not _languages(o) <= set(LANG_CODES)),
    (
        "2.5, 4.1, 4.19: only vulnerabilities and attack patterns bind the names cve and capec",
        lambda o, _, a: "reference-source" in a,
    ),
    (
        "4.4, 4.13, 4.15, 4.16, 7.1: any STIX object may be referred to",
        lambda o, *_: "object_refs" in o or "object_ref" in o,
    ),
    (
        "2.13: observables in the container may be those of STIX 2.0, under keys of any form",
        lambda o, *_: "objects" in o,
    ),
    ("6.12: is_active is optional", lambda o, _, a: "inactive-end" in a),
    ("3.6: observables may be versioned, under an id of their own", lambda o, _, a: "observable-property" in a),
    ("3.2: predefined extensions should stand on their type", lambda o, _, a: "misplaced-extension" in a),
    ("7.2.1: types of definitions are an open vocabulary", lambda o, *_: o["type"] == "marking-definition"),
    ("7.2.3.1: a language alone, and any part that is there, may be marked", lambda o, *_: "granular_markings" in o),
    ("6.1: media types should be registered", lambda o, *_: o["type"] == "artifact" and "mime_type" in o),
    ("6.4: RFC 1034 bars no underscores", lambda o, *_: o["type"] == "domain-name" and "_" in o["value"]),
    ("6.5: addresses are those of RFC 5322", lambda o, *_: o["type"] == "email-addr"),
    (
        "6.6: values of header fields are always lists, also of one",
        lambda o, *_: o["type"] == "email-message" and "additional_header_fields" in o,
    ),
    ("6.9: IPv6 addresses may end in IPv4", lambda o, *_: o["type"] == "ipv6-addr" and "." in o["value"]),
    ("6.14: CPE names escape with backslashes", lambda o, *_: "\\" in str(o.get("cpe", ""))),
    ("6.17: other keys than those of the hives may be there", lambda o, *_: o["type"] == "windows-registry-key"),
    ("3.2: what is defanged follows no grammar", lambda o, *_: o.get("defanged") is True),
]
