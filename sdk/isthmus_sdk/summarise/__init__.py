"""Summaries of high-volume telemetry: a million log lines become a few hundred communications.

A connector's function turns each record into a :class:`Flow`; :func:`run` counts flows in windows of event time and gives
out one communication for each pair of addresses, with the counters of each window::

    @zeek.stream("conn", model=Conn, key=None)
    def conn(ctx):
        return ctx.pages(tables=[...])

    @conn.summarises(window="1h", lateness="5m")
    def conn_to_flow(record: Conn, settings: Settings) -> Flow:
        return Flow(source=record.orig_h, target=record.resp_h, at=record.ts, ...)

The model is a msgspec struct. Fields that may be absent have the default ``None``; then tables are decoded on the fast
road too. The function is pure; it raises ``Ignored`` or ``RecordError`` like any mapping.
"""

from isthmus_sdk.summarise._flow import Flow
from isthmus_sdk.summarise._objects import flow_end
from isthmus_sdk.summarise._run import Summary, run
from isthmus_sdk.summarise._windows import MAX_SERVICES, Windows

__all__ = ["MAX_SERVICES", "Flow", "Summary", "Windows", "flow_end", "run"]
