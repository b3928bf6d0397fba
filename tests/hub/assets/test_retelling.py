"""What is told again: a revocation is news by itself, and nothing follows it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from builders import Bench, bench

from isthmus_hub.assets._resolver import MOST_POISON

FEED = "indicators"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def indicator(day: int, number: int = 0, **said: Any) -> dict[str, Any]:
    """Version ``day`` of an indicator, as a feed words it."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--8e2e2d2b-17d4-4cbf-938f-{number:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-03-{day:02d}T00:00:00.000Z",
        "pattern": "[ipv4-addr:value = '198.51.100.7']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **said,
    }


def tell(hub: Bench, day: int, *objects: dict[str, Any], instance: str = "feed") -> list[dict[str, Any]]:
    hub.observe(instance, *objects, stream=FEED, at=f"2026-03-{day:02d}T00:00:00.000Z")
    return hub.resolve()


def test_a_revocation_is_published_even_where_nothing_else_changed(hub: Bench) -> None:
    tell(hub, 1, indicator(1))
    (published,) = tell(hub, 2, indicator(2, revoked=True))
    assert published["revoked"] is True
    assert tell(hub, 3, indicator(2, revoked=True)) == []


def test_nothing_follows_a_revocation_and_the_entry_that_tries_is_not_lost(hub: Bench) -> None:
    tell(hub, 1, indicator(1))
    tell(hub, 2, indicator(2, revoked=True))
    assert tell(hub, 3, indicator(3, name="live again")) == []
    assert tell(hub, 4, indicator(4, name="gone, in other words", revoked=True)) == []
    assert not [*hub.store.rejected()]
    kept = hub.store.get(indicator(1)["id"])
    assert kept is not None
    assert kept.body["name"] == "gone, in other words"


def test_a_feed_that_takes_all_its_revocations_back_does_not_stop_the_others(hub: Bench) -> None:
    many = range(MOST_POISON + 2)
    tell(hub, 1, *(indicator(1, number) for number in many))
    assert len(tell(hub, 2, *(indicator(2, number, revoked=True) for number in many))) == len(many)
    assert tell(hub, 3, *(indicator(3, number, name="back") for number in many)) == []
    (other,) = tell(hub, 4, indicator(4, len(many)))
    assert other["id"] == indicator(4, len(many))["id"]
