"""The power goes while publishing: a copy of the file system's image, taken at that moment, is mounted and counted."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults.bus.actors import STREAM, Scene, entries
from tests.faults.bus.killing import KEYS, Troupe, acknowledged
from tests.faults.mounts import at_rest, fresh_image, mounted

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]
CUTS = 3


def test_a_copied_file_system_image_holds_everything_acknowledged_before_the_copy(tmp_path: Path) -> None:
    image, disk = tmp_path / "image", tmp_path / "disk"
    fresh_image(image, 64)
    with mounted(image, disk), closing(Troupe(Scene(disk))) as troupe:
        for key in KEYS:
            troupe.start(key, "publisher", key=key)
        for cut in range(CUTS):
            time.sleep(1.0)  # blocks are being published; nothing is waited for
            promised = {key: acknowledged(troupe.scene, key) for key in KEYS}
            copy, at = tmp_path / f"copy-{cut}", tmp_path / f"after-{cut}"
            with at_rest(list(troupe.running.values())):
                shutil.copyfile(image, copy)
            with mounted(copy, at):
                check(Scene(at), promised)


def check(scene: Scene, promised: dict[str, list[tuple[int, int, int, bool]]]) -> None:
    with scene.open() as bus:
        stored = {block.block_id: block for block in bus.read(STREAM, limit_blocks=1_000_000)}
        position = bus.end(STREAM)
        while blocks := bus.read(STREAM, max(block.last for block in stored.values()) + 1, 10_000):
            stored |= {block.block_id: block for block in blocks}
        assert sum(map(len, promised.values())) > 20
        for key, acks in promised.items():
            for number, first, last, _ in acks:
                block = stored[f"{key} {number}".encode()]
                assert (block.first, block.last, block.entries) == (first, last, tuple(entries(key, number)))
        assert position >= max(last for acks in promised.values() for _, _, last, _ in acks)
        assert bus.check().ok
