"""References to secrets, as the configuration writes them.

The configuration never holds a secret, only where to find one::

    vault:guardian-north/password      an entry of Isthmus' own vault (`isthmus secret set guardian-north/password`)
    keyring:service/user               the operating system's keyring
    env:NAME                           an environment variable, removed from the environment once it was read
    file:/run/secrets/name             a file; relative paths start at the configuration file
    credential:NAME                    a systemd credential ($CREDENTIALS_DIRECTORY/NAME)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEMES = ("vault", "keyring", "env", "file", "credential")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is kept. Holds no secret, so it may be shown."""

    scheme: str
    name: str

    @classmethod
    def parse(cls, text: str) -> SecretRef:
        """Read ``scheme:name``; raises ``ValueError`` whose message never repeats ``text``, which may be a secret."""
        scheme, colon, name = text.partition(":")
        if not colon or scheme not in SCHEMES:
            raise ValueError("not a reference to a secret")
        if not name or len(name) > _LONGEST or _CONTROL.search(name):
            raise ValueError(f'"{scheme}:" is not followed by a usable name')
        if scheme == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError('"env:" is not followed by the name of an environment variable')
        if scheme == "credential" and ("/" in name or name in {".", ".."}):
            raise ValueError('"credential:" takes a bare name, not a path')
        return cls(scheme, name)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"


__all__ = ["SCHEMES", "SecretRef"]
