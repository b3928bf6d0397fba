"""The process a connector runs in: ``python -I -m isthmus_sdk.worker package.module:object --read FD --write FD``.
A hub starts it by way of :mod:`isthmus_sdk.launch`, which confines it first.

It holds one connector instance, speaks :mod:`isthmus_sdk.protocol` over two inherited descriptors and keeps no state: what
it knows comes in ``configure`` and ``run``, what it finds goes out in frames. It ends when the hub does.
"""

from __future__ import annotations

import argparse
import gc
import io
import logging
import os
import queue
import select
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk import __version__, protocol
from isthmus_sdk.errors import ConfigurationError, IsthmusError, ProtocolError
from isthmus_sdk.masking import Masking
from isthmus_sdk.readable import Lacking
from isthmus_sdk.reporting import FrameHandler, Reporter
from isthmus_sdk.window import Window

if TYPE_CHECKING:
    from isthmus_sdk.block import Block
    from isthmus_sdk.connector import Connector
    from isthmus_sdk.engine import Rejected
    from isthmus_sdk.http import Event, Http
    from isthmus_sdk.http._broker import Channel
    from isthmus_sdk.run import Instance, Place, Totals

YOUNG = (20_000, 20, 100)
"""Thresholds of the garbage collector. A page is thousands of dicts that all die with it, none of them in a cycle: with
Python's own thresholds looking at them takes a fifth of the time."""
PARENT_EVERY = 2.0
"""Seconds between looks at whether the parent is still there."""


