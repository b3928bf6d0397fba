"""One run of one instance: a worker is started, its streams are read one after another, every block is made durable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from isthmus_hub.bus import Ack
from isthmus_hub.runtime._broker import Broker
from isthmus_hub.runtime._inventories import Inventories
from isthmus_hub.runtime._plan import Plan
from isthmus_hub.runtime._printed import Rate, told
from isthmus_hub.runtime._process import WorkerProcess, WorkerSilent
from isthmus_hub.runtime._reports import Failure, StreamRun
from isthmus_hub.runtime._watch import BACKGROUND_SECONDS
from isthmus_sdk import protocol
from isthmus_sdk.block import Block
from isthmus_sdk.confine import LEVELS, UNHELD, Confinement
from isthmus_sdk.errors import ConfigurationError, Interrupted, IsthmusError, ProtocolError

SILENCE = 300.0
"""Seconds after which a worker that says nothing is stopped."""
STALL = 3600.0
"""Seconds without a block, a bad record or an end after which it is stopped as well, however much it talks."""
ASIDES = 50_000
"""Frames about the run (logs, metrics, states) in a row without one that is part of it: beyond, it floods."""
ASIDES_A_SECOND = 2_000
"""Beyond, each one costs the worker a pause, and the hub next to nothing."""
PAUSE = 0.02
GRACE = 5.0
"""Seconds that a worker has to end by itself."""
PATIENCE = 8.0
"""Seconds that a worker has for the page in its hands once it was asked to drain."""


class Observer(Protocol):
    """Who wants to know how a run goes: progress bars, metrics, logs."""

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """A line from the worker or about it."""

    def progress(self, run: StreamRun) -> None:
        """Counts moved."""


class Intake(Protocol):
    """Where blocks and bad records become durable."""

    def cursors(self, instance: str, stream: str) -> dict[str, bytes]:
        """Cursor of each partition."""
        ...

    def block(self, instance: str, source_id: str, block: Block) -> Ack:
        """Append a block; durable on return."""
        ...

    def bad_record(self, instance: str, frame: protocol.Quarantine) -> None:
        """Keep a record that did not map; durable on return."""


class Session:
    """Runs the streams of one plan. Use once."""

    def __init__(
        self,
        plan: Plan,
        ingest: Intake,
        observer: Observer,
        *,
        inventories: Inventories | None = None,
        stop: threading.Event | None = None,
        silence: float = SILENCE,
        stall: float = STALL,
        patience: float = PATIENCE,
        start: Callable[..., WorkerProcess] = WorkerProcess,
    ) -> None:
        self._plan = plan
        self._ingest = ingest
        self._observer = observer
        self._inventories = inventories
        self._stop = stop or threading.Event()
        self._silence = silence
        self._stall = stall
        self._patience = patience
        self.confinement = UNHELD
        """What holds the worker, as its launcher found it."""
        self._asides = 0
        self._rate = Rate()
        self._aside_rate = Rate(ASIDES_A_SECOND)
        self._moved_on = False
        self._patient = True
        """Whether the worker may take its leave by itself; not one that broke the rules."""
        self._progress_at = time.monotonic()
        self._start = start
        self._broker: Broker | None = None
        self._drained_by: float | None = None

    def run(self, streams: Sequence[str] | None = None) -> list[StreamRun]:
        """Read the streams; never raises for a fault of the worker or the vendor: the reports say what happened."""
        runs = [
            StreamRun(self._plan.instance, stream) for stream in (self._plan.streams if streams is None else streams)
        ]
        worker: WorkerProcess | None = None
        try:
            worker = self._open()
            for run in runs:
                run.confinement = self.confinement
                if self._stop.is_set():
                    break
                self._read(worker, run)
                if run.error is not None and _hopeless(run.error):
                    # Another stream of the same account would only knock at the same closed door.
                    self._blame(runs, run.error)
                    break
        except IsthmusError as error:
            self._patient = not isinstance(error, ProtocolError)
            self._blame(runs, Failure.of(error))
        except OSError as error:
            self._blame(runs, Failure("OSError", "fault", f"the worker could not be started: {error}"))
        finally:
            self._close(worker)
        return runs

    def check(self) -> protocol.Checked:
        """The connector's own check; returns what it found. Raises the error the worker reported."""
        worker = self._open()
        try:
            worker.send(protocol.Check())
            while True:
                frame = self._next(worker)
                if isinstance(frame, protocol.Checked):
                    return frame
                if isinstance(frame, protocol.Error):
                    raise _failure(frame).as_error()
                self._aside(frame)
        finally:
            self._close(worker)

    def _close(self, worker: WorkerProcess | None) -> None:
        if self._broker is not None:
            self._broker.close()
        if worker is not None:
            worker.stop(GRACE if self._patient else 0.0)

    def _open(self) -> WorkerProcess:
        plan = self._plan
        worker = self._start(plan.entry, plan.python, say=self._say, path=plan.path, reach=plan.reach, bare=plan.bare)
        try:
            self._greet(worker)
        except BaseException:
            worker.stop()
            raise
        if plan.brokered is not None:
            self._broker = Broker(plan.instance, plan.brokered, worker.send, self._say)
        return worker

    def _greet(self, worker: WorkerProcess) -> None:
        """Hear what holds the worker and who it is; only then it gets its secrets."""
        first = worker.receive(self._silence)
        if not isinstance(first, protocol.Confined):
            raise ProtocolError(f"{self._plan.instance}: the worker did not say what holds it and was stopped")
        self.confinement = Confinement(first.level, first.network, first.reason)
        require(self._plan, self.confinement)
        while not isinstance(frame := worker.receive(self._silence), protocol.Hello):
            if isinstance(frame, protocol.Error):
                raise _failure(frame).as_error()
            self._aside(frame)
        if frame.protocol not in protocol.ACCEPTED_VERSIONS:
            accepted = ", ".join(map(str, protocol.ACCEPTED_VERSIONS))
            raise ProtocolError(
                f"the worker speaks protocol {frame.protocol}, this hub {accepted}: install a matching isthmus-sdk"
            )
        worker.send(msgspec.structs.replace(self._plan.configure, protocol=frame.protocol))

    def _read(self, worker: WorkerProcess, run: StreamRun) -> None:
        self._moved()
        cursors = self._ingest.cursors(run.instance, run.stream)
        in_step = self._inventories is None or self._inventories.in_step(run.instance, run.stream)
        worker.send(protocol.Run(stream=run.stream, cursors=cursors, since=self._plan.since, whole=not in_step))
        while True:
            self._drain(worker)
            frame = self._next(worker, lambda: self._drain(worker))
            match frame:
                case protocol.BlockFrame():
                    self._moved()
                    self._take(worker, run, frame)
                case protocol.Quarantine():
                    self._moved()
                    self._ingest.bad_record(run.instance, frame)
                case protocol.Error(stream=None):
                    raise _failure(frame).as_error()
                case protocol.Error():
                    run.error = _failure(frame)
                case protocol.Done():
                    run.cursor, run.drift = frame.cursor, frame.drift
                    run.finished = True
                    if self._inventories is not None and frame.complete and run.error is None:
                        run.snapshot = self._inventories.ended(self._plan, frame, in_step=in_step)
                    return
                case _:
                    self._aside(frame)

    def _next(self, worker: WorkerProcess, waiting: Callable[[], None] = lambda: None) -> protocol.WorkerFrame:
        """The worker's next frame. One that waits for an answer of ours may be silent."""

        def look() -> None:
            self._look(worker)
            waiting()

        look()
        while True:
            try:
                return worker.receive(self._silence, look)
            except WorkerSilent as error:
                stalled = time.monotonic() - self._progress_at > self._stall
                if stalled or self._broker is None or not self._broker.busy:
                    raise WorkerSilent(f"{error} ({worker.watch.idle_seconds:.0f} s of processor time)") from None

    def _look(self, worker: WorkerProcess) -> None:
        """Hold the worker and what it started to their share of the machine."""
        if self._moved_on:
            worker.watch.moved()
            self._moved_on = False
        if worker.watch.look():
            self._say(
                "warning",
                f"{BACKGROUND_SECONDS:.0f} s of processor time without a page: from now on it gets what others leave",
            )
        if missed := self._rate.missed():
            self._say("warning", told(missed))

    def _drain(self, worker: WorkerProcess) -> None:
        """Pass the wish to stop on, once. Raises :class:`Interrupted` where the worker does not follow in time."""
        if not self._stop.is_set():
            return
        if self._drained_by is None:
            self._drained_by = time.monotonic() + self._patience
            worker.send(protocol.Drain())
        elif time.monotonic() > self._drained_by:
            raise Interrupted(f"{self._plan.instance}: stopped in the middle of a page; the next run reads it again")

    def _take(self, worker: WorkerProcess, run: StreamRun, block: protocol.BlockFrame) -> None:
        if block.stream != run.stream:
            raise ProtocolError(
                f"{run.instance}: a block of stream {block.stream!r} arrived while {run.stream!r} was running"
            )
        self._ingest.block(self._plan.instance, self._plan.source_id, block)
        worker.send(protocol.AckFrame(block_id=block.block_id))
        run.pages = max(run.pages, block.page)
        run.records += block.records
        run.mapped += block.mapped
        run.objects += len(block.objects)
        run.quarantined += block.quarantined
        run.ignored.update(block.ignored)
        self._observer.progress(run)

    def _moved(self) -> None:
        """The run came further."""
        self._moved_on = True
        self._asides = 0
        self._progress_at = time.monotonic()

    def _aside(self, frame: protocol.WorkerFrame) -> None:
        """Frames that are about the run, not part of it. Raises where there is nothing else for too long."""
        self._asides += 1
        self._aside_rate.missed()
        if not self._aside_rate.passes():
            time.sleep(PAUSE)
        if self._asides > ASIDES:
            raise ProtocolError(f"{self._plan.instance}: the worker floods the hub with messages and was stopped")
        if time.monotonic() - self._progress_at > self._stall:
            raise WorkerSilent(
                f"{self._plan.instance}: the worker made no progress for {self._stall:.0f} s and was stopped"
            )
        if isinstance(frame, protocol.Connect | protocol.Ask) and self._broker is not None:
            self._broker.take(frame)
        elif isinstance(frame, protocol.Log):
            if self._rate.passes():
                self._observer.log(
                    self._plan.instance, frame.level, frame.event, {"stream": frame.stream, **frame.fields}
                )
        elif not isinstance(frame, protocol.Metric | protocol.StateFrame):
            raise ProtocolError(f"{self._plan.instance}: the worker sent an unexpected {protocol.frame_type(frame)!r}")

    def _say(self, level: str, line: str) -> None:
        self._observer.log(self._plan.instance, level, "output", {"line": line})

    def _blame(self, runs: Sequence[StreamRun], failure: Failure) -> None:
        """The streams that did not finish."""
        for run in runs:
            if not run.finished:
                run.error = run.error or failure


def require(plan: Plan, reached: Confinement) -> None:
    """Raise :class:`ConfigurationError` where a worker is held less than its instance requires."""
    if LEVELS.index(reached.level) < LEVELS.index(plan.required):
        raise ConfigurationError(
            f"{plan.instance}: {plan.chosen_at}: isolation = {plan.required!r} is required, {reached.level!r} is reached: "
            f"{reached.reason or 'the kernel gives no more'}. Nothing of it ran; run it where that can be reached, or "
            f"lower the level of this instance"
        )


def _failure(frame: protocol.Error) -> Failure:
    return Failure(frame.kind, frame.group, frame.message, frame.not_before)


def _hopeless(failure: Failure) -> bool:
    """Whether the other streams of the instance would fail alike: the credential, the configuration or the line is at fault.

    A missing permission concerns one stream: the credential itself is good.
    """
    if failure.kind == "PermissionDenied":
        return False
    return failure.group in ("authentication", "configuration") or failure.kind == "Unreachable"
