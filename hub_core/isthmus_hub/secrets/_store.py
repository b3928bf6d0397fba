"""From a reference to a value, and the write-only surface behind ``isthmus secret``."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, MutableMapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from isthmus_hub.secret_ref import SecretRef
from isthmus_hub.secrets._keys import KeySource
from isthmus_hub.secrets._os_keyring import system_keyring
from isthmus_hub.secrets._sources import LARGEST, credential_path, from_environment, from_file, without_final_newline
from isthmus_sdk.errors import SecretError

if TYPE_CHECKING:
    from isthmus_hub.secrets._vault import VaultKeyring

SERVICE = "isthmus"
"""Service under which the vault keeps the operator's entries; their whole name is the user name."""


class SecretStore:
    """Resolves references. Every value is handed to ``on_secret`` before it is returned, so that it can be redacted.

    ``on_secret(value)`` is usually ``Redactor.register``. Values are read anew each time, so a rotated secret is used
    without a restart; nothing is cached except what was taken out of the environment.
    """

    def __init__(
        self,
        vault: Path,
        *,
        key: KeySource | None = None,
        environ: MutableMapping[str, str] | None = None,
        on_secret: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._on_secret = on_secret
        self._key = key or KeySource()
        self._path = vault

    def __repr__(self) -> str:
        return f"SecretStore({str(self._path)!r})"

    @cached_property
    def _vault(self) -> VaultKeyring:
        from isthmus_hub.secrets._vault import Vault, VaultKeyring

        return VaultKeyring(Vault(self._path, self._vault_key))

    def resolve(self, reference: SecretRef | str) -> str:
        """The secret; raises ``SecretError`` that names the reference and the remedy. Never another's, never empty."""
        if isinstance(reference, str):
            try:
                reference = SecretRef.parse(reference)
            except ValueError as error:
                raise SecretError(f"{error}; known: vault:, keyring:, env:, file:, credential:") from None
        value = getattr(self, f"_from_{reference.scheme}")(reference.name)
        self._on_secret(value)
        return str(value)

    def names(self) -> list[str]:
        """Names of the vault's entries, sorted. Values cannot be listed."""
        return [name for service, name in self._vault.vault.names() if service == SERVICE]

    def set(self, name: str, value: str) -> None:
        """Put a value into the vault under ``name`` (``vault:name`` refers to it)."""
        self._vault.set_password(SERVICE, _checked(name), value)

    def remove(self, name: str) -> bool:
        """Take an entry out of the vault; ``False`` where there is none."""
        return self._vault.vault.delete(SERVICE, _checked(name))

    def _vault_key(self) -> str:
        key = self._key.read(self._environ)
        self._on_secret(key)
        return key

    def _from_vault(self, name: str) -> str:
        value = self._vault.get_password(SERVICE, name)
        if value is None:
            raise SecretError(f"vault:{name}: there is no such entry; store it with `isthmus secret set {name}`")
        return value

    def _from_keyring(self, name: str) -> str:
        service, slash, username = name.rpartition("/")
        service, username = (service, username) if slash else (SERVICE, name)
        backend = system_keyring(f"keyring:{name}")
        try:
            value = backend.get_password(service, username)
        except SecretError:
            raise
        except Exception as error:
            # Only the kind: the text is the backend's own and could hold anything.
            raise SecretError(f"keyring:{name}: the keyring failed ({type(error).__name__}); is it unlocked?") from None
        if not value:
            raise SecretError(
                f"keyring:{name}: there is no such entry in {backend.name}; "
                f"store it with `keyring set {service} {username}`"
            )
        return str(value)

    def _from_env(self, name: str) -> str:
        value = from_environment(name, self._environ)
        if value is None:
            raise SecretError(f"env:{name}: the environment variable {name} is not set, or is empty")
        return value

    def _from_file(self, name: str) -> str:
        return from_file(Path(name), f"file:{name}")

    def _from_credential(self, name: str) -> str:
        path = credential_path(name, self._environ)
        if path is None:
            raise SecretError(
                f"credential:{name}: CREDENTIALS_DIRECTORY is not set: credentials exist only in a systemd service "
                f"with LoadCredential={name}:…"
            )
        return from_file(path, f"credential:{name}")


def read_value(name: str, *, stream: TextIO | None = None) -> str:
    """The value for ``isthmus secret set NAME``: asked twice without echo on a terminal, else standard input whole.

    Never from an argument: every user of the machine can see command lines. One final line break is not part of it.
    """
    stream = sys.stdin if stream is None else stream
    if stream.isatty():
        value = getpass.getpass(f"Value of {name}: ")
        if getpass.getpass("Again: ") != value:
            raise SecretError("the two values differ; nothing was stored")
    else:
        try:
            value = without_final_newline(stream.read(LARGEST + 2))
            value.encode("utf-8")
        except UnicodeError:
            raise SecretError(f"the value for {name} is not UTF-8 text; nothing was stored") from None
    if not value:
        raise SecretError(f"no value for {name} was given; nothing was stored")
    if len(value) > LARGEST:
        raise SecretError(f"the value for {name} is larger than {LARGEST // 1024} KiB; nothing was stored")
    return value


def _checked(name: str) -> str:
    try:
        return SecretRef.parse(f"vault:{name}").name
    except ValueError:
        raise SecretError(
            "a secret's name is text without control characters, such as guardian-north/password"
        ) from None


__all__ = ["SERVICE", "SecretStore", "read_value"]
