"""Flipped bits and cut files: found and named, or without effect; never a wrong answer that looks right."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest
from tests.hub.store.objects import address, asset, incoming, put, relation

from isthmus_hub.store import StorageDamaged, StorageFault, Store
from isthmus_sdk.errors import IsthmusError

pytestmark = pytest.mark.faults
FLIPS = 120


def made(path: Path) -> str:
    """A store of a few hundred objects of two sources; its digest."""
    with Store.open(path, hub="h") as store:
        for number in range(120):
            plc, ip = asset(f"plc-{number}", serial=f"S{number}", hostname=f"h{number}"), address(f"10.0.0.{number}")
            put(store, incoming(plc, offset=number), incoming(ip), incoming(relation(plc, "consists-of", ip)))
            if number % 3 == 0:
                put(store, incoming(plc | {"description": "seen"}, instance="defender"))
        with store.transaction() as tx:
            tx.emit_all([asset(f"plc-{number}") for number in range(40)])
        return store.digest()


def answers(path: Path) -> tuple[str | None, list[str]]:
    """Digest (``None`` where reading refused) and what a check says."""
    try:
        with Store.open(path, hub="h") as store:
            problems = store.check()
            try:
                return store.digest(), problems
            except (IsthmusError, apsw.Error, ValueError):
                return None, problems
    except (StorageDamaged, StorageFault, IsthmusError, apsw.Error) as error:
        return None, [str(error)]


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path: Path) -> None:
    right = made(tmp_path / "right.sqlite")
    content = (tmp_path / "right.sqlite").read_bytes()
    generator = random.Random(7)
    found = 0
    path = tmp_path / "broken.sqlite"
    for _ in range(FLIPS):
        for leftover in tmp_path.glob("broken.sqlite*"):
            leftover.unlink()
        broken = bytearray(content)
        at = generator.randrange(100, len(broken))
        broken[at] ^= 1 << generator.randrange(8)
        path.write_bytes(broken)
        digest, problems = answers(path)
        assert problems or digest == right, f"byte {at}: another answer, and no word about it"
        found += bool(problems)
    assert found > FLIPS // 4


@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.99])
def test_a_file_that_was_cut_is_found(tmp_path: Path, part: float) -> None:
    path = tmp_path / "cut.sqlite"
    made(path)
    content = path.read_bytes()
    path.write_bytes(content[: max(2_000, int(len(content) * part))])
    digest, problems = answers(path)
    assert problems
    assert digest is None or problems


def test_a_broken_object_is_set_aside_and_comes_back_when_it_is_reported_again(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    right = made(path)
    plc = asset("plc-7", serial="S7", hostname="h7")
    connection = apsw.Connection(str(path))
    no, body = connection.execute("SELECT no, body FROM object JOIN ident USING (no) WHERE id = ?", (plc["id"],)).get
    connection.execute("UPDATE object SET body = ? WHERE no = ?", (body[:30] + bytes([body[30] ^ 4]) + body[31:], no))
    connection.close()
    with Store.open(path, hub="h") as store:
        with pytest.raises(StorageDamaged, match="isthmus store check"):
            store.get(plc["id"])
        problems = store.check(quarantine=True)
        assert any(plc["id"] in line for line in problems)
        assert "1 objects were set aside" in problems[-1]
        assert store.check() == []
        assert store.get(plc["id"]) is None
        assert len(list(store.iterate("infrastructure"))) == 119
        assert put(store, incoming(plc, offset=7)) == ["new"]
        assert store.digest() == right
        assert store.by_value("serial", "S7") == [plc["id"]]
