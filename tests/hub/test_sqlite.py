"""The hub's files: what goes wrong below is said in the hub's own errors."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from isthmus_hub._sqlite import StorageFault, rollback, storage_errors


def test_a_file_that_was_closed_in_the_middle_of_a_transaction_is_a_fault_of_the_storage(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "file"))
    connection.close()
    with pytest.raises(StorageFault, match="closed"), storage_errors(tmp_path / "file"):
        try:
            connection.execute("BEGIN IMMEDIATE")
        finally:
            rollback(connection)
