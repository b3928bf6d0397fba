"""Communications: what grows monotonically on the edge, and when a change is worth telling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from isthmus_sdk import stix

QUIET_SECONDS = 3600
"""An object that differs from its last published version only in when it was last seen is published at most this often."""


def merge_edge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """One edge from two statements: first and last time widen, services are united; the order does not matter."""
    return stix.coalesce(dict(old), dict(new))


def split_windows(edge: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The edge without its window counters, and the counters: they live in the compact table, not on the edge."""
    facts = stix.facts(dict(edge), stix.COMMUNICATION)
    if not facts or "windows" not in facts:
        return dict(edge), []
    rest = {name: value for name, value in facts.items() if name != "windows"}
    return {**edge, "extensions": {**edge["extensions"], stix.COMMUNICATION: rest}}, list(facts["windows"])


def worth_telling(published: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """Whether ``new`` says more than that something already known was seen again a little later."""
    if published is None:
        return True
    then, rest = _without_last_seen(published)
    now, same = _without_last_seen(new)
    if stix.content_hash(rest) != stix.content_hash(same) or bool(published.get("revoked")) != bool(new.get("revoked")):
        return True
    return bool(then and now and _seconds(now) - _seconds(then) >= QUIET_SECONDS)


def _without_last_seen(obj: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """``last_seen`` in any of our extensions, and the object without it, its author and its version."""
    rest = {name: value for name, value in obj.items() if name not in ("created_by_ref", "revoked")}
    last, extensions = "", {}
    for id, facts in obj.get("extensions", {}).items():
        if isinstance(facts, dict) and "last_seen" in facts:
            last = max(last, str(facts["last_seen"]))
            extensions[id] = {name: value for name, value in facts.items() if name != "last_seen"}
        else:
            extensions[id] = facts
    if extensions:
        rest["extensions"] = extensions
    rest.pop("stop_time", None)
    return last, rest


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
