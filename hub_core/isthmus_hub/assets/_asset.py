"""One resolved asset from the observed ones that are members of it.

Pure and independent of the order of members. Which source is believed about an attribute: `_attributes`; when somebody
looked decides nothing, so the same input gives the same asset whoever answers first. Lists are united; all native ids stay
as external references.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isthmus_hub.assets._attributes import TOGETHER, Orders, Said, attributes
from isthmus_hub.assets._beliefs import Beliefs
from isthmus_hub.assets._described import placed
from isthmus_sdk import stix

UNITED = ("interfaces", "identifiers", "roles", "monitored_by")
OLDEST, NEWEST = "first_seen", "last_seen"
_PER_SOURCE = frozenset(
    {
        "absent_since",
        "native_id",
        "source_id",
        "connector",
        "kind",
        "extension_type",
        "members",
        *UNITED,
        OLDEST,
        NEWEST,
    }
    | {name for names in TOGETHER.values() for name in names}
)
ALONE = Beliefs()

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """An observed asset, and when its vendor says it changed; empty where the vendor does not say."""

    body: Body
    changed: str = ""
    absent: str = ""
    """Since when no inventory holds it that held it; empty: it is present."""
    observed: str = ""
    """When somebody last spoke of it."""
    instances: tuple[str, ...] = ()
    """Who speaks of it."""
    sources: tuple[tuple[str, str], ...] = ()
    """The same with the stream: instance and stream."""

    @property
    def said(self) -> Said:
        """What it says, for those who choose."""
        return Said(self.body["id"], stix.facts(self.body, stix.ASSET) or {}, self.changed, self.instances)


def mint(anchor: str, generation: int = 0) -> str:
    """Id of a resolved asset, from the observed asset it was first seen as; a split counts up ``generation``."""
    key: dict[str, Any] = {"resolved": anchor}
    if generation:
        key["generation"] = generation
    return stix.sdo_id("infrastructure", key)


def resolved_asset(id: str, members: Iterable[Member], *, hub: str, beliefs: Beliefs = ALONE) -> dict[str, Any]:
    """The resolved infrastructure object. ``members`` are observed infrastructure objects with asset facts; at least one.

    Zone, level and owner are the declared ones, where ``beliefs`` has any. ``created`` is the earliest of the members', ``modified`` the latest; the store makes the latter strictly increase.
    """
    ordered = sorted(members, key=_precedence)
    bodies = [member.body for member in ordered]
    best = bodies[-1]
    facts = merged_facts([member.said for member in ordered], beliefs.orders)
    facts |= {"connector": "isthmus", "source_id": hub, "native_id": id.partition("--")[2]}
    if known := _members(ordered):
        facts["members"] = known
    if since := absent_since(ordered):
        facts["absent_since"] = since
    body = {
        "type": "infrastructure",
        "spec_version": "2.1",
        "id": id,
        "created": min(body["created"] for body in bodies),
        "modified": max(body["modified"] for body in bodies),
        "name": next((body["name"] for body in reversed(bodies) if body.get("name")), id),
        **_united(bodies, "infrastructure_types", keep=best.get("infrastructure_types", ())),
        **_united(bodies, "labels"),
        **_references(bodies),
        **_united(bodies, "object_marking_refs"),
        "extensions": {stix.ASSET: {"extension_type": "property-extension", **facts}},
    }
    return placed(body, (name for member in ordered for name in member.instances), beliefs.place)


def _members(members: Iterable[Member]) -> list[dict[str, str]]:
    """What the asset was made of, each once for every source that speaks of it."""
    told = {
        (instance, stream, str((stix.facts(member.body, stix.ASSET) or {}).get("native_id") or ""))
        for member in members
        for instance, stream in member.sources
    }
    return [
        {"instance": instance, "stream": stream, **({"native_id": native_id} if native_id else {})}
        for instance, stream, native_id in sorted(told)
    ]


def duplicate_of(id: str, former: Body) -> dict[str, Any]:
    """The asset ``id`` is what the revoked object ``former`` was."""
    return {
        "type": "relationship",
        "spec_version": "2.1",
        "id": stix.sdo_id("relationship", {"duplicate": id, "of": former["id"]}),
        "created": former["modified"],
        "modified": former["modified"],
        "relationship_type": "duplicate-of",
        "source_ref": id,
        "target_ref": former["id"],
        **({"object_marking_refs": markings} if (markings := former.get("object_marking_refs")) else {}),
    }


def absent_since(members: Sequence[Member]) -> str:
    """Since when all members are absent; empty where one source still knows the asset.

    An address seen talking is no inventory: it speaks for the asset only where it was seen after that.
    """
    devices = [member for member in members if not _endpoint(member.body)]
    since = max((member.absent for member in devices or members if member.absent), default="")
    if not since or any(not member.absent for member in devices):
        return ""
    return "" if any(not member.absent and member.observed > since for member in members) else since


def _endpoint(body: Body) -> bool:
    return (stix.facts(body, stix.ASSET) or {}).get("kind") == "endpoint"


def merged_facts(records: Sequence[Said], orders: Orders) -> dict[str, Any]:
    """Asset facts of all records as one."""
    told = [said.facts for said in records]
    out = attributes(records, sorted({name for facts in told for name in facts} - _PER_SOURCE), orders)
    out["kind"] = "asset" if any(facts.get("kind") != "endpoint" for facts in told) else "endpoint"
    for name in UNITED:
        if values := _union(value for facts in told for value in facts.get(name, ())):
            out[name] = values
    for name, choose in ((OLDEST, min), (NEWEST, max)):
        if times := [facts[name] for facts in told if facts.get(name)]:
            out[name] = choose(times)
    return out


def _precedence(member: Member) -> tuple[bool, str, str]:
    return not _endpoint(member.body), member.changed, member.body["id"]


def _union(values: Iterable[Any]) -> list[Any]:
    """Distinct values in the order of their canonical form."""
    distinct = {stix.encode(value) if isinstance(value, dict) else str(value).encode(): value for value in values}
    return [distinct[key] for key in sorted(distinct)]


def _united(bodies: Sequence[Body], name: str, keep: Sequence[Any] = ()) -> dict[str, Any]:
    values = list(keep) or _union(value for body in bodies for value in body.get(name, ()))
    return {name: values} if values else {}


def _references(bodies: Sequence[Body]) -> dict[str, Any]:
    """Native ids of every member: how an operator finds the asset in the vendor's console."""
    values = _union(value for body in bodies for value in body.get("external_references", ()))
    return {"external_references": values} if values else {}
