"""``check``: settings, reachability, sign-in and permissions of one instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus_sdk.context import Context
from isthmus_sdk.errors import ConfigurationError, SourceError
from isthmus_sdk.readable import Lacking

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector
    from isthmus_sdk.run import Instance


def check_instance(connector: Connector[Any], instance: Instance) -> list[str]:
    """Findings for the operator. Raises the error that stands in the way."""
    if instance.files is not None:
        return _check_files(connector, instance)
    if connector.checker is None:
        return [*_check_address(instance), "settings are valid; the connector has no check of its own"]
    ctx: Context[Any] = Context(instance.settings, connect=instance.connect)
    found = connector.checker(ctx)
    if found is None:
        return ["ok"]
    return [found] if isinstance(found, str) else [line if isinstance(line, Lacking) else str(line) for line in found]


def _check_address(instance: Instance) -> list[str]:
    """Whether the base URL answers, whatever it says. Raises ``Unreachable``: of a certificate that is not trusted with the
    fingerprint to compare.
    """
    assert instance.connect is not None
    http = instance.connect()
    try:
        reply = http.get("", with_credentials=False, accept=range(100, 600))
    except SourceError:  # it redirects elsewhere, or says more than anybody wants to hear: it is there
        return [f"{http.base_url.without_query} answers"]
    return [f"{http.base_url.without_query} answers with status {reply.status}"]


def _check_files(connector: Connector[Any], instance: Instance) -> list[str]:
    from isthmus_sdk.files import check

    if not instance.files and instance.spools:
        return [f"{name}: reads what is received for it" for name in instance.spools]
    lines: list[str] = []
    for name, globs in (instance.files or {}).items():
        if name not in connector.streams:
            raise ConfigurationError(f"files: no stream {name!r}; streams: {', '.join(connector.streams)}")
        lines += [f"{name}: {finding}" for finding in check(globs)] or [f"{name}: its files can be read"]
    return lines


__all__ = ["check_instance"]
