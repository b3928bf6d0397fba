"""Streams that the vendor can push: recorded messages as a receiver keeps them, read as pages, and what goes wrong on the way.

The sockets are the hub's; what a connector answers for is what becomes of the messages.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from isthmus_sdk import stix
from isthmus_sdk.push import Message, Syslog
from isthmus_sdk.push._spool import SUFFIX, frame
from isthmus_sdk.testing._bench import OBSERVED, Bench, Ran
from isthmus_sdk.testing._report import Level
from isthmus_sdk.testing._rules import Book, Rule, received_somewhere

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream
    from isthmus_sdk.protocol import Spooled

book = Book()
_AT = int(datetime.fromisoformat(OBSERVED).timestamp() * 1000)
_APART = 61_000
"""Milliseconds between messages, so that each is a page of its own."""
Change = Callable[[list[Message]], list[Message]]


def pushed(bench: Bench) -> list[Stream[Any, Any]]:
    """Streams with recorded messages."""
    return [stream for stream in bench.connector.streams.values() if stream.push and bench.case.received(stream.name)]


def messages(bench: Bench, stream: Stream[Any, Any], apart: int = 0) -> list[Message]:
    """The recorded messages of a stream: of syslog each line is one, of a webhook each file."""
    bodies: list[bytes] = []
    for path in bench.case.received(stream.name):
        data = path.read_bytes()
        bodies += [line for line in data.splitlines() if line.strip()] if isinstance(stream.push, Syslog) else [data]
    return [Message(body=body, at=_AT + number * apart, peer="192.0.2.1") for number, body in enumerate(bodies)]


def spooled(bench: Bench, name: str, held: Sequence[Message], damage: Callable[[bytes], bytes] = bytes) -> Spooled:
    """A spool with these messages."""
    from isthmus_sdk.protocol import Spooled

    folder = bench.folder / f"spool-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    data = damage(b"".join(map(frame, held)))
    (folder / f"{0:020d}{SUFFIX}").write_bytes(data)
    return Spooled(str(folder), name, len(data))


def clean(bench: Bench, stream: Stream[Any, Any]) -> Ran:
    """A run over the recorded messages; done once."""
    key = f"received.{stream.name}"
    if key not in bench.kept:
        held = spooled(bench, f"clean-{stream.name}", messages(bench, stream))
        bench.kept[key] = bench.run(stream.name, spooled=held)
    ran: Ran = bench.kept[key]
    return ran


@book.rule("received", "bronze", "messages that the vendor sends are recorded, and become records", received_somewhere)
def received(bench: Bench) -> Iterator[str]:
    """Each stream that declares a push gets messages as they arrive; none fails to be read, and some map."""
    for stream in bench.connector.streams.values():
        if stream.push is None:
            continue
        if not bench.case.received(stream.name):
            yield (
                f"stream {stream.name}: can be received; put messages as the vendor sends them in "
                f"{bench.case.folder}/received/{stream.name}.log, one a line (of a webhook, one body a file)"
            )
            continue
        ran = clean(bench, stream)
        if ran.problem:
            yield f"stream {stream.name}: {ran.problem}"
        elif not ran.totals.mapped:
            yield f"stream {stream.name}: no recorded message maps to anything"
        yield from (f"stream {stream.name}: {text}" for text in _account(ran))
        for bad in ran.rejected:
            yield f"stream {stream.name}: message {bad.index} fails to {bad.stage}: {bad.error}"


@book.rule("again-received", "silver", "a second run brings nothing of what was received before", received_somewhere)
def again_received(bench: Bench) -> Iterator[str]:
    """The position in the spool is kept."""
    for stream in pushed(bench):
        held = spooled(bench, f"again-{stream.name}", messages(bench, stream))
        first = bench.run(stream.name, spooled=held)
        second = bench.run(stream.name, spooled=held, cursors=first.cursors)
        if second.problem:
            yield f"stream {stream.name}: {second.problem}"
        elif second.totals.records or second.objects:
            yield f"stream {stream.name}: {second.totals.records} messages were read again"


@book.rule(
    "resume-received",
    "silver",
    "a run over messages that is interrupted goes on without losing one",
    received_somewhere,
)
def resume_received(bench: Bench) -> Iterator[str]:
    """Interrupted after any page; each message is one."""
    for stream in pushed(bench):
        held = spooled(bench, f"resume-{stream.name}", messages(bench, stream, _APART))
        wanted = bench.run(stream.name, spooled=held)
        for pages in range(1, max(wanted.totals.pages, 2)):
            first = bench.run(stream.name, spooled=held, pages=pages)
            second = bench.run(stream.name, spooled=held, cursors=first.cursors)
            lost = wanted.objects.keys() - first.objects.keys() - second.objects.keys()
            read = first.totals.records + second.totals.records
            if second.problem or lost or read != wanted.totals.records:
                told = second.problem or (f"{len(lost)} objects were lost" if lost else f"{read} records were counted")
                yield f"stream {stream.name}: interrupted after page {pages}: {told}, of {wanted.totals.records} records"
                break


def _account(ran: Ran) -> Iterator[str]:
    totals = ran.totals
    if totals.records != totals.mapped + sum(totals.ignored.values()) + totals.quarantined:
        yield "the counts of the run do not add up"
    if totals.quarantined != len(ran.rejected):
        yield f"{totals.quarantined} records count as quarantined, {len(ran.rejected)} were kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFault:
    """Something that happens to messages on their way."""

    name: str
    title: str
    change: Change = list
    damage: Callable[[bytes], bytes] = bytes
    level: Level = "gold"
    keeps: bool = True
    """Everything that the other messages tell must come all the same."""

    def rule(self) -> Rule:
        """The fault as a rule of the kit."""
        return Rule(f"fault.{self.name}", self.level, self.title, self._check, received_somewhere)

    def _check(self, bench: Bench) -> Iterator[str]:
        for stream in pushed(bench):
            wanted = clean(bench, stream)
            held = self.change(messages(bench, stream))
            ran = bench.run(stream.name, spooled=spooled(bench, f"{self.name}-{stream.name}", held, self.damage))
            if ran.problem:
                yield f"stream {stream.name}: the run ended: {ran.problem}"
                continue
            yield from (f"stream {stream.name}: {text}" for text in _account(ran))
            if self.keeps and (missing := wanted.objects.keys() - ran.objects.keys()):
                yield f"stream {stream.name}: {len(missing)} objects of other messages are missing"
            for encoded in ran.objects.values():
                stix.check(stix.decode(encoded))


def _among(*bodies: bytes, cut: int = 0) -> Change:
    """Odd messages in the middle of the good ones."""

    def change(held: list[Message]) -> list[Message]:
        place = len(held) // 2
        odd = [replace_body(held[place], body, cut) for body in bodies]
        return [*held[:place], *odd, *held[place:]]

    return change


def replace_body(message: Message, body: bytes, cut: int = 0) -> Message:
    """The same message with another body."""
    return Message(body=body, at=message.at, peer=message.peer, cut=cut)


def _halves(held: list[Message]) -> list[Message]:
    return [*held, *(replace_body(one, one.body[: len(one.body) // 2], -1) for one in held)]


def _shortened(held: list[Message]) -> list[Message]:
    return [*held, *(replace_body(one, one.body[: len(one.body) // 2]) for one in held)]


def _escaped(held: list[Message]) -> list[Message]:
    """A relay writes control characters as octal."""
    return [replace_body(one, one.body.rstrip(b"\r\n") + b"#012") for one in held]


def _framed(held: list[Message]) -> list[Message]:
    return [replace_body(one, one.body.rstrip(b"\r\n") + b"\r\n\0") for one in held]


def _flipped(data: bytes) -> bytes:
    """The last frame's bytes are not what was written."""
    return data[:-3] + bytes([data[-3] ^ 0xFF]) + data[-2:]


