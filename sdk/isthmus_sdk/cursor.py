"""Where a stream goes on: the cursor that travels in each block.

A cursor is JSON and belongs to one partition of one stream of one instance. At rest it holds the high-water mark, the
greatest value of the cursor field that was stored, and digests of the records near it. In the middle of a walk it also
holds the transport's own resume token and the mark at which the walk began.

* The filter is inclusive and records that were stored before are recognised by their digest, so rows with equal times are
  neither lost nor repeated; an update of a record has other bytes and passes.
* The mark is the value of a record, never the clock; a time in the vendor's future is capped at the time of the page.
* It advances with each page only while the vendor keeps ascending order, else at the end of the walk, and then not past
  the walk's beginning: what came in meanwhile behind the walk's position was not met.
* A mark of another query (stream, model, settings) is not continued: the stream starts anew. The connector's author may say
  otherwise for a version of the stream (`migrates_state`), which holds only where the operator's part of the query stayed.
* Each walk has a number, so that two walks over unchanged data never give the same block id.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import msgspec

from isthmus_sdk.context import Position
from isthmus_sdk.errors import RecordError
from isthmus_sdk.marks import Mark, convert, kind_of, read_mark, text_of, time_of
from isthmus_sdk.migrations import migrate_state

if TYPE_CHECKING:
    from pydantic import BaseModel

    from isthmus_sdk.connector import Stream

SEEN = 2000
"""Most digests that a cursor keeps; beyond it the oldest are forgotten, and such records are sent once more."""


class State(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A cursor, decoded."""

    partition: str = ""
    query: str = ""
    walk: int = 0
    kind: str = ""
    """``time``, ``number`` or ``text``: what the marks are."""
    high: Any = None
    """Everything up to here is stored."""
    seen: list[str] = msgspec.field(default_factory=list)
    t: Any = None
    """Where the walk in progress resumes: ``[call, token]``; over files the position in the file. ``None``: at rest."""
    since: Any = None
    """``high`` as it was when the walk in progress began."""
    top: Any = None
    """Greatest value met in the walk in progress."""
    unordered: bool = False
    """The walk in progress met values out of order, so ``high`` waits for its end."""
    known: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """Of each ``ctx.pages`` call that asks only for what changed: what its last reply bore (``etag``, ``modified``), and the
    version of the connector that mapped it (``by``)."""
    begun: str = ""
    """When the first page of the walk in progress was fetched."""
    version: int = 1
    """Of the stream that wrote this."""
    asked: str = ""
    """The operator's part of the query, see :func:`asked`."""


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(State)


