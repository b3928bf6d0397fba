"""What delivery moves: entries of the resolved stream, their versions and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, TypeVar

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Head(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    type: str
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object version on its way to one platform."""

    id: str
    modified: str
    """As in the object; empty for objects without versions (SCOs, markings)."""
    version: int
    """``modified`` in microseconds since 1970, 0 without one: the order of versions."""
    offset: int
    """Where the resolved stream holds it; -1 for objects that come from elsewhere."""
    body: bytes
    digest: bytes
    fault: str = ""
    """Why the entry can be sent nowhere; it goes straight to the dead letters."""


def read_entry(body: bytes, offset: int = -1) -> Entry:
    """Head of an encoded STIX object; never raises: what is no object carries its ``fault``."""
    digest = blake2b(body, digest_size=16).digest()
    try:
        head = msgspec.json.decode(body, type=_Head)
        return Entry(head.id, head.modified, version_of(head.modified), offset, body, digest)
    except (ValueError, OverflowError) as error:
        return Entry("", "", 0, offset, body, digest, fault=f"not a STIX object: {error}")


def version_of(modified: str) -> int:
    """A STIX timestamp as microseconds since 1970; 0 for an empty one. Raises ``ValueError``."""
    if not modified:
        return 0
    moment = datetime.fromisoformat(modified)
    if moment.tzinfo is None:
        raise ValueError(f"modified {modified!r} has no zone")
    return (moment - _EPOCH) // _MICROSECOND


T = TypeVar("T")


def referents_first(items: Sequence[T], key: Callable[[T], str], refs: Callable[[T], Iterable[str]]) -> list[T]:
    """``items`` so that what is referred to comes before what refers, else in the given order; cycles are cut."""
    by_id: Mapping[str, T] = {key(item): item for item in items}
    done: set[str] = set()
    ordered: list[T] = []
    for start in items:
        stack: list[tuple[T, Iterable[str]]] = []
        if key(start) not in done:
            done.add(key(start))
            stack.append((start, iter(refs(start))))
        while stack:
            item, waiting = stack[-1]
            for ref in waiting:
                if ref in by_id and ref not in done:
                    done.add(ref)
                    stack.append((by_id[ref], iter(refs(by_id[ref]))))
                    break
            else:
                ordered.append(item)
                stack.pop()
    return ordered
