from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .mutants import Mutant


@pytest.fixture(autouse=True)
def packages(tmp_path: Path) -> Iterator[None]:
    """Packages that a test makes can be imported."""
    sys.path.insert(0, str(tmp_path))
    yield
    sys.path.remove(str(tmp_path))


@pytest.fixture
def heron(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], tuple[str, Path]]:
    """Makes a copy of the reference connector: its ``package.module:object`` and the folder of its case."""

    def make() -> tuple[str, Path]:
        name = "".join(c if c.isalnum() else "_" for c in request.node.name)[-40:]
        value = Mutant(f"of_{name}", "ge {time}", "ge {time}", ()).make(tmp_path)
        return value, tmp_path / f"heron_of_{name}" / "conformance"

    return make
