"""Which files a stream reads: globs, in natural order, each file once."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from isthmus_sdk.files._source import Stat, file_stat

_DIGITS = re.compile(r"(\d+)")


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which ``page2`` comes before ``page10``."""
    return tuple((0, int(part), part) if part.isdigit() else (1, 0, part) for part in _DIGITS.split(text) if part)


def listing(globs: Sequence[str]) -> tuple[list[Stat], list[str]]:
    """Files that match, naturally sorted, a file with several names once; and what could not be looked at."""
    files: list[Stat] = []
    problems: list[str] = []
    known: set[tuple[int, int]] = set()
    for path in _matches(globs):
        try:
            result = Path(path).stat()
        except FileNotFoundError:
            continue  # rotated away since it was listed, or a link to nothing
        except OSError as error:
            problems.append(f"{path}: {error.strerror or error}")
            continue
        if stat.S_ISDIR(result.st_mode):
            continue
        if not stat.S_ISREG(result.st_mode):
            problems.append(f"{path}: is not a regular file")
            continue
        found = file_stat(path, result)
        if found.inode_key not in known:
            known.add(found.inode_key)
            files.append(found)
    return files, problems


def _matches(globs: Iterable[str]) -> list[str]:
    paths: set[str] = set()
    for pattern in globs:
        if glob.has_magic(pattern) and not os.path.lexists(pattern):
            paths.update(glob.iglob(pattern, recursive=True))  # noqa: PTH207 - patterns are absolute
        else:  # also a file whose real name holds [ ] * ?
            paths.add(pattern)
    return sorted(paths, key=natural)


def check(globs: Sequence[str]) -> list[str]:
    """What an operator should know about the globs of a stream, one line each: nothing matches, cannot be read."""
    findings: list[str] = []
    for pattern in globs:
        files, problems = listing([pattern])
        findings += problems
        if not files and not problems:
            findings.append(f"{pattern}: no file matches")
        findings += [f"{file.path}: may not be read" for file in files if not os.access(file.path, os.R_OK)]
    return findings


__all__ = ["check", "listing", "natural"]
