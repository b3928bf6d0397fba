"""Commands for what went wrong: quarantine, dead letters, store."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, say, table

quarantine = typer.Typer(help="Vendor records that did not map, kept as they came.", no_args_is_help=True)
dead = typer.Typer(help="Objects that a platform will never take.", no_args_is_help=True)
store = typer.Typer(help="The store of current objects.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids as `list` prints them; without any, use --all.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
One = Annotated[str, typer.Argument(help="An id as `list` prints it.")]


def chosen(ids: list[str] | None, every: bool) -> list[str] | None:
    """The named ids; ``None`` stands for all of them. Raises ``ConfigurationError`` where neither is said."""
    from isthmus_sdk.errors import ConfigurationError

    if not ids and not every:
        raise ConfigurationError("name the ids, or say --all")
    return None if every else ids


@quarantine.command("list")
def quarantine_list(
    instance: Annotated[str | None, typer.Option(help="Only of this instance.")] = None,
    limit: int = 100,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Records in quarantine, oldest first."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.quarantine_list(instance=instance, limit=limit)
    if json:
        print_json(found)
    else:
        columns = [
            ("id", "ID"),
            ("instance", "INSTANCE"),
            ("stream", "STREAM"),
            ("native_id", "NATIVE ID"),
            ("stage", "STAGE"),
            ("path", "PATH"),
            ("error", "ERROR"),
        ]
        table(found["records"], columns, empty="The quarantine is empty.")
    return 0


@quarantine.command("show")
def quarantine_show(
    id: One, config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False
) -> int:
    """One record with its raw text."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.quarantine_show(id=id)
    if json:
        print_json(found)
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    return 0


@quarantine.command("retry")
def quarantine_retry(
    ids: Ids = None,
    all: All = False,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Map records again, after a fix of the connector; they are published with their original time."""
    with open_hub(config, state_dir) as access:
        found = access.hub.quarantine_retry(ids=chosen(ids, all))
    if json:
        print_json(found)
    else:
        print(f"{found['retried']} mapped, {found['failed']} still do not")
    return 4 if found["failed"] else 0


@quarantine.command("drop")
def quarantine_drop(
    ids: Ids = None,
    all: All = False,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Remove records for good; they stay counted."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.quarantine_drop(ids=chosen(ids, all))
    print_json(found) if json else print(f"{found['dropped']} dropped")
    return 0


@dead.command("list")
def dead_list(
    platform: Annotated[str | None, typer.Option(help="Only of this platform.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Dead letters, oldest first."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.dead_list(platform=platform)
    if json:
        print_json(found)
    else:
        table(
            found["letters"],
            [("number", "NUMBER"), ("platform", "PLATFORM"), ("id", "OBJECT"), ("reason", "REASON")],
            empty="There are no dead letters.",
        )
    return 0


@dead.command("show")
def dead_show(
    number: Annotated[int, typer.Argument(help="Number as `list` prints it.")],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """One dead letter with its object."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.dead_show(number=number)
    if json:
        print_json(found)
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    return 0


Numbers = Annotated[list[int] | None, typer.Argument(help="Numbers as `list` prints them; without any, use --all.")]


@dead.command("retry")
def dead_retry(
    numbers: Numbers = None,
    all: All = False,
    platform: str | None = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Put dead letters back in the queue of their platform."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.dead_retry(numbers=chosen_numbers(numbers, all), platform=platform)
    print_json(found) if json else print(f"{found['requeued']} back in the queue")
    return 0


@dead.command("drop")
def dead_drop(
    numbers: Numbers = None,
    all: All = False,
    platform: str | None = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Forget dead letters; they stay counted as rejected."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.dead_drop(numbers=chosen_numbers(numbers, all), platform=platform)
    print_json(found) if json else print(f"{found['dropped']} dropped")
    return 0


def chosen_numbers(numbers: list[int] | None, every: bool) -> list[int] | None:
    """The same for numbers."""
    named = chosen([str(number) for number in numbers or ()], every)
    return None if named is None else [int(number) for number in named]


@store.command("check")
def store_check(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Read and verify the store."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.store_check()
    if json:
        print_json(found)
    else:
        print("sound" if found["ok"] else "damaged")
        for problem in found["problems"]:
            print(f"  {problem}")
    return 0 if found["ok"] else 1


@store.command("rebuild")
def store_rebuild(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Make the store anew from the bus; needs the whole of `observed`. A running daemon pauses for it."""
    with open_hub(config, state_dir) as access:
        found = access.hub.store_rebuild()
    if json:
        print_json(found)
    else:
        say(f"the former store was kept as {found['former']}")
        if found["damage"]:
            say(f"nothing could be taken over from it: {found['damage']}")
        print(f"{found['entries']} entries resolved")
    return 0
