"""`isthmus report`: the page for people, as one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json, write_whole
from isthmus_hub.cli._zones import OwnerOption

DEFAULT_FILE = Path("isthmus-report.html")


def report(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it; - is standard output.")] = DEFAULT_FILE,
    owner: OwnerOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """One HTML file for people: who sees what, the worst gaps, zones and conduits, coverage, the inventory. It loads nothing."""
    from isthmus_sdk.errors import ConfigurationError

    if json and str(out) == "-":
        raise ConfigurationError("--json and --out - both want standard output; name a file for the report")
    with open_hub(config, state_dir) as access:
        page = access.hub.report(owner=owner).encode()
    if str(out) == "-":
        sys.stdout.buffer.write(page)
        return 0
    write_whole(out, page)
    if json:
        print_json({"report": str(out.resolve()), "bytes": len(page)})
    else:
        print(f"Report: {out} ({len(page) / 1e6:.1f} MB; open it in a browser)")
    return 0
