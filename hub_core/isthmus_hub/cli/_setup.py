"""Commands that set a hub up: init, config, secret."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus_hub.cli._context import (
    ConfigOption,
    JsonOption,
    StateOption,
    config_path,
    print_json,
    read_config,
    say,
    state_path,
)

config = typer.Typer(help="The configuration.", no_args_is_help=True)
secret = typer.Typer(help="Secrets of the vault; values can be set, never read back.", no_args_is_help=True)


def init(
    config: ConfigOption = None,
    name: Annotated[str | None, typer.Option(help="Name of the hub; asked for on a terminal.")] = None,
    json: JsonOption = False,
) -> int:
    """Write a first isthmus.toml; asks on a terminal, takes sensible defaults elsewhere."""
    from isthmus_hub.setup_wizard import Answers, ask, write
    from isthmus_sdk.errors import ConfigurationError

    path = config_path(config)
    if path.exists():
        raise ConfigurationError(f"{path} exists already; edit it, or name another file with --config")
    answers = ask(name) if sys.stdin.isatty() and sys.stderr.isatty() else Answers(hub=name or "hub")
    written = write(path, answers)
    print_json({"file": str(path), "next": written}) if json else print(
        f"wrote {path}\n" + "\n".join(f"next: {step}" for step in written)
    )
    return 0


@config.command("check")
def config_check(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Is the configuration valid, and does it fit what is installed? Contacts nothing."""
    from isthmus_hub.config import check_settings
    from isthmus_hub.fitting import weights_of
    from isthmus_hub.runtime.environments import installed

    loaded = read_config(config)
    kinds: dict[str, dict[str, Any]] = {"connector": {}, "platform": {}}
    for found in installed(state_path(state_dir) / "connectors"):
        if found.manifest:
            kinds[found.kind][found.name] = found.manifest.for_configuration()
    check_settings(loaded, kinds["connector"], platforms=kinds["platform"])
    weights_of(loaded)
    result = {
        "file": str(loaded.file),
        "ok": True,
        "warnings": list(loaded.warnings),
        "connectors": len(loaded.connectors),
        "platforms": len(loaded.platforms),
    }
    if json:
        print_json(result)
    else:
        print(f"{loaded.file}: ok, {result['connectors']} connector instances, {result['platforms']} platforms")
        for warning in loaded.warnings:
            say(f"warning: {warning}")
    return 0


@config.command("schema")
def config_schema(json: JsonOption = False) -> int:
    """JSON Schema of the configuration, for editors."""
    from isthmus_hub.config import schema

    print_json(schema())
    return 0


def _secrets(config: Path | None, state_dir: Path | None) -> Any:
    from isthmus_hub.hub import Hub

    path = config_path(config)
    return Hub.open(state_path(state_dir), read_config(config) if path.exists() else None, lock=False).secrets


@secret.command("set")
def secret_set(
    name: Annotated[str, typer.Argument(help="Name as in `vault:NAME`.")],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Store a secret; the value is read from standard input, or asked for on a terminal."""
    from isthmus_hub.secrets import read_value

    _secrets(config, state_dir).set(name, read_value(name))
    print_json({"name": name, "stored": True}) if json else say(f"stored; refer to it as vault:{name}")
    return 0


@secret.command("list")
def secret_list(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Names of the stored secrets."""
    names = _secrets(config, state_dir).names()
    print_json({"secrets": names}) if json else print("\n".join(names) or "The vault is empty.")
    return 0


@secret.command("remove")
def secret_remove(
    name: str, config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False
) -> int:
    """Remove a secret."""
    from isthmus_sdk.errors import ConfigurationError

    if not _secrets(config, state_dir).remove(name):
        raise ConfigurationError(f"the vault holds no {name!r}; see `isthmus secret list`")
    print_json({"name": name, "removed": True}) if json else say(f"removed {name}")
    return 0
