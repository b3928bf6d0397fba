"""From a worker's frames to durable state: first the records that did not map, then the block, then the acknowledgement.

The cursor travels in the block, so connector state is derived from the log and can never be ahead of the data.
"""

from __future__ import annotations

import msgspec

from isthmus_hub.bus import OBSERVED, Ack, Bus
from isthmus_hub.runtime._quarantine import Quarantine, Rejected
from isthmus_sdk import protocol
from isthmus_sdk.block import Block, block_id
from isthmus_sdk.errors import ProtocolError
from isthmus_sdk.faults import fault_point

PUBLISH_SECONDS = 60.0
"""How long a block waits for room on a full bus; then the run ends with that as its error, and the next one goes on."""
_SEPARATOR = "\x1f"


def key(hub: str, instance: str, stream: str, partition: str = "") -> str:
    """Name of an ordered sequence on ``observed``: one per partition of a stream of an instance of a hub.

    The hub is part of it because several hubs may share a bus, and a cursor belongs to the hub that wrote it.
    """
    return _SEPARATOR.join((hub, instance, stream, partition))


class Ingest:
    """Durable intake for all instances of a hub; thread-safe, because bus and quarantine are."""

    def __init__(self, bus: Bus, quarantine: Quarantine, *, hub: str) -> None:
        self._bus = bus
        self._quarantine = quarantine
        self._hub = hub

    def cursors(self, instance: str, stream: str) -> dict[str, bytes]:
        """Cursor of each partition, as the newest block of each left it."""
        prefix = key(self._hub, instance, stream)
        latest = self._bus.latest(OBSERVED, prefix)
        return {name.removeprefix(prefix): msgspec.msgpack.decode(meta)["cursor"] for name, (_, meta) in latest.items()}

    def block(self, instance: str, source_id: str, block: Block, *, lane: str = "") -> Ack:
        """Append a block; returns when it is durable. A ``lane`` keeps its cursors apart from the stream's own.

        Raises :class:`~isthmus_sdk.errors.ProtocolError` if the worker's block id is not the right one, and the bus's
        errors, all of which leave the cursor where it was.
        """
        right = block_id(self._hub, instance, block.stream, block.fingerprint, block.cursor_before, block.objects)
        if block.block_id != right:
            raise ProtocolError(f"{instance}/{block.stream}: the block id does not belong to the block")
        meta = msgspec.msgpack.encode(
            {
                "hub": self._hub,
                "instance": instance,
                "stream": block.stream,
                "source_id": source_id,
                "partition": block.partition,
                "cursor": block.cursor_after,
                "observed_at": block.observed_at,
                "records": block.records,
                "quarantined": block.quarantined,
            }
        )
        fault_point("publish")
        ack = self._bus.publish(
            OBSERVED,
            block.objects,
            block_id=block.block_id,
            key=key(self._hub, instance, block.stream + lane, block.partition),
            meta=meta,
            timeout=PUBLISH_SECONDS,
        )
        fault_point("commit")
        return ack

    def bad_record(self, instance: str, frame: protocol.Quarantine) -> None:
        """Keep a record that did not map; durable on return, idempotent when the page comes again."""
        self._quarantine.add(
            [
                Rejected(
                    instance=instance,
                    stream=frame.stream,
                    raw=frame.raw,
                    error=frame.error,
                    path=frame.path,
                    stage=frame.stage,
                    native_id=frame.native_id or None,
                    index=frame.index,
                    connector_version=frame.connector_version,
                    observed_at=frame.observed_at,
                )
            ]
        )
