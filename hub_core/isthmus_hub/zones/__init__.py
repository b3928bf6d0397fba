"""Zones and conduits of IEC 62443: where each asset is, who talks across, what breaks the declared model, who owns what."""

from __future__ import annotations

from isthmus_hub.zones._conduits import Conduit, Violation, conduits, violations
from isthmus_hub.zones._entry import EntryPoint, entry_points
from isthmus_hub.zones._model import Conditions, ConduitRule, Model, OwnerRule, ZoneRule
from isthmus_hub.zones._placing import owned_by, place
from isthmus_hub.zones._view import overview

__all__ = [
    "Conditions",
    "Conduit",
    "ConduitRule",
    "EntryPoint",
    "Model",
    "OwnerRule",
    "Violation",
    "ZoneRule",
    "conduits",
    "entry_points",
    "overview",
    "owned_by",
    "place",
    "violations",
]
