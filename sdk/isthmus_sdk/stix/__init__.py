"""The STIX 2.1 core: plain dicts, checked; deterministic ids; canonical JSON; our extensions.

A mapping needs `Builder` and what goes into it (`Interface`, `Software`, `Service`, `Rule`, `Subject`, `Reference`).
The hub needs the rest. ``stix2`` is met only in `interop`, and imported there only when called.
"""

from __future__ import annotations

from isthmus_sdk.stix import interop, normalise
from isthmus_sdk.stix._check import check, problems, read_bundle, warnings
from isthmus_sdk.stix._columns import accepts_all
from isthmus_sdk.stix._explain import Problem
from isthmus_sdk.stix._extensions import (
    ALERT,
    ASSET,
    COMMUNICATION,
    COVERAGE,
    EXPOSURE,
    extension_objects,
    extension_schema,
    facts,
)
from isthmus_sdk.stix._ids import sco_id, sdo_id
from isthmus_sdk.stix._json import content_hash, decode, encode, encode_all
from isthmus_sdk.stix._markings import TLP, TLP_ORDER, tlp_object, tlp_of
from isthmus_sdk.stix._merge import coalesce
from isthmus_sdk.stix._refs import refs, rewrite_refs
from isthmus_sdk.stix._rulebook import RULES
from isthmus_sdk.stix._sets import set_problems, set_warnings
from isthmus_sdk.stix._shapes.alerts import Rule, Subject
from isthmus_sdk.stix._shapes.classes import ASSET_CLASSES
from isthmus_sdk.stix._shapes.core import Reference, Shape
from isthmus_sdk.stix._shapes.coverage import Capability
from isthmus_sdk.stix._shapes.interfaces import Interface
from isthmus_sdk.stix._shapes.observables import Software
from isthmus_sdk.stix._shapes.traffic import Service
from isthmus_sdk.stix._time import earliest, instant, latest
from isthmus_sdk.stix._vendor_time import time_zone, timestamp
from isthmus_sdk.stix.builder import Builder

__all__ = [
    "ALERT",
    "ASSET",
    "ASSET_CLASSES",
    "COMMUNICATION",
    "COVERAGE",
    "EXPOSURE",
    "RULES",
    "TLP",
    "TLP_ORDER",
    "Builder",
    "Capability",
    "Interface",
    "Problem",
    "Reference",
    "Rule",
    "Service",
    "Shape",
    "Software",
    "Subject",
    "accepts_all",
    "check",
    "coalesce",
    "content_hash",
    "decode",
    "earliest",
    "encode",
    "encode_all",
    "extension_objects",
    "extension_schema",
    "facts",
    "instant",
    "interop",
    "latest",
    "normalise",
    "problems",
    "read_bundle",
    "refs",
    "rewrite_refs",
    "sco_id",
    "sdo_id",
    "set_problems",
    "set_warnings",
    "time_zone",
    "timestamp",
    "tlp_object",
    "tlp_of",
    "warnings",
]
