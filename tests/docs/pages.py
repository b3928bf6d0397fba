"""The documentation as tests see it: every page, and the code blocks that are marked as tested.

A comment before a block says what is done with it::

    <!-- tested: python -->        run as a script
    <!-- tested: function -->      a function that a test of the page calls
    <!-- tested: file NAME -->     written as NAME, for the blocks of the page that run
    <!-- tested: run -->           a console session: each `$ command` runs, its output is compared
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"<!-- tested: (?P<how>[^>]+?) -->\n```\w*\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A marked block of a page."""

    page: Path
    how: str
    text: str


def pages() -> list[Path]:
    """Every page that is part of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = [ROOT / line for line in listed.stdout.splitlines()] if listed.returncode == 0 else []
    return sorted(path for path in found if path.is_file()) or sorted(
        path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


def blocks(page: Path) -> list[Block]:
    """The marked blocks of a page, in their order."""
    return [Block(page, found["how"], found["text"]) for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def named(page: Path) -> str:
    """The page's path for messages."""
    return str(page.relative_to(ROOT))
