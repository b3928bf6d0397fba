"""Commands about what is installed: connector, platform, preview."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus_hub.cli._context import (
    ConfigOption,
    JsonOption,
    StateOption,
    open_hub,
    print_json,
    read_config,
    state_path,
    table,
)

connector = typer.Typer(help="Installed connectors.", no_args_is_help=True)
platform = typer.Typer(help="Installed platforms.", no_args_is_help=True)


_OF_CONNECTORS = ("area", "functions", "conformance_level", "streams")
"""Columns that platforms do not have."""


def _entries(kind: str, state_dir: Path | None) -> list[dict[str, Any]]:
    from isthmus_hub.runtime.environments import AddedConnectors, Grant, installed

    added = AddedConnectors(state_path(state_dir) / "connectors")
    grants = added.grants()
    rows = []
    for found in installed(added.folder):
        if found.kind != kind:
            continue
        manifest = found.manifest
        grant = grants.get(found.name) if found.site else None
        rows.append(
            {
                "name": found.name,
                "version": manifest.version if manifest else found.version,
                "area": manifest.area if manifest else None,
                "title": manifest.title if manifest else None,
                "capabilities": [capability.model_dump() for capability in manifest.capabilities] if manifest else [],
                "functions": manifest.functions if manifest else {},
                "level": manifest.level if manifest else None,
                "conformance": manifest.conformance.model_dump() if manifest and manifest.conformance else None,
                "conformance_level": manifest.conformance_level if manifest else None,
                "distribution": found.distribution,
                "streams": [stream.name for stream in manifest.streams] if manifest else [],
                "settings": dict(manifest.settings) if manifest else {},
                "secrets": sorted(manifest.secrets) if manifest else [],
                "hash": grant.hash if isinstance(grant, Grant) else None,
                "granted": grant.asks.as_json() if isinstance(grant, Grant) else None,
                "environment": str(found.python.parent.parent) if found.python else None,
                "error": found.error,
            }
        )
    return rows


def _list(kind: str, state_dir: Path | None, json: bool) -> int:
    rows = _entries(kind, state_dir)
    if json:
        print_json({f"{kind}s": rows})
    else:
        columns = [
            ("name", kind.upper()),
            ("version", "VERSION"),
            ("area", "AREA"),
            ("functions", "CAPABILITIES"),
            ("conformance_level", "CONFORMANCE"),
            ("streams", "STREAMS"),
            ("distribution", "FROM"),
            ("error", "ERROR"),
        ]
        table(
            rows,
            [column for column in columns if kind == "connector" or column[0] not in _OF_CONNECTORS],
            empty=f"No {kind} is installed.",
        )
    return 0


def _info(kind: str, name: str, state_dir: Path | None, json: bool) -> int:
    from isthmus_sdk.errors import ConfigurationError
    from isthmus_sdk.nearest import did_you_mean

    rows = {row["name"]: row for row in _entries(kind, state_dir)}
    if name not in rows:
        raise ConfigurationError(f"no {kind} {name!r} is installed{did_you_mean(name, rows, others='installed')}")
    row = rows[name]
    if json:
        print_json(row)
        return 0
    print(f"{row['name']} {row['version']}  {row['title'] or ''}  (from {row['distribution']})")
    if row["error"]:
        print(f"cannot be used: {row['error']}")
    if row["hash"]:
        print(f"added: {row['hash']}\nenvironment: {row['environment']}")
        for kind_, values in row["granted"].items():
            if values:
                print(f"granted {kind_}: {'; '.join(values)}")
    if row["streams"]:
        print(f"streams: {', '.join(row['streams'])}")
    if row["conformance"]:
        found = row["conformance"]
        other = "" if found["version"] == row["version"] else f", of version {found['version']}"
        print(f"conformance: {found['level']}{other}; exempt: {', '.join(found['exempt']) or 'nothing'}")
    print("settings:")
    for setting, schema in row["settings"].items():
        needed = "required" if schema.get("required") is True else f"default {schema.get('default')!r}"
        print(f"  {setting} ({schema.get('type', 'any')}, {needed}) {schema.get('description', '')}".rstrip())
    print(f"secrets: {', '.join(row['secrets']) or 'none'}")
    for capability in row["capabilities"]:
        print(
            f"{capability['function']}: {', '.join(capability['data_components'])} on {', '.join(capability['asset_classes'])}"
        )
    return 0


NameArgument = Annotated[str, typer.Argument(help="Name as written after `use =`.")]


@connector.command("list")
def connector_list(state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Connectors installed here and those added, with area, capabilities (data components by function) and the level of
    conformance that this version reached; none of their code is imported."""
    return _list("connector", state_dir, json)


