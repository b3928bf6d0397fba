"""Commands that read: assets, export."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus_hub.cli import _context
from isthmus_hub.cli._context import (
    ConfigOption,
    JsonOption,
    StateOption,
    open_hub,
    print_json,
    read_hub,
    say,
    table,
    write_whole,
)
from isthmus_hub.cli._zones import OwnerOption

assets = typer.Typer(
    help="The one inventory: every asset, who sees it, what identifies it and since when it is absent."
)


@assets.callback(invoke_without_command=True)
def list_assets(
    context: typer.Context,
    owner: OwnerOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """The one inventory: every asset, who sees it, what identifies it and since when it is absent."""
    if context.invoked_subcommand is not None:
        _context.common.config = config or _context.common.config
        _context.common.state_dir = state_dir or _context.common.state_dir
        return 0
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.assets(owner=owner)
    if json:
        print_json(found)
        return 0
    rows = [
        {
            **asset,
            "seen_by": sorted({member["instance"] for member in asset["members"]}),
            "address": asset["addresses"][:2],
        }
        for asset in sorted(found["assets"], key=lambda item: (str(item["zone"] or "~"), str(item["name"])))
        if not asset["external"]
    ]
    table(
        rows,
        [
            ("name", "NAME"),
            ("class", "CLASS"),
            ("level", "LEVEL"),
            ("zone", "ZONE"),
            ("owner", "OWNER"),
            ("address", "ADDRESS"),
            ("seen_by", "SEEN BY"),
            ("absent_since", "ABSENT SINCE"),
        ],
        empty="No assets yet: run `isthmus sync`.",
    )
    say(f"{len(rows)} assets")
    return 0


@assets.command("show")
def show_asset(
    asset: Annotated[
        str, typer.Argument(help="Its id, its name, or a value that it alone carries: an address, a serial.")
    ],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """One asset: what it is, who sees it since when, what identifies it, how far each of that is believed, and what it is open to."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.asset_show(asset=asset)
    if json:
        print_json(found)
        return 0
    print(f"{found['name']}  {found['id']}")
    for name in ("class", "technology", "level", "zone", "site", "owner"):
        if found.get(name):
            print(f"  {name:12} {found[name]}")
    table(
        [{**each, "why": _WHY[each["why"]], "others": _others(each["others"])} for each in found["attributes"]],
        [("name", "ATTRIBUTE"), ("value", "VALUE"), ("source", "FROM"), ("why", "BELIEVED"), ("others", "OTHERS SAY")],
        empty="No source says anything of it.",
    )
    if disputed := [
        {"attribute": each["attribute"], **value} for each in found["disputed"] for value in each["values"]
    ]:
        table(
            [{**each, "against": ", ".join(each["against"])} for each in disputed],
            [("attribute", "IN DISPUTE"), ("value", "VALUE"), ("instance", "FROM"), ("last_seen", "LAST SEEN"), ("against", "AGAINST")],
            empty="",
        )  # fmt: skip
    table(found["bindings"], [("scope", "SCOPE"), ("address", "ADDRESS")], empty="No address.")
    table(
        [
            {**each, "value": each["value"] + ("  (poisoned: links nothing)" if each["poisoned"] else "")}
            for each in found["identifiers"]
        ],
        [("kind", "IDENTIFIER"), ("value", "VALUE")],
        empty="No identifier.",
    )
    table(
        found["members"],
        [("instance", "SEEN BY"), ("stream", "STREAM"), ("native_id", "AS"), ("last_seen", "LAST SEEN"), ("absent_since", "ABSENT SINCE")],
        empty="Nobody sees it.",
    )  # fmt: skip
    _open_to(found["exposures"], found["id"])
    return 0


def _open_to(exposures: list[dict[str, Any]], asset: str) -> None:
    """The most urgent exposures of an asset; nothing where none is known."""
    if not exposures:
        return
    from isthmus_hub.report import exploited

    rows = [{**row, "known": exploited(row), "instances": ", ".join(row["instances"])} for row in exposures]
    columns = [
        ("name", "OPEN TO"),
        ("priority", "PRIORITY"),
        ("known", "EXPLOITED"),
        ("cvss", "CVSS"),
        ("fix", "FIX"),
        ("instances", "SAID BY"),
    ]
    table(rows[:_MOST_EXPOSURES], columns, empty="")
    if len(rows) > _MOST_EXPOSURES:
        say(f"{_MOST_EXPOSURES} of {len(rows)}; all: isthmus exposures --asset {asset}")


_MOST_EXPOSURES = 10


_WHY = {
    "only": "nobody differs",
    "device": "its own record",
    "telling": "says more",
    "order": "by the order of sources",
    "newest": "newest",
}


def _others(others: list[dict[str, Any]]) -> str:
    return "; ".join(f"{each['value']} ({', '.join(each['source'])})" for each in others)


