"""Vendor fields of given records that nothing uses and nobody gave a reason for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus_sdk.reasons import outermost
from isthmus_sdk.testing._case import read_case
from isthmus_sdk.unused import Unused

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector


def unjustified(
    connector: Connector[Any], stream: str, records: Iterable[Any], *, folder: str | Path | None = None
) -> list[str]:
    """Fields that no mapping uses and that ``[unused.STREAM]`` of ``conformance.toml`` gives no reason for.

    ``records``: raw records as bytes, or anything that JSON can hold. ``folder``: see
    :func:`isthmus_sdk.testing.find_folder`. Returns the outermost of them, sorted, as a line there would name them.
    Raises ``ConfigurationError`` where the case is wrong and ``KeyError`` for an unknown stream::

        assert unjustified(acme, "alerts", recorded) == []
    """
    declared = connector.streams[stream]
    reasons = read_case(connector, None if folder is None else Path(folder)).reasons(stream)
    found = Unused(declared.model)
    for record in records:
        raw = record if isinstance(record, bytes) else msgspec.json.encode(record)
        found.add(declared.unwrap(raw) if declared.unwrap else raw)
    return sorted(outermost(declared.model, (path for path in found.counts if reasons.of(path) is None)))


__all__ = ["unjustified"]
