"""Communications, and the addresses between which they run, from the rows of a cohort."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from isthmus_sdk.summarise._windows import (
    BYTES_IN,
    BYTES_OUT,
    COUNT,
    EDGE,
    FIRST,
    LAST,
    NEVER,
    PACKETS_IN,
    PACKETS_OUT,
    TOUCHED,
    Cohort,
    Key,
    Row,
)

if TYPE_CHECKING:
    from isthmus_sdk.engine import MakeBuilder
    from isthmus_sdk.stix import Builder, Shape

End = tuple[str, Any, Any]
"""Address, sensor, VLAN."""


def iso(at: float) -> str:
    """Seconds since 1970 as a canonical STIX timestamp with microseconds where there are any."""
    micro = round(at * 1_000_000)
    moment = datetime.fromtimestamp(micro // 1_000_000, UTC).replace(microsecond=micro % 1_000_000)
    return moment.isoformat(timespec="microseconds" if micro % 1000 else "milliseconds")[:-6] + "Z"


def objects_of(cohort: Cohort, *, seconds: float, part: str, make_builder: MakeBuilder) -> Iterator[dict[str, Any]]:
    """STIX objects of everything in a cohort that was not given out yet, each communication after its ends.

    ``part`` names the input file. An edge is given out with the counters of its whole window, so that a window which is
    stated again replaces itself.
    """
    ends: dict[End, list[float]] = {}
    for _, edge, rows in _fresh_edges(cohort):
        first, last = _span(rows)
        for end in _ends(edge):
            span = ends.setdefault(end, [first, last])
            span[0], span[1] = min(span[0], first), max(span[1], last)
    if not ends:
        return
    builder = make_builder(iso(max(span[1] for span in ends.values())))
    references: dict[End, str] = {}
    for window, edge, rows in _fresh_edges(cohort):
        for end in _ends(edge):
            if end not in references:
                shape = _end(builder, end, *ends[end])
                references[end] = shape.id
                yield from shape
        own = part if window == cohort.index else f"{part}~{iso(cohort.index * seconds)}"
        source, target = (references[end] for end in _ends(edge))
        yield _communication(builder, source, target, edge, rows, _window(rows, window, cohort, seconds, own))
    for table in cohort.windows.values():
        for row in table.values():
            row[TOUCHED] = False


def _fresh_edges(cohort: Cohort) -> Iterator[tuple[int, Key, list[tuple[Key, Row]]]]:
    """Window, edge and rows (with their service) of the edges that have something new, in an order of their own.

    Nothing is held but the order of the keys: a window may have a hundred thousand edges.
    """
    for window in sorted(cohort.windows):
        table = cohort.windows[window]
        for edge, keys in groupby(sorted(table, key=_by_edge), key=lambda key: key[:EDGE]):
            # A row without a time was made for a record that then went to quarantine.
            rows = [(key[EDGE:], row) for key in keys if (row := table[key])[LAST] != NEVER]
            if any(row[TOUCHED] for _, row in rows):
                yield window, edge, rows


def _by_edge(key: Key) -> tuple[Any, ...]:
    source, target, sensor, vlan = key[:EDGE]
    return source, target, sensor or "", str(vlan)


def _span(rows: list[tuple[Key, Row]]) -> tuple[float, float]:
    return min(row[FIRST] for _, row in rows), max(row[LAST] for _, row in rows)


def _ends(edge: Key) -> tuple[End, End]:
    source, target, sensor, vlan = edge
    return (source, sensor, vlan), (target, sensor, vlan)  # type: ignore[return-value]


def _end(builder: Builder, end: End, first: float, last: float) -> Shape:
    address, sensor, vlan = end
    return flow_end(builder, address, sensor=sensor, vlan=vlan, first_seen=iso(first), last_seen=iso(last))


def flow_end(
    builder: Builder,
    address: str,
    *,
    sensor: str | None = None,
    vlan: int | str | None = None,
    first_seen: str | None = None,
    last_seen: str | None = None,
) -> Shape:
    """What an address in a flow stands for: an endpoint, or only the address where no single host can have it.

    ``address`` in normal form. A mapping that speaks of the same sensor's flows (an alert about one) gets the same endpoint.
    """
    if _is_group(address):
        return builder.ip(address)
    vantage = "/".join(str(part) for part in (sensor, f"vlan{vlan}" if vlan is not None else None) if part)
    return builder.endpoint(
        address, vantage=vantage, sensor=sensor, vlan=vlan, first_seen=first_seen, last_seen=last_seen
    )


@lru_cache(maxsize=65_536)
def _is_group(address: str) -> bool:
    """Whether an address names many hosts: multicast or the limited broadcast."""
    return address == "255.255.255.255" or ipaddress.ip_address(address).is_multicast


def _window(rows: list[tuple[Key, Row]], window: int, cohort: Cohort, seconds: float, part: str) -> dict[str, Any]:
    total = [sum(row[place] for _, row in rows) for place in range(COUNT, PACKETS_IN + 1)]
    counters: dict[str, Any] = {
        "start": iso(window * seconds),
        "seconds": round(seconds),
        "part": part,
        "connections": total[COUNT],
        "bytes_out": total[BYTES_OUT],
        "bytes_in": total[BYTES_IN],
        "packets_out": total[PACKETS_OUT],
        "packets_in": total[PACKETS_IN],
    }
    if window != cohort.index:
        counters["late"] = total[COUNT]
    return counters


def _communication(
    builder: Builder, source: str, target: str, edge: Key, rows: list[tuple[Key, Row]], window: dict[str, Any]
) -> dict[str, Any]:
    from isthmus_sdk.stix import Service as Spoken

    services: dict[tuple[str, str | None, int | None], set[int]] = {}
    for (protocol, transport, port, code), _ in rows:
        for name in _protocols(protocol, transport):
            codes = services.setdefault((name, transport, port), set())  # type: ignore[arg-type]
            if code is not None:
                codes.add(code)  # type: ignore[arg-type]
    first, last = _span(rows)
    shape = builder.communication(
        source,
        target,
        services=[
            Spoken(protocol=protocol, transport=transport, port=port, function_codes=sorted(codes))
            for (protocol, transport, port), codes in services.items()
        ],
        first_seen=iso(first),
        last_seen=iso(last),
        window=window,
        sensor=edge[2],  # type: ignore[arg-type]
        modified=iso(last),
    )
    return shape.object


def _protocols(protocol: Any, transport: Any) -> list[str]:
    """Names of what is spoken; the transport where nothing above it was recognised."""
    names = sorted({name.strip() for name in str(protocol).split(",") if name.strip()}) if protocol else []
    return names or ([str(transport)] if transport else ["other"])


__all__ = ["flow_end", "iso", "objects_of"]
