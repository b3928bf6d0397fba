"""`isthmus coverage`, `gaps`, `compare-primaries`: who watches what, what nobody watches, and what another primary would change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, say
from isthmus_hub.cli._zones import OwnerOption

PrimaryOption = Annotated[
    str | None,
    typer.Option(
        "--primary",
        help="Compute against this platform instead of the configured primary: one of the configuration, one with a manifest "
        "(`isthmus compare-primaries`), or a manifest's file.",
    ),
]
SiteOption = Annotated[str | None, typer.Option("--site", help="Only assets of this site, as vendors write it.")]
ZoneOption = Annotated[str | None, typer.Option("--zone", help="Only assets of this zone.")]

WIDTH = 100
FRAMEWORKS = {"cdm": "cyber-defense-matrix", "csf": "nist-csf-2.0", "iec62443": "iec-62443-3-3"}
FUNCTIONS = ("identify", "protect", "detect", "respond", "recover")
_SHOWN = 5
_SCREENFUL = 25


def coverage(
    primary: PrimaryOption = None,
    site: SiteOption = None,
    zone: ZoneOption = None,
    owner: OwnerOption = None,
    framework: Annotated[
        str | None,
        typer.Option(
            "--framework",
            help="Show it in the words of a framework: cdm (Cyber Defense Matrix), csf (NIST CSF 2.0), iec62443.",
        ),
    ] = None,
    techniques: Annotated[
        bool, typer.Option("--techniques", help="A row for each ATT&CK technique and asset class.")
    ] = False,
    enterprise: Annotated[
        Path | None,
        typer.Option(
            help="MITRE's bundle of ATT&CK Enterprise, else `enterprise` of [coverage]. ICS comes with the hub."
        ),
    ] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Who could watch each class of asset (declared), who is configured where it is (reachable), what was seen (observed)."""
    from isthmus_sdk.errors import ConfigurationError

    if framework is not None and framework not in FRAMEWORKS:
        raise ConfigurationError(f"--framework {framework}: is none of {', '.join(FRAMEWORKS)}")
    with open_hub(config, state_dir) as access:
        found = access.hub.coverage(
            primary=_named(primary), site=site, zone=zone, owner=owner, techniques=techniques,
            enterprise=str(enterprise.resolve()) if enterprise else None,
        )  # fmt: skip
    if json:
        print_json(found)
    elif not found["assets"]:
        print("No assets yet: run `isthmus sync`.")
    elif framework is not None:
        _framework(found["rollups"][FRAMEWORKS[framework]])
    elif techniques:
        _techniques(found["technique_rows"])
    else:
        _matrix(found)
    return 0


