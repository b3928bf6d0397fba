"""What one record says about traffic: the value an author's function returns."""

from __future__ import annotations

import msgspec


class Flow(msgspec.Struct, gc=False):
    """One record's contribution to a communication.

    ``source`` opened the connection, ``target`` answered; both are IP addresses as the vendor writes them. ``at`` is
    event time in seconds since 1970. ``count`` is what the record stands for: one connection or, in the log of a
    protocol, one message. ``sensor`` and ``vlan`` are where it was seen: the same address elsewhere may be another host.
    """

    source: str
    target: str
    sensor: str | None = None
    vlan: int | str | None = None
    protocol: str | None = None
    """Application protocol, several separated by commas; ``None`` where it was not recognised."""
    transport: str | None = None
    port: int | None = None
    """Port of the target."""
    function_code: int | None = None
    at: float = 0.0
    bytes_out: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    packets_in: int = 0
    count: int = 1


KEY = 8
"""The fields up to here say what is counted together; ``at`` is next, then what is counted."""

__all__ = ["KEY", "Flow"]
