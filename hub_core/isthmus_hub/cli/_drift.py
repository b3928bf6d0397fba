"""``isthmus drift``: fields of a vendor's records that are not what the connector expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json

drift = typer.Typer(
    help="Fields of a vendor's records that drifted; `isthmus status` names them.", no_args_is_help=True
)
SHOWN = 5
"""Fields of each kind on one line."""


@drift.callback()
def _group() -> None:
    """Keep the group, though it has one command."""


@drift.command("accept")
def accept(
    instance: Annotated[str, typer.Argument(help="The connector instance.")],
    stream: Annotated[str | None, typer.Argument(help="Its stream; all of them without.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """These fields differ, and that is known: `status` and the log no longer name them."""
    with open_hub(config, state_dir) as access:
        found = access.hub.accept_drift(instance=instance, stream=stream)
    if json:
        print_json(found)
        return 0
    for name, kinds in found["accepted"].items():
        for kind, fields in kinds.items():
            print(f"{instance}/{name}: {kind}: {listed(fields)} accepted")
    if not found["accepted"]:
        print(f"{instance}: no field drifted")
    return 0


def print_drift(instance: str, row: Mapping[str, Any]) -> None:
    """What drifted in one stream, and since when."""
    for kind in ("new", "missing", "changed", "dropped"):
        if fields := row.get(kind):
            print(
                f"  warning: {instance}/{row['stream']}: fields {kind} since {min(fields.values())}: {listed(fields)}"
            )
    print(f"    if that is known: {row['accept']}")


def listed(fields: Mapping[str, Any] | list[str]) -> str:
    """The first names, which a vendor chose, safe for a terminal."""
    from isthmus_hub.telemetry import escape

    names = [escape(name) for name in sorted(fields)]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


__all__ = ["drift", "print_drift"]
