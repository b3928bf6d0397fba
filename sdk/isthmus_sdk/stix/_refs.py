"""References between objects: find them, rewrite them. By name, as the standard names them, at any depth.

A reference is a text in the form of an identifier under a key ``*_ref``, ``*_refs``, ``ref`` or ``refs``; extensions
and custom properties follow the same convention. The walk keeps its own stack, so depth is no danger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from isthmus_sdk.stix._grammar import is_identifier


def refs(obj: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``(path, id)`` of every reference in ``obj``, in the order of its text; paths as ``a.b[2].c_ref``."""
    stack: list[tuple[str, Any]] = [("", obj)]
    while stack:
        path, value = stack.pop()
        children: list[tuple[str, Any]] = []
        if isinstance(value, Mapping):
            prefix = f"{path}." if path else ""
            for key, child in value.items():
                if isinstance(child, str):
                    if _names_one(key) and is_identifier(child):
                        children.append((f"{prefix}{key}", _Found(child)))
                elif isinstance(child, (list, tuple)) and _names_many(key):
                    children.append((f"{prefix}{key}", _Found(child)))
                elif isinstance(child, (Mapping, list, tuple)):
                    children.append((f"{prefix}{key}", child))
        elif isinstance(value, _Found):
            if isinstance(value.value, str):
                yield path, value.value
            else:
                for index, item in enumerate(value.value):
                    if isinstance(item, str) and is_identifier(item):
                        yield f"{path}[{index}]", item
                    elif isinstance(item, (Mapping, list, tuple)):
                        children.append((f"{path}[{index}]", item))
        else:
            children = [
                (f"{path}[{at}]", item) for at, item in enumerate(value) if isinstance(item, (Mapping, list, tuple))
            ]
        stack.extend(reversed(children))


def rewrite_refs(obj: dict[str, Any], mapping: Callable[[str], str]) -> dict[str, Any]:
    """``obj`` with every reference passed through ``mapping``; the same object where nothing changed, a copy otherwise.

    A list of references in which two become one keeps the first. The object's own ``id`` is not a reference.
    """
    changed = {id for _, id in refs(obj)}
    changes = {old: new for old in changed if (new := mapping(old)) != old}
    return _rewritten(obj, changes) if changes else obj


class _Found:
    """Marks a value as reached under the name of a reference."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _names_one(key: str) -> bool:
    return key.endswith("_ref") or key == "ref"


def _names_many(key: str) -> bool:
    return key.endswith("_refs") or key == "refs"


def _rewritten(value: Any, changes: Mapping[str, str]) -> Any:
    """A copy of containers with references replaced;

    Recursion is as deep as the JSON, which decoding already bounds.
    """
    if isinstance(value, Mapping):
        fresh: dict[str, Any] = {}
        for key, child in value.items():
            if isinstance(child, str):
                fresh[key] = changes.get(child, child) if _names_one(key) else child
            elif isinstance(child, (list, tuple)) and _names_many(key):
                fresh[key] = _rewritten_list(child, changes)
            else:
                fresh[key] = _rewritten(child, changes)
        return fresh
    if isinstance(value, (list, tuple)):
        return [_rewritten(child, changes) for child in value]
    return value


def _rewritten_list(items: list[Any] | tuple[Any, ...], changes: Mapping[str, str]) -> list[Any]:
    kept: list[Any] = []
    made: set[str] = set()
    for item in items:
        if not isinstance(item, str):
            kept.append(_rewritten(item, changes))
            continue
        new = changes.get(item, item)
        if new in made and (item in changes or new in changes.values()):
            continue
        made.add(new)
        kept.append(new)
    return kept
