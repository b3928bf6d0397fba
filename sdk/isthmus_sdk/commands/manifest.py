"""``manifest``: the parts of ``connector.toml`` and ``platform.toml`` that follow from the code, and whether they do."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import ManifestError
from isthmus_sdk.manifest import Conformance, Manifest, package_folder, parse, read
from isthmus_sdk.settings import is_secret

if TYPE_CHECKING:
    from pydantic import BaseModel

    from isthmus_sdk.connector import Connector
    from isthmus_sdk.platform import Platform
    from isthmus_sdk.push import Push

    Plugin = Connector[Any] | Platform

GENERATED = ("settings", "secrets", "stream")
"""Tables that are written from the code; everything else in the file is its author's."""
_HEADER = re.compile(r"""^\s*\[\[?\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NOT_KEPT = ("title", "default_factory")


def generated(plugin: Plugin) -> dict[str, Any]:
    """``{"settings", "secrets", "stream"}`` as the code has them, in the form of the manifest; a platform has no streams."""
    return {
        "settings": settings_tables(plugin.settings),
        "secrets": secret_tables(plugin.settings),
        "stream": [
            {
                "name": stream.name,
                "description": stream.description,
                "default": stream.default,
                **({} if stream.push is None else {"push": push_table(stream.push)}),
            }
            for stream in getattr(plugin, "streams", {}).values()
        ],
    }


def path_of(plugin: Plugin) -> Path:
    """Where the manifest lies: beside the code."""
    return package_folder(plugin.package) / f"{plugin.kind}.toml"


def settings_tables(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """One JSON Schema per setting of a settings model, with ``required``; secrets are left out."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    tables: dict[str, dict[str, Any]] = {}
    for name, field in model.model_fields.items():
        if is_secret(field):
            continue
        key = field.alias or name
        tables[key] = {**_plain(schema["properties"][key], definitions), "required": key in required}
    return tables


def secret_tables(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """Description and ``required`` of each secret of a settings model."""
    return {
        name: {"description": field.description or "", "required": field.is_required()}
        for name, field in model.model_fields.items()
        if is_secret(field)
    }


def push_table(push: Push) -> dict[str, Any]:
    """A declaration of push as it stands in a manifest: kind and scheme, and what is not the default."""
    table: dict[str, Any] = {"kind": push.kind, **push.model_dump(mode="json", exclude_defaults=True)}
    signature = getattr(push, "signature", None)
    if signature is not None:
        table["signature"] = {"scheme": signature.scheme, **table["signature"]}
    return table


def drift(plugin: Plugin) -> list[str]:
    """Where manifest and code differ, one line each; empty: nowhere."""
    manifest = read(path_of(plugin))
    code = _described(generated(plugin), manifest)
    lines = _differences("settings", manifest.settings, code["settings"])
    present = getattr(plugin, "settings_version", 1)
    if manifest.settings_version != present:
        lines.append(
            f"settings_version: the manifest says {manifest.settings_version}, the code's migrations lead to {present}; "
            f"write settings_version = {present} under [{manifest.kind}]"
        )
    lines += _differences("secrets", {n: s.model_dump() for n, s in manifest.secrets.items()}, code["secrets"])
    written = {
        stream.name: {
            **stream.model_dump(exclude={"push"}),
            **({} if stream.push is None else {"push": push_table(stream.push)}),
        }
        for stream in manifest.streams
    }
    lines += _differences("stream", written, {stream["name"]: stream for stream in code["stream"]})
    return lines


def regenerate(plugin: Plugin, path: Path) -> bool:
    """Write the generated tables into the manifest and keep the rest as it stands; true where the file changed.

    Raises ``ManifestError`` where the file cannot be changed without touching its author's part.
    """
    old = path.read_text(encoding="utf-8") if path.exists() else _skeleton(plugin)
    new = rewritten(old, _described(generated(plugin), parse(old, str(path))), str(path))
    if path.exists() and new == old:
        return False
    path.write_text(new, encoding="utf-8")
    return True


def rewritten(text: str, tables: Mapping[str, Any], where: str = "manifest") -> str:
    """Manifest text with its generated tables replaced."""
    made = [_table(["settings", name], table) for name, table in tables["settings"].items()]
    made += [_table(["secrets", name], table) for name, table in tables["secrets"].items()]
    made += [_table(["stream"], stream, array=True) for stream in tables["stream"]]
    return _replaced(text, GENERATED, made, where)


def with_conformance(text: str, found: Conformance | None, where: str = "manifest") -> str:
    """Manifest text with what the kit found; without it where it found no level."""
    made = [] if found is None else [_table(["conformance"], found.model_dump(exclude_defaults=True))]
    return _replaced(text, ("conformance",), made, where)


def _replaced(text: str, names: Collection[str], made: Sequence[str], where: str) -> str:
    """The text without the tables of these names, and with others in their place, at the end."""
    parse(text, where)
    kept = "".join(_own_chunks(text, names)).rstrip() + "\n"
    new = kept + "".join(f"\n{table}" for table in made)
    before = {name: value for name, value in tomllib.loads(text).items() if name not in names}
    try:
        after = tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        after = {}
    if {name: value for name, value in after.items() if name not in names} != before:
        raise ManifestError(f"{where}: its tables cannot be told apart; put each [table] header on a line of its own")
    parse(new, where)
    return new


def _described(tables: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Generated tables with the descriptions that only the manifest has: an author may write them in either place."""
    written: dict[str, Mapping[str, str]] = {
        "settings": {name: table.get("description", "") for name, table in manifest.settings.items()},
        "secrets": {name: entry.description for name, entry in manifest.secrets.items()},
        "stream": {stream.name: stream.description for stream in manifest.streams},
    }
    for kind, texts in written.items():
        entries = tables[kind].items() if kind != "stream" else ((entry["name"], entry) for entry in tables[kind])
        for name, table in entries:
            if not table.get("description") and texts.get(name):
                table["description"] = texts[name]
    return tables


def _own_chunks(text: str, names: Collection[str]) -> list[str]:
    """What stays of the text: what stands before the first header, and every table but those of these names."""
    chunks: list[tuple[str, str]] = [("", "")]
    for line in text.splitlines(keepends=True):
        header = _HEADER.match(line)
        if header and _complete(chunks[-1][1]):
            chunks.append((header[1].strip("\"'"), line))
        else:
            chunks[-1] = (chunks[-1][0], chunks[-1][1] + line)
    return [chunk for name, chunk in chunks if name not in names]


def _complete(chunk: str) -> bool:
    """Whether a text is TOML by itself: a bracket inside an open list or text starts no table."""
    try:
        tomllib.loads(chunk)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _skeleton(plugin: Plugin) -> str:
    name = plugin.package.rpartition(".")[2].removesuffix("_connector").replace("_", "-")
    head = {"name": name, "title": "", "vendor": "", "product": "", "area": "", "version": "0.1.0", "sdk_api": ">=1,<2"}
    return _table([plugin.kind], head)


def _differences(table: str, written: Mapping[str, Any], code: Mapping[str, Any]) -> list[str]:
    lines = [f"[{table}] {name}: is not in the code" for name in written if name not in code]
    lines += [f"[{table}] {name}: is in the code only" for name in code if name not in written]
    for name in code:
        if name not in written:
            continue
        here, there = {"required": False, **written[name]}, {"required": False, **code[name]}
        if keys := sorted(key for key in {*here, *there} if here.get(key) != there.get(key)):
            lines.append(f"[{table}] {name}: {', '.join(keys)} differ from the code")
    return lines


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 8) -> dict[str, Any]:
    """A JSON Schema as TOML can hold it: references resolved, ``null`` left out."""
    if "$ref" in schema and depth:
        target = definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
        return _plain({**target, **{k: v for k, v in schema.items() if k != "$ref"}}, definitions, depth - 1)
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if "anyOf" in schema and len(options) == 1:
        return _plain({**options[0], **{k: v for k, v in schema.items() if k != "anyOf"}}, definitions, depth)
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NOT_KEPT or value is None:
            continue
        if isinstance(value, Mapping):
            plain[key] = (
                {name: _plain(inner, definitions, depth - 1) for name, inner in value.items()}
                if key == "properties"
                else _plain(value, definitions, depth - 1)
            )
        elif isinstance(value, list):
            plain[key] = [
                _plain(v, definitions, depth - 1) if isinstance(v, Mapping) else v for v in value if v is not None
            ]
        else:
            plain[key] = value
    return plain


def _table(path: list[str], values: Mapping[str, Any], *, array: bool = False) -> str:
    name = ".".join(map(_key, path))
    lines = [f"[[{name}]]" if array else f"[{name}]"]
    lines += [f"{_key(key)} = {_value(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(key))} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, int | float):
        return repr(value)
    raise ManifestError(f"a default of type {type(value).__name__} cannot be written to a manifest")


__all__ = [
    "GENERATED",
    "drift",
    "generated",
    "path_of",
    "regenerate",
    "rewritten",
    "secret_tables",
    "settings_tables",
    "with_conformance",
]
