"""A store of an earlier format is brought up to date as a whole or not at all, whenever the process dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from tests.hub.store.objects import JUNE_2, address, asset, incoming, put, relation

from isthmus_hub._sqlite import FileKind, connect
from isthmus_hub.store import StateTooNew, Store
from isthmus_hub.store._schema import KIND

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[2]
DYING = """
import os, sys
from pathlib import Path
import apsw
from isthmus_hub import _sqlite
from isthmus_hub.store._schema import KIND
left = int(sys.argv[2])
def trace(cursor, statement, bindings):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
    return True
apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", trace))
_sqlite.connect(Path(sys.argv[1]), KIND).close()
print("done")
"""


def first_format(path: Path) -> list[dict[str, object]]:
    """A store as the first version wrote it: two assets, an address, a relationship."""
    bodies = [asset("plc-1", serial="S1"), asset("plc-2"), address("10.0.0.1")]
    bodies.append(relation(bodies[0], "consists-of", bodies[2]))
    with Store.open(path.with_suffix(".new"), hub="h") as store:
        put(store, *map(incoming, bodies))
        rows = {
            table: store._writer.execute(f"SELECT {columns} FROM {table}").fetchall()
            for table, columns in TABLES.items()
        }
    connection = connect(path, FileKind(KIND.name, KIND.application_id, KIND.migrations[:1]))
    for table, found in rows.items():
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(found[0]))})", found)
    connection.close()
    return bodies


TABLES = {
    "meta": "*",
    "word": "*",
    "source": "*",
    "dictionary": "*",
    "ident": "no, key, id, type, created, links",
    "object": "*",
    "provenance": "object, source, modified, observed, hash, first_observed, last_observed, first_offset, markings, capped",
    "edge": "*",
    "value": "*",
}


def test_an_old_store_keeps_everything_and_takes_more(tmp_path: Path) -> None:
    bodies = first_format(tmp_path / "store.sqlite")
    with Store.open(tmp_path / "store.sqlite", hub="h") as store:
        assert store.check() == []
        assert [stored.body for stored in store.iterate()] == bodies
        assert put(store, *map(incoming, bodies)) == ["unchanged"] * 4
        assert put(store, incoming(asset("plc-1", serial="S2", modified=JUNE_2), observed_at=JUNE_2)) == ["changed"]
        assert store.check() == []


def test_a_migration_killed_at_any_statement_is_harmless(tmp_path: Path) -> None:
    bodies = first_format(tmp_path / "old.sqlite")
    content = (tmp_path / "old.sqlite").read_bytes()
    for statement in range(1, 60):
        path = tmp_path / f"at-{statement}.sqlite"
        path.write_bytes(content)
        died = subprocess.run(
            [sys.executable, "-c", DYING, str(path), str(statement)], capture_output=True, text=True, cwd=ROOT
        )
        with Store.open(path, hub="h") as store:
            assert store.check() == []
            assert [stored.body for stored in store.iterate()] == bodies
        if "done" in died.stdout:
            break
        assert died.returncode == -9, died.stderr
    assert 15 < statement < 59


def fourth_format(path: Path) -> None:
    """A store of the version before the outbox had keys, in which blocks wait."""
    with Store.open(path, hub="h") as store, store.transaction() as tx:
        tx.emit_all([asset("plc-1"), asset("plc-2")])
    old = apsw.Connection(str(path))
    old.execute(
        "DROP TABLE decision; ALTER TABLE outbox DROP COLUMN key; PRAGMA user_version = 4; PRAGMA wal_checkpoint(TRUNCATE)"
    )
    old.close()


def test_what_waits_to_be_told_outlives_a_kill_at_any_statement_of_the_step_to_blocks_with_keys(tmp_path: Path) -> None:
    fourth_format(tmp_path / "old.sqlite")
    content = (tmp_path / "old.sqlite").read_bytes()
    with Store.open(tmp_path / "old.sqlite", hub="h") as store:
        waiting = store.outbox()
    assert waiting
    for statement in range(1, 60):
        path = tmp_path / f"at-{statement}.sqlite"
        path.write_bytes(content)
        died = subprocess.run(
            [sys.executable, "-c", DYING, str(path), str(statement)], capture_output=True, text=True, cwd=ROOT
        )
        version = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY).pragma("user_version")
        assert version in range(4, KIND.version + 1)
        with Store.open(path, hub="h") as store:
            assert store.outbox() == waiting
            assert store.check() == []
        if "done" in died.stdout:
            assert version == KIND.version
            break
        assert died.returncode == -9, died.stderr
    assert 8 < statement < 59


def test_a_store_from_the_future_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store.open(path, hub="h").close()
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE novelty (x); INSERT INTO novelty VALUES (7)")
    connection.execute(f"PRAGMA user_version = {KIND.version + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateTooNew, match="upgrade isthmus"):
        Store.open(path, hub="h")
    assert path.read_bytes() == before