@connector.command("info")
def connector_info(name: NameArgument, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Settings, secrets, streams and capabilities of a connector."""
    return _info("connector", name, state_dir, json)


@connector.command("add")
def connector_add(
    source: Annotated[str, typer.Argument(help="A wheel, or `name==version` to fetch one with pip.")],
    hash: Annotated[str, typer.Option(help="`sha256:…` of the wheel, as its maker published it.")],
    requirements: Annotated[
        Path | None, typer.Option(help="Lock file of what else it needs, with hashes (pip's format).")
    ] = None,
    wheels: Annotated[Path | None, typer.Option(help="Folder of wheels to take in place of the package index.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Grant what it asks for without a question.")] = False,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Add a third party's connector, or another version of it: checked, granted, in an environment of its own.

    Nothing of it is run. What it asks for is shown; a new version asks only about what is new. An instance starts with it
    at its next run.
    """
    import tempfile

    from isthmus_hub.cli._consent import consent
    from isthmus_hub.runtime import StateDirectory
    from isthmus_hub.runtime.environments import AddedConnectors

    added = AddedConnectors(StateDirectory.open(state_path(state_dir)).connectors)
    with tempfile.TemporaryDirectory(prefix="isthmus-add-") as work:
        offer = added.offer(source, hash, Path(work), lock=requirements, links=wheels)
        consent(offer, given=yes, json=json)
        grant = added.add(offer)
    if json:
        print_json(
            {**offer.as_json(), "added": True, "environment": str(added.folder / grant.name / grant.environment)}
        )
    else:
        print(
            f'added {grant.name} {grant.version} from {grant.distribution}; give it an instance with use = "{grant.name}"'
        )
    return 0


@connector.command("remove")
def connector_remove(name: NameArgument, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Remove an added connector with its environment and what was granted. Its instances no longer run."""
    from isthmus_hub.runtime import StateDirectory
    from isthmus_hub.runtime.environments import AddedConnectors

    AddedConnectors(StateDirectory.open(state_path(state_dir)).connectors).remove(name)
    print_json({"name": name, "removed": True}) if json else print(f"removed {name}")
    return 0


@platform.command("list")
def platform_list(state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Platforms installed here."""
    return _list("platform", state_dir, json)


@platform.command("info")
def platform_info(name: NameArgument, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Settings and secrets of a platform."""
    return _info("platform", name, state_dir, json)


def preview(
    name: Annotated[str, typer.Argument(help="An instance of the configuration.")],
    stream: Annotated[str, typer.Argument(help="One of its streams.")],
    limit: Annotated[int, typer.Option(min=1, help="Records to show.")] = 3,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Raw records and the STIX they become, side by side; nothing is stored."""
    read_config(config).connector_named(name)
    with open_hub(config, state_dir) as access:
        found = access.hub.preview(name=name, stream=stream, limit=limit)
    if json:
        print_json(found)
        return 0
    for record in found["records"]:
        print("raw:")
        print(record["raw"])
        why = record.get("ignored") or record.get("error")
        print(f"becomes nothing: {why}" if why else "becomes:")
        for obj in record.get("objects", ()):
            print(f"  {obj}")
        print()
    return 0
