"""What a worker and all it started use of the machine, looked at from outside twice a second.

The kernel bounds one process (`_bounds`); this bounds all of them together, and puts one that burns processor time
without getting anywhere behind everybody else.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isthmus_hub.runtime._bounds import MIB, Bounds
from isthmus_sdk.errors import ProtocolError

LOOK_SECONDS = 0.5
BACKGROUND_SECONDS = 10.0
"""Processor time without progress after which a worker gets little more than what others leave."""
NICE = 15
"""One thirtieth of the weight of others, and not nothing: a page may really be that large."""


class WorkerGreedy(ProtocolError):
    """The worker took more of the machine than it may and was stopped."""


@dataclass(frozen=True, slots=True)
class Use:
    """Of a worker and its descendants."""

    processes: int
    resident: int
    """Bytes in memory; what they share counts for each."""
    seconds: float
    """Processor time."""


class Watch:
    """One worker. ``look`` is cheap between two looks."""

    def __init__(self, pid: int, bounds: Bounds) -> None:
        self._pid = pid
        self._bounds = bounds
        self._next = 0.0
        self._since = 0.0
        """Processor time used when it last came further."""
        self._last = Use(1, 0, 0.0)
        self.behind = False
        """Whether it runs behind everybody else."""

    @property
    def idle_seconds(self) -> float:
        """Processor time since it last came further, as of the last look."""
        return self._last.seconds - self._since

    def moved(self) -> None:
        """It came further."""
        self._since = self._last.seconds

    def look(self) -> bool:
        """Look, if it is time. True when it was just put behind the others. Raises :class:`WorkerGreedy`."""
        if sys.platform != "linux" or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + LOOK_SECONDS
        tree = list(_tree(self._pid))
        self._last = _use(tree)
        if self._last.processes > self._bounds.processes:
            raise WorkerGreedy(
                f"the worker started {self._last.processes - 1} processes; it may have {self._bounds.processes - 1}, and was stopped"
            )
        if self._last.resident > self._bounds.memory:
            raise WorkerGreedy(
                f"the worker holds {self._last.resident // MIB} MiB of memory; it may have {self._bounds.memory // MIB} MiB, and "
                "was stopped"
            )
        if self.behind:
            _put_behind(tree)  # what it started since
        elif self.idle_seconds > BACKGROUND_SECONDS:
            self.behind = True
            _put_behind(tree)
            return True
        return False


def _tree(pid: int) -> Iterator[int]:
    """A process and its descendants. Orphans among them belong to the worker, see `isthmus_sdk.launch`."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        for children in Path("/proc", str(one), "task").glob("*/children"):
            with suppress(OSError):
                waiting += map(int, children.read_text().split())


def _use(tree: list[int]) -> Use:
    processes, resident, ticks = 0, 0, 0
    for pid in tree:
        try:
            fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        processes += 1
        ticks += sum(map(int, fields[11:15] if pid == tree[0] else fields[11:13]))  # of the worker also what has ended
        resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return Use(processes, resident, ticks / os.sysconf("SC_CLK_TCK"))


def _put_behind(tree: list[int]) -> None:
    """Scheduled after everybody else who wants to run; what it starts inherits that."""
    for pid in tree:
        with suppress(OSError):
            Path("/proc", str(pid), "autogroup").write_text(str(NICE))
        with suppress(OSError):
            for thread in Path("/proc", str(pid), "task").iterdir():
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, int(thread.name), NICE)


__all__ = ["BACKGROUND_SECONDS", "NICE", "Watch", "WorkerGreedy"]
