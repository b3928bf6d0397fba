"""Objects on their way into an outcome: marked, checked, united with what has the same id, encoded."""

from __future__ import annotations

from typing import Any

from isthmus_sdk import stix
from isthmus_sdk.engine import Outcome


class Collector:
    """Puts objects that the SDK itself makes into outcomes. ``tlp``: marking of objects that have none."""

    def __init__(self, tlp: str | None) -> None:
        self._marking = [stix.TLP[tlp]] if tlp else None

    def add(self, outcome: Outcome, obj: dict[str, Any]) -> None:
        """Add one object. Raises ``InvalidObject``."""
        if self._marking and "object_marking_refs" not in obj:
            obj = {**obj, "object_marking_refs": self._marking}
        stix.check(obj)
        earlier = outcome.objects.get(obj["id"])
        if earlier is not None:
            if earlier[0] == obj:
                return
            obj = stix.coalesce(earlier[0], obj)
        outcome.objects[obj["id"]] = (obj, stix.encode(obj))


__all__ = ["Collector"]