def gaps(
    primary: PrimaryOption = None,
    site: SiteOption = None,
    zone: ZoneOption = None,
    owner: OwnerOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """What nobody is watching, why, and which connectors would close it."""
    with open_hub(config, state_dir) as access:
        found = access.hub.gaps(primary=_named(primary), site=site, zone=zone, owner=owner)
    if json:
        print_json(found)
        return 0
    rows = [
        {
            "kind": gap["kind"].replace("_", " "),
            "cause": gap["cause"].replace("_", " "),
            "count": len(gap["assets"]),
            "detail": gap["detail"]
            + (f". {gap['precious']} are crown jewels" if gap["precious"] else "")
            + (f". Would close it: {_counted(gap['closed_by'])}" if gap["closed_by"] else ""),
        }
        for gap in found["gaps"]
    ]
    _table(
        rows, [("kind", "GAP"), ("cause", "CAUSE"), ("count", "ASSETS"), ("detail", "DETAIL")], empty="No gaps found."
    )
    _additions(found["additions"], "needs that assets do not have")
    return 0


def exposures(
    asset: Annotated[
        str | None,
        typer.Option(help="Of one asset: its id, its name, or a value that it alone carries.", show_default=False),
    ] = None,
    owner: OwnerOption = None,
    limit: Annotated[int | None, typer.Option(help="How many; without it all in JSON, 25 on a screen.", min=1)] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Open vulnerabilities on assets, the most urgent first: by KEV, EPSS, who reaches the asset, and its criticality."""
    from isthmus_hub.report import exploited

    with open_hub(config, state_dir) as access:
        found = access.hub.exposures(owner=owner, limit=limit if limit or json else _SCREENFUL, asset=asset)
    if json:
        print_json(found)
        return 0
    _table(
        [
            {
                **row,
                "asset": row["asset_name"] or row["asset"],
                "known": exploited(row),
                "reach": row["reach"].replace("_", " "),
                "critical": "crown jewel" if row["crown_jewel"] else row["criticality"],
                "instances": ", ".join(row["instances"]),
            }
            for row in found["exposures"]
        ],
        [("priority", "PRIORITY"), ("name", "VULNERABILITY"), ("asset", "ASSET"), ("zone", "ZONE"), ("known", "EXPLOITED"), ("reach", "REACHED FROM"), ("critical", "CRITICALITY"), ("cvss", "CVSS"), ("instances", "SAID BY")],
        empty="No open exposures known.",
    )  # fmt: skip
    say(f"{len(found['exposures'])} of {found['open']} open exposures")
    return 0


def compare_primaries(
    names: Annotated[
        list[str] | None, typer.Argument(help="Platforms to compare; without any all that have a manifest.")
    ] = None,
    site: SiteOption = None,
    zone: ZoneOption = None,
    owner: OwnerOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Primary platforms on the assets there are: what each covers by itself, with today's partners, what remains, how open it is."""
    with open_hub(config, state_dir) as access:
        found = access.hub.compare_primaries(
            names=[str(_named(name)) for name in names or ()], site=site, zone=zone, owner=owner
        )
    if json:
        print_json(found)
        return 0
    rows = [
        {
            "name": one["name"],
            "own": _share(one["own"], one["pairs"]),
            "observed": _share(one["own_observed"], one["pairs"]),
            "partners": _share(one["with_partners"], one["pairs"]),
            "techniques": f"{one['techniques']['own']} > {one['techniques']['with_partners']} of {one['techniques']['targeted']}",
            "in": len({kind for door in one["takes"] for kind in door["kinds"]}),
            "out": len({kind for door in one["gives"] for kind in door["kinds"]}),
        }
        for one in found["primaries"]
    ]
    _table(
        rows,
        [("name", "PRIMARY"), ("own", "OWN"), ("observed", "SEEN TODAY"), ("partners", "WITH PARTNERS"), ("techniques", "ICS TECHNIQUES"), ("in", "KINDS IN"), ("out", "KINDS OUT")],
        empty="No platform has a manifest.",
    )  # fmt: skip
    say("Shares of pairs of asset and function. Own: what its manifest declares and can be collected, deployed or not.")
    if names:
        for one in found["primaries"]:
            _standing(one)
    return 0


def _standing(one: Mapping[str, Any]) -> None:
    print(f"\n{one['title']}")
    if one["note"]:
        _line("", one["note"])
    left = [f"{each['function']} of {each['assets']} {each['asset_class']}" for each in one["remains"][:_SHOWN]]
    more = len(one["remains"]) - _SHOWN
    _line("remains: ", ("; ".join(left) or "nothing") + (f"; and {more} more" if more > 0 else ""))
    for word, doors in (("takes ", one["takes"]), ("gives ", one["gives"])):
        for door in doors:
            sure = {part: " (recalled)" if part in door["recalled"] else "" for part in ("limit", "idempotency")}
            _line(
                word,
                f"{', '.join(door['kinds'])}: {door['api']}. Limit: {door['limit']}{sure['limit']}. "
                f"Repeated: {door['idempotency']}{sure['idempotency']}. [{door['basis']}: {door['source']}]",
            )
    _line("by Isthmus: ", ", ".join(one["delivered_by"]) or "no platform of it writes to this product yet")


def _matrix(found: Mapping[str, Any]) -> None:
    classes: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in found["cells"]:
        classes.setdefault(cell["asset_class"], {})[cell["function"]] = cell
    seen = {name: entry for domain in reversed(found["techniques"].values()) for name, entry in domain.items()}
    rows = [
        {
            "class": name,
            "count": cells["detect"]["assets"],
            **{function: _cell(cell) for function, cell in cells.items()},
            "age": "-" if cells["detect"]["age_hours"] is None else f"{cells['detect']['age_hours']:g} h",
            "techniques": _seen(seen[name]) if name in seen else "-",
        }
        for name, cells in classes.items()
    ]
    columns = [("class", "ASSET CLASS"), ("count", "ASSETS"), *((name, name.upper()) for name in FUNCTIONS)]
    _table(rows, [*columns, ("age", "AGE"), ("techniques", "TECHNIQUES")], empty="")
    say(
        "Share of the class with fresh evidence; \"none\": no connector declares it, \"offered\": none is configured there.\n"
        "Age: median of the evidence for detect. Techniques: seen in part (in full) on one asset at least, of all that target the class."
    )  # fmt: skip
    baseline = found["baseline"]
    print(
        f"\n{found['assets']} assets. Primary {found['primary'] or 'none chosen'}: declares {_share(baseline['own'], baseline['pairs'])} of all pairs"
        f" of asset and function,\nits own sensors see {_share(baseline['own_observed'], baseline['pairs'])}; with partners {_share(baseline['with_partners'], baseline['pairs'])}."
    )
    for short, framework in FRAMEWORKS.items():
        states = [row["state"] for row in found["rollups"][framework]]
        counts = {state: states.count(state) for state in dict.fromkeys(states)}
        print(f"{framework} (--framework {short}): " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    _additions(found["additions"], "functions that nobody performs")


def _framework(rows: Sequence[Mapping[str, Any]]) -> None:
    _table(
        [
            {**row, "seen": f"{row['observed']}/{row['assets']}", "by": ", ".join(row["reachable_by"]) or "-"}
            for row in rows
        ],
        [("id", "ROW"), ("state", "STATE"), ("seen", "SEEN"), ("title", "TITLE")],
        empty="No asset is of the kind that it is about.",
    )


def _techniques(rows: Sequence[Mapping[str, Any]]) -> None:
    _table(
        [{**row, "seen": f"{row['observed_part']}/{row['assets']}", "full": row["observed_full"]} for row in rows],
        [("asset_class", "ASSET CLASS"), ("technique", "TECHNIQUE"), ("declared", "DECLARED"), ("reachable", "REACHABLE"), ("seen", "IN PART"), ("full", "IN FULL"), ("name", "NAME")],
        empty="No technique targets the classes there are.",
    )  # fmt: skip


def _additions(found: Mapping[str, Any], what: str) -> None:
    if not found["blind"]:
        return
    print(f"\n{found['blind']} {what}, asset by asset.")
    print(f"{found['closable']} could be closed by connectors that are not there:")
    best = {one["connector"]: one["closes"] for one in found["candidates"][:_SHOWN]}
    _line("each alone: ", _counted(best) or "none could")
    if found["shortest"]:
        sure = "" if found["exact"] else " (greedy: a shorter set may exist)"
        _line("fewest that close all of them: ", " + ".join(found["shortest"]) + sure)


def _cell(cell: Mapping[str, Any]) -> str:
    if not cell["declared_by"]:
        return "none"
    if not cell["reachable"]:
        return "offered"
    return f"{cell['share']:.0%}"


def _seen(entry: Mapping[str, Any]) -> str:
    return f"{entry['observed']['part']} ({entry['observed']['full']}) of {entry['techniques']}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _named(primary: str | None) -> str | None:
    """A manifest's file by its full path: the daemon that may answer is at home elsewhere."""
    return str(Path(primary).resolve()) if primary and primary.endswith(".toml") else primary


def _line(word: str, text: str) -> None:
    """A paragraph of at most ``WIDTH`` columns that hangs under its first word."""
    import textwrap

    from isthmus_hub.telemetry import escape

    print(
        "\n".join(
            textwrap.wrap(
                escape(word + text), WIDTH, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
            )
        )
    )


def _table(rows: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, str]], *, empty: str) -> None:
    """Rows as aligned text of at most ``WIDTH`` columns: the last column is wrapped into what the others leave."""
    import textwrap

    from isthmus_hub.telemetry import escape

    cells = [[escape(str("-" if row.get(key) is None else row[key])) for key, _ in columns] for row in rows]
    if not cells:
        print(empty)
        return
    widths = [max(len(title), *(len(row[place]) for row in cells)) for place, (_, title) in enumerate(columns[:-1])]
    left = sum(widths) + 2 * len(widths)
    print(
        "  ".join([*(title.ljust(width) for (_, title), width in zip(columns, widths, strict=False)), columns[-1][1]])
    )
    for row in cells:
        head = "".join(text.ljust(width) + "  " for text, width in zip(row, widths, strict=False))
        lines = textwrap.wrap(row[-1], max(30, WIDTH - left), break_on_hyphens=False) or [""]
        print("\n".join([(head + lines[0]).rstrip(), *(" " * left + line for line in lines[1:])]))
