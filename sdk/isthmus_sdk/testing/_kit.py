"""The kit: every rule up to a level, one after another, into a report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import ConfigurationError, IsthmusError
from isthmus_sdk.nearest import did_you_mean
from isthmus_sdk.testing._bench import Bench
from isthmus_sdk.testing._case import FILE, Case, read_case
from isthmus_sdk.testing._report import LEVELS, Level, Report, Result, Status
from isthmus_sdk.testing._rules import Book, Note, Rule

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector


def rules(level: Level = "gold") -> list[Rule]:
    """Every rule and fault up to a level, in the order in which they are looked at."""
    from isthmus_sdk.testing import (
        _data_faults,
        _depth,
        _files,
        _http_faults,
        _kill,
        _mapped,
        _network,
        _paging_faults,
        _received,
        _tls_faults,
    )

    books: tuple[Book, ...] = (_mapped.book, _network.book, _files.book, _received.book, _kill.book, _depth.book)
    every = [rule for book in books for rule in book.rules]
    every += [fault.rule() for fault in (*_http_faults.FAULTS, *_paging_faults.FAULTS)]
    every += [fault.rule() for fault in _tls_faults.FAULTS]
    every += [fault.rule() for fault in _data_faults.FAULTS]
    every += [fault.rule() for fault in _files.FILE_FAULTS]
    every += [fault.rule() for fault in _received.RECEIVED_FAULTS]
    wanted = LEVELS[: LEVELS.index(level) + 1]
    return sorted((rule for rule in every if rule.level in wanted), key=lambda rule: LEVELS.index(rule.level))


def open_bench(connector: Connector[Any] | str, folder: str | Path | None = None, *, write: bool = True) -> Bench:
    """A workbench for a connector, or for the one of that name or at ``package.module:object``."""
    from isthmus_sdk.commands.connectors import load_connector

    loaded = load_connector(connector) if isinstance(connector, str) else connector
    bench = Bench(loaded, read_case(loaded, None if folder is None else Path(folder)), write=write)
    bench.kept["value"] = connector if isinstance(connector, str) and ":" in connector else _value(loaded)
    _check_exemptions(bench.case)
    return bench


def conformance(
    connector: Connector[Any] | str,
    *,
    level: Level = "gold",
    folder: str | Path | None = None,
    only: Collection[str] = (),
    write: bool = True,
    tell: Callable[[Result], None] = lambda _result: None,
) -> Report:
    """Look at a connector.

    ``connector``: the object, its name, or ``package.module:object``. ``folder``: where its recorded pages and its
    ``conformance.toml`` lie (default: see :func:`isthmus_sdk.testing.find_folder`). ``only``: names of rules.
    ``write``: golden objects may be written where there are none. ``tell`` gets each result as it is known.
    Raises ``ConfigurationError`` where there is no such connector, level or rule, or the case is wrong.
    """
    if level not in LEVELS:
        raise ConfigurationError(f"no level {level!r}; one of {', '.join(LEVELS)}")
    unknown = sorted(set(only) - {rule.name for rule in rules()})
    if unknown:
        raise ConfigurationError(f"no rule {unknown[0]!r}{_near(unknown[0])}")
    results = []
    with open_bench(connector, folder, write=write) as bench:
        _check_settings(bench)
        for rule in rules("gold" if only else level):
            if (not only or rule.name in only) and rule.applies(bench):
                results.append(look(bench, rule))
                tell(results[-1])
        manifest = bench.connector.manifest
    return Report(manifest.name, manifest.version, level, results, selected=bool(only))


def look(bench: Bench, rule: Rule) -> Result:
    """One rule. Never raises: what goes wrong is a finding."""
    reason = bench.case.exempt.get(rule.name)
    if reason is not None:
        return Result(rule.name, rule.level, rule.title, "exempt", reason=reason)
    began = time.monotonic()
    said: list[str] = []
    try:
        said += rule.check(bench)
    except IsthmusError as error:
        said.append(f"{type(error).__name__}: {error}")
    except Exception as error:  # the connector's code runs in here
        said.append(f"the connector broke the rule's run: {type(error).__name__}: {error}")
    findings = [text for text in said if not isinstance(text, Note)]
    note = "; ".join(text for text in said if isinstance(text, Note))
    status: Status = "todo" if findings else "done"
    return Result(rule.name, rule.level, rule.title, status, findings, note=note, seconds=time.monotonic() - began)


def conformance_tests(
    connector: Connector[Any] | str, *, level: Level = "gold", folder: str | Path | None = None
) -> Callable[..., None]:
    """A pytest test with one case for each rule and fault: ``test_conformance = conformance_tests("acme.connector:acme")``.

    Rules that the author exempted are skipped with the reason; what is left to do fails.
    """
    import pytest

    shared = _Shared(connector, folder)

    @pytest.mark.parametrize("rule", rules(level), ids=lambda rule: rule.name)
    def test_conformance(rule: Rule) -> None:
        bench = shared.bench()
        if not rule.applies(bench):
            pytest.skip("does not apply to this connector")
        result = look(bench, rule)
        if result.status == "exempt":
            pytest.skip(f"exempt: {result.reason}")
        assert not result.findings, "\n".join([f"{rule.name}: {rule.title}", *result.findings])

    return test_conformance


class _Shared:
    """One bench for all cases of a test, opened with the first of them and closed with the process."""

    def __init__(self, connector: Connector[Any] | str, folder: str | Path | None) -> None:
        self._connector, self._folder = connector, folder
        self._bench: Bench | None = None

    def bench(self) -> Bench:
        """The bench, open."""
        if self._bench is None:
            import atexit

            self._bench = open_bench(self._connector, self._folder, write=not os.environ.get("CI"))
            self._bench.__enter__()
            atexit.register(self._bench.__exit__, None, None, None)
        return self._bench


def _check_exemptions(case: Case) -> None:
    known = {rule.name for rule in rules()}
    for name in case.exempt:
        if name not in known:
            raise ConfigurationError(f"{case.folder / FILE}: exempt: no rule {name!r}{_near(name)}")


def _check_settings(bench: Bench) -> None:
    try:
        _ = bench.settings
    except IsthmusError as error:
        raise ConfigurationError(f"{bench.case.folder / FILE}: [settings]: {error}") from None


def _near(name: str) -> str:
    return did_you_mean(name, (rule.name for rule in rules()), others="rules")


def _value(connector: Connector[Any]) -> str:
    """``package.module:object`` of a connector that is imported."""
    for name, module in list(sys.modules.items()):
        if name == connector.package or name.startswith(f"{connector.package}."):
            for attribute, found in vars(module).items():
                if found is connector:
                    return f"{name}:{attribute}"
    raise ConfigurationError(f"{connector.package}: the connector is no attribute of a module there")


__all__ = ["conformance", "conformance_tests", "look", "open_bench", "rules"]
