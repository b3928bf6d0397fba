"""``isthmus demo``: the main job on a simulated site, told in words a person would want."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from isthmus_hub.demo._site import Site, make, serving

Demonstrate = Callable[[Path, Path], dict[str, Any]]
"""From a configuration file and a state directory to what the hub found: ``sync``, ``assets``, ``gaps``, ``coverage``, ``report``."""


def run_demo(keep: Path | None, demonstrate: Demonstrate, *, seed: int = 7, as_json: bool = False) -> int:
    """Make the site, run the hub over it, and say what came of it. Returns the exit code."""
    begin = time.monotonic()
    with ExitStack() as stack:
        folder = (
            keep
            if keep is not None
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isthmus-demo-"))) / "site"
        )
        _say("A site is being simulated: office network, DMZ, operations, two production cells that reuse one subnet.")
        site = make(folder.absolute(), seed)
        with serving(site):
            _say(
                "Five products' servers answer on this machine, and three sensors of a sixth write logs. Isthmus fetches, resolves and delivers."
            )
            found = demonstrate(site.config, site.state)
        report = (keep or Path.cwd()) / "isthmus-demo-report.html"
        report.write_text(found.pop("report"), encoding="utf-8")
        seconds = time.monotonic() - begin
        if as_json:
            print(
                json.dumps(
                    {
                        **found,
                        "report": str(report),
                        "directory": str(site.folder) if keep else None,
                        "seconds": round(seconds, 1),
                    },
                    indent=2,
                )
            )
        else:
            print(told(found))
            print(f"\nReport with the map, the coverage, the gaps and the inventory: {report}")
            if keep is not None:
                print(_kept(site))
            _say(f"{seconds:.0f} seconds.")
    return 1 if any(row["error"] for row in (*found["sync"]["runs"], *found["sync"]["deliveries"])) else 0


def told(found: Mapping[str, Any]) -> str:
    """The result in words."""
    assets = [asset for asset in found["assets"] if not asset["external"]]
    parts = [
        _section("What each vendor sees", _sights(assets, found["sync"]["runs"])),
        _section("The one inventory", _inventory(assets)),
        _section("What nobody is watching", _blind_spots(found["gaps"], assets)),
        _section("What was delivered, and what was not", _delivered(found["sync"]["deliveries"])),
    ]
    return "\n".join(parts)


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join(["", title, "-" * len(title), *lines])


def _sights(assets: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    records = Counter(dict.fromkeys(sorted({run["instance"] for run in runs}), 0))
    for run in runs:
        records[run["instance"]] += run["records"]
    sees: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for asset in assets:
        names = {member["instance"] for member in asset["members"]}
        sees.update(names)
        alone.update(names if len(names) == 1 else ())
    return [
        f"  {name:12} {records[name]:6} records   {sees[name]:4} assets, {alone[name]:4} of them seen by nobody else"
        for name in records
    ]


def _inventory(assets: Sequence[Mapping[str, Any]]) -> list[str]:
    classes = Counter(asset["class"] for asset in assets)
    several = sum(len({member["instance"] for member in asset["members"]}) > 1 for asset in assets)
    twins = Counter(address for asset in assets for address in asset["addresses"])
    reused = sum(1 for count in twins.values() if count > 1)
    return [
        f"  {len(assets)} assets, {several} of them known to more than one source and merged.",
        f"  {reused} addresses are used by more than one device: the cells reuse a subnet, and the address scope keeps them apart.",
        "  " + ", ".join(f"{count} {name}" for name, count in classes.most_common(10)),
    ]


def _blind_spots(gaps: Sequence[Mapping[str, Any]], assets: Sequence[Mapping[str, Any]]) -> list[str]:
    names = {asset["id"]: asset["name"] for asset in assets}
    out = []
    for kind, text in (
        ("not_in_edr", "no endpoint sensor covers"),
        ("unscanned", "no vulnerability source covers"),
        ("not_on_wire", "no network sensor hears"),
    ):
        chosen = [gap for gap in gaps if gap["kind"] == kind]
        out.append(f"  {sum(len(gap['assets']) for gap in chosen)} assets {text}:")
        for gap in sorted(chosen, key=lambda item: -len(item["assets"]))[:5]:
            some = ", ".join(sorted(str(names.get(id, id)) for id in gap["assets"])[:3])
            out.append(
                f"    {len(gap['assets']):4}  {gap['detail']} ({some}{', ...' if len(gap['assets']) > 3 else ''})"
            )
    out += [f"  {gap['detail']}" for gap in gaps if gap["kind"] == "bridge"]
    return out


def _delivered(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    out = []
    for row in rows:
        dropped = ", ".join(f"{count} {reason}" for reason, count in row["dropped"].items()) or "nothing dropped"
        out.append(
            f"  {row['platform']:10} {row['in']} in = {row['accepted']} accepted + {row['duplicate']} duplicate + {row['rejected']} rejected + {sum(row['dropped'].values())} dropped + {row['pending']} pending   ({dropped})"
        )
        if row["error"]:
            out.append(f"    {row['error']}")
    return out


def _kept(site: Site) -> str:
    options = f"--config {shlex.quote(str(site.config))} --state-dir {shlex.quote(str(site.state))}"
    return "\n".join(
        [
            f"\nKept in {site.folder}. To go on from here:",
            f"  {shlex.quote(str(site.folder / 'start-simulators'))} &        the vendors' servers again",
            f"  isthmus sync {options}        a second pass: nothing new",
            f"  isthmus gaps {options}",
        ]
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