class Cursor:
    """Follows one partition of a stream through one run."""

    def __init__(
        self,
        stored: bytes | None,
        *,
        stream: Stream[Any, Any],
        fingerprint: str,
        partition: str = "",
        since: str | None = None,
        files: bool = False,
        asked: str = "",
        warn: Callable[..., None] | None = None,
    ) -> None:
        self._stream = stream
        self._asked = asked
        self._warn = warn or (lambda *_args, **_fields: None)
        self._files = files
        self.timed = stream.cursor is not None and not files
        """Whether there is a high-water mark: not over files, whose order says nothing, and not for snapshots."""
        state = self._read(stored, fingerprint, partition)
        self.bytes = stored if stored and state.query == fingerprint and self._kept else encode(state)
        """The cursor as it is stored now: ``cursor_before`` of the next block."""
        state.walk += 1
        state.version, state.asked = stream.version, asked
        if self.timed and since is not None and state.high is None:
            state.kind, state.high = "time", text_of(time_of(since))
        if state.t is None:
            state.since, state.top, state.unordered, state.begun = state.high, None, not stream.ordered, ""
        self._state = state
        self._seen: dict[str, Any] = dict.fromkeys(state.seen)
        self._high = read_mark(state.kind, state.high)
        self._since = read_mark(state.kind, state.since)
        self._top = read_mark(state.kind, state.top)

    @property
    def walk(self) -> int:
        """Number of this walk: no other walk of the partition has it."""
        return self._state.walk

    @property
    def position(self) -> Position | None:
        """Where an interrupted walk over the network resumes."""
        t = self._state.t
        return Position(int(t[0]), t[1]) if not self._files and isinstance(t, list) and len(t) == 2 else None

    @property
    def file_position(self) -> Any:
        """Position in a file, as the file transport gave it."""
        return self._state.t

    @property
    def since(self) -> Mark | None:
        """Mark at which the walk began; the lookback is not yet taken off."""
        since: Mark | None = self._since
        return since

    @property
    def high(self) -> str | None:
        """The high-water mark, for people."""
        return None if self._high is None else str(text_of(self._high))

    def known(self, version: str) -> Mapping[str, Mapping[str, str]]:
        """What to ask with whether a reply has changed, by call. Where another version mapped it, only what a list held."""
        from isthmus_sdk.withdrawn import HELD

        return {
            call: known if known.get("by") == version else {name: text for name, text in known.items() if name == HELD}
            for call, known in self._state.known.items()
        }

    def learn(self, position: Any, validators: Mapping[str, str], version: str) -> None:
        """What the reply bore that the call before ``position`` brought."""
        if isinstance(position, Position):
            self._state.known[str(position.call - 1)] = {**validators, "by": version}

    def restart(self) -> None:
        """The vendor forgot the resume token: the walk begins again at the high-water mark."""
        self._state.known = {}
        self._state.t, self._state.begun = None, ""
        self._since, self._top = self._high, None
        self._state.unordered = not self._stream.ordered

    def skip(self, value: Any, raw: bytes) -> bool:
        """Whether exactly this record is stored already."""
        if not self._seen:
            return False
        digest = _digest(raw)
        if digest not in self._seen:
            return False
        mark = self._mark_of(value)
        if mark is not None:
            self._seen[digest] = mark  # met again: from now on its value is known, so it can be forgotten in time
        return True

    def after_page(
        self, values: Sequence[Any], raws: Sequence[bytes], position: Any, observed_at: str, *, last: bool
    ) -> bytes:
        """The cursor after a page whose objects are about to be sent; ``last``: it ends the walk."""
        state = self._state
        if self.timed:
            state.begun = state.begun or observed_at
            self._advance(values, raws, observed_at)
        if self._files:
            state.t = position
        elif isinstance(position, Position):
            state.t = [position.call, position.token]
        else:
            state.t = [-1, position]
        return self._end(observed_at) if last else self._encoded()

    def after_walk(self, observed_at: str) -> bytes | None:
        """The cursor at rest; ``None`` where it is so already."""
        if self._files or self._state.t is None:
            return None
        return self._end(observed_at)

    def same_rest(self, after: bytes) -> bool:
        """Whether a cursor says what the stored one says, but for the number of the walk."""
        state, stored = _DECODER.decode(after), _DECODER.decode(self.bytes)
        state.walk = stored.walk
        return state == stored

    def stored(self, cursor: bytes) -> None:
        """A block with this cursor was handed over."""
        self.bytes = cursor

    def _read(self, stored: bytes | None, fingerprint: str, partition: str) -> State:
        self._kept = True
        if not stored:
            return State(partition=partition, query=fingerprint)
        try:
            state = _DECODER.decode(stored)
        except (msgspec.DecodeError, ValueError):
            self._kept = False
            self._warn("cursor unreadable: the stream starts anew", partition=partition)
            # A number no earlier walk had: block ids must not repeat those of the lost cursor.
            return State(
                partition=partition,
                query=fingerprint,
                walk=int.from_bytes(blake2b(stored, digest_size=5).digest(), "big"),
            )
        if state.query != fingerprint or state.partition != partition:
            self._kept = False
            migrated = self._migrated(state) if state.partition == partition else None
            if migrated is None:
                self._warn("query changed (stream, model or settings): the stream starts anew", partition=partition)
                return State(partition=partition, query=fingerprint, walk=state.walk)
            migrated.query = fingerprint
            return migrated
        return state

    def _migrated(self, state: State) -> State | None:
        """A state of an older version of the stream, as its connector migrates it; ``None``: it does not."""
        stream = self._stream
        if not stream.state_migrations or state.version >= stream.version:
            return None
        if not state.asked or state.asked != self._asked:
            self._warn(
                "settings or since were changed together with the connector, so its migration of state does not hold",
                partition=state.partition,
            )
            return None
        before = {"kind": state.kind, "high": state.high, "position": state.t}
        made = migrate_state(stream.state_migrations, before, state.version, stream.version)
        if made is None:
            return None
        if made["position"] is None:
            state.known = {}
        state.high, state.t = made["high"], made["position"]
        self._warn(
            f"state migrated from version {state.version} of the stream to {stream.version}: it goes on",
            partition=state.partition,
            high=state.high,
        )
        return state

    def _mark_of(self, value: Any) -> Mark | None:
        """A record's value in the kind this cursor has; the first value decides the kind."""
        if value is None:
            return None
        if not self._state.kind:
            self._state.kind = kind_of(value, self._stream.cursor_unit)
        try:
            return convert(value, self._state.kind, self._stream.cursor_unit)
        except (ValueError, OverflowError, RecordError):
            self._warn(
                f"a value of the cursor field {self._stream.cursor!r} is not a {self._state.kind}; the cursor does not move past it"
            )
            return None

    def _advance(self, values: Sequence[Any], raws: Sequence[bytes], observed_at: str) -> None:
        marks = [self._mark_of(value) for value in values]
        known: list[Any] = [mark for mark in marks if mark is not None]
        top: Any = self._top
        for mark in known:
            if top is not None and mark < top:
                if not self._state.unordered:
                    self._warn("records do not come in ascending order: the cursor moves at the end of the walk")
                self._state.unordered = True
            else:
                top = mark
        self._top = top
        if self._state.unordered:
            self._high = self._since
        else:
            self._high = self._capped(observed_at)
        edge = self._edge(self._top)
        for mark, raw in zip(marks, raws, strict=True):
            if mark is None or edge is None or mark >= edge:
                self._seen[_digest(raw)] = mark if mark is not None else top
        if len(self._seen) > 2 * SEEN:
            self._forget(edge)

    def _capped(self, observed_at: str) -> Mark | None:
        """The greater of mark and top, but no later than the page."""
        top: Any = self._top
        if isinstance(top, datetime):
            top = min(top, time_of(observed_at))
        high: Any = self._high
        greater: Mark | None = high if top is None or (high is not None and high >= top) else top
        return greater

    def _edge(self, top: Any) -> Any:
        """Records below this value cannot come again in the next run."""
        high: Any = self._high
        least = top if high is None or (top is not None and top < high) else high
        if isinstance(least, datetime):
            try:
                return least - timedelta(seconds=self._stream.lookback)
            except OverflowError:
                return None
        return least

    def _end(self, observed_at: str) -> bytes:
        before = self._since
        seen_whole = self._state.begun if self._state.unordered and self._state.begun else observed_at
        self._high = self._capped(seen_whole) if self.timed else None
        edge = self._edge(self._high)
        if self._high != before:
            # Digests from an earlier run that this walk did not meet again have no value; they cannot come back.
            self._seen = {d: m for d, m in self._seen.items() if m is not None and (edge is None or m >= edge)}
        self._forget(edge)
        self._state.t = self._top = self._since = None
        self._state.unordered, self._state.begun = False, ""
        return self._encoded()

    def _forget(self, edge: Any) -> None:
        kept: list[tuple[str, Any]] = [(d, m) for d, m in self._seen.items() if m is None or edge is None or m >= edge]
        if len(kept) > SEEN:
            unknown = [entry for entry in kept if entry[1] is None]
            dated = sorted((entry for entry in kept if entry[1] is not None), key=lambda entry: entry[1])
            kept = (unknown + dated)[-SEEN:]
        self._seen = dict(kept)

    def _encoded(self) -> bytes:
        state = self._state
        if self.timed:
            if len(self._seen) > SEEN:
                self._forget(None)
            state.high, state.since, state.top = text_of(self._high), text_of(self._since), text_of(self._top)
            state.seen = sorted(self._seen)
        return encode(state)


