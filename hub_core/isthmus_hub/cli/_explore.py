"""Commands that ask the store: a value, words, the ways between two things, what was said when."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, say, table
from isthmus_hub.cli._repair import store

__all__ = ["store"]

Limit = Annotated[int, typer.Option(min=1, help="Rows at most.")]


@store.command("find")
def store_find(
    value: Annotated[str, typer.Argument(help="An address, a name, a serial number, a CVE, a native id.")],
    limit: Limit = 1_000,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Everything that carries a value, who reports it, and the asset it belongs to."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.store_find(value=value, limit=limit)
    if json:
        print_json(found)
    else:
        rows = [
            {**row, "from": ", ".join(f"{s['instance']}/{s['stream']}" for s in row["sources"])}
            for row in found["found"]
        ]
        columns = [("kind", "KIND"), ("id", "ID"), ("name", "NAME"), ("from", "FROM"), ("asset", "ASSET")]
        table(rows, columns, empty="Nothing carries this value.")
    return 0


@store.command("search")
def store_search(
    words: Annotated[list[str], typer.Argument(help="Words or their beginnings; all of them have to occur.")],
    limit: Limit = 100,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Published objects in which all words occur, best match first."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.store_search(words=" ".join(words), limit=limit)
    if json:
        print_json(found)
    else:
        table(found["found"], [("type", "TYPE"), ("name", "NAME"), ("id", "ID")], empty="No object has these words.")
    return 0


@store.command("path")
def store_path(
    a: Annotated[str, typer.Argument(help="An id, or a value that one object carries.")],
    b: Annotated[str, typer.Argument(help="The other end.")],
    max_length: Annotated[int, typer.Option(min=0, help="Edges at most.")] = 6,
    type: Annotated[list[str] | None, typer.Option(help="Only edges of this kind; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Paths at most.")] = 3,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """The shortest ways between two things that were observed."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.store_paths(a=a, b=b, max_length=max_length, types=type, limit=limit)
    if json:
        print_json(found)
    else:
        for path in found["paths"]:
            print(path["ids"][0])
            for id, edge in zip(path["ids"][1:], path["edges"], strict=True):
                print(f"  {'->' if edge['target'] == id else '<-'} {edge['kind']}  {id}")
        if not found["paths"]:
            print("No path was found.")
        if not found["complete"]:
            say(f"a shorter one may exist: {found['cut']}")
    return 0


@store.command("show")
def store_show(
    id: Annotated[str, typer.Argument(help="Id of an observed object.")],
    at: Annotated[str | None, typer.Option(help="A time, as 2026-01-31T12:00:00.000Z.")] = None,
    instance: Annotated[str | None, typer.Option(help="Only what this instance said.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """What each source says about an object, or said at a time, as JSON."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.store_show(id=id, at=at, instance=instance)
    print_json(found)
    return 0
