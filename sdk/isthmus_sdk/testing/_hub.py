"""``python -m isthmus_sdk.testing._hub JOB``: a hub as small as can be, in a process of its own, so that it can be killed.

It starts one worker, runs one stream from the cursors of its log, appends each block durably, and then acknowledges it.
Killed at any point and started again, it goes on from its log as a real hub does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from isthmus_sdk import protocol
from isthmus_sdk.block import Block
from isthmus_sdk.faults import ENVIRONMENT, fault_point

_BLOCK: msgspec.msgpack.Decoder[Block] = msgspec.msgpack.Decoder(Block)


class Log:
    """Blocks in a file, each with its length; what was cut short by a kill is no block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.blocks: list[Block] = []
        data = path.read_bytes() if path.exists() else b""
        while len(data) >= 4 and len(data) >= 4 + (size := int.from_bytes(data[:4], "big")):
            self.blocks.append(_BLOCK.decode(data[4 : 4 + size]))
            data = data[4 + size :]

    def append(self, block: Block) -> None:
        """Durable when it returns; a block that is there already is not written again."""
        if any(known.block_id == block.block_id for known in self.blocks):
            return
        values = {name: getattr(block, name) for name in Block.__struct_fields__}
        body = msgspec.msgpack.encode(Block(**values))
        with self._path.open("ab") as file:
            file.write(len(body).to_bytes(4, "big") + body)
            file.flush()
            os.fsync(file.fileno())
        self.blocks.append(block)

    @property
    def cursors(self) -> dict[str, bytes]:
        """Where each partition goes on."""
        return {block.partition: block.cursor_after for block in self.blocks}


def main(path: str) -> int:
    """Run the job in a file; prints how the run ended."""
    job: dict[str, Any] = json.loads(Path(path).read_text())
    log = Log(Path(job["log"]))
    hub_reads, worker_writes = os.pipe()
    worker_reads, hub_writes = os.pipe()
    worker = subprocess.Popen(
        [
            *(sys.executable, "-I", "-m", "isthmus_sdk.worker", job["connector"]),
            *("--read", str(worker_reads), "--write", str(worker_writes)),
            *(argument for root in job["roots"] for argument in ("--path", root)),
        ],
        pass_fds=[worker_reads, worker_writes],
        stdin=subprocess.DEVNULL,
        env={name: os.environ[name] for name in ("PATH", *ENVIRONMENT) if name in os.environ},
    )
    os.close(worker_reads)
    os.close(worker_writes)
    writer = protocol.FrameWriter(hub_writes)
    try:
        done = _run(job, log, writer, hub_reads)
        writer.write(protocol.Drain())
        worker.wait(10)
    finally:
        if worker.poll() is None:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
    print(json.dumps(done))
    return 0


def _run(job: dict[str, Any], log: Log, writer: protocol.FrameWriter, reads: int) -> dict[str, Any]:
    stream = job["stream"]
    while (body := protocol.read_frame(reads)) is not None:
        frame = protocol.decode_worker(body)
        if isinstance(frame, protocol.Hello):
            writer.write(
                protocol.Configure(
                    hub="kit", instance="kit", source_id=job["source"], one_pass=True, **job["configure"]
                )
            )
            writer.write(protocol.Run(stream=stream, cursors=log.cursors))
        elif isinstance(frame, protocol.BlockFrame):
            fault_point("publish")
            log.append(frame)
            fault_point("commit")
            writer.write(protocol.AckFrame(block_id=frame.block_id))
        elif isinstance(frame, protocol.Done):
            return {"complete": frame.complete, "error": frame.error, "quarantined": frame.quarantined}
        elif isinstance(frame, protocol.Error):
            return {"complete": False, "error": f"{frame.kind}: {frame.message}", "quarantined": 0}
    return {"complete": False, "error": "the worker ended by itself", "quarantined": 0}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
