"""``test``: the conformance kit on the command line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from isthmus_sdk.testing import Level, Report, Result, conformance


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


__all__ = ["run_kit"]
