"""Named points at which a test can kill the process (``ISTHMUS_FAULT=<point>:<n>``).

Off unless ``ISTHMUS_TESTING=1``. A point fires at its n-th passage in one process and only once per state directory: a
marker file is written and synced before the process dies, so the restarted daemon goes on.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

POINTS = ("fetch", "validate", "map", "publish", "commit", "resolve", "deliver", "acknowledge")
ENVIRONMENT = ("ISTHMUS_TESTING", "ISTHMUS_FAULT", "ISTHMUS_FAULT_DIR")
"""Variables that a worker's otherwise clean environment keeps."""

_passages: dict[str, int] = {}
_counting = threading.Lock()


def keep_markers_in(folder: Path) -> None:
    """Name the state directory to this process and its workers, if they are under test."""
    if os.environ.get("ISTHMUS_TESTING") == "1":
        os.environ.setdefault("ISTHMUS_FAULT_DIR", str(folder))


def fault_point(name: str, *, kill_parent: bool = False) -> None:
    """Die here with SIGKILL if the environment asks for it; otherwise do nothing.

    ``kill_parent`` is for worker processes: hub and worker die together, as in a power cut.
    """
    wanted = os.environ.get("ISTHMUS_FAULT")
    if not wanted or os.environ.get("ISTHMUS_TESTING") != "1":
        return
    point, _, count = wanted.partition(":")
    if point != name:
        return
    with _counting:
        passage = _passages[name] = _passages.get(name, 0) + 1
    if passage != int(count or "1"):
        return
    marker = Path(os.environ.get("ISTHMUS_FAULT_DIR", ".")) / f"fault-{point}-{count}"
    if marker.exists():
        return
    with marker.open("w") as file:
        file.write(str(os.getpid()))
        file.flush()
        os.fsync(file.fileno())
    if kill_parent:
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


__all__ = ["ENVIRONMENT", "POINTS", "fault_point", "keep_markers_in"]
