"""Commands about what is installed: connector, platform, preview."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, read_config, table

connector = typer.Typer(help="Installed connectors.", no_args_is_help=True)
platform = typer.Typer(help="Installed platforms.", no_args_is_help=True)


def _entries(kind: str) -> list[dict[str, Any]]:
    from isthmus_sdk.loader import discover

    rows = []
    for found in discover(kinds=["connector" if kind == "connector" else "platform"]):
        manifest = found.manifest
        rows.append(
            {
                "name": found.name,
                "version": manifest.version if manifest else found.version,
                "area": manifest.area if manifest else None,
                "title": manifest.title if manifest else None,
                "capabilities": [capability.model_dump() for capability in manifest.capabilities] if manifest else [],
                "level": manifest.level if manifest else None,
                "distribution": found.distribution,
                "streams": [stream.name for stream in manifest.streams] if manifest else [],
                "settings": dict(manifest.settings) if manifest else {},
                "secrets": sorted(manifest.secrets) if manifest else [],
                "error": found.error,
            }
        )
    return rows


def _list(kind: str, json: bool) -> int:
    rows = _entries(kind)
    if json:
        print_json({f"{kind}s": rows})
    else:
        columns = [
            ("name", kind.upper()),
            ("version", "VERSION"),
            ("area", "AREA"),
            ("streams", "STREAMS"),
            ("distribution", "FROM"),
            ("error", "ERROR"),
        ]
        table(
            rows,
            [column for column in columns if kind == "connector" or column[0] not in ("streams", "area")],
            empty=f"No {kind} is installed.",
        )
    return 0


def _info(kind: str, name: str, json: bool) -> int:
    import difflib

    from isthmus_sdk.errors import ConfigurationError

    rows = {row["name"]: row for row in _entries(kind)}
    if name not in rows:
        near = difflib.get_close_matches(name, rows, n=1)
        raise ConfigurationError(
            f"no {kind} {name!r} is installed; {f'did you mean {near[0]!r}?' if near else 'installed: ' + ', '.join(rows)}"
        )
    row = rows[name]
    if json:
        print_json(row)
        return 0
    print(f"{row['name']} {row['version']}  {row['title'] or ''}  (from {row['distribution']})")
    if row["error"]:
        print(f"cannot be used: {row['error']}")
    if row["streams"]:
        print(f"streams: {', '.join(row['streams'])}")
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
def connector_list(json: JsonOption = False) -> int:
    """Connectors installed here; none of their code is imported."""
    return _list("connector", json)


@connector.command("info")
def connector_info(name: NameArgument, json: JsonOption = False) -> int:
    """Settings, secrets, streams and capabilities of a connector."""
    return _info("connector", name, json)


@platform.command("list")
def platform_list(json: JsonOption = False) -> int:
    """Platforms installed here."""
    return _list("platform", json)


@platform.command("info")
def platform_info(name: NameArgument, json: JsonOption = False) -> int:
    """Settings and secrets of a platform."""
    return _info("platform", name, json)


def preview(
    name: Annotated[str, typer.Argument(help="An instance of the configuration.")],
    stream: Annotated[str, typer.Argument(help="One of its streams.")],
    limit: Annotated[int, typer.Option(min=1, help="Records to show.")] = 3,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Raw records and the STIX they become, side by side; nothing is stored."""
    from isthmus_sdk.errors import ConfigurationError

    loaded = read_config(config)
    if name not in loaded.connectors:
        raise ConfigurationError(
            f"{loaded.file}: there is no [connector.{name}]; configured: {', '.join(sorted(loaded.connectors)) or 'none'}"
        )
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
