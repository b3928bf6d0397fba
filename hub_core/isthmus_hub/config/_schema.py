"""The published forms of the configuration model: JSON Schema for editors, Markdown tables for people.

Both are generated; ``python -m isthmus_hub.config`` rewrites the copies in ``docs/``, a test fails when they differ.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from isthmus_hub.config import _attributes, _coverage, _model, _zones
from isthmus_hub.config._kinds import Section
from isthmus_hub.config._model import Config

SCHEMA_ID = "urn:isthmus:configuration:1"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the configuration file."""
    out = Config.model_json_schema(by_alias=True)
    for section, meanings in _meanings().items():
        fields = _sections_by_name()[section].model_fields
        for key, meaning in meanings.items():
            out["$defs"][section]["properties"][fields[key].alias or key]["description"] = meaning
    _plain(out)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **out,
        "title": "Isthmus configuration",
    }


def _meanings() -> dict[str, dict[str, str]]:
    """What stands below each key in the model's source, by section; read when asked for, to keep start-up short."""
    out: dict[str, dict[str, str]] = {}
    files = [ast.parse(inspect.getsource(module)) for module in (_model, _zones, _attributes, _coverage)]
    for section in (node for file in files for node in file.body if isinstance(node, ast.ClassDef)):
        for key, below in pairwise(section.body):
            match key, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                    out.setdefault(section.name, {})[name] = inspect.cleandoc(meaning)
    return out


def _sections_by_name() -> dict[str, type[Section]]:
    found = {**vars(_attributes), **vars(_zones), **vars(_coverage), **vars(_model)}
    return {name: each for name, each in found.items() if isinstance(each, type) and issubclass(each, Section)}


def _plain(node: Any) -> None:
    """Without titles that only repeat the keys, defaults of whole tables, and ``null``, which TOML does not have."""
    if isinstance(node, dict):
        if {"type": "null"} in node.get("anyOf", ()):
            node["anyOf"].remove({"type": "null"})
            if len(node["anyOf"]) == 1:
                node.update(node.pop("anyOf")[0])
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)
        if "default" in node and node["default"] is None:
            del node["default"]
        for key in ("properties", "$defs"):
            for name, entry in node.get(key, {}).items():
                if isinstance(entry, dict):
                    entry.pop("title", None)
                    if key == "$defs":
                        entry["title"] = name
                    if isinstance(entry.get("default"), dict | list):
                        del entry["default"]
        for value in node.values():
            _plain(value)
    elif isinstance(node, list):
        for value in node:
            _plain(value)


def reference() -> str:
    """Every section and key as Markdown tables."""
    whole = schema()
    return "\n".join(_sections(whole)) + "\n"


_TITLES = {
    "HubConfig": "[hub]",
    "ScopeConfig": "[[scope]]",
    "ScopeConditions": "when = { … } of a scope",
    "ZoneConfig": "[[zone]]",
    "ConduitConfig": "[[conduit]]",
    "OwnerConfig": "[[owner]]",
    "PlaceConditions": "when = { … } of a zone or an owner",
    "AssetsConfig": "[assets]",
    "AttributesConfig": "[attributes]",
    "ConnectorConfig": "[connector.NAME]",
    "ReceiveConfig": "[connector.NAME.receive.STREAM]",
    "PlatformConfig": "[platform.NAME]",
    "TlsConfig": "tls = { … } of a connector or platform",
    "CoverageConfig": "[coverage]",
    "NatsConfig": "[nats]",
    "NatsTlsConfig": "tls = { … } of [nats]",
    "VaultConfig": "[vault]",
    "TelemetryConfig": "[telemetry]",
}


def _sections(whole: dict[str, Any]) -> Iterator[str]:
    for name, title in _TITLES.items():
        section = whole["$defs"][name]
        yield f"### `{title}`"
        yield ""
        yield "| key | type | default | meaning |"
        yield "|---|---|---|---|"
        for key, entry in section["properties"].items():
            default = _default(name, key, entry, section.get("required", ()))
            yield f"| `{key}` | {_kind(entry)} | {default} | {entry.get('description', '').replace(chr(10), ' ')} |"
        yield ""


_WRITTEN = {
    ("HubConfig", "quota"): '`"20GB"`',
    ("ConnectorConfig", "every"): '`"5m"`',
    ("CoverageConfig", "stale_after"): '`"7d"`',
    ("CoverageConfig", "unscanned_after"): '`"30d"`',
    ("ConnectorConfig", "settle"): '`"10s"`',
    ("ReceiveConfig", "quota"): '`"256MB"`',
    ("ReceiveConfig", "linger"): '`"5s"`',
}
"""Defaults as an operator would write them, where the model keeps another unit."""


def _default(section: str, key: str, entry: dict[str, Any], required: Any) -> str:
    if key in required:
        return "**required**"
    if (section, key) in _WRITTEN:
        return _WRITTEN[section, key]
    value = entry.get("default")
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _kind(entry: dict[str, Any]) -> str:
    if "enum" in entry:
        return " · ".join(f"`{choice}`" for choice in entry["enum"])
    if "$ref" in entry:
        return "table"
    if "anyOf" in entry:
        kinds = dict.fromkeys(_kind(part) for part in entry["anyOf"] if part.get("type") != "null")
        return " or ".join(kinds)
    written = entry.get("type", "any")
    names = {"string": "text", "array": "list", "object": "table", "boolean": "true/false", "integer": "number"}
    return " or ".join(names.get(kind, kind) for kind in ([written] if isinstance(written, str) else written))


__all__ = ["SCHEMA_ID", "reference", "schema"]
