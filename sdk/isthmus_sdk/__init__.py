"""Isthmus SDK: write a connector for one vendor product, get checked STIX 2.1 out.

Start with :class:`Connector`, :class:`Settings` and :class:`Secret`; the builder of STIX objects, the pagers and the auth
kinds are reached from here too. Nothing heavy is imported until it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
SDK_API = "1.0"
"""Version of the authoring surface and the worker protocol that ``sdk_api`` in a manifest is compared with."""

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector, Stream
    from isthmus_sdk.context import Context
    from isthmus_sdk.errors import Ignored, IsthmusError, RecordError
    from isthmus_sdk.hookspecs import hookimpl
    from isthmus_sdk.page import Page
    from isthmus_sdk.platform import Platform
    from isthmus_sdk.settings import Secret, Settings
    from isthmus_sdk.stix import Builder
    from isthmus_sdk.url import Url

_HOMES = {
    "Builder": "stix",
    "Connector": "connector",
    "Context": "context",
    "Ignored": "errors",
    "IsthmusError": "errors",
    "Page": "page",
    "Platform": "platform",
    "RecordError": "errors",
    "Secret": "settings",
    "Settings": "settings",
    "Stream": "connector",
    "Url": "url",
    "hookimpl": "hookspecs",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


__all__ = [
    "SDK_API",
    "Builder",
    "Connector",
    "Context",
    "Ignored",
    "IsthmusError",
    "Page",
    "Platform",
    "RecordError",
    "Secret",
    "Settings",
    "Stream",
    "Url",
    "__version__",
    "hookimpl",
]
