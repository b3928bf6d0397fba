"""Changed bytes are found, cost only what they hit, and are reported with their offsets."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from isthmus_hub.bus import SqliteBus, StateTooNew, StorageDamaged, StoredBlock
from isthmus_sdk.errors import ConfigurationError

STREAM = "observed"
BLOCKS = 60


def entries(number: int) -> tuple[bytes, ...]:
    generator = random.Random(number)
    return tuple(generator.randbytes(300) for _ in range(3))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    with open_bus(tmp_path) as bus:
        for number in range(BLOCKS):
            bus.publish(STREAM, entries(number), block_id=b"b%d" % number, key=f"k{number % 4}", meta=b"m%d" % number)
    return tmp_path


def open_bus(directory: Path) -> SqliteBus:
    return SqliteBus(directory / "bus", reserve=0, low_water=0)


def change(directory: Path, sql: str) -> None:
    connection = apsw.Connection(str(directory / "bus" / f"{STREAM}.sqlite"))
    connection.execute(sql)
    connection.close()


def read_all(bus: SqliteBus) -> list[StoredBlock]:
    found: list[StoredBlock] = []
    while blocks := bus.read(STREAM, found[-1].last + 1 if found else 0, 7):
        found += blocks
    return found


@pytest.mark.parametrize(
    "change_to",
    [
        "body = substr(body, 1, 100) || x'00' || substr(body, 102)",
        "body = substr(body, 1, 100)",
        "body = x''",
        "meta = x'00'",
        "key = 'other'",
        "id = x'00'",
        "stored_at = stored_at + 1",
        "last = last + 1",
        "checksum = checksum + 1",
        "body = 'text'",
    ],
)
def test_a_changed_column_makes_exactly_its_block_a_gap(directory: Path, change_to: str) -> None:
    change(directory, f"UPDATE block SET {change_to} WHERE id = x'{b'b7'.hex()}'")
    with open_bus(directory) as bus:
        found = read_all(bus)
        lost = found[7]
        assert (lost.first, lost.last, lost.entries) == (22, 24, ())
        assert lost.damage
        assert [block.entries for block in found] == [() if n == 7 else entries(n) for n in range(BLOCKS)]
        (gap,) = bus.check().gaps
        assert (gap.stream, gap.first, gap.last) == (STREAM, 22, 24)
        (warning,) = bus.health().warnings
        assert "offsets 22-24 are lost" in warning


def test_missing_blocks_are_a_gap_wherever_they_are(directory: Path) -> None:
    change(directory, "DELETE FROM block WHERE first IN (1, 4, 31, 178)")
    with open_bus(directory) as bus:
        gaps = [(block.first, block.last) for block in read_all(bus) if block.damage]
        assert gaps == [(1, 6), (31, 33), (178, 180)]
        assert not bus.check().ok


def test_a_subscriber_is_told_of_the_gap_and_goes_on(directory: Path) -> None:
    change(directory, "DELETE FROM block WHERE first = 4")
    with open_bus(directory) as bus:
        first, gap, third = bus.subscribe(STREAM, "resolve", max_blocks=3).poll()
        assert (first.damage, third.damage) == ("", "")
        assert (gap.first, gap.last, gap.damage) == (4, 6, "the block is missing")


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bits_anywhere_in_the_file_are_never_read_as_data(directory: Path, seed: int) -> None:
    """Any bits of any page after the first: the reader gets the true entries or a gap, never anything else."""
    path = directory / "bus" / f"{STREAM}.sqlite"
    generator = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(generator.choice((1, 1, 8, 64))):
        content[generator.randrange(4096, len(content))] ^= 1 << generator.randrange(8)
    path.write_bytes(content)
    with open_bus(directory) as bus:
        try:
            found = read_all(bus)
        except StorageDamaged:
            return  # the head of the stream itself was hit: nothing was read
        expected = {3 * number + 1: entries(number) for number in range(BLOCKS)}
        position = 1
        for block in found:
            assert block.first == position
            if not block.damage:
                assert block.entries == expected[block.first]
            position = block.last + 1
        good = sum(not block.damage for block in found)
        report = bus.check()
        assert report.blocks == good
        assert report.ok == (good == BLOCKS and not report.problems)


def test_a_wiped_page_costs_its_blocks_and_no_others(directory: Path) -> None:
    path = directory / "bus" / f"{STREAM}.sqlite"
    connection = apsw.Connection(str(path))
    pages: list[int] = [
        page for (page,) in connection.execute("SELECT pageno FROM dbstat WHERE name = 'block' AND pagetype = 'leaf'")
    ]
    connection.close()
    assert len(pages) > 3
    content = bytearray(path.read_bytes())
    content[4096 * (pages[1] - 1) : 4096 * pages[1]] = bytes(4096)
    path.write_bytes(content)
    with open_bus(directory) as bus:
        found = read_all(bus)
        (gap,) = [block for block in found if block.damage]
        good = [block for block in found if not block.damage]
        assert len(good) == BLOCKS - (gap.last - gap.first + 1) // 3 > BLOCKS // 2
        assert found[-1].entries == entries(BLOCKS - 1)
        assert bus.publish(STREAM, [b"x"], block_id=b"next").first == 3 * BLOCKS + 1


def test_damaged_newest_state_is_rebuilt_from_the_blocks(directory: Path) -> None:
    change(directory, "UPDATE latest SET meta = x'00' WHERE key = 'k1'")
    with open_bus(directory) as bus:
        assert bus.latest(STREAM)["k1"] == (174, b"m57")
        bus.retain(STREAM, max_bytes=0)
        with pytest.raises(StorageDamaged, match="'k1'"):
            bus.latest(STREAM)


def test_a_file_of_a_later_version_is_left_alone(directory: Path) -> None:
    change(directory, "PRAGMA user_version = 99")
    with open_bus(directory) as bus, pytest.raises(StateTooNew, match="upgrade isthmus"):
        bus.read(STREAM)


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bus").mkdir()
    foreign = tmp_path / "bus" / f"{STREAM}.sqlite"
    connection = apsw.Connection(str(foreign))
    connection.execute("CREATE TABLE theirs (x); PRAGMA application_id = 7")
    connection.close()
    with open_bus(tmp_path) as bus, pytest.raises(ConfigurationError, match="not a bus stream file"):
        bus.publish(STREAM, [b"x"], block_id=b"1")


def test_a_file_that_is_no_database_is_reported_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "bus").mkdir()
    (tmp_path / "bus" / f"{STREAM}.sqlite").write_bytes(b"not a database at all" * 1_000)
    with open_bus(tmp_path) as bus, pytest.raises(StorageDamaged, match=r"observed\.sqlite"):
        bus.publish(STREAM, [b"x"], block_id=b"1")
