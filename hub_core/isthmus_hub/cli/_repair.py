"""Commands for what went wrong: quarantine, dead letters, bus, store."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from isthmus_hub._streams import OBSERVED, RESOLVED
from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, read_hub, say, table

quarantine = typer.Typer(help="Vendor records that did not map, kept as they came.", no_args_is_help=True)
dead = typer.Typer(help="Objects that a platform will never take.", no_args_is_help=True)
bus = typer.Typer(help="The durable log.", no_args_is_help=True)
store = typer.Typer(help="The store of current objects.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids as `list` prints them; without any, use --all.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
One = Annotated[str, typer.Argument(help="An id as `list` prints it.")]


def _chosen(ids: list[str] | None, every: bool) -> list[str] | None:
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
        found = access.hub.quarantine_retry(ids=_chosen(ids, all))
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
        found = access.hub.quarantine_drop(ids=_chosen(ids, all))
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
        found = access.hub.dead_retry(numbers=_numbers(numbers, all), platform=platform)
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
        found = access.hub.dead_drop(numbers=_numbers(numbers, all), platform=platform)
    print_json(found) if json else print(f"{found['dropped']} dropped")
    return 0


def _numbers(numbers: list[int] | None, every: bool) -> list[int] | None:
    chosen = _chosen([str(number) for number in numbers or ()], every)
    return None if chosen is None else [int(number) for number in chosen]


@bus.command("groups")
def bus_groups(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Who reads the streams, and how far each is behind."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_groups()
    if json:
        print_json(found)
    else:
        rows = [
            {"stream": stream["name"], "end": stream["end"], **group}
            for stream in found["streams"]
            for group in stream["groups"]
        ]
        table(
            rows,
            [("stream", "STREAM"), ("name", "GROUP"), ("position", "POSITION"), ("lag", "LAG"), ("end", "END")],
            empty="No group reads the bus yet.",
        )
    return 0


@bus.command("tail")
def bus_tail(
    stream: Annotated[str, typer.Argument(help=f"{OBSERVED} or {RESOLVED}.")] = RESOLVED,
    from_: Annotated[int, typer.Option("--from", min=0, help="First offset; 0 is the oldest there is.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Entries at most.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Entries of a stream as NDJSON, beside a running daemon too. With --json each line has its offset."""
    from isthmus_hub.bus import EARLIEST, Offset

    with read_hub(config, state_dir) as access:
        subscription = access.hub.subscribe(stream, from_=Offset(from_) if from_ else EARLIEST)
        shown = 0
        while limit is None or shown < limit:
            batch = subscription.poll(timeout=1.0 if follow else 0.0)
            if not batch and not follow:
                break
            for block in batch:
                for index, entry in enumerate(block.entries):
                    if limit is not None and shown >= limit:
                        break
                    prefix = b'{"offset":%d,"object":' % (block.first + index) if json else b""
                    sys.stdout.buffer.write(prefix + entry + (b"}\n" if json else b"\n"))
                    shown += 1
            sys.stdout.buffer.flush()
    return 0


@bus.command("seek")
def bus_seek(
    stream: str,
    group: str,
    to: Annotated[str, typer.Argument(help="An offset, earliest or latest.")],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Set the position of a group."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_seek(stream=stream, group=group, offset=to)
    print_json(found) if json else print(f"{group} on {stream}: position {found['position']}")
    return 0


@bus.command("forget")
def bus_forget(
    stream: str,
    group: str,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Remove a group that nobody reads for any more: of a platform that is gone, of forwarding that has ended."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_forget(stream=stream, group=group)
    print_json(found) if json else print(f"{group} on {stream}: forgotten")
    return 0


@bus.command("check")
def bus_check(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Read and verify every stored byte of the bus."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_check()
    if json:
        print_json(found)
    else:
        print(f"{found['blocks']} blocks, {found['entries']} entries: {'sound' if found['ok'] else 'damaged'}")
        for gap in found["gaps"]:
            print(f"  {gap['stream']} {gap['first']} to {gap['last']}: {gap['reason']}")
        for problem in found["problems"]:
            print(f"  {problem}")
    return 0 if found["ok"] else 1


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
