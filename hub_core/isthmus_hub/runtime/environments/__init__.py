"""Connectors of third parties: added with a hash and a grant, each in a virtual environment of its own."""

from __future__ import annotations

from isthmus_hub.runtime.environments._added import AddedConnectors, Offer, installed
from isthmus_hub.runtime.environments._grant import Asks, Grant

__all__ = ["AddedConnectors", "Asks", "Grant", "Offer", "installed"]
