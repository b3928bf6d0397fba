"""Health can be asked of some streams alone, for those who may not look at the others."""

from __future__ import annotations

from isthmus_hub.bus import Bus


def test_health_of_some_streams_names_only_these(bus: Bus) -> None:
    for stream in ("observed", "resolved"):
        bus.publish(stream, [b"x"], block_id=stream.encode())
    assert [stream.name for stream in bus.health().streams] == ["observed", "resolved"]
    (only,) = bus.health(("observed", "never")).streams
    assert (only.name, only.last) == ("observed", 1)
    assert bus.health(("observed",)).durability == bus.health().durability
