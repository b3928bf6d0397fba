"""Reading small secret material: files, systemd credentials, environment variables."""

from __future__ import annotations

import os
import stat
from collections.abc import MutableMapping
from pathlib import Path
from threading import Lock

from isthmus_sdk.errors import SecretError

LARGEST = 64 * 1024
"""Bytes; no credential is larger (a certificate chain with its key takes a tenth)."""

_taken: dict[str, str] = {}
_taking = Lock()


def from_file(path: Path, what: str, *, private: bool = False) -> str:
    """Text of a file without its final line break.

    ``private`` refuses a file that others than its owner (and, read-only, its group) can touch. Raises ``SecretError``
    that names ``what`` and the path.
    """
    try:
        # Not blocking, so that a named pipe in the wrong place cannot stop the daemon.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise SecretError(f"{what}: {path} does not exist") from None
    except OSError as error:
        raise SecretError(f"{what}: {path} cannot be read: {error.strerror}") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise SecretError(f"{what}: {path} is not a regular file")
        if private and state.st_mode & 0o027:
            raise SecretError(f"{what}: {path} can be read or changed by other users; run: chmod 600 {path}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SecretError(f"{what}: {path} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise SecretError(f"{what}: {path} is larger than {LARGEST // 1024} KiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"{what}: {path} is not UTF-8 text") from None
    text = without_final_newline(text)
    if not text:
        raise SecretError(f"{what}: {path} is empty")
    return text


def without_final_newline(text: str) -> str:
    """Editors and ``echo`` end a file with one line break that is no part of the secret."""
    return text.removesuffix("\n").removesuffix("\r")


def credential_path(name: str, environ: MutableMapping[str, str]) -> Path | None:
    """Where systemd put a credential of this service, whether or not it exists; ``None`` outside such a service."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / name if folder else None


def from_environment(name: str, environ: MutableMapping[str, str]) -> str | None:
    """Value of a variable, which is removed from the environment so that no child inherits it.

    A later reading in the same process, after a reload for instance, gets the value that was taken. A variable that was
    set anew replaces it.
    """
    with _taking:
        value = environ.pop(name, None)
        # Only the process's own environment is emptied for good; other mappings belong to their callers.
        remembered = environ is os.environ
        if value is None:
            return _taken.get(name) if remembered else None
        if remembered and value:
            _taken[name] = value
        return value or None


__all__ = ["LARGEST", "credential_path", "from_environment", "from_file", "without_final_newline"]
