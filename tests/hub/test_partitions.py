"""`[hub] partitions`: consumers that share what a hub resolved."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus_hub.config import load
from isthmus_hub.hub import Hub
from isthmus_hub.repair import build_store
from isthmus_hub.store import Store
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError

BUILDER = stix.Builder(source_id="edr", connector="edr", observed_at="2026-03-01T00:00:00.000Z")
DEVICES = [
    obj
    for number in range(20)
    for obj in BUILDER.asset(f"m{number}", name=f"plc-{number}")
    if obj["type"] == "infrastructure"
]


def written(folder: Path, partitions: int | None) -> Path:
    path = folder / "isthmus.toml"
    path.write_text('[hub]\nname = "h"\n' + (f"partitions = {partitions}\n" if partitions else ""))
    return path


def told(folder: Path, partitions: int | None) -> set[str]:
    """Keys of the blocks in which a hub tells twenty devices."""
    with Hub.open(folder / "state", written(folder, partitions)) as hub:
        with hub.store.transaction() as tx:
            tx.emit_all(DEVICES, again=True)
        keys = {block.key for block in hub.store.outbox(100)}
        hub.store.outbox_done(hub.store.outbox(100)[-1].seq)
        return keys


def test_a_hub_deals_out_objects_as_soon_and_as_long_as_it_is_asked_for(tmp_path: Path) -> None:
    assert told(tmp_path, None) == {""}
    assert len(told(tmp_path, 4)) > 1
    assert told(tmp_path, 1) == {""}


def test_a_command_without_a_configuration_tells_as_the_hub_does(tmp_path: Path) -> None:
    told(tmp_path, 4)
    with Hub.open(tmp_path / "state") as hub, pytest.raises(ConfigurationError, match="belongs to hub"):
        _ = hub.store
    with Store.open(tmp_path / "state" / "store.sqlite", hub="h") as store, store.transaction() as tx:
        tx.emit_all(DEVICES, again=True)
    with Store.open(tmp_path / "state" / "store.sqlite", hub="h") as store:
        assert "" not in {block.key for block in store.outbox(100)}


def test_a_store_made_anew_without_its_former_one_deals_out_objects_too(tmp_path: Path) -> None:
    with Hub.open(tmp_path / "state", written(tmp_path, 4)) as hub:
        build_store(hub.state.store, None, hub.bus, "h", by_object=hub.by_object)
        with Store.open(hub.state.store.with_name("store-rebuilding.sqlite"), hub="h") as store:
            with store.transaction() as tx:
                tx.emit_all(DEVICES)
            assert "" not in {block.key for block in store.outbox(100)}


def test_the_number_does_not_change_under_a_running_daemon(tmp_path: Path) -> None:
    with Hub.open(tmp_path / "state", written(tmp_path, None)) as hub:
        with pytest.raises(ConfigurationError, match=r"partitions .* cannot change"):
            hub.reconfigure(load(written(tmp_path, 2)))
        assert hub.config.hub.partitions == 1
