"""The key of the vault: a systemd credential, else a key file, else an environment variable."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from isthmus_hub.secrets._sources import credential_path, from_environment, from_file
from isthmus_sdk.errors import SecretError

SHORTEST = 16
"""Characters; what is shorter was typed and can be guessed, scrypt or not."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where to look for the vault's key; the first that is there wins."""

    credential: str = "isthmus-vault-key"
    key_file: Path | None = None
    env: str = "ISTHMUS_VAULT_KEY"

    def read(self, environ: MutableMapping[str, str] | None = None) -> str:
        """The key; raises ``SecretError`` that names every place looked at and how to make a key.

        The variable leaves the environment also where another source wins: workers must not see it.
        """
        environ = os.environ if environ is None else environ
        variable = from_environment(self.env, environ)
        credential = credential_path(self.credential, environ)
        if credential is not None and credential.exists():
            return self._checked(from_file(credential, "vault key (systemd credential)"), str(credential))
        if self.key_file is not None:
            return self._checked(from_file(self.key_file, "vault key", private=True), str(self.key_file))
        if variable is not None:
            return self._checked(variable, f"environment variable {self.env}")
        raise SecretError(
            f"the vault has no key: no systemd credential {self.credential!r}, no [vault] key_file in the "
            f"configuration and no environment variable {self.env}. Make one with: "
            "(umask 077; head -c 32 /dev/urandom | base64 > vault.key), "
            'then set [vault] key_file = "vault.key", and keep a copy: without it the secrets are lost'
        )

    def _checked(self, key: str, place: str) -> str:
        if len(key) < SHORTEST:
            raise SecretError(f"vault key in {place}: is shorter than {SHORTEST} characters and could be guessed")
        return key


def write_key_file(path: Path) -> None:
    """Make a new random key (256 bits) that only its owner can read; refuses to replace a file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise SecretError(f"vault key: {path} exists already; a new key would make the vault unreadable") from None
    except OSError as error:
        raise SecretError(f"vault key: {path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


__all__ = ["KeySource", "write_key_file"]
