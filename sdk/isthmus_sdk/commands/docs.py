"""``docs``: the page of a connector, or those of every connector of a distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from isthmus_sdk.errors import ConfigurationError

INDEX = "README.md"


def write_pages(
    names: Sequence[str], output: Path | None, folder: Path | None, *, say: Callable[[str], None]
) -> dict[Path | None, str]:
    """The pages of connectors, as ``{file: text}``; written where ``output`` says.

    One name: ``output`` is a file, or nothing for the page alone. Several: a directory, with an index beside the pages.
    ``folder``: where the recorded pages of the one connector lie. Raises ``ConfigurationError`` for unknown names.
    """
    from isthmus_sdk.connector_page import index, render
    from isthmus_sdk.testing._kit import open_bench

    many = len(names) > 1 or (output is not None and output.is_dir())
    if many and (output is None or folder is not None):
        raise ConfigurationError("several connectors: give --output DIR, and no --folder, which is that of one")
    pages: dict[Path | None, str] = {}
    listed = []
    for name in names:
        with open_bench(name, folder, write=False) as bench:
            known = bench.connector.manifest
            at = output / f"{known.name}.md" if output is not None and many else output
            pages[at] = render(bench, at)
            listed.append((f"{known.name}.md", known))
    if len(names) > 1 and output is not None:
        pages[output / INDEX] = index(listed)
    for file, text in pages.items():
        if file is not None:
            old = file.read_text(encoding="utf-8") if file.is_file() else None
            if old != text:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            say(f"{file}: {'is up to date' if old == text else 'written'}")
    return pages


__all__ = ["INDEX", "write_pages"]
