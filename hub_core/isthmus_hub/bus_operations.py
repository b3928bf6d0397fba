"""What operators do with the bus: groups and their positions, entries that a group gave up, damage; plain data in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from isthmus_hub.bus import EARLIEST, LATEST, OBSERVED, RESOLVED, DeadLetter, Offset, Start
from isthmus_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from isthmus_hub.bus import Bus


class OperatesBus:
    """These methods of :class:`~isthmus_hub.hub.Hub`."""

    if TYPE_CHECKING:

        @property
        def bus(self) -> Bus: ...

    def bus_groups(self) -> dict[str, Any]:
        """Consumer groups of every stream, with their lag."""
        return {
            "streams": [
                {
                    "name": name,
                    "end": self.bus.end(name),
                    "groups": [
                        {"name": group.name, "position": group.position, "lag": group.lag}
                        for group in self.bus.groups(name)
                    ],
                }
                for name in self.bus.streams()
            ]
        }

    def bus_seek(self, stream: str, group: str, offset: str) -> dict[str, Any]:
        """Set the position of a group: ``earliest``, ``latest`` or an offset."""
        self._known(stream)
        named: dict[str, Start] = {"earliest": EARLIEST, "latest": LATEST}
        to = named.get(offset) or Offset(offset_of(offset))
        if isinstance(to, Offset) and to.value > (end := self.bus.end(stream)) + 1:
            raise ConfigurationError(f"stream {stream} ends at offset {end}: {to.value} is beyond what will come next")
        return {"stream": stream, "group": group, "position": self.bus.seek(stream, group, to)}

    def bus_forget(self, stream: str, group: str) -> dict[str, Any]:
        """Remove a group that nobody reads for any more, so that it holds back nothing. Raises for an unknown one."""
        self._known(stream)
        if not self.bus.forget(stream, group):
            raise ConfigurationError(f"stream {stream} has no group {group!r}; see `isthmus bus groups`")
        return {"stream": stream, "group": group, "forgotten": True}

    def bus_check(self) -> dict[str, Any]:
        """Read every stored byte of the bus and verify it."""
        report = self.bus.check()
        gaps = [
            {"stream": gap.stream, "first": gap.first, "last": gap.last, "reason": gap.reason} for gap in report.gaps
        ]
        return {
            "ok": report.ok,
            "blocks": report.blocks,
            "entries": report.entries,
            "gaps": gaps,
            "problems": list(report.problems),
        }

    def bus_dead_list(self, stream: str | None = None, group: str | None = None) -> dict[str, Any]:
        """Entries that a group gave up, oldest first, without the entries themselves."""
        letters = []
        for name in self.bus.streams() if stream is None else [self._known(stream)]:
            letters += [
                {key: value for key, value in row.items() if key != "entry"} for row in self._letters(name, group)
            ]
        return {"letters": letters}

    def bus_dead_show(self, stream: str, number: int) -> dict[str, Any]:
        """One of them with its entry. Raises :class:`ConfigurationError` where there is none."""
        return self._chosen(self._known(stream), [number], None)[0]

    def bus_dead_retry(
        self, stream: str, numbers: Sequence[int] | None = None, group: str | None = None
    ) -> dict[str, Any]:
        """Hand them to their group once more, when it next reads. All or none: raises where one is not there, or where
        its group is not registered, for then nobody would read it."""
        chosen = self._chosen(self._known(stream), numbers, group)
        orphans = sorted({row["group"] for row in chosen if row["state"] == "orphaned"})
        if orphans:
            raise ConfigurationError(
                f"stream {stream}: nobody reads for group {', '.join(orphans)} any more: start its consumer first, or "
                f"remove what it gave up with `isthmus bus dead drop {stream}`"
            )
        return {"stream": stream, "requeued": self.bus.requeue_dead(stream, [row["number"] for row in chosen])}

    def bus_dead_drop(
        self, stream: str, numbers: Sequence[int] | None = None, group: str | None = None
    ) -> dict[str, Any]:
        """Remove them for good. Raises, before any is removed, where one is not there."""
        chosen = self._chosen(self._known(stream), numbers, group)
        return {"stream": stream, "dropped": self.bus.drop_dead(stream, [row["number"] for row in chosen])}

    def _known(self, stream: str) -> str:
        """The name, if the bus has such a stream or the hub will make it: a typing error must not make a new one."""
        there = self.bus.streams()
        if stream not in (OBSERVED, RESOLVED, *there):
            raise ConfigurationError(f"the bus has no stream {stream!r}; it has: {', '.join(there) or 'none yet'}")
        return stream

    def _letters(self, stream: str, group: str | None) -> list[dict[str, Any]]:
        found = self.bus.dead_letters(stream, group)
        states = self.bus.group_states(stream) if found else {}
        return [
            _shown(
                letter,
                "orphaned"
                if letter.group not in states
                else "requeued"
                if letter.number in states[letter.group].requeued
                else "dead",
            )
            for letter in found
        ]

    def _chosen(self, stream: str, numbers: Sequence[int] | None, group: str | None) -> list[dict[str, Any]]:
        rows = {row["number"]: row for row in self._letters(stream, group)}
        if numbers is None:
            return list(rows.values())
        missing = [str(number) for number in numbers if number not in rows]
        if missing:
            of = f" of group {group}" if group else ""
            raise ConfigurationError(
                f"stream {stream}: there is no dead letter {', '.join(missing)}{of}; see `isthmus bus dead list {stream}`"
            )
        return [rows[number] for number in numbers]


def offset_of(text: str) -> int:
    """An offset as an operator writes it. Raises :class:`ConfigurationError`."""
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"{text!r} is no offset: give a number, see `isthmus bus groups`")
    return int(text)


def _shown(letter: DeadLetter, state: str) -> dict[str, Any]:
    """``state``: ``dead``; ``requeued``, until its group takes it; ``orphaned``, where its group is not registered."""
    return {
        "stream": letter.stream,
        "number": letter.number,
        "group": letter.group,
        "offset": letter.offset,
        "state": state,
        "tries": letter.tries,
        "at": datetime.fromtimestamp(letter.at, UTC).isoformat(timespec="milliseconds"),
        "key": letter.key,
        "reason": letter.reason,
        "error": letter.error,
        "stack": letter.stack,
        "entry": letter.entry.decode("utf-8", "replace"),
    }


__all__ = ["OperatesBus", "offset_of"]
