"""What people call a record of a source."""

from __future__ import annotations

from typing import Any

from isthmus_hub.store import Store, Stored
from isthmus_sdk import stix


def record_facts(store: Store, id: str) -> dict[str, Any]:
    """What an observed object says of its device; nothing for what is no device."""
    return _facts(store.get(id))


def record_name(store: Store, id: str) -> str:
    """``instance/stream/native id``; the id itself where nobody says anything of it any more."""
    stored = store.get(id)
    native = _facts(stored).get("native_id")
    if stored is None or not stored.provenance or not native:
        return id
    claim = stored.provenance[0]
    return f"{claim.instance}/{claim.stream}/{native}"


def _facts(stored: Stored | None) -> dict[str, Any]:
    return (stix.facts(stored.body, stix.ASSET) if stored else None) or {}
