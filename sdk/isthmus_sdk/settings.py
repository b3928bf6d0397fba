"""Settings and secrets of an instance: what the operator writes, checked before anything runs."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from isthmus_sdk.errors import SecretError, SettingsError
from isthmus_sdk.nearest import did_you_mean


class Secret(SecretStr):
    """A credential. Its text appears in no repr, error or JSON; take it where it is used with :meth:`reveal`."""

    def reveal(self) -> str:
        """The credential itself. Give it to an auth object; never to a message, a log or a URL."""
        return self.get_secret_value()


class Settings(BaseModel):
    """Parent of a connector's settings: unknown keys are errors, values never appear in messages, nothing changes later.

    Fields of type :class:`Secret` are the connector's secrets; the operator gives them as references under ``secrets``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)


_S = TypeVar("_S", bound=BaseModel)


def is_secret(field: FieldInfo) -> bool:
    """Whether a field of a settings model holds a secret (``Secret``, ``Secret | None``)."""
    return _mentions_secret(field.annotation)


def secret_names(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of the fields that hold secrets, in the order of the model."""
    return tuple(name for name, field in model.model_fields.items() if is_secret(field))


def configure(
    model: type[_S], settings: Mapping[str, Any], secrets: Mapping[str, str] | None = None, *, offline: bool = False
) -> _S:
    """A checked settings object.

    ``offline`` is for runs that never contact the vendor (files, ``map``): required values may be missing and are filled
    with an empty stand-in of their type. Raises ``SettingsError`` or ``SecretError`` that names every wrong key, no value.
    """
    secrets = secrets or {}
    own = set(secret_names(model))
    for name in settings:
        if name in own:
            raise SecretError(
                f"{name}: is a secret; give a reference to it under `secrets`, not a value under `settings`"
            )
    for name in secrets:
        if name not in own:
            raise SecretError(f"{name}: is not a secret of this connector{did_you_mean(name, own)}")
    values: dict[str, Any] = {**settings, **secrets}
    if offline:
        for name, field in model.model_fields.items():
            if field.is_required() and name not in values and (field.alias or name) not in values:
                values[field.alias or name] = _stand_in(field)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explained(error, model, own) from None


def _explained(error: ValidationError, model: type[BaseModel], own: set[str]) -> SettingsError | SecretError:
    """One error that names every wrong key, without any value."""
    messages: list[str] = []
    only_secrets = True
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        key = ".".join(str(part) for part in item["loc"]) or "settings"
        head = str(item["loc"][0]) if item["loc"] else ""
        only_secrets = only_secrets and head in own
        if item["type"] == "missing":
            messages.append(f"{key}: is required" + (" (a secret)" if head in own else ""))
        elif item["type"] == "extra_forbidden":
            messages.append(
                f"{key}: is not a setting of this connector{did_you_mean(head, set(model.model_fields) - own)}"
            )
        elif head in own:
            messages.append(f"{key}: the secret has a wrong form")
        else:
            messages.append(f"{key}: {item['msg']}")
    return (SecretError if only_secrets else SettingsError)("; ".join(messages))


def _stand_in(field: FieldInfo) -> Any:
    """An empty value that a required field accepts; ``None`` where nothing simple does."""
    form: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(form)
    candidates: tuple[Any, ...] = ("", "https://offline.invalid", "offline", 0, 1, False, [], {})
    for candidate in candidates:
        try:
            adapter.validate_python(candidate)
        except ValidationError:
            continue
        return candidate
    return None


def _mentions_secret(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return any(_mentions_secret(part) for part in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, SecretStr)


__all__ = ["Secret", "Settings", "configure", "is_secret", "secret_names"]
