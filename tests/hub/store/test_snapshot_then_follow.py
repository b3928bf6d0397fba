"""A platform that begins with what the store holds and then follows the stream misses nothing in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hub.delivery.doubles import Toy
from tests.hub.delivery.test_with_store import Hub, asset

from isthmus_hub.store import relay


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("at", [0, 1, 700, 1_500, 2_399])
def test_what_changes_while_the_snapshot_is_read_arrives_too(
    hub: Hub, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is read, objects before and behind the reader change and new ones come."""
    hub.emit(*(asset(n) for n in range(2_400)))
    hub.bus.retain("resolved", max_bytes=0)
    plain = hub.store.iterate

    def disturbed(*arguments: Any, **options: Any) -> Iterator[Any]:
        for number, stored in enumerate(plain(*arguments, **options)):
            if number == at:
                hub.emit({**asset(0), "name": "changed early"}, {**asset(2_399), "name": "changed late"}, asset(9_000))
                relay(hub.store, hub.bus)
            yield stored

    monkeypatch.setattr(hub.store, "iterate", disturbed)
    late = Toy()
    platform = hub.platform("late", late)
    platform.replay("store")
    monkeypatch.undo()
    while platform.run_once().pending:
        pass
    assert set(late.holds) == {stored.id for stored in hub.store.iterate(None, "resolved")} | {hub.store.author}
    assert late.bodies[asset(0)["id"]]["name"] == "changed early"
    assert late.bodies[asset(2_399)["id"]]["name"] == "changed late"
