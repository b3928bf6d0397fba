"""Store and forward: a collector near the plant ships what it observed to the centre's bus, and who is on that bus."""

from __future__ import annotations

from isthmus_hub.forward._forwarder import Forwarder, Forwarding, LinkState, Who, forwarding, register
from isthmus_hub.forward._roster import HUBS, LEASE, Claim, NameTaken, Presence, Roster, conflicts, presences

__all__ = [
    "HUBS",
    "LEASE",
    "Claim",
    "Forwarder",
    "Forwarding",
    "LinkState",
    "NameTaken",
    "Presence",
    "Roster",
    "Who",
    "conflicts",
    "forwarding",
    "presences",
    "register",
]
