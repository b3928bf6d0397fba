"""What the vendors' simulators share: the plant they describe, and an HTTP server that can be told to fail.

A simulator answers like the vendor's API (authentication, paging, limits, odd types) from one file that describes a
plant in no vendor's words. Which product sees which part of the plant is written in that file, so that the same plant
can be shown through several products at once. Standard library only: a simulator starts in milliseconds.
"""

from isthmus_connectors.simulation._plant import Plant, PlantError, epoch_ms, iso
from isthmus_connectors.simulation._secret import add_secret, given_secret
from isthmus_connectors.simulation._server import Fault, Reply, Request, Server, run
from isthmus_connectors.simulation._sigv4 import Key, Refusal, verify

__all__ = [
    "Fault",
    "Key",
    "Plant",
    "PlantError",
    "Refusal",
    "Reply",
    "Request",
    "Server",
    "add_secret",
    "epoch_ms",
    "given_secret",
    "iso",
    "run",
    "verify",
]
