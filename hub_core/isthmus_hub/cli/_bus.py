"""Commands for the bus: its streams, who reads them, and what readers could not handle."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from isthmus_hub._streams import OBSERVED, RESOLVED
from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, read_hub, table
from isthmus_hub.cli._repair import All, Numbers, chosen_numbers

bus = typer.Typer(help="The durable log.", no_args_is_help=True)
dead = typer.Typer(help="Entries that a consumer group could not deal with and gave up.", no_args_is_help=True)
bus.add_typer(dead, name="dead")


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


StreamOfLetters = Annotated[str, typer.Argument(help="Stream, as `isthmus bus dead list` prints it.")]
GroupOption = Annotated[str | None, typer.Option(help="Only of this group.")]


@dead.command("list")
def dead_list(
    stream: Annotated[str | None, typer.Argument(help="Only of this stream.")] = None,
    group: GroupOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Entries that a group gave up, oldest first; what platforms refused is in `isthmus dead`.

    State `requeued`: comes to its group again when that reads on. `orphaned`: its group is not registered any more.
    """
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_dead_list(stream=stream, group=group)
    if json:
        print_json(found)
    else:
        columns = [
            ("stream", "STREAM"),
            ("number", "NUMBER"),
            ("group", "GROUP"),
            ("offset", "OFFSET"),
            ("state", "STATE"),
            ("tries", "TRIES"),
            ("at", "AT"),
            ("reason", "REASON"),
            ("error", "ERROR"),
        ]
        table(found["letters"], columns, empty="No group gave up an entry.")
    return 0


@dead.command("show")
def dead_show(
    stream: StreamOfLetters,
    number: Annotated[int, typer.Argument(help="Number as `list` prints it.")],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """One of them with its entry, the error, and a hash that is the same for the same fault."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_dead_show(stream=stream, number=number)
    if json:
        print_json(found)
    else:
        from isthmus_hub.telemetry import escape

        for name, value in found.items():
            print(f"{name}: {escape(str(value))}")
    return 0


@dead.command("retry")
def dead_retry(
    stream: StreamOfLetters,
    numbers: Numbers = None,
    all: All = False,
    group: GroupOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Hand them to their group once more; one that fails again stays dead."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_dead_retry(stream=stream, numbers=chosen_numbers(numbers, all), group=group)
    print_json(found) if json else print(f"{found['requeued']} will be read again")
    return 0


@dead.command("drop")
def dead_drop(
    stream: StreamOfLetters,
    numbers: Numbers = None,
    all: All = False,
    group: GroupOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Remove them for good."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.bus_dead_drop(stream=stream, numbers=chosen_numbers(numbers, all), group=group)
    print_json(found) if json else print(f"{found['dropped']} dropped")
    return 0
