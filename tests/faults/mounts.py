"""File systems of a test's own, mounted while a body runs; where mounting is not permitted the test is skipped: NOT RUN."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

NOT_RUN = "NOT RUN: mounting a file system is not permitted here"
PATIENCE = 15.0
"""Seconds that whoever used a file system may take to leave it."""


def _let_go(at: Path) -> None:
    """Unmount; the last process of a killed hub may need a moment to close its files."""
    ends = time.monotonic() + PATIENCE
    while not _done("umount", at):
        if time.monotonic() > ends:
            pytest.fail(
                f"{at} could not be unmounted in {PATIENCE} s; it is used by {_users(at) or 'nobody that can be seen'}"
            )
        gc.collect()  # what an error of ours still holds open
        time.sleep(0.1)


def _users(at: Path) -> list[str]:
    """Processes with a file of it open, or at home in it, and which."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for link in (process / "cwd", *process.glob("fd/*"), *process.glob("map_files/*")):
            with suppress(OSError):
                if link.readlink().is_relative_to(at):
                    command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found.append(f"{process.name} ({command.strip()}): {link.readlink()}")
    return found


def _done(*command: str | Path) -> bool:
    """Whether a command could be run, and ended well."""
    return (
        os.geteuid() == 0
        and shutil.which(str(command[0])) is not None
        and not subprocess.run(command, capture_output=True, check=False).returncode
    )


def fresh_image(image: Path, megabytes: int) -> None:
    """A file that holds an empty ext4."""
    with image.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    if not _done("mkfs.ext4", "-q", "-F", image):
        pytest.skip(NOT_RUN)


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[None]:
    """An image's file system lies at ``at``; it recovers by its journal, as after a power cut."""
    yield from _mounted(at, "-o", "loop", image)


@contextmanager
def small_disk(at: Path, kilobytes: int) -> Iterator[None]:
    """A file system in memory that holds so much and no more."""
    yield from _mounted(at, "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0700", "tmpfs")


@contextmanager
def at_rest(pids: Sequence[int]) -> Iterator[None]:
    """Processes rest meanwhile: what they did not flush is in memory, and not in the image."""
    _send(pids, signal.SIGSTOP)
    try:
        ends = time.monotonic() + PATIENCE
        while not all(_rests(pid) for pid in pids):  # a signal is sent before it is obeyed
            assert time.monotonic() < ends, f"a process of {pids} does not stop"
            time.sleep(0.001)
        yield
    finally:
        _send(pids, signal.SIGCONT)


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # one that ended by itself
            os.kill(pid, number)


def _rests(pid: int) -> bool:
    """Whether every thread of a process is stopped or has ended."""
    states = []
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):
            states.append(task.read_text().rpartition(")")[2].split()[0])
    return all(state in "TtZXx" for state in states)


def _mounted(at: Path, *what: str | Path) -> Iterator[None]:
    at.mkdir(exist_ok=True)
    if not _done("mount", *what, at):
        pytest.skip(NOT_RUN)
    try:
        yield
    finally:
        _let_go(at)


__all__ = ["NOT_RUN", "at_rest", "fresh_image", "mounted", "small_disk"]
