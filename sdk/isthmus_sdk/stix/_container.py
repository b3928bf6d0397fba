"""The deprecated container of observed-data (STIX 2.1 section 2.13): observables by local keys that refer to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Container:
    """The types of a container's observables, by key."""

    __slots__ = ("_types",)

    def __init__(self, objects: Mapping[Any, Any]) -> None:
        self._types = {
            key: str(item.get("type"))
            for key, item in objects.items()
            if isinstance(key, str) and isinstance(item, Mapping)
        }

    def __contains__(self, key: str) -> bool:
        return key in self._types

    def __getitem__(self, key: str) -> str:
        return self._types[key]
