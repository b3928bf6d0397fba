"""A credential as data: what a connector without any secret says of its auth, and the auth that its hub makes of it.

The kinds of this package are described by their name and what they were made with. Where the connector holds a secret
there is a stand-in for it; the hub puts the secret itself in its place. What is code of the connector's own (a signing
function, a kind of its own) cannot be described, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.http._auth import Auth

_SECRET: Final = "secret"  # noqa: S105 - a name
_KINDS: Final = "isthmus_sdk.http"
_BASES: Final = ("Auth", "TokenAuth", "Signed")
"""Kinds that are nothing without code."""
_DEEPEST = 6


def describe(auth: Auth) -> dict[str, Any]:
    """``{"kind", "args", "options"}`` in plain data. Raises :class:`ConfigurationError` where the auth is code."""
    kind = type(auth).__name__
    if _kind(kind) is not type(auth):
        raise ConfigurationError(
            f"the auth {kind} is made of code of the connector's own, which its hub never runs: it cannot be brokered. Use a "
            "finished kind of isthmus_sdk.http, or run the instance at isolation confined"
        )
    args, options = auth.made_with
    return {
        "kind": kind,
        "args": [_plain(value, f"{kind} argument {number}") for number, value in enumerate(args, 1)],
        "options": {name: _plain(value, f"{kind} {name}") for name, value in options.items()},
    }


def build(description: Mapping[str, Any], secrets: Mapping[str, str]) -> Auth:
    """The auth that was described. ``secrets``: stand-in to secret. Raises :class:`ConfigurationError`.

    The description is a stranger's: only kinds of this package are made, and only of plain data.
    """
    kind = _kind(str(description.get("kind", "")))
    args, options = description.get("args", []), description.get("options", {})
    if kind is None or not isinstance(args, list) or not isinstance(options, dict):
        raise ConfigurationError("the connector describes an auth of a kind that its hub does not know")
    try:
        return kind(
            *(_filled(value, secrets) for value in args),
            **{str(name): _filled(value, secrets) for name, value in options.items()},
        )
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        # The message of such an error may hold a value.
        raise ConfigurationError(
            f"the auth {kind.__name__} cannot be made of what the connector says ({type(error).__name__})"
        ) from None


def mentioned(description: Any, secrets: Mapping[str, str]) -> set[str]:
    """Which of the stand-ins occur in a description."""
    if isinstance(description, str):
        return {stand_in for stand_in in secrets if stand_in in description}
    if isinstance(description, Mapping):
        return set().union(*(mentioned(value, secrets) for value in description.values()))
    if isinstance(description, list):
        return set().union(*(mentioned(value, secrets) for value in description))
    return set()


def _kind(name: str) -> type[Auth] | None:
    import isthmus_sdk.http as public

    found = getattr(public, name, None) if name in public.__all__ else None
    return found if isinstance(found, type) and issubclass(found, Auth) and name not in _BASES else None


def _plain(value: Any, place: str, depth: int = _DEEPEST) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, SecretStr):
        return {_SECRET: value.get_secret_value()}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping) and depth and _SECRET not in value:
        return {str(name): _plain(each, f"{place}.{name}", depth - 1) for name, each in value.items()}
    if isinstance(value, list | tuple) and depth:
        return [_plain(each, place, depth - 1) for each in value]
    raise ConfigurationError(
        f"{place} is code or no plain data, which a hub does not take from a connector: this auth cannot be brokered. Run "
        "the instance at isolation confined"
    )


def _filled(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for stand_in, secret in secrets.items():
            value = value.replace(stand_in, secret)
        return value
    if isinstance(value, dict):
        if set(value) == {_SECRET}:
            return SecretStr(_filled(str(value[_SECRET]), secrets))
        return {str(name): _filled(each, secrets) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, secrets) for each in value]
    return value


__all__ = ["build", "describe", "mentioned"]
