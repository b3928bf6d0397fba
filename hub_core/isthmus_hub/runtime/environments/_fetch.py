"""Getting wheels by name or from a lock: pip downloads, holds them to their hashes, and builds nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from isthmus_sdk.errors import ConfigurationError

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
SECONDS = 600.0


def by_name(pinned: str, digest: str, into: Path, links: Path | None) -> Path:
    """The wheel of ``name==version`` with a hash. Raises :class:`ConfigurationError`."""
    if not _PINNED.fullmatch(pinned):
        raise ConfigurationError(f"{pinned}: is neither a file nor a distribution with its version; write name==1.2.0")
    lock = into / "distribution.txt"
    lock.write_text(f"{pinned} --hash=sha256:{digest}\n")
    fetched = list(by_lock(lock, into / "distribution", links))
    if len(fetched) != 1:
        raise ConfigurationError(f"{pinned}: came as {len(fetched)} files")
    return fetched[0]


def by_lock(lock: Path, into: Path, links: Path | None) -> Iterator[Path]:
    """Wheels of every requirement of a lock file; each line has its hashes. Raises :class:`ConfigurationError`."""
    into.mkdir()
    places = ["--no-index", "--find-links", str(links)] if links else []
    try:
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-I",
                    "-m",
                    "pip",
                    "download",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                    "--require-hashes",
                ),
                *("--disable-pip-version-check", "--no-input", "--quiet", *places, "-r", str(lock), "-d", str(into)),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{lock}: nothing came within {SECONDS:.0f} s") from None
    if done.returncode:
        said = " ".join(line.strip() for line in done.stderr.splitlines()[-4:])
        raise ConfigurationError(
            f"{lock}: could not be fetched as wheels with their hashes: {said or 'pip is missing'}"
        )
    yield from sorted(into.iterdir())


__all__ = ["by_lock", "by_name"]