def _only_syslog(fault: ReceivedFault) -> ReceivedFault:
    return replace(
        fault, change=lambda held: fault.change(held) if not held[0].body.lstrip().startswith(b"{") else held
    )


RECEIVED_FAULTS = [
    ReceivedFault(name="received-twice", title="every message comes twice", change=lambda held: [*held, *held], level="silver"),
    ReceivedFault(name="received-backwards", title="messages come in the opposite order", change=lambda held: held[::-1]),
    ReceivedFault(name="received-empty", title="messages without a word", change=_among(b"", b" ", b"<134>"), level="silver"),
    ReceivedFault(name="received-garbage", title="messages that say something else",
                  change=_among(b"<14>last message repeated 3 times", b"}{", b"CEF:0|a|b", b"[]", b"null", b"1,2,3"), level="silver"),
    ReceivedFault(name="received-random", title="messages of random bytes", change=_among(bytes(range(256)), bytes(900))),
    ReceivedFault(name="received-too-large", title="of a message only the beginning is kept", change=_among(b"x" * 900, cut=99_999)),
    ReceivedFault(name="received-broken-off", title="messages that broke off", change=_halves),
    ReceivedFault(name="received-shortened", title="messages that the network cut in half", change=_shortened),
    _only_syslog(ReceivedFault(name="received-escapes", title="control characters as a relay writes them", change=_escaped)),
    ReceivedFault(name="received-ends", title="line ends and NUL behind each message", change=_framed),
    ReceivedFault(name="received-spool-damaged", title="bytes of the spool that a disk changed", damage=_flipped, keeps=False),
]  # fmt: skip

__all__ = ["RECEIVED_FAULTS", "book", "pushed"]
