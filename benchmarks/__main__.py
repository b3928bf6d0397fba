"""``python -m benchmarks [NAME...] [--json] [--rounds N]``: what is fast, each figure against its peer in the same run."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from dataclasses import asdict

from benchmarks._report import Row

NAMES = (
    "stix",
    "pipeline",
    "six_faults",
    "connectors",
    "bus",
    "bus_readers",
    "bus_jetstream",
    "store",
    "store_memory",
    "assets",
    "flows",
    "isolation",
    "startup",
)


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmarks and print their rows; the exit code says nothing about speed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all of them without a name"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds per figure, of which the median counts (default: 3)"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    results: dict[str, list[Row]] = {}
    for name in options.names or NAMES:
        if not options.json:
            print(f"\n{name}", flush=True)
        results[name] = list(importlib.import_module(f"benchmarks.{name}").run(options.rounds))
        if not options.json:
            for row in results[name]:
                print(line(row), flush=True)
    if options.json:
        shown = {name: [{**asdict(row), "holds": row.holds} for row in rows] for name, rows in results.items()}
        print(
            json.dumps(
                {"python": platform.python_version(), "machine": platform.machine(), "benchmarks": shown}, indent=2
            )
        )
    return 0


def line(row: Row) -> str:
    """One row for a person."""
    figure = f"{row.value:,.3g} {row.unit}" if row.value < 1000 else f"{row.value:,.0f} {row.unit}"
    ratio = f"{row.ratio:.2f}x {row.peer}" if row.ratio is not None else row.peer
    sign = "<=" if row.smaller_is_better else ">="
    promise = (
        "" if row.must is None else f"must {sign} {row.must:g}" + (f", aim {row.aim:g}" if row.aim is not None else "")
    )
    verdict = {True: "holds", False: "MISSED", None: ""}[row.holds]
    return f"  {row.name:52} {figure:>20}  {ratio:34} {promise:26} {verdict}{f'  ({row.note})' if row.note else ''}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
