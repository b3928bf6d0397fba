"""Isthmus hub. A program that uses it as a library needs one name: `Hub`, loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus_hub.hub import Hub


def __getattr__(name: str) -> Any:
    if name != "Hub":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from isthmus_hub.hub import Hub

    return Hub


def __dir__() -> list[str]:
    return sorted([*globals(), "Hub"])


__all__ = ["Hub"]
