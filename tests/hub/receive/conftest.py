"""A hub with receivers for each test; the connector is added once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.hub.receive.pushing import Site, add_connector


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory to which the pushing connector was added."""
    return add_connector(tmp_path_factory.mktemp("pushed"))


@pytest.fixture
def site(tmp_path: Path, template: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site: stream -> lines of its table."""
    made: list[Site] = []

    def make(receive: dict[str, str], more: str = "") -> Site:
        folder = tmp_path / f"site-{len(made)}"
        folder.mkdir()
        made.append(Site(folder, template, receive, more))
        return made[-1]

    yield make
    for one in made:
        one.stop()
