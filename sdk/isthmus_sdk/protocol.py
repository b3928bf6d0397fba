"""The wire between hub and worker.

A frame is an unsigned 32-bit big-endian length and that many bytes of MessagePack: a map whose ``type`` names it. Frames
travel over two inherited descriptors; standard output and error of a worker are never part of it. A frame has at most
16 MiB, and at most four blocks are unacknowledged.

Order of events::

    worker: confined                         by the hub's own launcher, before any code of the connector is loaded
    worker: hello (or error, and exit, where the connector cannot be loaded)
    hub:    configure                        once, before anything else; secrets travel only here
    hub:    run / check                      several streams may run at a time
    worker: quarantine*, block, log*, metric*, state*        the quarantine frames of a page come before its block
    hub:    ack(block_id)                    once the block is durable; a duplicate is acknowledged too
    worker: connect, request*                at level `networked-off` only: what the hub is to fetch
    hub:    response*                        in parts of at most a mebibyte
    worker: error?, done                     every run ends with exactly one ``done``, an ``error`` of that stream before it
                                             where it failed; ``done`` follows the ack of the run's last block
    hub:    cancel                           running streams stop at once (their ``done`` has ``complete = false``)
    hub:    drain                            running streams stop after the page in hand, then the worker exits

Everything a worker sends is untrusted: it is bounded here and checked when it is decoded.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Literal

import msgspec

from isthmus_sdk.block import Block
from isthmus_sdk.errors import ProtocolError
from isthmus_sdk.snapshot import Snapshot

VERSION = 2
ACCEPTED_VERSIONS = (1, 2)
"""Versions a hub of this release understands: the current one and the one before. The hub answers in the worker's own."""
FRAME_BYTES = 16 * 1024 * 1024
WINDOW = 4
"""Blocks that may be unacknowledged."""


class Frame(msgspec.Struct, tag_field="type", kw_only=True):
    """Parent of all frames."""


# From the worker


class Confined(Frame, tag="confined"):
    """What holds the worker from now on, see :mod:`isthmus_sdk.confine`."""

    level: Literal["process", "confined", "networked-off"]
    network: str
    reason: str = ""
    """Why it is not more."""


class Hello(Frame, tag="hello"):
    """The connector is loaded."""

    protocol: int
    sdk: str
    connector: str
    streams: list[str]
    version: str = ""
    """Of the connector."""


class BlockFrame(Block, tag_field="type", tag="block", kw_only=True):
    """Objects of a page; see :class:`~isthmus_sdk.block.Block`."""


class Quarantine(Frame, tag="quarantine"):
    """A record that did not map; ``raw`` exactly as it came."""

    stream: str
    index: int
    """Position in its page, from 0."""
    native_id: str
    path: str
    error: str
    stage: str
    raw: bytes
    connector_version: str
    observed_at: str
    partition: str = ""
    page: int = 0


class Log(Frame, tag="log"):
    """A line for the operator; no secret in it."""

    level: str
    event: str
    stream: str | None = None
    fields: dict[str, Any] = msgspec.field(default_factory=dict)


class Metric(Frame, tag="metric"):
    """A count or a measurement."""

    name: str
    value: float
    stream: str | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class StateFrame(Frame, tag="state"):
    """What a stream is doing: ``running``, ``restarted`` (the vendor forgot the position), ``stopping``."""

    stream: str
    state: str


class Done(Frame, tag="done"):
    """A run is over and everything it sent is durable (unless ``complete`` is false). Counts cover the whole run."""

    stream: str
    pages: int = 0
    records: int = 0
    mapped: int = 0
    ignored: dict[str, int] = msgspec.field(default_factory=dict)
    quarantined: int = 0
    objects: int = 0
    cursor: str | None = None
    """High-water mark, for people."""
    complete: bool = True
    """The walk reached its end."""
    resumed: bool = False
    """The walk began in the middle, where an earlier run was interrupted."""
    error: str | None = None
    snapshots: list[Snapshot] = msgspec.field(default_factory=list)
    """Complete inventories that the run read, in order of time; see :mod:`isthmus_sdk.snapshot`."""
    unproven: str = ""
    """Why a run of a stream of snapshots says nothing about what has vanished; empty: it does, or there is nothing to say."""
    drift: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """``new``, ``missing``, ``changed``, ``dropped``: fields that differ from the stream's model, and in how many records."""


