"""Secrets: where they are kept, and how a reference becomes a value.

Values are write-only for people: they can be set, listed by name and removed, and only the hub reads them back.
"""

from typing import TYPE_CHECKING, Any

from isthmus_hub.secrets._keys import KeySource, write_key_file
from isthmus_hub.secrets._os_keyring import system_keyring
from isthmus_hub.secrets._store import SecretStore, read_value

if TYPE_CHECKING:
    from isthmus_hub.secrets._vault import Vault, VaultKeyring

__all__ = ["KeySource", "SecretStore", "Vault", "VaultKeyring", "read_value", "system_keyring", "write_key_file"]


def __getattr__(name: str) -> Any:
    # Ciphers and `keyring` are loaded by the first use of the vault, not by every command.
    if name in {"Vault", "VaultKeyring"}:
        from isthmus_hub.secrets import _vault

        return getattr(_vault, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
