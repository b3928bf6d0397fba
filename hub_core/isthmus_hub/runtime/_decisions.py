"""What a person decided, as an entry of ``observed``: durable when this returns, and replayed like everything else."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from isthmus_hub.bus import OBSERVED, Bus
from isthmus_hub.runtime._ingest import PUBLISH_SECONDS, key
from isthmus_hub.store import DECISION, Decision, encode_decision
from isthmus_sdk.faults import fault_point

LANE = "\x1edecisions"


def publish_decision(bus: Bus, hub: str, decision: Decision) -> None:
    """Raises what `Bus.publish` raises; published twice it is one entry."""
    entry, name = encode_decision(decision), key(hub, "", LANE)
    meta = {"hub": hub, "kind": DECISION, "instance": "", "stream": "", "observed_at": decision.at}
    block_id = blake2b(name.encode() + b"\0" + entry, digest_size=16).digest()
    fault_point("publish")
    bus.publish(
        OBSERVED, [entry], block_id=block_id, key=name, meta=msgspec.msgpack.encode(meta), timeout=PUBLISH_SECONDS
    )
    fault_point("commit")


__all__ = ["publish_decision"]