def encode(state: State) -> bytes:
    """A cursor as bytes; equal states give equal bytes."""
    return _ENCODER.encode(state)


def spool_offset(cursor: bytes | None, spool: str) -> int:
    """Offset in a spool up to which a cursor says that everything is stored; 0 where it speaks of another spool, or of none."""
    if not cursor:
        return 0
    try:
        position = _DECODER.decode(cursor).t
    except (msgspec.DecodeError, ValueError):
        return 0
    known = position if isinstance(position, dict) and position.get("sum") == spool else {}
    offset = known.get("off", 0)
    return offset if isinstance(offset, int) else 0


def fingerprint(
    stream: Stream[Any, Any], settings: BaseModel | None, *, files: bool = False, since: str | None = None
) -> str:
    """Of the query: stream, fields of the model, settings (no secrets). 16 hexadecimal digits.

    Over files the settings do not matter. ``since``: where the operator wants the stream to begin; another one is another
    query, so that an earlier date reads what lies before.
    """
    from isthmus_sdk.settings import secret_names
    from isthmus_sdk.unused import named

    values: Mapping[str, Any] = {}
    if settings is not None and not files:
        values = settings.model_dump(mode="json", exclude=set(secret_names(type(settings))))
    query = {
        "stream": stream.name,
        "version": stream.version,
        "cursor": stream.cursor,
        "fields": named(cast("Hashable", stream.model)),
        "settings": values,
        "files": files,
        **({"since": since} if since else {}),
    }
    return blake2b(_ENCODER.encode(query), digest_size=8).hexdigest()


def asked(written: Mapping[str, Any], version: int, *, files: bool = False, since: str | None = None) -> str:
    """Of what the operator wrote: settings of ``version`` (no secrets) and ``since``. 16 hexadecimal digits.

    Where it is the same for two versions of a connector, only the connector changed. Over files the settings do not matter.
    """
    said = {"settings": {} if files else written, "version": 0 if files else version, "files": files, "since": since}
    return blake2b(_ENCODER.encode(said), digest_size=8).hexdigest()


def _digest(raw: bytes) -> str:
    return urlsafe_b64encode(blake2b(raw, digest_size=8).digest())[:11].decode("ascii")


__all__ = ["SEEN", "Cursor", "State", "asked", "encode", "fingerprint", "spool_offset"]
