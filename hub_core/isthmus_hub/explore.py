"""Questions about what a hub knows that begin with a value, a word or two objects; plain data in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus_hub import assets
from isthmus_hub.bus import RESOLVED, OffsetExpired
from isthmus_hub.store import Found, SearchIndex, Store
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from isthmus_hub.bus import Bus
    from isthmus_hub.runtime import StateDirectory


_LISTED = 5
"""So many candidates are named where a value means several."""


class Explores:
    """These methods of :class:`~isthmus_hub.hub.Hub`."""

    state: StateDirectory

    if TYPE_CHECKING:

        @property
        def store(self) -> Store: ...

        @property
        def bus(self) -> Bus: ...

        @property
        def beliefs(self) -> assets.Beliefs: ...

        @property
        def orders(self) -> assets.Orders: ...

        def placed_assets(self, owner: str | None = None) -> list[dict[str, Any]]: ...

        def exposures_of(
            self,
            everything: Sequence[Mapping[str, Any]],
            chosen: Sequence[Mapping[str, Any]],
            communications: Iterable[Mapping[str, Any]],
        ) -> list[dict[str, Any]]: ...

    def store_find(self, value: str, limit: int = 1_000) -> dict[str, Any]:
        """Everything that carries a value: an address, a name, a serial number, a CVE, a native id."""
        return {"value": value, "found": [self._described(found) for found in self.store.find(value, limit)]}

    def store_paths(
        self, a: str, b: str, max_length: int = 6, types: Sequence[str] | None = None, limit: int = 3
    ) -> dict[str, Any]:
        """The shortest ways between two things, each named by an id, or by a value that one object or asset carries."""
        found = self.store.paths(self._one(a), self._one(b), max_length=max_length, types=types, limit=limit)
        return {
            "complete": found.complete,
            "cut": found.cut,
            "paths": [
                {
                    "length": path.length,
                    "ids": list(path.ids),
                    "edges": [msgspec.to_builtins(edge) for edge in path.edges],
                }
                for path in found.paths
            ],
        }

    def asset_show(self, asset: str) -> dict[str, Any]:
        """One asset in the shape of ``assets --json``, named by its id or by a value that it alone carries.

        ``attributes``: every value that a source gives, and why one of them is believed. ``exposures``: the open ones, the most
        urgent first.
        """
        wanted, everything = self._asset(asset), self.placed_assets()
        for entry in everything:
            if entry["id"] == wanted:
                return {
                    **entry,
                    "attributes": assets.believed(self.store, wanted, self.orders),
                    "exposures": self.exposures_of(everything, [entry], assets.communications(self.store)),
                }
        raise ConfigurationError(f"{asset!r}: is no asset; see `isthmus assets` and `isthmus store find`")

    def assets_why(self, one: str, two: str) -> dict[str, Any]:
        """Why two things are one asset or are not, each named by an id or by a value that it alone carries."""
        return assets.why(self.store, self._one(one), self._one(two), self.beliefs.weights)

    def store_show(self, id: str, at: str | None = None, instance: str | None = None) -> dict[str, Any]:
        """What each source says about an observed object, or said at a time (STIX timestamp)."""
        moment = at or "9999-12-31T23:59:59.000Z"
        return {
            "id": id,
            "at": at,
            "statements": [msgspec.to_builtins(one) for one in self.store.as_of(id, moment, instance=instance)],
        }

    def store_search(self, words: str, limit: int = 100) -> dict[str, Any]:
        """Published objects in which every word occurs. The index is brought up to date first."""
        with SearchIndex(self.state.path / "search.sqlite") as index:
            self._follow(index)
            return {"words": words, "found": [msgspec.to_builtins(hit) for hit in index.find(words, limit)]}

    def _follow(self, index: SearchIndex) -> None:
        if index.offset > self.bus.end(RESOLVED):  # another bus than the one it followed
            self._index_anew(index)
        try:
            while blocks := self.bus.read(RESOLVED, index.offset + 1):
                index.take((entry for block in blocks for entry in block.entries), blocks[-1].last)
        except OffsetExpired:
            self._index_anew(index)

    def _index_anew(self, index: SearchIndex) -> None:
        """From the store, which has at least what the stream has now; what comes after is read from the stream."""
        last = self.bus.end(RESOLVED)
        index.begin_anew((stix.encode(stored.body) for stored in self.store.iterate(None, RESOLVED)), last)

    def _called(self, row: dict[str, Any]) -> str:
        asset = self.store.resolved(row["asset"]) if row["asset"] else None
        return str((asset.body.get("name") if asset else None) or row["name"] or row["id"].partition("--")[0])

    def _described(self, found: Found) -> dict[str, Any]:
        stored = self.store.get(found.id)
        asset = found.asset and (self.store.alias_of(found.asset) or found.asset)
        return {
            **msgspec.to_builtins(found),
            "asset": asset,
            "name": stored.body.get("name") or stored.body.get("value") if stored else None,
            "sources": [{"instance": one.instance, "stream": one.stream} for one in stored.provenance]
            if stored
            else [],
        }

    def _asset(self, text: str) -> str:
        """The asset that is meant, or what is meant where that is none. Raises as `_one` does."""
        found = self._one(text)
        return self.store.asset_of(found) or found

    def _one(self, text: str) -> str:
        """The observed object that is meant. Raises :class:`ConfigurationError` where it is none, or several."""
        if self.store.get(text) is not None:
            return text
        if members := self.store.members(text):
            return members[0]
        found = self.store.find(text)
        if not found:
            return self._by_name(text)
        owners = {one.asset for one in found if one.asset}
        if len(owners) == 1:
            return next(one.id for one in found if one.asset)
        if len({one.id for one in found}) > 1:
            raise ConfigurationError(f"{text!r}: several objects carry it, name one by its id: {self._listed(found)}")
        return found[0].id

    def _by_name(self, text: str) -> str:
        """A member of the one asset that is called so. Raises as `_one` does."""
        wanted = text.strip().casefold()
        called = [
            stored.id
            for stored in self.store.iterate("infrastructure", RESOLVED)
            if str(stored.body.get("name", "")).casefold() == wanted and self.store.members(stored.id)
        ]
        if not called:
            raise ConfigurationError(
                f"{text!r}: nothing carries it and no asset is called so; "
                "see `isthmus store find` for values, `isthmus store search` for words"
            )
        if len(called) > 1:
            known = ", ".join(called[:_LISTED])
            raise ConfigurationError(f"{text!r}: {len(called)} assets are called so, name one by its id: {known}")
        return self.store.members(called[0])[0]

    def _listed(self, found: Sequence[Found]) -> str:
        """Some of what carries a value: assets where there are any, by the names people see."""
        rows = [self._described(one) for one in found]
        rows = [row for row in rows if row["asset"]] or rows
        names = {str(row["asset"] or row["id"]): self._called(row) for row in rows}
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return ", ".join(f"{id} ({name})" for id, name in sorted(names.items())[:_LISTED]) + more
