"""The STIX 2.1 specification as one table (OASIS Standard, 10 June 2021).

``TYPES`` has an entry per object type, ``PARTS`` per structure inside objects, ``EXTENSIONS`` per predefined extension.
The checkers are compiled from it, identifiers take their contributing properties from it, the order of nothing is taken
from anywhere else. ``notation`` explains the words it is written in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from isthmus_sdk.stix._table.domain import DOMAIN_OBJECTS
from isthmus_sdk.stix._table.meta import BUNDLE, META_OBJECTS
from isthmus_sdk.stix._table.notation import Entry
from isthmus_sdk.stix._table.observables import EXTENSIONS, OBSERVABLES
from isthmus_sdk.stix._table.parts import PARTS
from isthmus_sdk.stix._table.relationships import RELATIONSHIP_OBJECTS

TYPES: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        entry.name: entry
        for group in (DOMAIN_OBJECTS, RELATIONSHIP_OBJECTS, OBSERVABLES, META_OBJECTS)
        for entry in group
    }
)

__all__ = ["BUNDLE", "EXTENSIONS", "PARTS", "TYPES", "Entry"]
