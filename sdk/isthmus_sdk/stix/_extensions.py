"""Our own facts on STIX objects: published property-extensions, one JSON Schema each in ``extensions/``.

Ids are fixed: they never change with the software's version. Every name at the top of an extension has three letters or
more, as the standard asks of properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from isthmus_sdk.stix._json import decode, encode

ASSET: Final = "extension-definition--1ae8c477-b1d2-51da-95d7-a9eed750c560"
COMMUNICATION: Final = "extension-definition--508b883c-123c-5e38-9b35-73dfeb711df2"
EXPOSURE: Final = "extension-definition--b81aa5c7-6e00-54bf-a93b-19fe262e7e69"
ALERT: Final = "extension-definition--bc912338-3778-5b18-91a9-a45028433607"
COVERAGE: Final = "extension-definition--244ad8cb-2a95-5f6a-b4cc-74508a31bf49"

AUTHOR: Final = "identity--93c6e525-aaaa-5abe-bc1b-e549e62adbd5"
PUBLISHED: Final = "2025-01-01T00:00:00.000Z"

VERSIONS: Final = {
    ASSET: ("1.3.0", "2026-11-24T00:00:00.000Z"),
    EXPOSURE: ("1.1.0", "2026-11-24T00:00:00.000Z"),
    **dict.fromkeys((COMMUNICATION, ALERT, COVERAGE), ("1.0.0", PUBLISHED)),
}
"""Version of each schema and when it was published: a schema that changes gets a new one of both.

A new fact raises the second number. What makes facts invalid that were valid raises the first, and the number in ``$id``.
"""

_FILES: Final = {
    ASSET: "asset", COMMUNICATION: "communication", EXPOSURE: "exposure", ALERT: "alert", COVERAGE: "coverage",
}  # fmt: skip


def facts(obj: Mapping[str, Any], extension: str) -> dict[str, Any] | None:
    """The facts that ``obj`` carries in one of our extensions (`ASSET`, `COMMUNICATION`, ...), or ``None``."""
    extensions = obj.get("extensions")
    found = extensions.get(extension) if isinstance(extensions, Mapping) else None
    return found if isinstance(found, dict) else None


@lru_cache(maxsize=8)
def _schema_text(name: str) -> str:
    return resources.files(__package__).joinpath("extensions", f"{name}.json").read_text(encoding="utf-8")


def extension_schema(extension: str) -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of one of our extensions."""
    return decode(_schema_text(_FILES[extension]))


def extension_objects() -> list[dict[str, Any]]:
    """The extension-definitions, after the identity that published them."""
    author = {
        "type": "identity",
        "spec_version": "2.1",
        "id": AUTHOR,
        "created": PUBLISHED,
        "modified": PUBLISHED,
        "name": "Isthmus",
        "identity_class": "organization",
        "description": "The Isthmus project: vendor-neutral integration of IT and OT security products.",
    }
    return [author, *(_definition(extension, name) for extension, name in _FILES.items())]


def _definition(extension: str, name: str) -> dict[str, Any]:
    schema = extension_schema(extension)
    version, changed = VERSIONS[extension]
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": extension,
        "created_by_ref": AUTHOR,
        "created": PUBLISHED,
        "modified": changed,
        "name": schema["title"],
        "description": schema["description"],
        "schema": encode(schema).decode(),
        "version": version,
        "extension_types": ["property-extension"],
    }
