"""The hub's side of the protocol, as small as it can be: starts a worker, keeps blocks in a log, derives cursors from it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from isthmus_sdk import protocol
from isthmus_sdk.block import Block, block_id

PACKAGES = Path(__file__).parent / "packages"
HUB, INSTANCE = "test-hub", "acme-north"
PATIENCE = 30.0


class Log:
    """What is durable: blocks in order, without duplicates, and quarantined records. Outlives workers."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.duplicates = 0
        self.quarantined: list[protocol.Quarantine] = []

    def append(self, block: Block) -> None:
        expected = block_id(HUB, INSTANCE, block.stream, block.fingerprint, block.cursor_before, block.objects)
        assert block.block_id == expected
        if any(known.block_id == block.block_id for known in self.blocks):
            self.duplicates += 1
            return
        self.blocks.append(block)

    def cursors(self, stream: str) -> dict[str, bytes]:
        return {block.partition: block.cursor_after for block in self.blocks if block.stream == stream}

    def objects(self) -> dict[str, dict[str, Any]]:
        from isthmus_sdk import stix

        return {obj["id"]: obj for block in self.blocks for obj in map(stix.decode, block.objects)}

    def native_ids(self) -> set[str]:
        """Native ids of the alerts that are stored."""
        return {
            reference["external_id"]
            for obj in self.objects().values()
            if obj["type"] == "incident"
            for reference in obj.get("external_references", [])
        }


class WorkerProcess:
    """A worker and the hub's ends of its pipes."""

    def __init__(
        self,
        log: Log,
        *,
        value: str = "acme_connector.connector:acme",
        packages: Path = PACKAGES,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.log = log
        hub_reads, worker_writes = os.pipe()
        worker_reads, hub_writes = os.pipe()
        self.reads, self.writes = hub_reads, hub_writes
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-m", "isthmus_sdk.worker", value),
                *("--read", str(worker_reads), "--write", str(worker_writes), "--path", str(packages)),
            ],
            pass_fds=[worker_reads, worker_writes],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **(environment or {})},
        )
        os.close(worker_reads)
        os.close(worker_writes)
        self.writer = protocol.FrameWriter(hub_writes)
        self.frames: list[protocol.WorkerFrame] = []
        self.unacknowledged = 0

    def configure(self, **fields: Any) -> None:
        fields.setdefault("source_id", "tenant-1")
        self.writer.write(protocol.Configure(hub=HUB, instance=INSTANCE, **fields))

    def send(self, frame: protocol.HubFrame) -> None:
        self.writer.write(frame)

    def next(self, timeout: float = PATIENCE) -> protocol.WorkerFrame | None:
        """The next frame; ``None`` where the worker closed its end. Fails where nothing comes."""
        ready, _, _ = select.select([self.reads], [], [], timeout)
        if not ready:
            raise AssertionError(f"nothing came from the worker; last frames: {self.frames[-3:]}")
        body = protocol.read_frame(self.reads)
        if body is None:
            return None
        frame = protocol.decode_worker(body)
        self.frames.append(frame)
        return frame

    def quiet(self, timeout: float) -> bool:
        """Whether nothing comes for a while."""
        return not select.select([self.reads], [], [], timeout)[0]

    def until(self, kind: type[Any], *, ack: bool = True) -> Any:
        """Store what comes, as a hub does, until a frame of ``kind`` has come."""
        while True:
            frame = self.next()
            assert frame is not None, f"the worker ended: {self.process.communicate()[1].decode()}"
            if isinstance(frame, protocol.BlockFrame) and ack:
                self.log.append(frame)
                self.send(protocol.AckFrame(block_id=frame.block_id))
            if isinstance(frame, protocol.Quarantine):
                self.log.quarantined.append(frame)
            if isinstance(frame, kind):
                return frame

    def run(self, stream: str = "alerts", **fields: Any) -> protocol.Done:
        """One whole run of a stream, from the cursors that the log gives."""
        self.send(protocol.Run(stream=stream, cursors=self.log.cursors(stream), **fields))
        done = self.until(protocol.Done)
        assert isinstance(done, protocol.Done)
        assert done.records == done.mapped + sum(done.ignored.values()) + done.quarantined
        return done

    def errors(self) -> list[protocol.Error]:
        return [frame for frame in self.frames if isinstance(frame, protocol.Error)]

    def close_pipes(self) -> None:
        for descriptor in (self.reads, self.writes):
            try:
                os.close(descriptor)
            except OSError:
                pass

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.close_pipes()
