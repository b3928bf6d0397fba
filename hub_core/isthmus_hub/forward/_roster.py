"""Who is on a bus that several hubs share: the stream ``hubs``, in which every hub says from time to time that it lives.

A word of a hub is a block without entries: its key is the hub's name and the *origin* (a random id that lies in its state
directory), its ``meta`` what the hub says of itself. So `Bus.latest` is the roster, whatever retention removes. Whether a
hub lives is judged by the bus's own times (`StoredBlock.stored_at`), never by comparing clocks of two machines.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from isthmus_hub.bus import Bus, OffsetExpired
from isthmus_sdk.errors import ConfigurationError

HUBS = "hubs"
LEASE = 300.0
"""Seconds after its last word for which a hub counts as living."""
_KEPT = 86_400.0
_SEPARATOR = "\x1f"

Role = Literal["collector", "centre"]


class NameTaken(ConfigurationError):
    """Another hub of the same name is on the bus already: block ids and cursors of the two would mix."""


class Claim(msgspec.Struct, frozen=True):
    """A configured instance and the vendor tenant or appliance that it reads."""

    instance: str
    source_id: str
    state: str = ""
    last_success: str | None = None
    quarantined: int = 0


class Word(msgspec.Struct, frozen=True):
    """What a hub says of itself."""

    hub: str
    role: Role
    origin: str
    host: str
    since: int = 0
    """Offset of its first word since it was last away; 0: this one."""
    released: bool = False
    """It stopped in good order: the name is free."""
    claims: tuple[Claim, ...] = ()
    end: int = 0
    """Offset of the newest entry it holds."""
    pending: int = 0
    """Entries that it holds and has yet to forward."""
    gaps: int = 0
    """Runs of entries that its disk lost before they were forwarded."""


class Presence(msgspec.Struct, frozen=True):
    """The newest word of one origin, and when the bus stored it."""

    word: Word
    offset: int
    stored_at: float | None
    """Seconds since 1970 on the bus's clock; ``None`` where retention has removed the block, which is long ago."""

    @property
    def since(self) -> int:
        """Who was there first is decided by this."""
        return self.word.since or self.offset

    def lives(self, now: float) -> bool:
        """Whether it has been heard within the lease."""
        return not self.word.released and self.stored_at is not None and now - self.stored_at <= LEASE


def presences(bus: Bus, hub: str | None = None) -> list[Presence]:
    """Everybody who ever said a word on this bus, or all origins of one name; by name, then by who came first."""
    prefix = "" if hub is None else hub + _SEPARATOR
    found = [
        Presence(msgspec.msgpack.decode(meta, type=Word), offset, _stored_at(bus, offset))
        for offset, meta in bus.latest(HUBS, prefix).values()
    ]
    return sorted(found, key=lambda presence: (presence.word.hub, presence.since))


def _stored_at(bus: Bus, offset: int) -> float | None:
    try:
        blocks = bus.read(HUBS, offset, 1)
    except OffsetExpired:
        return None
    return blocks[0].stored_at if blocks and blocks[0].first == offset else None


def conflicts(found: Iterable[Presence], now: float) -> list[str]:
    """What living hubs claim twice, in words that say what to change; pure."""
    living = [presence for presence in found if presence.lives(now)]
    out = []
    for name, same in _grouped((presence.word.hub, presence) for presence in living).items():
        if len(same) > 1:
            hosts = ", ".join(presence.word.host for presence in same)
            out.append(f"{len(same)} hubs are named {name!r} (on {hosts}): give each its own [hub] name")
    centres = sorted({presence.word.hub for presence in living if presence.word.role == "centre"})
    if len(centres) > 1:
        out.append(f"hubs {_listed(centres)} all resolve on this bus: one centre per bus, the others forward")
    for what, key, fix in (
        ("source_id", "source_id", "a vendor tenant or appliance belongs to one hub, and two of them need two source_ids"),
        ("instance", "instance", "name the instances differently, so that the inventory tells them apart"),
    ):  # fmt: skip
        claimed = _grouped(
            (getattr(claim, key), presence.word.hub) for presence in living for claim in presence.word.claims
        )
        for value, hubs in claimed.items():
            if len(set(hubs)) > 1:
                out.append(f"{what} {value!r} is claimed by hubs {_listed(sorted(set(hubs)))}: {fix}")
    return out


def _grouped(pairs: Iterable[tuple[str, Any]]) -> Mapping[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(sorted(groups.items()))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:-1])) + f" and {names[-1]!r}"


class Roster:
    """One hub's place on a bus. For one thread."""

    def __init__(self, bus: Bus, *, hub: str, role: Role, origin: str, host: str) -> None:
        self._bus = bus
        self._hub = hub
        self._role: Role = role
        self._origin = origin
        self._host = host
        self._session = os.urandom(8)
        self._spoken = 0
        known = bus.latest(HUBS, self._key).get(self._key)
        self._since, self._last = 0, None if known is None else _stored_at(bus, known[0])
        if known is not None:
            before = msgspec.msgpack.decode(known[1], type=Word)
            self._since = 0 if before.released else before.since or known[0]

    @property
    def _key(self) -> str:
        return self._hub + _SEPARATOR + self._origin

    def say(self, timeout: float | None = None, **facts: Any) -> list[Presence]:
        """Say that we live, and return who else does; ``facts`` are fields of `Word`.

        Raises :class:`NameTaken` where another of our name came first.
        """
        word = Word(self._hub, self._role, self._origin, self._host, self._since, **facts)
        offset, now = self._publish(word, timeout)
        if not self._since or self._last is None or now - self._last > LEASE:
            self._since = offset  # new, or away for so long that another may have taken the name
        self._last = now
        living = [presence for presence in presences(self._bus) if presence.lives(now)]
        for other in living:
            mine = other.word.hub == self._hub
            if mine and other.word.origin != self._origin and other.since < self._since:
                raise NameTaken(
                    f"hub {self._hub!r} is on this bus already, run on {other.word.host}: give this one another [hub] name, "
                    f"or stop the other; if that one is gone for good its name is free after {LEASE / 60:.0f} minutes"
                )
        return living

    def leave(self, timeout: float | None = None, **facts: Any) -> None:
        """Free the name: we stop in good order."""
        self._publish(
            Word(self._hub, self._role, self._origin, self._host, self._since, released=True, **facts), timeout
        )

    def tidy(self) -> None:
        """Remove old words; the newest of each hub stays in `Bus.latest`."""
        self._bus.retain(HUBS, max_age=_KEPT)

    def _publish(self, word: Word, timeout: float | None) -> tuple[int, float]:
        self._spoken += 1
        id = blake2b(self._key.encode() + self._session + self._spoken.to_bytes(8, "big"), digest_size=16).digest()
        ack = self._bus.publish(
            HUBS, (), block_id=id, key=self._key, meta=msgspec.msgpack.encode(word), timeout=timeout
        )
        stored_at = _stored_at(self._bus, ack.first)
        return ack.first, 0.0 if stored_at is None else stored_at


__all__ = ["HUBS", "LEASE", "Claim", "NameTaken", "Presence", "Roster", "Word", "conflicts", "presences"]