class Checked(Frame, tag="checked"):
    """Answer to ``check``."""

    ok: bool
    findings: list[str] = msgspec.field(default_factory=list)
    lacking: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Those of the findings that say what cannot be read, each with the streams that need it (empty: whatever is read)."""


class Error(Frame, tag="error"):
    """A run, a check or the worker itself failed. ``kind`` is the class, ``group`` says what to do (see ``errors``)."""

    kind: str
    group: str
    message: str
    stream: str | None = None
    not_before: float | None = None
    """Seconds to wait that the vendor asked for."""


class Connect(Frame, tag="connect"):
    """At level `networked-off`: what the client of this connector is, as data. Answered by a `response` with id 0."""

    base_url: str
    origins: list[str]
    auth: dict[str, Any]
    """See `isthmus_sdk.http._broker_auth`; stand-ins where the secrets are."""
    rate: dict[str, Any] | None = None
    limits: dict[str, Any] = msgspec.field(default_factory=dict)
    retry: dict[str, Any] = msgspec.field(default_factory=dict)
    user_agent: str = ""
    rates: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Beginning of a path -> the rate of that part of the API."""


class Ask(Frame, tag="request"):
    """At level `networked-off`: a request that the hub is to make. It adds the credential."""

    id: int
    """From 1 on, chosen by the worker; parts of the answer carry it."""
    method: str
    url: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    content: bytes | None = None
    idempotent: bool | None = None
    seconds: float | None = None
    """For all tries together; ``None``: as the limits say."""
    with_credentials: bool = True
    accept: list[int] = msgspec.field(default_factory=list)


# From the hub


class Refused(msgspec.Struct, kw_only=True):
    """An error in place of an answer."""

    kind: str
    message: str
    not_before: float | None = None


class Reply(Frame, tag="response"):
    """A part of the answer to a request; the last one has ``more = false``. Head fields are those of the last part."""

    id: int
    status: int = 0
    url: str = ""
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list)
    body: bytes = b""
    more: bool = False
    received_at: float = 0.0
    error: Refused | None = None


class Spooled(msgspec.Struct):
    """What was received for one stream."""

    directory: str
    spool: str
    """Id of the spool: positions of another one mean nothing here."""
    until: int
    """Offset up to which it is durable; the run reads no further."""
    quota: int = 0
    """Bytes that it may hold; 0: not said."""


class Configure(Frame, tag="configure"):
    """Everything an instance needs. The only frame that holds secrets."""

    hub: str
    instance: str
    protocol: int = VERSION
    source_id: str = ""
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    settings_version: int | None = None
    """Version of the connector's settings that these are; ``None``: the present one."""
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    tls: dict[str, Any] | None = None
    proxy: str | None = None
    tlp: str | None = None
    """Marking of unmarked objects; ``None``: the manifest's."""
    scopes: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """``{"name", "when"}``, first match wins."""
    files: dict[str, list[str]] | None = None
    """Stream -> absolute globs; ``None``: over the network."""
    spools: dict[str, Spooled] = msgspec.field(default_factory=dict)
    """Streams that read what was received for them, whatever the others read."""
    settle: float = 10.0
    one_pass: bool = False
    snapshot: str = "none"
    record_dir: str | None = None
    rate: dict[str, Any] | None = None
    account: str | None = None
    """Directory that all instances of one account at the vendor share."""
    contracts: dict[str, Literal["evolve", "freeze", "quarantine_record", "drop_field"]] = msgspec.field(
        default_factory=dict
    )
    """Stream -> contract in place of the one it declares."""
    brokered: bool = False
    """The hub makes the requests; ``secrets`` are stand-ins."""


class Run(Frame, tag="run"):
    """Read one stream to its end."""

    stream: str
    cursors: dict[str, bytes] = msgspec.field(default_factory=dict)
    """Partition -> cursor of its newest stored block."""
    since: str | None = None
    """Where a stream without a cursor begins; ISO time."""
    whole: bool = False
    """A snapshot is read even if the vendor would say that it has not changed: the hub has no mark of it."""


