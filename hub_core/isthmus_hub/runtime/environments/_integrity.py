"""Whether an environment is still, byte for byte, what was added."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from isthmus_hub.runtime.environments._wheel import digest_of

_NAMED = 3
"""Files that a message names before it counts the rest."""


def contents(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` with its SHA-256, every link with where it points; paths relative to it."""
    return dict(_contents(folder))


def _contents(folder: Path) -> Iterator[tuple[str, str]]:
    for root, folders, files in os.walk(folder):
        for name in [*files, *(name for name in folders if Path(root, name).is_symlink())]:
            path = Path(root, name)
            what = f"-> {path.readlink()}" if path.is_symlink() else digest_of(path)
            yield path.relative_to(folder).as_posix(), what


def record(folder: Path) -> Path:
    """Write down what an environment holds, beside it; durable on return."""
    file = folder.with_name(f"{folder.name}.files.json")
    with file.open("w") as out:
        json.dump(contents(folder), out)
        out.flush()
        os.fsync(out.fileno())
    return file


def changes(folder: Path) -> str:
    """What differs from the record, in words; empty: nothing does."""
    try:
        recorded = json.loads(folder.with_name(f"{folder.name}.files.json").read_bytes())
        found = contents(folder)
    except (OSError, ValueError):
        return "its environment or the record of it cannot be read"
    groups = {
        "changed": [name for name in found if name in recorded and found[name] != recorded[name]],
        "missing": [name for name in recorded if name not in found],
        "not from its wheels": [name for name in found if name not in recorded],
    }
    return "; ".join(f"{what}: {_some(names)}" for what, names in groups.items() if names)


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


__all__ = ["changes", "contents", "record"]
