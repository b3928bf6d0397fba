"""Whether a walk gets anywhere: positions that come again, pages that repeat, pages without end and without content."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

_REMEMBERED: Final = 8192
"""Positions and page contents; a cycle longer than this many pages is not noticed."""
_REPEATS: Final = 3
_BACKS: Final = 100
"""Steps back without coming any further that a list which shrinks may cost."""

_REPEATED: Final = "repeated"


class Progress:
    """Notices a walk that does not get anywhere, in bounded memory."""

    def __init__(self, most_empty: int, start: Any) -> None:
        self._start, repeated = _parted(start)
        self._kept: Any = None
        self._repeated: list[str] = []
        self._positions: OrderedDict[bytes, None] = OrderedDict()
        self._contents: OrderedDict[bytes, None] = OrderedDict()
        self._most_empty = most_empty
        self._empty = self._repeats = self._backs = 0
        self._at = self._top = _count(self._start)
        if self._start is not None:
            _known(self._positions, _digest([msgspec.json.encode(self._start, order="deterministic")]))
        for digest in repeated:
            _known(self._contents, digest)

    @property
    def start(self) -> Any:
        """The position at which the walk begins, as the pager knows it."""
        return self._start

    def kept(self, asked: Any, following: Any, records: Sequence[bytes], problem: str | None) -> Any:
        """The position to store after a page that was asked for at ``asked``, once ``problem`` has judged it.

        While pages repeat it stays before the first of them: a server that ignores the position has not given what is
        there. What they hold goes with it, so that a later run knows them again from its first page on.
        """
        if not self._repeats or following is None:
            self._repeated.clear()
            return asked if problem else following
        if not self._repeated:
            self._kept = asked
        if (digest := _digest(records).hex()) not in self._repeated:
            self._repeated.append(digest)
        return {**self._kept, _REPEATED: list(self._repeated)} if isinstance(self._kept, Mapping) else self._kept

    def problem(self, following: Any, records: Sequence[bytes]) -> str | None:
        """What is wrong with going on to ``following`` after a page of ``records``; ``None`` if nothing is."""
        if following is None:
            return None
        if _known(self._positions, _digest([msgspec.json.encode(following, order="deterministic")])):
            return "the next position is one that this walk has already been at; the vendor's paging runs in a circle"
        if self._goes_back(following):
            # The list shrank: what comes now was read before, mostly.
            self._contents.clear()
            self._backs += 1
            return None if self._backs < _BACKS else "the list shrinks faster than it can be read"
        if not records:
            self._empty += 1
            if self._empty >= self._most_empty:
                return f"{self._empty} pages in a row without a record, each with a new position"
            return None
        self._empty = 0
        # One page may come twice (a retry on the vendor's side); several in a row are a server that ignores the
        # position.
        self._repeats = self._repeats + 1 if _known(self._contents, _digest(records)) else 0
        if self._repeats >= _REPEATS:
            return f"{self._repeats} pages in a row repeat earlier ones, though their positions are new"
        return None

    def _goes_back(self, following: Any) -> bool:
        """Whether a counting pager goes back to what it has read; how often it did is forgotten once it comes further."""
        before, self._at = self._at, _count(following)
        if self._at > self._top:
            self._top, self._backs = self._at, 0
        return 0 <= self._at <= before


def _parted(position: Any) -> tuple[Any, list[bytes]]:
    """A stored position as the pager knows it, and the digests of the pages that came in place of what is there."""
    if not isinstance(position, Mapping) or not isinstance(told := position.get(_REPEATED), list):
        return position, []
    plain = {name: value for name, value in position.items() if name != _REPEATED}
    try:
        return plain, [bytes.fromhex(digest) for digest in told[:_REPEATS]]
    except (TypeError, ValueError):
        return plain, []


def _count(position: Any) -> int:
    """The page or row of a counting pager's position, -1 for others."""
    found = [position.get(name) for name in ("page", "offset")] if isinstance(position, Mapping) else []
    return next((value for value in found if isinstance(value, int)), -1)


def _known(seen: OrderedDict[bytes, None], digest: bytes) -> bool:
    if digest in seen:
        return True
    seen[digest] = None
    if len(seen) > _REMEMBERED:
        seen.popitem(last=False)
    return False


def _digest(parts: Sequence[bytes]) -> bytes:
    # Joined first: one call of the hash for all of them.
    return blake2b(
        b"".join([each for part in parts for each in (len(part).to_bytes(8, "big"), part)]), digest_size=12
    ).digest()


__all__ = ["Progress"]
