"""The operating system's keyring, if it is one that keeps secrets.

``keyring`` takes the best backend it finds. On a machine without a desktop that can be one that stores nothing, or one
that stores plain text because somebody installed ``keyrings.alt``. Those are refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus_sdk.errors import SecretError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_EMPTY = {"keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"}
_WEAK_PACKAGES = ("keyrings.alt.", "keyring.backends.file.")
_WEAK_WORDS = ("plaintext", "uncrypted", "unencrypted")
_CHAIN = "keyring.backends.chainer.ChainerBackend"
_REMEDY = "use the vault instead: `isthmus secret set NAME` and the reference vault:NAME"


def system_keyring(reference: str) -> KeyringBackend:
    """The keyring's backend; raises ``SecretError`` with the remedy where it must not be used."""
    # Imported here: looking for backends runs other packages' code and may start D-Bus.
    import keyring.core

    try:
        chosen = keyring.core.get_keyring()
    except Exception as error:
        raise SecretError(f"{reference}: the keyring cannot be opened ({type(error).__name__}); {_REMEDY}") from None
    if problem := unfit(chosen):
        raise SecretError(f"{reference}: {problem}; {_REMEDY}")
    return chosen


def unfit(backend: object) -> str | None:
    """Why a backend is refused, or ``None``."""
    name = _class_name(backend)
    if name in _EMPTY:
        return f"this machine has no keyring that stores anything ({name})"
    if name == _CHAIN:
        # One weak link is enough: the chain writes to, and reads from, whichever comes first.
        links = list(getattr(backend, "backends", ()))
        if not links:
            return f"this machine has no keyring that stores anything ({name} of nothing)"
        return next((problem for link in links if (problem := unfit(link))), None)
    # Subclasses and wrappers of a weak backend are as weak.
    for kind in type(backend).__mro__:
        full = f"{kind.__module__}.{kind.__qualname__}"
        if full.startswith(_WEAK_PACKAGES) or any(word in full.lower() for word in _WEAK_WORDS):
            return f"the keyring {full} does not protect what it stores"
        if full in _EMPTY:
            return f"this machine has no keyring that stores anything ({full})"
    return None


def _class_name(backend: object) -> str:
    kind = type(backend)
    return f"{kind.__module__}.{kind.__qualname__}"


__all__ = ["system_keyring", "unfit"]
