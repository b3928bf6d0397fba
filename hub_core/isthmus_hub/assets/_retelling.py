"""What is told on ``resolved``, and what is told again because something it depends on changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from isthmus_hub.assets._asset import Member, duplicate_of, mint
from isthmus_hub.assets._communication import worth_telling
from isthmus_hub.assets._index import IdentityIndex
from isthmus_hub.store import Change, Reads, Transaction
from isthmus_sdk import stix

log = structlog.get_logger("isthmus.resolve")

MakeAsset = Callable[[Transaction, str, Iterable[str]], dict[str, Any]]
"""The resolved object of an asset from the ids of its members."""


def tell(tx: Transaction, body: Mapping[str, Any], *, moved: bool = False) -> None:
    """Publish an object that says something new; one whose members ``moved`` in any case.

    Nothing follows a version that is revoked (STIX 2.1 section 3.6), whatever a source says of it later: the store keeps
    the words of the source, platforms keep the revocation.
    """
    known = tx.resolved(body["id"])
    if known is not None and known.body.get("revoked"):
        if not body.get("revoked"):
            log.warning(
                "stays revoked",
                id=body["id"],
                reason="a source tells it again, but STIX knows no way back from revoked",
            )
        return
    if moved or known is None or worth_telling(known.body, body):
        tx.emit(dict(body))


def retell_absences(tx: Transaction, changes: Sequence[Change], index: IdentityIndex, make: MakeAsset) -> None:
    """Assets whose members vanished, are back or have one more source: that changes the asset, whatever its members last said."""
    differing = tx.absences_changed()
    touched = {index.assigned[id] for id in differing if id in index.assigned}
    met = {index.assigned[change.id] for change in changes if change.id in index.assigned}
    if met:
        touched |= met & tx.absent_assets()
    touched |= {
        index.assigned[each.id]
        for each in changes
        if each.first and each.kind in ("unchanged", "stale") and each.id in index.assigned
    }
    for asset in sorted(touched):
        tell(tx, make(tx, asset, sorted(index.members(asset))))
    for id in differing:
        if id.startswith("relationship--") and (body := current(tx, id)):
            tell(tx, as_listed(body, tx.absent_since(id)))


def as_listed(body: Mapping[str, Any], absent_since: str | None) -> dict[str, Any]:
    """An exposure that the complete list of its source holds no more is resolved; every other object as it is."""
    facts = stix.facts(body, stix.EXPOSURE)
    if not absent_since or not facts:
        return dict(body)
    closed = {**facts, "state": "resolved", "absent_since": absent_since}
    return {**body, "extensions": {**body["extensions"], stix.EXPOSURE: closed}}


def retell_edges(tx: Transaction, ids: Iterable[str]) -> None:
    """References are rewritten when they are delivered, so an edge whose end moved must be delivered again."""
    for id in sorted(ids):
        for via in sorted({edge.via for edge in tx.edges(id)} - {id}):
            if body := current(tx, via):
                tx.emit(as_listed(body, tx.absent_since(via)), again=True)


def succeed(tx: Transaction, asset: str, members: Iterable[str]) -> None:
    """An asset that was split off takes the place of the ids it had before it was merged away.

    STIX knows no way back from revoked, so platforms are told which new object is the old one.
    """
    for member in members:
        generation = 0
        while (former := tx.resolved(old := mint(member, generation))) is not None:
            if old != asset and former.body.get("revoked"):
                tx.alias(old, asset)
                tx.emit(duplicate_of(asset, former.body))
            generation += 1


def current(tx: Transaction, id: str) -> Mapping[str, Any] | None:
    """An observed object as the store believes it."""
    stored = tx.get(id)
    return stored.body if stored else None


def member_of(store: Reads, id: str) -> Member:
    """An observed asset as a member. Raises ``LookupError`` for one that is not in the store."""
    stored = store.get(id)
    if stored is None:
        raise LookupError(f"observed asset {id} is assigned but not in the store: run `isthmus store check`")
    claim = stored.provenance[0]
    return Member(
        stored.body,
        "" if claim.modified == claim.observed_at else claim.modified or "",
        store.absent_since(id) or "",
        max(claim.last_observed for claim in stored.provenance),
        tuple(dict.fromkeys(claim.instance for claim in stored.provenance)),
        tuple(sorted({(claim.instance, claim.stream) for claim in stored.provenance})),
    )
