"""Settings against the manifests of connectors and platforms, without importing their code.

A manifest carries the JSON Schema that the connector's settings model generates. The hub checks the part of JSON Schema
such models produce; the worker validates again with the model itself. Patterns are left to the worker: a regular
expression from somebody else's manifest is code that can stall the hub.
"""

from __future__ import annotations

import operator
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from isthmus_hub.config._model import Config, ConnectorConfig, PlatformConfig
from isthmus_hub.config._problems import InvalidSettings, Problem, dotted
from isthmus_hub.config._receive import against_declaration
from isthmus_sdk.nearest import did_you_mean

Manifest = Mapping[str, Any]
"""``{"settings": JSON Schema, "secrets": names or {name: {"required": bool}}, "streams": names}``."""
Finding = tuple[tuple[str | int, ...], str]
"""Path below the checked value, and what is wrong there."""

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "text"),
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "array": ((tuple, list), "a list"),
    "object": ((dict,), "a table"),
    "null": ((type(None),), "nothing"),
}
_DEEPEST = 32


def check_settings(
    config: Config, manifests: Mapping[str, Manifest], *, platforms: Mapping[str, Manifest] | None = None
) -> None:
    """Raise ``InvalidSettings`` with every setting, secret or stream that does not fit its manifest.

    ``manifests`` maps the names of installed connectors to their manifests, ``platforms`` those of platforms; one
    mapping may hold both. Instances that read files need no settings or secrets for reaching the vendor.
    """
    problems: list[Problem] = []
    for section, instances, known in (
        ("connector", config.connectors, manifests),
        ("platform", config.platforms, manifests if platforms is None else platforms),
    ):
        for name, instance in instances.items():
            offline = section == "connector" and config.receives_only(name)
            for path, message in _instance(section, name, instance, known, offline=offline):
                full = (section, name, *path)
                problems.append(Problem(config.where(*full), dotted(full), message))
    if problems:
        raise InvalidSettings(problems)


def _instance(
    section: str,
    name: str,
    instance: ConnectorConfig | PlatformConfig,
    known: Mapping[str, Manifest],
    *,
    offline: bool,
) -> Iterator[Finding]:
    manifest = known.get(instance.use)
    if manifest is None:
        yield ("use",), f"no such {section} is installed{did_you_mean(instance.use, known)}"
        return
    files = offline or (isinstance(instance, ConnectorConfig) and instance.files is not None)
    schema = manifest.get("settings") or {}
    secrets = _secrets(manifest, schema)
    older = yield from _older(instance, manifest)
    yield from _settings(name, instance, {"additionalProperties": True} if older else schema, secrets, partial=files)
    for secret in instance.secrets:
        if secret not in secrets:
            yield (
                ("secrets", secret),
                f"unknown secret{did_you_mean(secret, secrets)}" if secrets else "takes no secrets",
            )
    for secret, required in secrets.items():
        if required and not files and secret not in instance.secrets:
            yield (
                ("secrets", secret),
                f"is missing: `isthmus secret set {name}/{secret}`, then "
                f'secrets = {{ {secret} = "vault:{name}/{secret}" }}',
            )
    if isinstance(instance, ConnectorConfig):
        yield from _streams(instance, manifest)


def _older(instance: ConnectorConfig | PlatformConfig, manifest: Manifest) -> Generator[Finding, None, bool]:
    """Whether the settings are of an older version: the connector migrates and checks them, this schema is not theirs."""
    version = instance.settings_version if isinstance(instance, ConnectorConfig) else None
    present = int(manifest.get("settings_version", 1))
    if version is not None and version > present:
        yield ("settings_version",), f"is {version}, but the installed connector has settings of version {present}"
    return version is not None and version < present


def _secrets(manifest: Manifest, schema: Mapping[str, Any]) -> dict[str, bool]:
    """Names of the secrets, and whether each is required."""
    written = manifest.get("secrets") or ()
    required = set(schema.get("required", ()))
    if isinstance(written, Mapping):
        return {
            name: bool(entry.get("required", name in required)) if isinstance(entry, Mapping) else name in required
            for name, entry in written.items()
        }
    out = {}
    for entry in written:
        name = entry["name"] if isinstance(entry, Mapping) else entry
        out[name] = bool(entry.get("required", name in required)) if isinstance(entry, Mapping) else name in required
    return out


def _settings(
    name: str,
    instance: ConnectorConfig | PlatformConfig,
    schema: Mapping[str, Any],
    secrets: Mapping[str, bool],
    *,
    partial: bool,
) -> Iterator[Finding]:
    for secret in secrets:
        if secret in instance.settings:
            yield (
                ("settings", secret),
                f"is a secret and does not belong in the configuration: store it with "
                f'`isthmus secret set {name}/{secret}` and write secrets = {{ {secret} = "vault:{name}/{secret}" }}',
            )
    properties = {key: value for key, value in schema.get("properties", {}).items() if key not in secrets}
    required = [] if partial else [key for key in schema.get("required", ()) if key not in secrets]
    plain = {**schema, "properties": properties, "required": required}
    values = {key: value for key, value in instance.settings.items() if key not in secrets}
    for path, message in check_value(values, plain, schema):
        yield ("settings", *path), message


