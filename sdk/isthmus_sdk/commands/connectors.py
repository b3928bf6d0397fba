"""Naming a connector on the command line, and the settings that go with it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.nearest import did_you_mean

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector, Stream
    from isthmus_sdk.platform import Platform


def load_connector(name: str) -> Connector[Any]:
    """The connector called ``name``, or the one at ``package.module:object``. Imports its code.

    A project in the working directory comes first: its author looks at it before it is installed. Raises
    ``ConfigurationError`` where there is none.
    """
    from isthmus_sdk import loader

    value = name if ":" in name else _of_project(name)
    if value:
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)  # an author's own checkout, not installed yet
        return loader.load(value)
    found = loader.find(name)
    if found.error:
        raise ConfigurationError(f"connector {name}: {found.error}")
    return loader.load(found.value)


def _of_project(name: str, kind: str = "connectors") -> str:
    """The object that ``pyproject.toml`` in the working directory registers as ``name``; empty where there is none."""
    try:
        document = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{Path.cwd() / 'pyproject.toml'}: is not TOML: {error}") from None
    try:
        value = document["project"]["entry-points"][f"isthmus.{kind}"][name]
    except (KeyError, TypeError):
        return ""
    return value if isinstance(value, str) and ":" in value else ""


def load_plugin(name: str) -> Connector[Any] | Platform:
    """The connector or the platform called ``name``, or the object at ``package.module:object``."""
    from isthmus_sdk import loader
    from isthmus_sdk.errors import ManifestError

    if ":" not in name and not _of_project(name):
        if any(found.name == name for found in loader.discover(kinds=["platform"])):
            return loader.load_platform(loader.find(name, "platform").value)
        return loader.load(loader.find(name).value)  # also where the manifest is broken: it may be about to be written
    try:
        return load_connector(name)
    except ManifestError:
        return loader.load_platform(name)


def stream_of(connector: Connector[Any], name: str) -> Stream[Any, Any]:
    """The stream called ``name``. Raises ``ConfigurationError`` that lists the streams."""
    stream = connector.streams.get(name)
    if stream is None:
        raise ConfigurationError(f"no stream {name!r}{did_you_mean(name, connector.streams, others='streams')}")
    return stream


def key_values(pairs: Iterable[str], *, option: str = "--set") -> dict[str, Any]:
    """``k=v`` pairs; a value is read as TOML (``5``, ``true``, ``["a"]``), else taken as text."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name.strip():
            raise ConfigurationError(f"{option} {pair.split('=')[0]!r}: write {option} name=value")
        try:
            values[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = text
    return values


__all__ = ["key_values", "load_connector", "load_plugin", "stream_of"]