class Worker:
    """One connector instance."""

    def __init__(self, connector: Connector[Any], writer: protocol.FrameWriter) -> None:
        self.connector = connector
        self.report = Reporter(writer)
        self._writer = writer
        self._window = Window()
        self._instance: Instance | None = None
        self._configuration: protocol.Configure | None = None
        self._http: Http | None = None
        self._channel: Channel | None = None
        """To the hub, where that makes the requests."""
        self._http_lock = threading.Lock()
        self._cancelled = threading.Event()
        self._draining = threading.Event()
        self._busy: set[str] = set()
        """Streams that run, ``""`` for the check."""
        self._threads: list[threading.Thread] = []

    def hello(self) -> None:
        """Say who this is."""
        self.send(
            protocol.Hello(
                protocol=protocol.VERSION,
                sdk=__version__,
                connector=self.connector.name,
                streams=list(self.connector.streams),
                version=self.connector.manifest.version,
            )
        )

    def send(self, frame: protocol.WorkerFrame) -> None:
        """Send one frame."""
        self._writer.write(frame)

    def handle(self, frame: protocol.HubFrame) -> bool:
        """Act on a frame from the hub; false once the worker shall exit. Acks and stops are taken by :meth:`at_once`."""
        if isinstance(frame, protocol.Configure):
            self._configure(frame)
        elif isinstance(frame, protocol.Run):
            self._start(frame.stream, lambda: self._run(frame))
        elif isinstance(frame, protocol.Check):
            self._start("", self._check)
        elif isinstance(frame, protocol.Drain):
            self._join()
            return False
        elif isinstance(frame, protocol.Cancel):
            self._join()
            self._cancelled.clear()
        return True

    def at_once(self, frame: protocol.HubFrame) -> None:
        """What must not wait behind another frame: acknowledgements and the wish to stop."""
        if isinstance(frame, protocol.AckFrame):
            try:
                self._window.ack(frame.block_id)
            except ProtocolError as error:
                self.report.log("warning", str(error))
        elif isinstance(frame, protocol.Cancel):
            self._cancelled.set()
        elif isinstance(frame, protocol.Drain):
            self._draining.set()
        elif isinstance(frame, protocol.Reply) and self._channel is not None:
            self._channel.answered(frame)

    def _configure(self, frame: protocol.Configure) -> None:
        """Take settings and secrets; an error frame says what is wrong with them."""
        self.report.masking = Masking(
            [*frame.secrets.values(), *_strings(frame.proxy)],
            [v for v in frame.settings.values() if isinstance(v, str)],
        )
        if frame.protocol not in protocol.ACCEPTED_VERSIONS:
            self.report.fail(ProtocolError(f"the hub speaks protocol {frame.protocol}, this worker {protocol.VERSION}"))
            return
        try:
            self._configuration = frame
            if frame.brokered:
                from isthmus_sdk.http._broker import Channel

                self._channel = Channel(self.send)
            self._instance = self._make_instance(frame)
        except Exception as error:  # settings validators are connector code
            self._instance = None
            self.report.fail(error)

    def _make_instance(self, frame: protocol.Configure) -> Instance:
        from isthmus_sdk.commands.map import builder_factory
        from isthmus_sdk.migrations import migrate
        from isthmus_sdk.run import Instance
        from isthmus_sdk.scope import ScopeRule, scope_finder
        from isthmus_sdk.settings import configure

        written = frame.settings
        if frame.settings_version is not None:
            written = migrate(self.connector.settings_migrations, written, frame.settings_version)
        settings = configure(self.connector.settings, written, frame.secrets, offline=frame.files is not None)
        rules = [ScopeRule.parse(str(rule.get("name", "")), rule.get("when")) for rule in frame.scopes]
        source_id = frame.source_id or frame.instance
        return Instance(
            hub=frame.hub,
            name=frame.instance,
            settings=settings,
            make_builder=builder_factory(self.connector, source_id, scope_finder(rules, frame.instance)),
            tlp=frame.tlp or self.connector.manifest.tlp,
            connect=self._connect if frame.files is None else None,
            files=frame.files,
            spools=frame.spools,
            settle=frame.settle,
            one_pass=frame.one_pass,
            snapshot=frame.snapshot,
            record_dir=Path(frame.record_dir) if frame.record_dir else None,
            mask=self.report.masking.data,
            contracts=frame.contracts,
            written=frame.settings,
            settings_version=frame.settings_version or self.connector.settings_version,
            in_worker=True,
        )

    def _connect(self) -> Http:
        """The HTTP client of the instance, shared by its streams: one connection pool, one rate, one token."""
        with self._http_lock:
            if self._http is None:
                from isthmus_sdk.transports import connect

                assert self._instance is not None
                assert self._configuration is not None
                self._http = connect(
                    self.connector,
                    self._instance.settings,
                    instance=self._instance.name,
                    tls=self._configuration.tls,
                    proxy=self._configuration.proxy,
                    rate=self._configuration.rate,
                    account=self._configuration.account,
                    on_event=self._http_event,
                    cancel=self._cancelled.is_set,
                    broker=self._channel,
                )
                self._http.start_run()  # a worker lives for one run of its instance
            return self._http

    def _http_event(self, event: Event) -> None:
        labels = {"kind": event.kind, "status": str(event.status)} if event.status else {"kind": event.kind}
        self.send(protocol.Metric(name="http", value=event.seconds, labels=labels))
        if event.kind == "retry":
            self.report.log("info", f"{event.method} {event.url} is tried again: {event.reason}", seconds=event.seconds)
        elif event.kind == "unshared":
            self.report.log("warning", f"the rate is not shared with other instances of this account: {event.reason}")

    def _start(self, name: str, work: Callable[[], None]) -> None:
        """Run a stream, or the check (``""``), beside the others."""
        stream = name or None
        if self._instance is None:
            self.report.fail(ConfigurationError("the worker has no valid configuration"), stream)
        elif name in self._busy:
            self.report.fail(ProtocolError(f"stream {name!r} is running already"), stream)
            return
        elif name and name not in self.connector.streams:
            self.report.fail(
                ConfigurationError(f"no stream {name!r}; streams: {', '.join(self.connector.streams)}"), stream
            )
        else:
            thread = threading.Thread(target=work, name=f"stream {name}" if name else "check", daemon=True)
            self._busy.add(name)
            self._threads = [*(t for t in self._threads if t.is_alive()), thread]
            thread.start()
            return
        if name:
            self.send(protocol.Done(stream=name, complete=False, error="not started"))

    def _run(self, frame: protocol.Run) -> None:
        from isthmus_sdk.run import StreamRun, Totals

        assert self._instance is not None
        name = frame.stream
        totals, message = Totals(), None
        self.send(protocol.StateFrame(stream=name, state="running"))
        try:
            run = StreamRun(
                self.connector.streams[name],
                self._instance,
                cursors=frame.cursors,
                since=frame.since,
                whole=frame.whole and self.connector.streams[name].snapshot,
                send=self._send_block,
                reject=lambda bad, place: self._send_rejected(name, bad, place),
                stopped=self._stopped,
                log=lambda level, event, **fields: self.report.log(level, event, name, **fields),
            )
            totals = run.totals
            run.run()
        except Exception as error:  # stream functions are connector code
            totals.complete = False
            message = self.report.fail(error, name)
        if not self._window.wait_empty(name, self._cancelled.is_set):
            totals.complete = False
            self._window.leave(name)
        self._busy.discard(name)  # before the hub hears of the end: it may start the stream again at once
        self.send(_done(name, totals, message))

    def _check(self) -> None:
        from isthmus_sdk.commands.check import check_instance

        assert self._instance is not None
        try:
            findings = check_instance(self.connector, self._instance)
            answer = self._found(findings)
        except Exception as error:  # the check is connector code
            answer = protocol.Checked(ok=False, findings=[self.report.fail(error)])
        self._busy.discard("")
        self.send(answer)

    def _found(self, findings: list[str]) -> protocol.Checked:
        masked = [self.report.masking.text(str(line)) for line in findings]
        lacking = {
            said: list(line.streams) for line, said in zip(findings, masked, strict=True) if isinstance(line, Lacking)
        }
        return protocol.Checked(ok=not lacking, findings=masked, lacking=lacking)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send_block(self, block: Block) -> None:
        self._window.enter(block.block_id, block.stream, self._cancelled.is_set)
        values = {name: getattr(block, name) for name in block.__struct_fields__}
        self.send(protocol.BlockFrame(**values))

    def _send_rejected(self, stream: str, bad: Rejected, place: Place) -> None:
        from isthmus_sdk.engine import RECORD_BYTES

        self.send(
            protocol.Quarantine(
                stream=stream,
                index=bad.index,
                native_id=bad.native_id,
                path=bad.path,
                error=self.report.masking.text(bad.error),
                stage=bad.stage,
                raw=bad.raw[:RECORD_BYTES],
                connector_version=self.connector.manifest.version,
                observed_at=place.observed_at,
                partition=place.partition,
                page=place.page,
            )
        )

    def _stopped(self) -> bool:
        return self._cancelled.is_set() or self._draining.is_set()


