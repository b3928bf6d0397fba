"""Entries that nobody foresaw: recorded as rejected, and the stream goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from builders import Bench, bench, source

from isthmus_hub.assets import _resolver
from isthmus_hub.bus import StorageFault
from isthmus_sdk import stix


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def device(hub: Bench, number: int) -> None:
    hub.observe("edr", source("edr").asset(f"m{number}", name=f"hmi-{number}", serial=f"S-{number}"))


def names(hub: Bench) -> set[str]:
    return {asset["name"] for asset in hub.assets()}


def broken_window() -> dict[str, Any]:
    """A communication whose window has no beginning: its extension is ours, and anybody may write it."""
    builder = source("edr")
    ends = [builder.endpoint(f"10.0.0.{n}", vantage="edr") for n in (1, 2)]
    edge = builder.communication(ends[0].id, ends[1].id, first_seen=1_772_000_000, last_seen=1_772_000_060)
    obj = next(obj for obj in edge if obj["type"] == "relationship")
    facts = stix.facts(obj, stix.COMMUNICATION)
    assert facts is not None
    facts["windows"] = [{"seconds": "an hour"}]
    return obj


def test_a_block_whose_description_cannot_be_read_costs_itself_alone(hub: Bench) -> None:
    device(hub, 1)
    hub.bus.publish("observed", [b"{}", b"{}"], block_id=b"foreign", key="x", meta=b"\xc1")
    device(hub, 2)
    hub.resolve()
    assert names(hub) == {"hmi-1", "hmi-2"}
    assert hub.resolver.position() == hub.bus.end("observed")
    assert len(hub.store.rejected()) == 2
    assert all("cannot be resolved" in rejected.reason for rejected in hub.store.rejected())


def test_one_entry_of_a_batch_that_makes_resolving_fail_is_found(hub: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    observed = _resolver._observation

    def stumbles(body: Any) -> Any:
        if body.get("name") == "hmi-3":
            raise ZeroDivisionError("nobody thought of this")
        return observed(body)

    monkeypatch.setattr(_resolver, "_observation", stumbles)
    for number in range(8):
        device(hub, number)
    hub.resolve()
    assert names(hub) == {f"hmi-{number}" for number in range(8) if number != 3}
    (rejected,) = hub.store.rejected()
    assert "ZeroDivisionError: nobody thought of this" in rejected.reason
    assert sum(total.new for total in hub.resolver.totals.values()) == 7


def test_a_resolver_that_always_fails_is_at_fault_itself_and_stops(hub: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def always(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(_resolver, "_observation", always)
    for number in range(60):
        device(hub, number)
    with pytest.raises(ZeroDivisionError):
        hub.resolve()
    assert len(hub.store.rejected()) <= _resolver.MOST_POISON


def test_trouble_with_the_disk_rejects_nothing(hub: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise StorageFault("the disk failed")

    device(hub, 1)
    monkeypatch.setattr(_resolver, "_observation", full)
    with pytest.raises(StorageFault):
        hub.resolve()
    monkeypatch.undo()
    hub.resolve()
    assert (names(hub), hub.store.rejected()) == ({"hmi-1"}, [])


def test_a_communication_with_a_broken_window_stops_nothing(hub: Bench) -> None:
    hub.observe("edr", broken_window())
    device(hub, 1)
    hub.resolve()
    assert names(hub) >= {"hmi-1"}
    assert hub.resolver.position() == hub.bus.end("observed")


def in_other_words(hub: Bench, encoded: str, number: int) -> None:
    meta = {
        "instance": "edr",
        "stream": "assets",
        "source_id": "edr",
        "observed_at": f"2026-03-0{number}T00:00:00.000Z",
    }
    hub.bus.publish(
        "observed", [encoded.encode()], block_id=b"%d" % number, key="edr/assets", meta=msgspec.msgpack.encode(meta)
    )
    hub.resolve()


def test_objects_that_are_not_written_canonically_are_stored_and_checked_like_all(hub: Bench) -> None:
    address = {"type": "ipv4-addr", "spec_version": "2.1", "value": "10.0.0.1"}
    address["id"] = stix.sco_id("ipv4-addr", {"value": "10.0.0.1"})
    in_other_words(hub, json.dumps(address, indent=1), 1)
    (device,) = (dict(obj) for obj in source("edr").asset("m1", name="hmi-1") if obj["type"] == "infrastructure")
    in_other_words(hub, json.dumps(device)[:-1] + ', "name": "said twice"}', 2)
    assert hub.store.check() == []
    assert hub.store.get(device["id"]).body["name"] == "said twice"


def test_a_reference_whose_name_is_written_with_an_escape_is_followed_when_it_changes(hub: Bench) -> None:
    (device,) = (dict(obj) for obj in source("edr").asset("m1", name="hmi-1") if obj["type"] == "infrastructure")
    for number, end in enumerate(("a", "b"), start=1):
        device["modified"] = f"2026-03-0{number}T00:00:00.000Z"
        target = stix.sdo_id("infrastructure", {"name": end})
        in_other_words(hub, json.dumps(device)[:-1] + f', "x_twin_\\u0072ef": "{target}"}}', number)
    assert hub.store.check() == []
