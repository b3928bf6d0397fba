"""Which vendor fields a model does not name: the loss report.

Paths are the vendor's own, ``a.b[].c``; a list adds ``[]``. Nulls and empty containers carry nothing and are not counted.
"""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin, is_typeddict

import msgspec
from pydantic import AliasChoices, AliasPath, BaseModel, RootModel
from pydantic.fields import FieldInfo

ALL = True
"""The model takes everything below this point."""
Named = bool | dict[str, Any]
"""``True``: all is used; a dict: the raw names that are used, ``"[]"`` for the items of a list, ``"*"`` for any name."""
_DECODE: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Unused:
    """Counts, over many records, the fields that a model does not name."""

    def __init__(self, model: Any) -> None:
        self._named = named(model)
        self.counts: Counter[str] = Counter()

    def add(self, raw: bytes) -> None:
        """Count one raw record; one that is no JSON counts nothing."""
        try:
            document = _DECODE.decode(raw)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return
        self.add_decoded(document)

    def add_decoded(self, document: Any) -> None:
        """Count one decoded record."""
        self.counts.update(_unused(document, self._named))


def unused_in(model: Any, raw: bytes) -> list[str]:
    """Fields of one raw record that the model does not name, sorted."""
    found = Unused(model)
    found.add(raw)
    return sorted(found.counts)


@lru_cache(maxsize=256)
def named(model: Any) -> Named:
    """The raw names that a model uses, as a tree."""
    return _named(model, ())


def _named(annotation: Any, above: tuple[Any, ...]) -> Named:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _named(get_args(annotation)[0], above)
    if origin in (Union, types.UnionType):
        return _merge([_named(part, above) for part in get_args(annotation) if part is not type(None)])
    if origin in (list, tuple, set, frozenset) or (isinstance(origin, type) and issubclass(origin, list | tuple | set)):
        return {"[]": _merge([_named(part, above) for part in get_args(annotation) if part is not Ellipsis])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        arguments = get_args(annotation)
        return {"*": _named(arguments[1], above) if len(arguments) == 2 else ALL}
    if isinstance(origin, type) and origin.__module__ == "collections.abc":
        return {"[]": _merge([_named(part, above) for part in get_args(annotation)])}
    if isinstance(annotation, TypeVar | ForwardRef) or origin is Literal or not isinstance(origin or annotation, type):
        return ALL
    if annotation in above:
        return ALL  # a model that contains itself: the first level is compared, deeper ones are taken as used
    return _named_model(annotation, origin or annotation, (*above, annotation))


def _named_model(annotation: Any, model: type, above: tuple[Any, ...]) -> Named:
    if issubclass(model, RootModel):
        return _named(model.model_fields["root"].annotation, above)
    if issubclass(model, BaseModel):
        if model.model_config.get("extra") == "allow":
            return ALL
        tree: dict[str, Any] = {}
        by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
        for name, field in model.model_fields.items():
            inner = _named(field.annotation, above)
            for path in _raw_names(name, field, bool(by_name)):
                _plant(tree, path, inner)
        return tree
    if issubclass(model, msgspec.Struct):
        hints = {field.name: field.type for field in msgspec.structs.fields(model)}
        raw = dict(zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True))
        tree = {raw[name]: _named(hint, above) for name, hint in hints.items()}
        tag = model.__struct_config__.tag_field
        return {**tree, tag: ALL} if tag else tree
    if is_typeddict(model):
        from typing import get_type_hints

        return {name: _named(hint, above) for name, hint in get_type_hints(model).items()}
    return ALL


def _raw_names(name: str, field: FieldInfo, by_name: bool) -> list[list[str | int]]:
    alias = field.validation_alias if field.validation_alias is not None else field.alias
    if alias is None:
        return [[name]]
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    paths: list[list[str | int]] = [
        list(choice.path) if isinstance(choice, AliasPath) else [choice] for choice in choices
    ]
    return [*paths, [name]] if by_name else paths


def _plant(tree: dict[str, Any], path: list[str | int], inner: Named) -> None:
    """Enter a raw name, or an ``AliasPath`` such as ``["a", 0, "b"]``, in a tree."""
    head = "[]" if isinstance(path[0], int) else path[0]
    if len(path) == 1:
        tree[head] = _merge([tree[head], inner]) if head in tree else inner
        return
    below = tree.setdefault(head, {})
    if isinstance(below, dict):
        _plant(below, path[1:], inner)


def _merge(parts: list[Named]) -> Named:
    """What any of several alternatives uses. Scalars use a value but nothing below it, so trees win over them."""
    trees = [part for part in parts if isinstance(part, dict)]
    if not trees:
        return ALL
    merged: dict[str, Any] = {}
    for tree in trees:
        for name, inner in tree.items():
            merged[name] = _merge([merged[name], inner]) if name in merged else inner
    return merged


def _unused(document: Any, tree: Named) -> Counter[str]:
    counts: Counter[str] = Counter()
    stack: list[tuple[str, Any, Named | None]] = [("", document, tree)]
    while stack:
        path, value, use = stack.pop()
        if use is True:
            continue
        inner = use if isinstance(use, dict) else {}
        if isinstance(value, dict):
            # A model may take a list where the vendor sends one object, and the other way round.
            inner = inner["[]"] if isinstance(inner.get("[]"), dict) else inner
            for name, below in value.items():
                # An unnamed field is walked to its leaves with no names at all.
                stack.append((f"{path}.{name}" if path else name, below, inner.get(name, inner.get("*"))))
        elif isinstance(value, list):
            items = inner.get("[]", use if use else None)
            stack.extend((f"{path}[]", below, items) for below in value)
        elif value is not None and use is None:
            counts[path] += 1
    return counts


__all__ = ["Unused", "named", "unused_in"]
