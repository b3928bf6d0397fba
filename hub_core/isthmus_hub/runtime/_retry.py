"""Quarantined records once more through their mapping, after a fix of the connector.

They are read like a file whose time is the original ``observed_at``, so a retry never beats newer data, and their cursors
are kept apart from the stream's own.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec

from isthmus_hub.bus import Ack
from isthmus_hub.runtime._ingest import Ingest
from isthmus_hub.runtime._plan import Plan
from isthmus_hub.runtime._quarantine import Quarantined
from isthmus_hub.runtime._session import Observer, Session
from isthmus_sdk import protocol
from isthmus_sdk.block import Block
from isthmus_sdk.errors import ConfigurationError

LANE = "\x1eretry"


class _RetryIntake:
    """Durable intake that notes which records still do not map."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self.failed: set[bytes] = set()

    def cursors(self, instance: str, stream: str) -> dict[str, bytes]:
        """A retry begins at the beginning."""
        return {}

    def block(self, instance: str, source_id: str, block: Block) -> Ack:
        """Append what mapped."""
        return self._ingest.block(instance, source_id, block, lane=LANE)

    def bad_record(self, instance: str, frame: protocol.Quarantine) -> None:
        """It is in quarantine already."""
        self.failed.add(frame.raw.strip())


def retry(
    records: Iterable[Quarantined], plan: Callable[[str], Plan], ingest: Ingest, observer: Observer
) -> tuple[list[str], list[str]]:
    """Map records again; returns the ids that mapped and those that still do not. Raises what kept a worker from running."""
    groups: dict[tuple[str, str, str], list[Quarantined]] = defaultdict(list)
    for record in records:
        groups[record.instance, record.stream, record.observed_at].append(record)
    mapped: list[str] = []
    failed: list[str] = []
    for (instance, stream, observed_at), members in sorted(groups.items()):
        intake = _RetryIntake(ingest)
        with _as_file(members, observed_at) as path:
            chosen = plan(instance)
            configure = msgspec.structs.replace(
                chosen.configure, files={stream: [path]}, settle=0.0, one_pass=True, record_dir=None
            )
            reach = replace(chosen.reach, read=(*chosen.reach.read, str(Path(path).parent)), ports=())
            runs = Session(replace(chosen, configure=configure, streams=(stream,), reach=reach), intake, observer).run()
        if runs[0].error is not None and not runs[0].records:
            raise ConfigurationError(f"{instance}/{stream}: the retry did not run: {runs[0].error.message}")
        for member in members:
            (failed if member.raw.strip() in intake.failed else mapped).append(member.id)
    return mapped, failed


class _as_file:
    """Records as one NDJSON file whose time is their ``observed_at``."""

    def __init__(self, records: Iterable[Quarantined], observed_at: str) -> None:
        self._records = list(records)
        self._observed_at = observed_at
        self._folder = tempfile.TemporaryDirectory(prefix="isthmus-retry-")

    def __enter__(self) -> str:
        path = Path(self._folder.name, "records.ndjson")
        path.write_bytes(b"".join(record.raw.replace(b"\n", b" ") + b"\n" for record in self._records))
        if self._observed_at:
            moment = datetime.fromisoformat(self._observed_at)
            # In whole numbers: as a float of seconds it would now and then be read back a millisecond earlier.
            written = int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
            os.utime(path, ns=(written, written))
        return str(path)

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
