"""How every state file is opened."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from isthmus_hub import _sqlite
from isthmus_sdk.errors import ConfigurationError

KIND = _sqlite.FileKind("test", 0x54455354, ("CREATE TABLE a (x)",))
NEXT = _sqlite.FileKind("test", 0x54455354, ("CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b SELECT x FROM a"))


def test_a_commit_is_flushed_and_written_ahead(tmp_path: Path) -> None:
    connection = _sqlite.connect(tmp_path / "file", KIND)
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    assert connection.pragma("fullfsync") == connection.pragma("checkpoint_fullfsync") == 1
    connection.close()


def test_positions_may_wait_for_the_next_flush(tmp_path: Path) -> None:
    connection = _sqlite.connect(tmp_path / "file", KIND, flush=False)
    assert connection.pragma("synchronous") == 1
    connection.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    _sqlite.connect(tmp_path / "file", KIND).close()
    reader = _sqlite.connect(tmp_path / "file", KIND, write=False)
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO a VALUES (1)")
    reader.close()


def test_an_older_file_is_brought_up_to_date_with_its_data(tmp_path: Path) -> None:
    old = _sqlite.connect(tmp_path / "file", KIND)
    old.execute("INSERT INTO a VALUES (7)")
    old.close()
    new = _sqlite.connect(tmp_path / "file", NEXT)
    assert new.execute("SELECT x FROM b").get == 7
    assert new.pragma("user_version") == 2
    new.close()
    with pytest.raises(_sqlite.StateTooNew):
        _sqlite.connect(tmp_path / "file", KIND)


def test_a_library_that_can_corrupt_the_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(ConfigurationError, match=r"3\.51\.2.*install an apsw"):
        _sqlite.connect(tmp_path / "file", KIND)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="check the state directory"):
        _sqlite.connect(tmp_path / "file" / "below", KIND)
