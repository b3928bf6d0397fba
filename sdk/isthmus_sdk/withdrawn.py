"""What a list no longer holds: ids are remembered from one whole reply to the next, and those that are gone are told once.

For public lists that say what they hold and never what they took back (a catalogue of exploited vulnerabilities). Only
whole replies are compared. A reply that holds much less than the one before is more likely broken than true: nothing is
told then, and what it lacks is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from isthmus_sdk.errors import ConfigurationError

HELD = "held"
"""Where the ids travel among the validators of a reply."""
MOST = 20_000
"""Ids of one list: they travel in the cursor."""
FEW = 5
"""So many may be gone at once without a question; beyond it, a fifth of the list."""


def compare(records: Sequence[bytes], key: str, known: Mapping[str, str] | None) -> tuple[list[bytes], str, str]:
    """Records of what is gone (its id at ``key`` and ``withdrawn: true``), the ids to remember, and why nothing is told.

    ``known``: the validators of the reply before. Raises ``ConfigurationError`` for a list that is too long for this.
    """
    before = set((known or {}).get(HELD, "").split())
    now = {_id(raw, key) for raw in records}
    unreadable = "" in now
    now.discard("")
    if len(now) > MOST:
        raise ConfigurationError(f"withdrawn={key!r}: the list holds {len(now):,} ids; at most {MOST:,} are remembered")
    gone = sorted(before - now)
    why = ""
    if gone and unreadable:
        why = f"a record has no readable {key}, so it could be any of {len(gone)} that are missing"
    elif len(gone) > max(FEW, len(before) // 5):
        why = f"{len(gone)} of {len(before)} are missing at once"
    if why:
        return [], " ".join(sorted(before | now)), why
    return [msgspec.json.encode({key: id, "withdrawn": True}) for id in gone], " ".join(sorted(now)), ""


def _id(raw: bytes, key: str) -> str:
    """The id of a raw record, ``""`` where there is none that can be remembered."""
    try:
        value = msgspec.json.decode(raw).get(key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError):
        return ""
    text = value.strip() if isinstance(value, str) else ""
    return text if text and len(text) <= 64 and not any(sign.isspace() for sign in text) else ""


__all__ = ["FEW", "HELD", "MOST", "compare"]
