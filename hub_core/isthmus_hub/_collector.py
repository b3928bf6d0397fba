"""Work on very many objects without Python's cyclic garbage collector, which would walk all of them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No cyclic collection meanwhile, for what has no cycles; on again afterwards, if it was on.

    It takes a fifth of a batch of the store, and two fifths of building an index of an inventory.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


__all__ = ["uncollected"]
