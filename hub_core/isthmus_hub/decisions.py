"""What people decide about devices: these are one, these are not, that no longer holds; plain data in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from isthmus_hub.assets import in_force, record_facts, record_name
from isthmus_hub.runtime import publish_decision
from isthmus_hub.store import Decision, decide
from isthmus_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from isthmus_hub.bus import Bus
    from isthmus_hub.store import Store


class Decides:
    """These methods of :class:`~isthmus_hub.hub.Hub`."""

    if TYPE_CHECKING:

        @property
        def name(self) -> str: ...

        @property
        def resolves(self) -> bool: ...

        @property
        def store(self) -> Store: ...

        @property
        def bus(self) -> Bus: ...

        def resolve(self) -> int: ...

        def _one(self, text: str) -> str: ...

    def assets_merge(self, one: str, two: str, note: str = "", by: str = "") -> dict[str, Any]:
        """Two assets are one device, whatever their records say; also confirms what is one already.

        Each is named by an id or by a value that it alone carries.
        """
        first, second = self._members(one), self._members(two)
        if first[0] == second[0]:
            if len(first[1]) == 1:
                raise ConfigurationError(f"{one!r} and {two!r} are the same record; there is nothing to decide")
            second = first
        decision = self._decide("one", (tuple(first[1]), tuple(second[1])), note=note, by=by)
        return self._outcome(decision, [*first[1], *second[1]])

    def assets_split(self, asset: str, members: Sequence[str] = (), note: str = "", by: str = "") -> dict[str, Any]:
        """These members of an asset are one device and the others are not it; they leave it under an id of their own.

        Without ``members``, the newest merger of the asset by a person is taken back. Members are named by their
        observed id, ``instance/stream/native id``, or a value that they alone carry.
        """
        known, ids = self._members(asset)
        if not members:
            return self._take_back(asset, ids, note=note, by=by)
        chosen = sorted({self._member(name, known) for name in members})
        rest = [id for id in sorted(self.store.members(known)) if id not in chosen]
        if not rest:
            raise ConfigurationError(f"{asset!r}: these are all of its members, so there is nothing to split them from")
        decision = self._decide("apart", (tuple(chosen), tuple(rest)), note=note, by=by)
        return self._outcome(decision, [*chosen, *rest])

    def assets_decisions(self) -> dict[str, Any]:
        """Every decision, oldest first, and whether it holds."""
        decisions = self.store.decisions()
        holding = {decision.id for decision in in_force(decisions)}
        return {"decisions": [self._told(decision, holds=decision.id in holding) for decision in decisions]}

    def assets_undo(self, number: int, note: str = "", by: str = "") -> dict[str, Any]:
        """A decision no longer holds; its assets become what their records say, and other decisions."""
        decisions = self.store.decisions()
        found = next((one for one in decisions if one.number == number and one.verdict != "undo"), None)
        if found is None or found.id not in {one.id for one in in_force(decisions)}:
            raise ConfigurationError(f"there is no decision {number} that holds; see `isthmus assets decisions`")
        decision = self._decide("undo", ((), ()), undoes=found.id, note=note, by=by)
        return self._outcome(decision, [id for side in found.sides for id in side])

    def _take_back(self, asset: str, ids: Sequence[str], *, note: str, by: str) -> dict[str, Any]:
        mine = set(ids)
        merged = [
            one
            for one in in_force(self.store.decisions())
            if one.verdict == "one" and mine.issuperset(one.sides[0] + one.sides[1])
        ]
        if not merged:
            known = ", ".join(record_name(self.store, id) for id in sorted(self.store.members(self._asset_of(ids[0]))))
            raise ConfigurationError(
                f"{asset!r}: nobody merged it, so name the members that are another device: {known}"
            )
        return self.assets_undo(merged[-1].number, note=note, by=by)

    def _decide(
        self,
        verdict: Literal["one", "apart", "undo"],
        sides: tuple[tuple[str, ...], tuple[str, ...]],
        *,
        undoes: str = "",
        note: str = "",
        by: str = "",
    ) -> Decision:
        """Make a decision durable and resolve what follows."""
        if not self.resolves:
            raise ConfigurationError("this hub only collects: decide where the inventory is, at the centre")
        self.resolve()
        number = max((one.number for one in self.store.decisions()), default=0) + 1
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        decision = decide(Decision(number=number, verdict=verdict, sides=sides, undoes=undoes, at=at, by=by, note=note))
        publish_decision(self.bus, self.name, decision)
        self.resolve()
        return decision

    def _outcome(self, decision: Decision, ids: Sequence[str]) -> dict[str, Any]:
        assets = sorted({self._asset_of(id) for id in ids})
        return {
            **self._told(decision, holds=decision.verdict != "undo"),
            "assets": [{"id": asset, "members": sorted(self.store.members(asset))} for asset in assets],
        }

    def _told(self, decision: Decision, *, holds: bool) -> dict[str, Any]:
        return {
            "number": decision.number,
            "verdict": decision.verdict,
            "undoes": next((one.number for one in self.store.decisions() if one.id == decision.undoes), None),
            "sides": [[record_name(self.store, id) for id in side] for side in decision.sides],
            "at": decision.at,
            "by": decision.by,
            "note": decision.note,
            "holds": holds,
        }

    def _members(self, text: str) -> tuple[str, list[str]]:
        """An asset, and the records of it that a decision is about: devices, or addresses where it is no more."""
        asset = self._asset_of(self._one(text))
        ids = sorted(self.store.members(asset))
        if not ids:
            raise ConfigurationError(f"{text!r}: is no asset; see `isthmus assets` and `isthmus store find`")
        return asset, [id for id in ids if record_facts(self.store, id).get("kind") != "endpoint"] or ids

    def _member(self, text: str, asset: str) -> str:
        members = self.store.members(asset)
        if text in members:
            return text
        named = [
            id for id in members if text in (record_name(self.store, id), record_facts(self.store, id).get("native_id"))
        ]
        if len(named) == 1:
            return named[0]
        carrying = named if named else sorted({found.id for found in self.store.find(text)} & set(members))
        if len(carrying) != 1:
            known = ", ".join(record_name(self.store, id) for id in sorted(members))
            word = "several members carry it" if carrying else "no member of the asset"
            raise ConfigurationError(f"{text!r}: {word}; name one of {known}")
        return carrying[0]

    def _asset_of(self, id: str) -> str:
        return self.store.asset_of(id) or id


__all__ = ["Decides"]
