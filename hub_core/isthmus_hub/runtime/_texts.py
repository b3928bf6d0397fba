"""Texts anywhere in a value: settings, manifests and replies nest them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def texts(value: Any) -> Iterator[str]:
    """Every text in a value of any depth; of mappings the values, not the keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts(list(value.values()))
    elif isinstance(value, Iterable):
        for item in value:
            yield from texts(item)


__all__ = ["texts"]
