"""What a person decided about devices: which observed things are one asset, and which are not. Pure.

A decision speaks of observed ids, which never change, so it holds whatever becomes of the assets' own ids. It is one entry
of ``observed`` like everything else that is not computed, so a rebuilt store has it again.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from isthmus_hub.store import _times
from isthmus_sdk.errors import RecordError

DECISION = "decision"
"""Kind of a block of ``observed`` that is a decision."""


class Decision(msgspec.Struct, kw_only=True, frozen=True, tag="isthmus-decision"):
    """One decision. Later ones (by ``number``, then ``at``, then ``id``) prevail over earlier ones about the same things."""

    id: str = ""
    """Hash of everything else; given by `decide`."""
    number: int
    """Counts the decisions of a hub, for people to name them by."""
    verdict: Literal["one", "apart", "undo"]
    """One device; the first side is one device, and not one with the second; or: another decision no longer holds."""
    sides: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Observed ids."""
    undoes: str = ""
    """Id of the decision that no longer holds."""
    at: str
    """When, a STIX timestamp."""
    by: str = ""
    note: str = ""

    @property
    def rank(self) -> tuple[int, str, str]:
        """Its place among the others."""
        return self.number, self.at, self.id


_encode = msgspec.json.Encoder(order="deterministic").encode
_decoder = msgspec.json.Decoder(Decision)


def decide(decision: Decision) -> Decision:
    """The decision with its id."""
    return msgspec.structs.replace(decision, id=_hash(decision))


def encode(decision: Decision) -> bytes:
    """A decision as an entry of the bus."""
    return _encode(decision)


def decode(entry: bytes) -> Decision:
    """Raises :class:`RecordError` for what is no decision, or is not what was decided."""
    try:
        decision = _decoder.decode(entry)
        _times.micros(decision.at)
    except (msgspec.DecodeError, ValueError) as error:
        raise RecordError(f"not a decision: {type(error).__name__}") from error
    if decision.id != _hash(decision):
        raise RecordError("not a decision: its id is not that of its content")
    return decision


def _hash(decision: Decision) -> str:
    return blake2b(_encode(msgspec.structs.replace(decision, id="")), digest_size=16).hexdigest()
