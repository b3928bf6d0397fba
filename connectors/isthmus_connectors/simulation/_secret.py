"""The secret of a simulator on its command line: itself, or the file that holds it."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_secret(parser: argparse.ArgumentParser, option: str, default: str) -> None:
    """The options ``--option`` and ``--option-file``."""
    parser.add_argument(f"--{option}", default=default, help="a made-up one: the simulator guards nothing")
    parser.add_argument(
        f"--{option}-file", type=Path, help="file that holds it, so that it stands in no list of processes"
    )


def given_secret(options: argparse.Namespace, option: str) -> str:
    """What was given under :func:`add_secret`; a file counts more than a word."""
    name = option.replace("-", "_")
    file: Path | None = getattr(options, f"{name}_file")
    return file.read_text().strip() if file else str(getattr(options, name))
