"""Meta objects: STIX 2.1 section 7 (and the bundle, section 8, which is not an object but is checked like one)."""

from __future__ import annotations

from typing import Final

from isthmus_sdk.stix._table.notation import (
    AUTHORED,
    BUNDLED,
    COMMON,
    DICTIONARY,
    MILLISECONDS,
    NOT_ON_OTHERS,
    TEXT,
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
            object_modified=MILLISECONDS,
            contents=needed(DICTIONARY),
        ),
        (*VERSIONING, special("language-content")),
        forbidden=("lang", *NOT_ON_OTHERS),
    ),
    Entry(
        "marking-definition",
        "7.2.1",
        "META",
        COMMON | AUTHORED | properties(definition_type=TEXT, name=TEXT, definition=DICTIONARY),
        (special("marking-definition"), special("marks-itself"), special("fixed-tlp")),
        forbidden=("modified", "revoked", "labels", "confidence", "lang", *NOT_ON_OTHERS),
    ),
    Entry(
        "extension-definition",
        "7.3",
        "META",
        {name: kind for name, kind in COMMON.items() if name != "extensions"}
        | _WITHOUT_CONFIDENCE
        | properties(
            created_by_ref=needed(ref("identity")),
            name=needed(TEXT),
            description=TEXT,
            schema=needed(TEXT),
            version=needed(TEXT),
            extension_types=needed(list_of(one_of("extension-type-enum"))),
            extension_properties=list_of(TEXT),
        ),
        (*VERSIONING, special("extension-properties")),
        forbidden=("confidence", "lang", "extensions", *NOT_ON_OTHERS),
    ),
)

BUNDLE: Final = Entry("bundle", "8.1", "BUNDLE", properties(type=needed(TEXT), id=needed(TEXT), objects=BUNDLED))
"""Not an object, but an envelope: what it holds is checked by itself."""
