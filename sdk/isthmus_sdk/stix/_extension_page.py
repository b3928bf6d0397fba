"""The page about our extensions, written from their schemas: ``python -m isthmus_sdk.stix._extension_page``.

A test compares it with what is in ``docs``, so that neither can change alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus_sdk.stix._extensions import AUTHOR, VERSIONS, extension_schema

_HEAD = f"""# Extensions

What STIX has no property for travels in property-extensions (STIX 2.1, section 7.3): one JSON Schema (draft 2020-12) each,
in [`sdk/isthmus_sdk/stix/extensions`](../sdk/isthmus_sdk/stix/extensions), and one `extension-definition` object that holds
the schema as text. `isthmus_sdk.stix.extension_objects()` gives these objects, after the identity that published them,
`{AUTHOR}`.

Ids never change. A new field raises the second number of a version; what makes valid facts invalid raises the first. A
consumer that does not know a field may ignore it.

Written from the schemas by `python -m isthmus_sdk.stix._extension_page`.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(line for extension in VERSIONS for line in _section(extension))])


def _section(extension: str) -> Iterator[str]:
    schema = extension_schema(extension)
    yield f"## {schema['title'].removeprefix('Isthmus ').capitalize()}"
    yield ""
    yield schema["description"]
    yield ""
    yield f"`{extension}`, version {VERSIONS[extension][0]}, schema `{schema['$id']}`"
    yield ""
    yield "| field | kind | meaning |"
    yield "|---|---|---|"
    yield from _rows(schema, "")
    yield ""


def _rows(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = node.get("required", ())
    for name, field in node["properties"].items():
        mark = ", always" if name in required else ""
        yield f"| `{prefix}{name}` | {_kind(field)}{mark} | {field['description'].replace('|', chr(92) + '|')} |"
        items = field.get("items", {})
        if "properties" in items:
            yield from _rows(items, f"{prefix}{name}[].")


def _kind(field: Mapping[str, Any]) -> str:
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " · ".join(f"`{value}`" for value in field["enum"])
    if isinstance(field["type"], list):
        return " or ".join(_kind({**field, "type": one}) for one in field["type"])
    if field["type"] == "array":
        items = field["items"]
        return "list of objects" if "properties" in items else f"list of {_kind(items)}"
    low, high = field.get("minimum"), field.get("maximum")
    within = "" if low is None else f" {low} to {high}" if high is not None else f" from {low}"
    if field["type"] == "string" and "pattern" in field:
        return "timestamp" if "T[0-9]{2}" in field["pattern"] else "identifier" if "--" in field["pattern"] else "text"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}[
        field["type"]
    ] + within


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/extensions.md").write_text(page(), encoding="utf-8")
