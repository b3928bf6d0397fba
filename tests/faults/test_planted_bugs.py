"""The kill matrix is worth something: two classic mistakes, planted into a copy of the program, make it fail.

Neither is an option of the product: a script replaces a method and then is the command.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.faults.scene import losses, scene

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

CURSOR_FIRST = '''
"""The cursor is made durable before the data it stands for."""
import sys
import msgspec
from isthmus_hub.runtime import _ingest

right = _ingest.Ingest.block


def block(self, instance, source_id, block, *, lane=""):
    meta = {"instance": instance, "stream": block.stream, "source_id": source_id, "partition": block.partition,
            "cursor": block.cursor_after, "observed_at": block.observed_at, "records": block.records,
            "quarantined": block.quarantined}
    self._bus.publish("observed", [], block_id=block.block_id[::-1], meta=msgspec.msgpack.encode(meta),
                      key=_ingest.key(self._hub, instance, block.stream + lane, block.partition))
    return right(self, instance, source_id, block, lane=lane)

_ingest.Ingest.block = block
'''

OUTBOX_APART = '''
"""The outbox is written by a transaction of its own, after the one that holds the effect."""
import sys
from contextlib import contextmanager
from isthmus_hub.assets import _resolver
from isthmus_hub.store import _resolve, store
from isthmus_sdk.faults import fault_point

_resolver.fault_point = lambda name: None      # the point stands before the last commit of a step: see below
flush = _resolve.Resolving.flush_outbox
_resolve.Resolving.flush_outbox = lambda self: None
right = store.Store.transaction

@contextmanager
def transaction(self):
    with right(self) as tx:
        yield tx
    if not tx._resolving._entries:
        return
    with right(self) as late:
        late._resolving._entries = tx._resolving._entries
        flush(late._resolving)
        fault_point("resolve")

store.Store.transaction = transaction
'''

START = "\nfrom isthmus_hub.cli import main\nsys.exit(main())\n"


def planted(folder: Path, bug: str) -> Path:
    program = folder / "planted.py"
    program.write_text(bug + START)
    return program


@pytest.mark.parametrize(
    ("bug", "fault", "symptom"),
    [
        (CURSOR_FIRST, "publish:1", "observed objects are missing"),
        (CURSOR_FIRST, "publish:8", "observed objects are missing"),
        (OUTBOX_APART, "resolve:1", "never got"),
    ],
    ids=["cursor first, first page", "cursor first, a later page", "outbox apart"],
)
def test_the_matrix_finds(tmp_path, bug, fault, symptom):
    # One vendor alone, so that the eighth passage (marks of snapshots count) is always the same page: the first of a
    # stream that is not read anew.
    with scene(tmp_path / "right") as made:
        assert made.sync(None, "guardian").code == 4
        right = made.account()
    with scene(tmp_path / "undisturbed") as made:
        assert made.sync(None, "guardian", program=planted(tmp_path, bug)).code == 4
        assert losses(right, made.account()) == [], "without a kill the bug does not show"
    with scene(tmp_path / "killed") as made:
        assert made.sync(fault, "guardian", program=planted(tmp_path, bug)).code == -signal.SIGKILL
        assert made.sync(None, "guardian", program=planted(tmp_path, bug)).code == 4
        assert symptom in " ".join(losses(right, made.account()))