def collect_seldom() -> None:
    """Tell the garbage collector what a worker's memory is like: see :data:`YOUNG`; what is imported by now stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one hub until it closes the pipe or asks to drain."""
    options = _options(arguments)
    for descriptor in (options.read, options.write):
        os.set_inheritable(descriptor, False)
    _standard_streams()
    sys.path[:0] = options.path
    writer = protocol.FrameWriter(options.write)
    parent = os.getppid()
    try:
        worker = _load(options.connector, writer)
    except IsthmusError as error:
        Reporter(writer).fail(error)
        return error.exit_code
    logging.basicConfig(level=logging.INFO, handlers=[FrameHandler(worker.report)], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its request lines hold whole URLs
    collect_seldom()
    worker.hello()
    frames: queue.Queue[protocol.HubFrame] = queue.Queue()
    threading.Thread(target=_listen, args=(options.read, worker, frames, parent), name="hub", daemon=True).start()
    while worker.handle(frames.get()):
        pass
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="isthmus_sdk.worker", allow_abbrev=False, description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("connector", metavar="package.module:object")
    parser.add_argument("--read", type=int, required=True, metavar="FD")
    parser.add_argument("--write", type=int, required=True, metavar="FD")
    parser.add_argument(
        "--path", action="append", default=[], metavar="DIR", help="a folder to import the connector from"
    )
    return parser.parse_args(arguments)


def _load(value: str, writer: protocol.FrameWriter) -> Worker:
    from isthmus_sdk import loader

    connector = loader.load(value)
    unmapped = [s.name for s in connector.streams.values() if s.mapping is None and s.summary is None]
    if unmapped:
        from isthmus_sdk.errors import ManifestError

        raise ManifestError(f"{value}: streams without @maps or @summarises: {', '.join(unmapped)}")
    return Worker(connector, writer)


def _listen(descriptor: int, worker: Worker, frames: queue.Queue[protocol.HubFrame], parent: int) -> None:
    """Read frames until the hub is gone, and then be gone at once: nothing here is worth keeping."""
    try:
        while True:
            while not select.select([descriptor], [], [], PARENT_EVERY)[0]:
                if os.getppid() != parent:
                    os._exit(0)
            body = protocol.read_frame(descriptor)
            if body is None:
                os._exit(0)
            frame = protocol.decode_hub(body)
            worker.at_once(frame)
            if not isinstance(frame, protocol.AckFrame | protocol.Reply):
                frames.put(frame)
    except ProtocolError as error:
        worker.report.fail(error)
        os._exit(1)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _done(name: str, totals: Totals, message: str | None) -> protocol.Done:
    return protocol.Done(
        stream=name,
        pages=totals.pages,
        records=totals.records,
        mapped=totals.mapped,
        ignored=dict(totals.ignored),
        quarantined=totals.quarantined,
        objects=totals.objects,
        cursor=totals.cursor,
        complete=totals.complete,
        resumed=totals.resumed,
        error=message,
        snapshots=totals.snapshots if totals.complete else [],
        unproven=totals.unproven,
        drift=totals.drift,
    )


def _standard_streams() -> None:
    """Nothing to read; what is printed is somebody's log and must not wait in a buffer."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def _strings(proxy: str | None) -> list[str]:
    """The password in a proxy's URL."""
    from urllib.parse import unquote, urlsplit

    if not proxy:
        return []
    try:
        password = urlsplit(proxy).password
    except ValueError:
        return []
    return [unquote(password)] if password else []


__all__ = ["Worker", "main"]

if __name__ == "__main__":
    raise SystemExit(main())