def _streams(instance: ConnectorConfig, manifest: Manifest) -> Iterator[Finding]:
    streams = [entry["name"] if isinstance(entry, Mapping) else entry for entry in manifest.get("streams", ())]
    for number, stream in enumerate(instance.streams or ()):
        if stream not in streams:
            yield ("streams", number), f"no such stream{did_you_mean(stream, streams)}"
    for stream in instance.contracts:
        if stream not in streams:
            yield ("contracts", stream), f"no such stream{did_you_mean(stream, streams)}"
    for stream in instance.files or ():
        if stream not in streams:
            yield ("files", stream), f"no such stream{did_you_mean(stream, streams)}"
    yield from against_declaration(instance, streams, manifest.get("push") or {})


def check_value(
    value: Any, schema: Mapping[str, Any] | bool, root: Mapping[str, Any], depth: int = 0
) -> Iterator[Finding]:
    """Where and how ``value`` breaks ``schema`` (the part of JSON Schema 2020-12 described above). Names no value."""
    if isinstance(schema, bool):
        if not schema:
            yield (), "is not allowed"
        return
    if depth > _DEEPEST:
        yield (), "is nested too deeply"
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield from check_value(value, _resolve(reference, root), root, depth + 1)
    for part in schema.get("allOf", ()):
        yield from check_value(value, part, root, depth + 1)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            yield from _one_of(value, schema[word], root, depth)
    if "type" in schema and (wrong := _wrong_kind(value, schema["type"])):
        yield (), wrong
        return
    yield from _limits(value, schema)
    if isinstance(value, dict):
        yield from _table(value, schema, root, depth)
    elif isinstance(value, tuple | list):
        yield from _list(value, schema, root, depth)


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any] | bool:
    node: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping | bool) else {}


def _one_of(value: Any, parts: Iterable[Any], root: Mapping[str, Any], depth: int) -> Iterator[Finding]:
    """Nothing where one alternative fits; else what is wrong with the one of the right kind, or with the first."""
    tried = [list(check_value(value, part, root, depth + 1)) for part in parts]
    if not tried or any(not findings for findings in tried):
        return
    deep = [findings for findings in tried if any(path for path, _ in findings)]
    nearest = deep or [findings for findings in tried if findings[0][1] != "must be nothing"] or tried
    yield from nearest[0]


def _wrong_kind(value: Any, written: Any) -> str | None:
    names = [written] if isinstance(written, str) else list(written)
    for name in names:
        kinds, _ = _KINDS.get(name, ((object,), ""))
        if isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds or object in kinds):
            return None
        if name == "integer" and isinstance(value, float) and value.is_integer():
            return None
    words = [_KINDS[name][1] for name in names if name in _KINDS and name != "null"] or ["nothing"]
    return f"must be {' or '.join(words)}"


def _limits(value: Any, schema: Mapping[str, Any]) -> Iterator[Finding]:
    if "enum" in schema and value not in schema["enum"]:
        near = did_you_mean(value, [str(v) for v in schema["enum"]]) if isinstance(value, str) else ""
        yield (), f"must be one of {', '.join(str(choice) for choice in schema['enum'])}{near if '?' in near else ''}"
    if "const" in schema and value != schema["const"]:
        yield (), f"must be {schema['const']}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        for word, holds, text in (
            ("minimum", operator.ge, "must be at least"),
            ("maximum", operator.le, "must be at most"),
            ("exclusiveMinimum", operator.gt, "must be above"),
            ("exclusiveMaximum", operator.lt, "must be below"),
        ):
            if word in schema and not holds(value, schema[word]):
                yield (), f"{text} {schema[word]}"
    elif isinstance(value, str | tuple | list):
        thing, least, most = (
            ("characters", "minLength", "maxLength") if isinstance(value, str) else ("entries", "minItems", "maxItems")
        )
        if len(value) < schema.get(least, 0):
            yield (), f"must have at least {schema[least]} {thing}"
        if most in schema and len(value) > schema[most]:
            yield (), f"must have at most {schema[most]} {thing}"


def _table(value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Iterator[Finding]:
    properties = schema.get("properties", {})
    # A settings table is closed unless its schema opens it: a misspelt setting must not pass.
    others = schema.get("additionalProperties", "properties" not in schema)
    for key, item in value.items():
        if key in properties:
            findings = check_value(item, properties[key], root, depth + 1)
        elif others is False:
            findings = iter([((), f"unknown setting{did_you_mean(key, properties)}")])
        else:
            findings = check_value(item, others, root, depth + 1)
        for path, message in findings:
            yield (key, *path), message
    for key in schema.get("required", ()):
        if key not in value:
            yield (key,), "is missing"


def _list(
    value: tuple[Any, ...] | list[Any], schema: Mapping[str, Any], root: Mapping[str, Any], depth: int
) -> Iterator[Finding]:
    first = schema.get("prefixItems", ())
    for number, item in enumerate(value):
        part = first[number] if number < len(first) else schema.get("items", True)
        for path, message in check_value(item, part, root, depth + 1):
            yield (number, *path), message


__all__ = ["check_settings", "check_value"]
