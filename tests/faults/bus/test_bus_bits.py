"""One flipped bit anywhere in a stream's files: the same data, or a report; never anything else."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from isthmus_hub.bus import Offset, SqliteBus, StorageDamaged
from isthmus_sdk.errors import ConfigurationError

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
STREAM, BLOCKS, FLIPS, LOG_FLIPS = "observed", 60, 320, 60
Found = tuple[dict[int, tuple[bytes, ...]], dict[str, tuple[int, bytes]], dict[str, int]]


def fill(bus: SqliteBus) -> None:
    generator = random.Random(1)
    for number in range(BLOCKS):
        entries = [generator.randbytes(300) for _ in range(3)]
        bus.publish(STREAM, entries, block_id=b"b%d" % number, key=f"k{number % 4}", meta=b"m%d" % number)
    bus.seek(STREAM, "consumer", Offset(31))


def look(directory: Path) -> tuple[Found, bool]:
    """What is read, and whether something was reported."""
    with SqliteBus(directory, reserve=0, low_water=0) as bus:
        read: dict[int, tuple[bytes, ...]] = {}
        position, damage = 1, False
        while blocks := bus.read(STREAM, position):
            for block in blocks:
                assert block.first == position, "offsets have no holes"
                damage |= bool(block.damage)
                if not block.damage:
                    read[block.first] = block.entries
                position = block.last + 1
        found = read, bus.latest(STREAM), {group.name: group.position for group in bus.groups(STREAM)}
        return found, damage or not bus.check().ok


def flip(path: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes())
    place, bit = chance.randrange(len(content)), chance.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"{path.name} byte {place} bit {bit}"


def seed() -> int:
    chosen = int(os.environ.get("ISTHMUS_SEED", "0")) or random.randrange(1, 10**9)
    print(f"ISTHMUS_SEED={chosen}")
    return chosen


def test_a_flipped_bit_in_the_file_is_harmless_or_reported(tmp_path: Path) -> None:
    with SqliteBus(tmp_path / "right", reserve=0, low_water=0) as bus:
        fill(bus)
    right, reported = look(tmp_path / "right")
    assert not reported
    chance, reports, wrong = random.Random(seed()), 0, []
    for number in range(FLIPS):
        copy = shutil.copytree(tmp_path / "right", tmp_path / "flipped", ignore=shutil.ignore_patterns("*-shm"))
        place = flip(copy / f"{STREAM}.sqlite", chance)
        try:
            found, reported = look(copy)
        except (StorageDamaged, ConfigurationError):
            found, reported = right, True
        reports += reported
        if any(right[0].get(first) != entries for first, entries in found[0].items()):
            wrong.append(f"flip {number} ({place}): something else was read as data")
        elif found != right and not reported:
            wrong.append(
                f"flip {number} ({place}): {[name for name, a, b in zip(('blocks', 'latest', 'groups'), found, right, strict=True) if a != b]} changed unreported"
            )
        shutil.rmtree(copy)
    assert wrong == []
    assert reports > FLIPS // 3, "most bytes of the file are data"


def test_a_flipped_bit_in_what_is_known_of_a_group_sends_nobody_to_a_wrong_place(tmp_path: Path) -> None:
    with SqliteBus(tmp_path / "right", reserve=0, low_water=0) as bus:
        fill(bus)
    row = (tmp_path / "right" / f"{STREAM}.sqlite").read_bytes().rindex(b"consumer")
    for bit in range(8 * 60):
        copy = shutil.copytree(tmp_path / "right", tmp_path / "flipped", ignore=shutil.ignore_patterns("*-shm"))
        content = bytearray((copy / f"{STREAM}.sqlite").read_bytes())
        content[row + bit // 8] ^= 1 << bit % 8
        (copy / f"{STREAM}.sqlite").write_bytes(content)
        with SqliteBus(copy, reserve=0, low_water=0) as bus:
            try:
                assert [(group.name, group.position) for group in bus.groups(STREAM)] == [("consumer", 30)]
            except StorageDamaged:
                try:
                    assert not bus.check().ok
                except StorageDamaged:
                    pass  # a neighbour's page was hit: the whole file is named
        shutil.rmtree(copy)


def test_a_flipped_bit_in_the_log_never_changes_what_is_read(tmp_path: Path) -> None:
    """SQLite takes a frame that does not verify for the end of its log, so what came after it can be missing."""
    with SqliteBus(tmp_path / "right", reserve=0, low_water=0) as bus:
        fill(bus)
        right = {block.first: block.entries for block in bus.read(STREAM, limit_blocks=BLOCKS)}
        shutil.copytree(tmp_path / "right", tmp_path / "open", ignore=shutil.ignore_patterns("*-shm"))
    chance = random.Random(seed())
    for _ in range(LOG_FLIPS):
        copy = shutil.copytree(tmp_path / "open", tmp_path / "flipped")
        flip(copy / f"{STREAM}.sqlite-wal", chance)
        try:
            (read, _, _), _ = look(copy)
        except (StorageDamaged, ConfigurationError):
            read = {}
        assert read == {first: right[first] for first in list(right)[: len(read)]}
        shutil.rmtree(copy)
