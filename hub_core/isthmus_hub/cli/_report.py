"""`isthmus report`: the page for people, as one file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from isthmus_hub.cli._context import ConfigOption, JsonOption, StateOption, open_hub, print_json
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
    try:
        write(out, page)
    except OSError as error:
        raise ConfigurationError(f"--out {out}: cannot be written ({error.strerror}); name another file") from error
    if json:
        print_json({"report": str(out.resolve()), "bytes": len(page)})
    else:
        print(f"Report: {out} ({len(page) / 1e6:.1f} MB; open it in a browser)")
    return 0


def write(out: Path, page: bytes) -> None:
    """The whole page or what was there before: a browser may be reading it, and a scheduled job may end in the middle."""
    made = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        made.write_bytes(page)
        made.replace(out)
    finally:
        made.unlink(missing_ok=True)