@assets.command("why")
def why(
    one: Annotated[
        str, typer.Argument(help="An asset or observed object: its id, its name, or a value that it alone carries.")
    ],
    two: Annotated[str, typer.Argument(help="The other one.")],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Why two things are one asset, or why they are not: every link that was made or refused, and what they share."""
    with open_hub(config, state_dir, needs_config=False) as access:
        found = access.hub.assets_why(one=one, two=two)
    if json:
        print_json(found)
        return 0
    print(
        f"one asset: {found['assets'][0]}" if found["same"] else "two assets: " + ", ".join(map(str, found["assets"]))
    )
    for link in found["links"]:
        print(f"  {link['rule']} {link['value']}" + (f": refused, {link['veto']}" if link["veto"] else ": linked"))
        for end in ("left", "right"):
            print(f"    {found['records'][link[end]]}")
    for value in found["shared"]:
        word = "poisoned: other devices have it too, so it links nothing" if value["poisoned"] else "shared"
        print(f"  {value['kind']} {value['value']}: {word}")
    if not found["same"] and not found["links"] and not found["shared"]:
        print("  They share nothing that identifies a device.")
    return 0


@assets.command("fit")
def fit(
    out: Annotated[Path | None, typer.Option(help="Write the model to this file, for `[assets] model`.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Fit the weights of identity to this inventory, and show what they would change. Nothing is applied."""
    with open_hub(config, state_dir) as access:
        found = access.hub.assets_fit()
    if out is not None:
        write_whole(out, found["model"].encode())
    if json:
        print_json(found)
        return 0
    table(
        [
            {**one, "was": f"{one['before'][0]:+.1f} {one['before'][1]:+.1f}", "is": f"{one['agrees']:+.1f} {one['differs']:+.1f}"}
            for one in found["estimates"]
        ],
        [("trait", "TRAIT"), ("m", "AGREE, ONE DEVICE"), ("u", "AGREE, TWO"), ("was", "BITS NOW"), ("is", "BITS FITTED"), ("pairs", "PAIRS")],
        empty="",
    )  # fmt: skip
    devices, undecided = found["devices"], found["undecided"]
    print(
        f"Model {found['version']} for {found['replaces']}: {devices['before']} devices would be {devices['after']}, "
        f"{len(found['merged'])} of them merged anew, {len(found['divided'])} divided; undecided pairs {undecided['before']}, "
        f"then {undecided['after']}."
    )
    say(
        f'isthmus: written to {out}; `[assets] model = "{out}"` applies it'
        if out is not None
        else "isthmus: nothing was written; --out FILE keeps the model"
    )
    return 0


@assets.command("confirm-absence")
def confirm_absence(
    instance: Annotated[str, typer.Argument(help="The connector instance whose snapshot is held.")],
    stream: Annotated[str, typer.Argument(help="Its stream.")],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """More vanished at once than is believed without a question: it is true, mark them absent. Nothing is deleted."""
    with open_hub(config, state_dir) as access:
        found = access.hub.confirm_absence(instance=instance, stream=stream)
    if json:
        print_json(found)
    else:
        print(f"{instance}/{stream}: {found['vanished']} marked absent since {found['observed_at']}")
    return 0


def export(
    stream: Annotated[
        str, typer.Option(help="observed: what the sources said; resolved: what the hub believes.")
    ] = "resolved",
    format: Annotated[str, typer.Option(help="bundle or ndjson.")] = "bundle",
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Every current object as STIX 2.1, on standard output. --json: one document, `{"stream", "objects", "count"}`."""
    from isthmus_sdk.errors import ConfigurationError

    if format not in ("bundle", "ndjson"):
        raise ConfigurationError(f"--format {format}: is neither bundle nor ndjson")
    with read_hub(config, state_dir) as access:
        objects = access.hub.export(stream)
        if json:
            count = _document(objects, b'{"stream":"%s"' % stream.encode(), lambda count: b'"count":%d}' % count)
        elif format == "bundle":
            head = b'{"id":"' + _bundle_id(access.hub.name, stream).encode() + b'"'
            count = _document(objects, head, lambda _: b'"type":"bundle"}')
        else:
            count = 0
            for encoded in objects:
                sys.stdout.buffer.write(encoded + b"\n")
                count += 1
        sys.stdout.buffer.flush()
    say(f"{count} objects")
    return 0


def _document(objects: Iterable[bytes], head: bytes, tail: Callable[[int], bytes]) -> int:
    """One JSON document around the objects, written as they come; returns how many there were."""
    out, count = sys.stdout.buffer, 0
    for encoded in objects:
        out.write((head + b',"objects":[\n' if count == 0 else b",\n") + encoded)
        count += 1
    out.write((b"" if count else head + b',"objects":[') + b"\n]," + tail(count) + b"\n")
    return count


def _bundle_id(hub: str, stream: str) -> str:
    """The same export of the same hub is the same bundle."""
    from isthmus_sdk.stix import sdo_id

    return sdo_id("bundle", {"hub": hub, "stream": stream})