class Check(Frame, tag="check"):
    """Ask the connector's own check."""


class AckFrame(Frame, tag="ack"):
    """A block is durable."""

    block_id: bytes


class Cancel(Frame, tag="cancel"):
    """Stop what runs, now."""


class Drain(Frame, tag="drain"):
    """Stop after the page in hand, then exit."""


WorkerFrame = (
    Confined | Hello | BlockFrame | Quarantine | Log | Metric | StateFrame | Done | Checked | Error | Connect | Ask
)
HubFrame = Configure | Run | Check | AckFrame | Cancel | Drain | Reply

_encoder = msgspec.msgpack.Encoder()
_worker_decoder: msgspec.msgpack.Decoder[WorkerFrame] = msgspec.msgpack.Decoder(WorkerFrame)
_hub_decoder: msgspec.msgpack.Decoder[HubFrame] = msgspec.msgpack.Decoder(HubFrame)


def encode(frame: WorkerFrame | HubFrame) -> bytes:
    """A frame with its length. Raises ``ProtocolError`` above 16 MiB."""
    body = _encoder.encode(frame)
    if len(body) > FRAME_BYTES:
        raise ProtocolError(f"a {frame_type(frame)} frame has {len(body)} bytes; the most is {FRAME_BYTES}")
    return len(body).to_bytes(4, "big") + body


def decode_worker(body: bytes) -> WorkerFrame:
    """A frame that a worker sent. Raises ``ProtocolError``; the message holds nothing of the frame."""
    try:
        return _worker_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"a worker sent a broken frame: {_reason(error)}") from None


def decode_hub(body: bytes) -> HubFrame:
    """A frame that the hub sent. Raises ``ProtocolError``; the message holds nothing of the frame."""
    try:
        return _hub_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the hub sent a broken frame: {_reason(error)}") from None


def frame_type(frame: Any) -> str:
    """The ``type`` of a frame."""
    return str(frame.__struct_config__.tag)


def read_frame(descriptor: int) -> bytes | None:
    """The body of the next frame; ``None`` where the other side closed between two frames.

    Raises ``ProtocolError`` for a frame above the cap or cut short.
    """
    head = _read(descriptor, 4)
    if not head:
        return None
    if len(head) < 4:
        raise ProtocolError("the other side closed in the middle of a frame")
    size = int.from_bytes(head, "big")
    if size > FRAME_BYTES:
        raise ProtocolError(f"a frame announces {size} bytes; the most is {FRAME_BYTES}")
    body = _read(descriptor, size)
    if len(body) < size:
        raise ProtocolError("the other side closed in the middle of a frame")
    return body


class FrameWriter:
    """Writes whole frames from several threads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def write(self, frame: WorkerFrame | HubFrame) -> None:
        """Send one frame; blocks while the other side does not read. Raises ``OSError`` where it is gone."""
        self.write_encoded(encode(frame))

    def write_encoded(self, data: bytes) -> None:
        """Send one encoded frame."""
        view = memoryview(data)
        with self._lock:
            while view:
                view = view[os.write(self._descriptor, view) :]


def _read(descriptor: int, size: int) -> bytes:
    """Up to ``size`` bytes; fewer only at the end. Memory grows with what really arrives."""
    parts: list[bytes] = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _reason(error: Exception) -> str:
    # A ValidationError names types and paths only; other decoding errors may quote what they met.
    return str(error) if isinstance(error, msgspec.ValidationError) else type(error).__name__


__all__ = [
    "ACCEPTED_VERSIONS",
    "FRAME_BYTES",
    "VERSION",
    "WINDOW",
    "AckFrame",
    "Ask",
    "BlockFrame",
    "Cancel",
    "Check",
    "Checked",
    "Configure",
    "Confined",
    "Connect",
    "Done",
    "Drain",
    "Error",
    "Frame",
    "FrameWriter",
    "Hello",
    "HubFrame",
    "Log",
    "Metric",
    "Quarantine",
    "Refused",
    "Reply",
    "Run",
    "StateFrame",
    "WorkerFrame",
    "decode_hub",
    "decode_worker",
    "encode",
    "frame_type",
    "read_frame",
]
