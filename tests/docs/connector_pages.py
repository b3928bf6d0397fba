"""The generated pages of the project's own connectors; ``python -m tests.docs.connector_pages`` writes them."""

from __future__ import annotations

import sys
from pathlib import Path

from isthmus_sdk.commands.docs import INDEX, write_pages
from isthmus_sdk.connector_page import index, render
from isthmus_sdk.loader import Found, discover
from isthmus_sdk.testing._kit import open_bench

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "connectors"
WRITE = "run `python -m tests.docs.connector_pages` and commit what it changed"


def first_party() -> list[Found]:
    """Connectors of this project, sorted by name."""
    return [found for found in discover(kinds=["connector"]) if found.distribution == "isthmus" and found.manifest]


def page_of(found: Found) -> str:
    """What the page of a connector should say."""
    with open_bench(found.value, write=False) as bench:
        return render(bench, FOLDER / f"{found.name}.md")


def index_page() -> str:
    """What the index should say."""
    return index((f"{found.name}.md", found.manifest) for found in first_party() if found.manifest)


def main() -> None:
    """Write every page and the index."""
    write_pages([found.name for found in first_party()], FOLDER, None, say=lambda text: print(text, file=sys.stderr))


__all__ = ["FOLDER", "INDEX", "WRITE", "first_party", "index_page", "page_of"]

if __name__ == "__main__":
    main()
