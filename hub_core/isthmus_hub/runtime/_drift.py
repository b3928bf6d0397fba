"""What the runs of a stream said about its fields, followed from run to run.

A run tells how fields differ from what the connector expects (:mod:`isthmus_sdk.drift`). What the first run finds *new* or
*missing* is what its model leaves out on purpose, and is known from then on; everything else is open, since when it was
first seen, until an operator accepts it or ``GONE_AFTER`` records came without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = ("new", "missing", "changed", "dropped")
ON_PURPOSE = ("new", "missing")
"""Kinds that a model may cause by itself: known where the first run finds them."""
GONE_AFTER = 100
"""Records of later runs in which a field must not have differed any more; a short run proves nothing."""
MOST = 200
"""Most open fields of each kind, and of known ones ten times as many: names of fields are the vendor's to invent."""

Report = dict[str, dict[str, int]]
"""Kind -> field -> records, as a run tells it."""


@dataclass(slots=True)
class OpenField:
    """A field that differs."""

    since: str
    """When the first run that saw it ended."""
    unseen: int = 0
    """Records read since, in runs that did not see it."""


@dataclass(slots=True)
class FollowedDrift:
    """Of one stream: fields that are known to differ, and those that somebody should look at, by kind."""

    known: dict[str, list[str]] = field(default_factory=dict)
    open: dict[str, dict[str, OpenField]] = field(default_factory=dict)


def follow(before: FollowedDrift | None, report: Report, *, records: int, now: str) -> FollowedDrift | None:
    """The state after a run that read ``records``; ``None`` before the first run that read any."""
    if not records and not report:
        return before
    after = FollowedDrift({} if before is None else dict(before.known))
    for kind in KINDS:
        fields = report.get(kind, {})
        if before is None and kind in ON_PURPOSE:
            after.known[kind] = list(fields)
            continue
        held = {} if before is None else before.open.get(kind, {})
        found = {
            name: OpenField(one.since, 0 if name in fields else one.unseen + records)
            for name, one in held.items()
            if name in fields or one.unseen + records < GONE_AFTER
        }
        known = set(after.known.get(kind, ()))
        for name in fields:
            if name not in known and name not in found and len(found) < MOST:
                found[name] = OpenField(now)
        if found:
            after.open[kind] = found
    return after


def accept(before: FollowedDrift) -> FollowedDrift:
    """Everything that is open is known from now on."""
    known = {
        kind: list(dict.fromkeys((*before.open.get(kind, ()), *before.known.get(kind, ()))))[: 10 * MOST]
        for kind in KINDS
    }
    return FollowedDrift({kind: names for kind, names in known.items() if names})


def news(before: FollowedDrift | None, after: FollowedDrift | None) -> list[str]:
    """What is open and was not: ``"new: colour"``."""
    held = {} if before is None else before.open
    opened = {} if after is None else after.open
    return [f"{kind}: {name}" for kind, fields in opened.items() for name in fields if name not in held.get(kind, {})]


__all__ = ["GONE_AFTER", "MOST", "FollowedDrift", "OpenField", "Report", "accept", "follow", "news"]
