"""The whole plugin interface.

A plugin is an object with one of the hooks below. :class:`~isthmus_sdk.connector.Connector` and
:class:`~isthmus_sdk.platform.Platform` objects already have theirs, so a package only names its object in an entry point::

    [project.entry-points."isthmus.connectors"]      # pyproject.toml
    acme = "acme_connector.connector:acme"

    [project.entry-points."isthmus.platforms"]
    soc = "acme_connector.platform:soc"

The name of the entry point is the name of the connector or platform, as operators write it after ``use =``. Beside the
code lies ``connector.toml`` (or ``platform.toml``): the hub reads it without importing the package. Only the worker
process imports the package, and calls the hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector
    from isthmus_sdk.platform import Platform

PROJECT = "isthmus"
CONNECTORS = "isthmus.connectors"
"""Entry-point group of connectors."""
PLATFORMS = "isthmus.platforms"
"""Entry-point group of platforms."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Every hook there is."""

    @hookspec(firstresult=True)
    def isthmus_connector(self) -> Connector[Any] | None:
        """The connector of this plugin. Called once in the worker process, right after the import."""

    @hookspec(firstresult=True)
    def isthmus_platform(self) -> Platform | None:
        """The platform of this plugin. Called once, right after the import."""


__all__ = ["CONNECTORS", "PLATFORMS", "PROJECT", "Hooks", "hookimpl", "hookspec"]
