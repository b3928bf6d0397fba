"""Every public name of the SDK says what it is, and the reference page is what the names say."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk import reference
from isthmus_sdk.http import Pager

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sdk.md"
SAID_ONCE = {name for name, value in vars(Pager).items() if inspect.isfunction(value) and value.__doc__}
"""Methods of pagers: documented where the protocol is."""


def undocumented(module: str) -> Iterator[str]:
    for name, value in reference.public(module):
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        # A class must say it itself: what it inherits, or a dataclass makes up, says nothing of it.
        own = value.__doc__ or ""
        if not own.strip() or own.startswith(f"{name}("):
            yield name
        if inspect.isclass(value):
            yield from (f"{name}.{method}" for method in silent(value))


def silent(owner: type) -> Iterator[str]:
    for name, value in vars(owner).items():
        if name.startswith("_") or name in SAID_ONCE:
            continue
        function: Any = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if inspect.isfunction(function) and not inspect.getdoc(getattr(owner, name)):
            yield name


@pytest.mark.parametrize("module", reference.MODULES)
def test_every_public_name_is_documented(module: str) -> None:
    assert list(undocumented(module)) == []


def test_a_name_without_a_docstring_is_found() -> None:
    class Mute:
        def method(self) -> None: ...

    assert list(silent(Mute)) == ["method"]


def test_the_reference_is_written_from_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.page(), (
        "docs/sdk.md is not up to date: python -m isthmus_sdk.reference > docs/sdk.md"
    )
