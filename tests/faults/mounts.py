"""File systems of a test's own, mounted while a body runs; where mounting is not permitted the test is skipped: NOT RUN."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
            pytest.fail(f"{at} could not be unmounted in {PATIENCE} s: a process still uses it")
        time.sleep(0.1)


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


def _mounted(at: Path, *what: str | Path) -> Iterator[None]:
    at.mkdir(exist_ok=True)
    if not _done("mount", *what, at):
        pytest.skip(NOT_RUN)
    try:
        yield
    finally:
        _let_go(at)


__all__ = ["NOT_RUN", "fresh_image", "mounted", "small_disk"]
