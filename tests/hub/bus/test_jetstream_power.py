"""A power cut under a NATS server: its store lies on a file system of its own, whose backing file is copied while it works."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.bus.filling import STREAM
from tests.hub.bus.nats import NatsServer

from isthmus_hub.bus import JetStreamBus, NatsAccess

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
BLOCKS = 300


class Disk:
    """An ext4 file system in a file: what was not flushed is not in the file."""

    def __init__(self, folder: Path) -> None:
        self.image, self.place = folder / "image", folder / "disk"
        self.place.mkdir()

    def make(self) -> None:
        """Raises ``CalledProcessError`` where that is not permitted."""
        with self.image.open("wb") as file:
            file.truncate(128 * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self.image)], check=True, capture_output=True)
        self.mount()

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.place)], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.place)], check=False, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    try:
        if os.geteuid():
            raise PermissionError("not root")
        made.make()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT RUN: a file system cannot be mounted here ({error})")
    yield made
    made.unmount()


def publish(bus: JetStreamBus) -> int:
    """Publish and commit; the last offset that was acknowledged."""
    last = 0
    for number in range(BLOCKS):
        last = bus.publish(STREAM, [b"%d/%d" % (number, e) for e in range(20)], block_id=b"%d" % number, key="k").last
        if number % 10 == 0:
            bus.commit(STREAM, "resolve", last)
    return last


@pytest.mark.parametrize("sync", ["always", ""])
def test_a_power_cut_takes_nothing_from_a_server_that_syncs_and_the_other_is_called_buffered(
    disk: Disk, tmp_path: Path, sync: str
) -> None:
    server = NatsServer(tmp_path / "nats", sync=sync, store=disk.place / "store").start()
    access = NatsAccess((server.url,), monitors=(server.monitor,))
    try:
        with JetStreamBus(access, settle=0.0) as bus:
            acknowledged = publish(bus)
            shutil.copyfile(disk.image, tmp_path / "at the cut")
            durability = bus.health().durability
        server.kill()
        disk.unmount()
        (tmp_path / "at the cut").replace(disk.image)
        disk.mount()
        server.start()
        with JetStreamBus(access, settle=0.0) as bus:
            found = bus.end(STREAM)
            assert durability == ("flushed" if sync else "buffered")
            if sync:
                assert found == acknowledged == 20 * BLOCKS
                assert bus.check().ok
                assert bus.groups(STREAM)[0].position == 20 * (BLOCKS - 9)
            else:
                assert found <= acknowledged, "what is left of it is nobody's promise"
    finally:
        server.stop()
