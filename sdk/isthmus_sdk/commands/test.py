"""``test``: the conformance kit on the command line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from isthmus_sdk.commands.connectors import load_connector
from isthmus_sdk.commands.manifest import path_of, with_conformance
from isthmus_sdk.manifest import Conformance
from isthmus_sdk.testing import LEVELS, Level, Report, Result, conformance


def run_kit(
    connector: str, level: Level, *, folder: Path | None, only: Sequence[str], write: bool, as_json: bool, badge: bool
) -> Report:
    """Look at a connector and print the result. Raises ``ConfigurationError`` where the case is wrong."""
    waiting = sys.stderr.isatty() and not as_json

    def tell(result: Result) -> None:
        if waiting:
            print(f"\r\x1b[K{result.rule}", end="", file=sys.stderr, flush=True)

    report = conformance(
        connector, level=level, folder=folder, only=only, write=write and not os.environ.get("CI"), tell=tell
    )
    if waiting:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if as_json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    elif badge:
        print(report.badge())
    else:
        print(report.text(colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    return report


def record(connector: str, report: Report) -> str:
    """Write into the manifest which level was reached, or that none was; gives the line to tell.

    Levels above the one that was asked for were not looked at: what is known of them stays. The report must be of all rules.
    """
    plugin = load_connector(connector)
    path, known = path_of(plugin), plugin.manifest.conformance
    if (
        known
        and known.version == report.version
        and report.level == report.asked
        and LEVELS.index(known.level) > LEVELS.index(report.asked)
    ):
        return f"{path}: {known.level}, of which this run looked at {report.asked} alone, is what it says"
    exempt = tuple(result.rule for result in report.results if result.status == "exempt")
    found = Conformance(level=report.level, version=report.version, exempt=exempt) if report.level else None
    text = path.read_text(encoding="utf-8")
    new = with_conformance(text, found, str(path))
    if new != text:
        path.write_text(new, encoding="utf-8")
    return f"{path}: {report.level or 'no level'} {'is what it says' if new == text else 'written'}"


__all__ = ["record", "run_kit"]
