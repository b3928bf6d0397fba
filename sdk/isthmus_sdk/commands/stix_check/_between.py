"""Rules between objects: versions of one object agree, references find what they point at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import TLP, encode, instant, refs
from isthmus_sdk.stix._markings import TLP_1

REMEMBERED: Final = 100_000
"""Objects that are remembered, so that memory stays bounded however long the input is."""
_KNOWN = frozenset({*TLP.values(), *TLP_1.values()})


class Place(NamedTuple):
    """Where an object is: file, index in it, line."""

    file: str
    number: int
    line: int


class Missing(NamedTuple):
    """A reference to something that is nowhere in the input: from where, and to what."""

    place: Place
    id: str
    path: str
    target: str


@dataclass(slots=True)
class _Versions:
    created: str
    author: str
    contents: dict[str, int]
    revoked: str = ""


class Between:
    """Takes valid objects one after another. ``full``: there were too many to remember all."""

    def __init__(self) -> None:
        # Keys are hashes of ids: half the memory, and two of a hundred thousand meet once in a billion runs.
        self._versions: dict[int, _Versions] = {}
        self._plain: set[int] = set()
        self._missing: dict[int, Missing] = {}
        self.full = False

    def errors(self, obj: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        """(path, rule, message) of each rule of section 3.6 that the object breaks together with one seen before."""
        id, created = obj.get("id"), obj.get("created")
        if self.full or not isinstance(id, str):
            return
        if len(self._versions) + len(self._plain) >= REMEMBERED:
            self.full = True
            self._versions, self._plain, self._missing = {}, set(), {}
            return
        key = hash(id)
        self._missing.pop(key, None)
        if not isinstance(created, str):
            self._plain.add(key)
            return
        modified, author = instant(str(obj.get("modified", created))), str(obj.get("created_by_ref", ""))
        try:
            content = hash(encode(obj))
        except RecordError:
            return
        known = self._versions.get(key)
        if known is None:
            revoked = modified if obj.get("revoked") is True else ""
            self._versions[key] = _Versions(created, author, {modified: content}, revoked)
            return
        yield from _against(known, obj, modified, content)

    def want(self, obj: Mapping[str, Any], place: Place) -> None:
        """Remember what the object points at and nobody has seen yet."""
        if self.full:
            return
        for path, target in refs(obj):
            key = hash(target)
            if key in self._versions or key in self._plain or target in _KNOWN:
                continue
            if len(self._missing) < REMEMBERED:
                self._missing.setdefault(key, Missing(place, str(obj.get("id", "")), path, target))

    def missing(self) -> list[Missing]:
        """The first reference to each target that is nowhere."""
        return list(self._missing.values())


def _against(known: _Versions, obj: Mapping[str, Any], modified: str, content: int) -> Iterator[tuple[str, str, str]]:
    created, author = str(obj["created"]), str(obj.get("created_by_ref", ""))
    if instant(created) != instant(known.created):
        yield "created", "version-created", f"{created} differs from {known.created} in another version of this object"
    if author and known.author and author != known.author:
        yield "created_by_ref", "version-author", f"another version of this object was created by {known.author}"
    if known.contents.setdefault(modified, content) != content:
        yield (
            "modified",
            "version-content",
            "this object is given twice with the same modified time and different content",
        )
    if obj.get("revoked") is True:
        known.revoked = min(known.revoked or modified, modified)
    if known.revoked and max(known.contents) > known.revoked:
        yield "revoked", "version-after-revoked", "a revoked object must not have a later version"


__all__ = ["REMEMBERED", "Between", "Missing", "Place"]
