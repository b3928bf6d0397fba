"""Commands about devices that people know better: merge, split, undo, decisions; below `isthmus assets`."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, table

NoteOption = Annotated[str, typer.Option("--note", help="Why, for those who read the decision later.")]


def merge(
    one: Annotated[str, typer.Argument(help="An asset: its id, its name, or a value that it alone carries.")],
    two: Annotated[str, typer.Argument(help="The other one.")],
    note: NoteOption = "",
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Two assets are one device, whatever their records say; also confirms one that is. Holds until it is undone."""
    with open_hub(config, state_dir) as access:
        found = access.hub.assets_merge(one=one, two=two, note=note, by=_user())
    return _decided(found, json)


def split(
    asset: Annotated[str, typer.Argument(help="Its id, its name, or a value that it alone carries.")],
    members: Annotated[
        list[str] | None,
        typer.Argument(
            help="Members that are another device: instance/stream/native id, native id, or a value that it alone "
            "carries. None: take back the newest merger of the asset by a person."
        ),
    ] = None,
    note: NoteOption = "",
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Some members of an asset are another device: they leave it, under an id of their own. Holds until it is undone."""
    with open_hub(config, state_dir) as access:
        found = access.hub.assets_split(asset=asset, members=members or [], note=note, by=_user())
    return _decided(found, json)


def undo(
    number: Annotated[int, typer.Argument(help="Number of a decision; see `isthmus assets decisions`.")],
    note: NoteOption = "",
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """A decision no longer holds: its assets become what their records and the other decisions say."""
    with open_hub(config, state_dir) as access:
        found = access.hub.assets_undo(number=number, note=note, by=_user())
    return _decided(found, json)


def decisions(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """What people decided about devices, and whether it holds."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.assets_decisions()
    if json:
        print_json(found)
        return 0
    rows = [{**each, "what": _sides(each), "holds": "" if each["holds"] else "undone"} for each in found["decisions"]]
    columns = [("number", "NO"), ("what", "DECISION"), ("by", "BY"), ("at", "AT"), ("note", "NOTE"), ("holds", "")]
    table(rows, columns, empty="Nobody decided anything: see `isthmus assets merge` and `isthmus assets split`.")
    return 0


def _sides(decision: dict[str, Any]) -> str:
    first, second = (", ".join(side) for side in decision["sides"])
    if decision["verdict"] == "undo":
        return f"undoes {decision['undoes']}"
    if decision["verdict"] == "one":
        return f"one device: {', '.join(dict.fromkeys([*decision['sides'][0], *decision['sides'][1]]))}"
    return f"apart: {first} | {second}"


def _decided(found: dict[str, Any], json: bool) -> int:
    if json:
        print_json(found)
        return 0
    print(f"decision {found['number']}: {_sides(found)}")
    for asset in found["assets"]:
        print(f"  {asset['id']}: {len(asset['members'])} records")
    return 0


def _user() -> str:
    """Who decides: who gives the command, not who runs the daemon."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a service's user may have no name
        return ""
