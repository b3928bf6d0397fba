"""The public face of the STIX core: what others may rely on."""

from __future__ import annotations

import isthmus_sdk.stix as face

NAMES = [
    "ALERT",
    "ASSET",
    "ASSET_CLASSES",
    "Builder",
    "Capability",
    "COMMUNICATION",
    "COVERAGE",
    "EXPOSURE",
    "Interface",
    "Problem",
    "RULES",
    "Reference",
    "Rule",
    "Service",
    "Shape",
    "Software",
    "Subject",
    "TLP",
    "TLP_ORDER",
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


def test_exported_names_are_pinned() -> None:
    assert sorted(face.__all__) == sorted(NAMES)
    for name in NAMES:
        assert getattr(face, name) is not None


def test_everything_public_says_what_it_does() -> None:
    for name in NAMES:
        value = getattr(face, name)
        if callable(value):
            assert value.__doc__, name
    for name in dir(face.Builder):
        if not name.startswith("_") and callable(getattr(face.Builder, name)):
            assert getattr(face.Builder, name).__doc__, name
