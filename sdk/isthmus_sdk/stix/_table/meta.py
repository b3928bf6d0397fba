"""Meta objects: STIX 2.1 section 7 (and the bundle, section 8, which is not an object but is checked like one)."""

from __future__ import annotations

from typing import Final

from isthmus_sdk.stix._table.notation import (
    AUTHORED,
    BOOLEAN,
    COMMON,
    DICTIONARY,
    SEMVER,
    TEXT,
    TIMESTAMP,
    VERSIONED,
    VERSIONING,
    Entry,
    Table,
    list_of,
    needed,
    one_of,
    properties,
    ref,
    special,
)

_WITHOUT_LANG = {name: kind for name, kind in VERSIONED.items() if name != "lang"}
_WITHOUT_CONFIDENCE = {name: kind for name, kind in _WITHOUT_LANG.items() if name != "confidence"}

META_OBJECTS: Final[Table] = (
    Entry(
        "language-content",
        "7.1",
        "META",
        COMMON
        | _WITHOUT_LANG
        | properties(
            object_ref=needed(ref("SDO", "SCO", "SRO", "META")),
            object_modified=TIMESTAMP,
            contents=needed(DICTIONARY),
        ),
        (*VERSIONING, special("contents by language")),
    ),
    Entry(
        "marking-definition",
        "7.2.1",
        "META",
        COMMON | AUTHORED | properties(definition_type=TEXT, name=TEXT, definition=DICTIONARY),
        (special("a definition"), special("marks itself"), special("fixed TLP")),
        forbidden=("modified", "revoked", "labels", "confidence", "lang"),
    ),
    Entry(
        "extension-definition",
        "7.3",
        "META",
        COMMON
        | _WITHOUT_CONFIDENCE
        | properties(
            created_by_ref=needed(ref("identity")),
            name=needed(TEXT),
            description=TEXT,
            schema=needed(TEXT),
            version=needed(SEMVER),
            extension_types=needed(list_of(one_of("extension-type-enum"))),
            extension_properties=list_of(TEXT),
            revoked=BOOLEAN,
        ),
        (*VERSIONING, special("top-level extension properties")),
    ),
)
