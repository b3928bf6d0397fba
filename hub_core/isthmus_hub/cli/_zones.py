"""`isthmus zones`: zones and conduits, what breaks the declared model, ways into OT."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, say, table

OwnerOption = Annotated[
    str | None, typer.Option("--owner", help="What concerns one team of the configuration; `none`: what nobody owns.")
]
_SHOWN = 4


def zones(
    owner: OwnerOption = None, config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False
) -> int:
    """Zones and conduits: what is in them, who talks across, what nobody declared, and the ways into OT."""
    with open_hub(config, state_dir) as access:
        found = access.hub.zones(owner=owner)
    if json:
        print_json(found)
        return 0
    table(
        [{**zone, "declared": "declared" if zone["declared"] else "by a vendor"} for zone in found["zones"]],
        [("name", "ZONE"), ("level", "LEVEL"), ("technology", "KIND"), ("assets", "ASSETS"), ("owner", "OWNER"), ("declared", "")],
        empty="No assets yet: run `isthmus sync`.",
    )  # fmt: skip
    _conduits(found["conduits"])
    for title, rows, word in (
        ("Not declared, or past the DMZ", found["violations"], "services"),
        ("Ways into OT", found["entry_points"], "peers"),
    ):
        if rows:
            say(f"\n{title}")
            table(
                [{**row, "kind": row["kind"].replace("_", " "), word: _few(row[word])} for row in rows],
                [("kind", "KIND"), ("detail", "DETAIL"), (word, word.upper())],
                empty="",
            )
    return 0


def _conduits(conduits: list[dict[str, Any]]) -> None:
    if not conduits:
        return
    say("\nConduits that were seen")
    words = {True: "declared", False: "not declared", None: ""}
    table(
        [
            {**one, "services": _few([each["service"] for each in one["services"]]), "declared": words[one["declared"]]}
            for one in conduits
        ],
        [("from", "FROM"), ("to", "TO"), ("pairs", "PAIRS"), ("services", "SERVICES"), ("instances", "SEEN BY"), ("declared", "")],
        empty="",
    )  # fmt: skip


def _few(words: list[str]) -> str:
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
