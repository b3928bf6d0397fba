"""Which state directory this is: a random id, and the place it was made in, so that a copy is told from its original.

A copy holds the same cursors, positions and ledger. Run beside its original it reads the same vendors, forwards under the same
name and delivers to the same platforms, and neither knows of the other. So the one who opens a copy gets an id of its own, which
the roster of a shared bus tells apart, and a file that `status` and `doctor` show until somebody removes it.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger("isthmus.state")


class _Origin(msgspec.Struct, frozen=True):
    id: str
    inode: int = 0
    """Of the file itself: a copy has another. Names of hosts say nothing, containers change them."""
    place: str = ""
    """In words: host and path."""


def origin_of(state: Path) -> str:
    """The id of a state directory; a fresh one where there is none yet."""
    return (_read(state / "origin") or _made(state)).id


def settle_origin(state: Path) -> str:
    """To be called by whoever holds the lock: give a copy an id of its own.

    Returns what was found, empty where the directory lies where it always lay. A disk that takes nothing is no reason not to
    start: the copy is found at the next one.
    """
    try:
        return _settled(state)
    except OSError as error:
        log.warning("the origin of the state directory could not be written", place=str(state), error=str(error))
        return ""


def _settled(state: Path) -> str:
    path = state / "origin"
    found = _read(path)
    if found is None:
        _made(state)
        return ""
    if found.inode == 0:  # made before places were kept
        _write(state, found.id)
        return ""
    if found.inode == path.stat().st_ino:
        return ""
    told = f"was copied or moved from {found.place}"
    fresh = state / "copied.new"
    fresh.write_text(f"{told}\n")
    fresh.replace(state / "copied")  # first: a kill in between finds the copy once more
    _write(state, os.urandom(8).hex())
    log.warning("state directory is a copy", place=str(state), reason=told, remedy=_remedy(state))
    return told


def copy_notice(state: Path) -> str:
    """What `status` and `doctor` say of a copy; empty where it is none."""
    try:
        told = (state / "copied").read_text(errors="replace").strip()
    except OSError:
        return ""
    return f"state directory {state} {told}: {_remedy(state)}"


def _remedy(state: Path) -> str:
    return (
        "run only one of the two, for both read the same sources and deliver to the same platforms; when the other is gone "
        f"for good, delete {state / 'copied'}; to run both, give this one another [hub] name and sources of its own"
    )


def _read(path: Path) -> _Origin | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(text, type=_Origin)
    except msgspec.MsgspecError:
        known = text.decode(errors="replace").strip()
        return _Origin(known) if len(known) == 16 and known.isalnum() else None


def _made(state: Path) -> _Origin:
    path = state / "origin"
    if path.exists() and _read(path) is None:  # cut short by a power cut
        path.unlink(missing_ok=True)
    fresh = _fresh(state, os.urandom(8).hex())
    with suppress(FileExistsError):
        os.link(fresh, path)  # whole or not at all, whoever else makes one
    fresh.unlink()
    return _read(path) or _Origin("")


def _write(state: Path, id: str) -> None:
    _fresh(state, id).replace(state / "origin")


def _fresh(state: Path, id: str) -> Path:
    """A file that knows its own inode, which it keeps when it is renamed."""
    path = state / f"origin.{os.getpid()}"
    with path.open("wb") as file:
        inode = os.fstat(file.fileno()).st_ino
        file.write(msgspec.json.encode(_Origin(id, inode, f"{socket.gethostname()}:{state}")))
        file.flush()
        os.fsync(file.fileno())
    return path


__all__ = ["copy_notice", "origin_of", "settle_origin"]
