"""The daemon: every instance on its schedule, every platform served, commands answered, until it is told to stop.

SIGTERM or SIGINT drains (a second one stops at once), SIGHUP reads the configuration again; a bad one is refused whole
and the old one stays in force.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from isthmus_hub import link, remote
from isthmus_hub.bus import OBSERVED, StorageDamaged
from isthmus_hub.config import load
from isthmus_hub.hub import Hub
from isthmus_hub.measure import Gauges
from isthmus_hub.runtime import next_run, quiet
from isthmus_hub.telemetry import Metrics, MetricsListener, systemd
from isthmus_sdk.errors import ConfigurationError, Interrupted, IsthmusError

log = structlog.get_logger("isthmus.daemon")
DRAIN_SECONDS = 10.0
SAMPLE_SECONDS = 15.0
LOOK_AT_CLOCK = 60.0
"""Seconds after which an instance in its quiet time asks the wall clock again."""


class _Errand:
    """Something that the main thread does for a command while the daemon's parts rest."""

    def __init__(self, call: Callable[[], dict[str, Any]]) -> None:
        self._call = call
        self._done = threading.Event()
        self._result: dict[str, Any] = {}
        self._error: BaseException | None = None

    def run(self, busy: Sequence[str], *, stopping: bool) -> None:
        """Do it, unless parts are still ``busy``."""
        if stopping:
            self._error = Interrupted("the daemon stops; nothing was changed")
        elif busy:
            self._error = Interrupted(f"{', '.join(busy)} did not pause in time; nothing was changed, try again")
        else:
            try:
                self._result = self._call()
            except BaseException as error:
                self._error = error
        self._done.set()

    def wait(self) -> dict[str, Any]:
        """The result, or what it raised."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


class Daemon:
    """Runs a hub until stopped. ``run`` blocks; it is meant for the main thread of a process."""

    def __init__(self, hub: Hub, config_path: Path) -> None:
        self._hub = hub
        self._config_path = config_path
        self._stop = threading.Event()
        self._reload = threading.Event()
        """Ends a round of :meth:`_serve`, for whatever reason."""
        self._changed = threading.Event()
        """The configuration is to be read again."""
        self._failure: BaseException | None = None
        self._gauges: Gauges | None = None
        self._errand: _Errand | None = None

    def stop(self) -> None:
        """Ask the daemon to drain and return."""
        self._stop.set()
        self._reload.set()

    def run(self, *, signals: bool = True) -> None:
        """Serve until stopped. Raises what ended a part that the hub cannot do without (store, bus)."""
        if signals:
            signal.signal(signal.SIGTERM, self._on_stop)
            signal.signal(signal.SIGINT, self._on_stop)
            signal.signal(signal.SIGHUP, self._on_reload)
        server = remote.Server(self._hub, {"store_rebuild": self._rebuild})
        server.start()
        self._warn()
        listener = self._metrics()
        self._hub.receivers.apply()
        try:
            systemd.ready(f"{len(self._hub.config.connectors)} instances, {len(self._hub.config.platforms)} platforms")
            log.info("started", hub=self._hub.name, state=str(self._hub.state.path))
            while not self._stop.is_set():
                self._serve()
        finally:
            systemd.stopping()
            server.close()
            self._hub.receivers.close()
            if listener is not None:
                listener.close()
        if self._failure is not None:
            raise self._failure
        log.info("stopped")

    def _serve(self) -> None:
        """One configuration's time: threads for everything, until a reload or the end."""
        ended = threading.Event()
        parts: list[tuple[str, Callable[[threading.Event], None]]] = [("roster", partial(link.keep_place, self._hub))]
        if self._hub.resolves:
            parts.append(("resolve", self._resolve))
        if self._hub.config.hub.forward is not None:
            parts.append(("forward", self._hub.forwarder.run))
        for name, instance in self._hub.config.connectors.items():
            if instance.enabled:
                parts.append((f"instance:{name}", partial(self._instance, name)))
        for name, platform in self._hub.config.platforms.items():
            if platform.enabled:
                parts.append((f"platform:{name}", partial(self._platform, name)))
        threads = [
            threading.Thread(target=self._guard, args=(name, part, ended), name=name, daemon=True)
            for name, part in parts
        ]
        for thread in threads:
            thread.start()
        self._watch(ended)
        if self._stop.is_set():
            log.info("stopping", seconds=DRAIN_SECONDS)
        ended.set()
        self._hub.receivers.wake_all()
        deadline = time.monotonic() + DRAIN_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        busy = [thread.name for thread in threads if thread.is_alive() and not thread.name.startswith("instance:")]
        self._between_rounds(busy)

    def _between_rounds(self, busy: Sequence[str]) -> None:
        """What ended the round: an errand, a changed configuration, or both."""
        self._reload.clear()  # before looking: what comes from now on ends the next round at once
        errand, self._errand = self._errand, None  # before it is run: another one may come as soon as it is done
        if errand is not None:
            errand.run(busy, stopping=self._stop.is_set())
        if self._changed.is_set() and not self._stop.is_set():
            self._read_again()

    def _metrics(self) -> MetricsListener | None:
        """Answer Prometheus where the configuration says so; the address is read once, at the start."""
        address = self._hub.config.telemetry.metrics
        if address is None:
            return None
        metrics = Metrics()
        self._gauges = Gauges(self._hub, metrics)
        listener = metrics.serve(address)
        log.info("metrics", address=address)
        return listener

    def _warn(self) -> None:
        """What the configuration allows and may not mean, such as connectors that are held less than they could be."""
        for warning in self._hub.config.warnings:
            log.warning("configuration", warning=warning)

    def _watch(self, ended: threading.Event) -> None:
        """Until a reload or the end: tell systemd that we live, keep the metrics current."""
        interval = min(systemd.watchdog_interval() or SAMPLE_SECONDS, SAMPLE_SECONDS)
        while not self._reload.wait(interval):
            systemd.watchdog()
            self._hub.receivers.tend()
            if self._gauges is not None:
                self._gauges.sample()

    def _guard(self, name: str, part: Callable[[threading.Event], None], ended: threading.Event) -> None:
        try:
            part(ended)
        except BaseException as error:
            log.error("failed", part=name, error=str(error), kind=type(error).__name__)
            self._failure = self._failure or error
            self.stop()

    def _resolve(self, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                self._hub.resolve()
                if self._hub.waits:
                    ended.wait(1.0)
                else:
                    self._hub.bus.wait(OBSERVED, self._hub.resolver.position(), 1.0)
            except StorageDamaged:
                if not self._hub.unreadable:
                    raise
                log.error("nothing is resolved or delivered, collecting goes on", reason=self._hub.unreadable)
                ended.wait()  # `store rebuild` ends this round; its file is no longer the damaged one in the next
                return
            except IsthmusError as error:
                if error.group != "retriable":
                    raise
                log.warning("resolve waits", error=str(error))
                ended.wait(5.0)
        self._hub.resolve()

    def _instance(self, name: str, ended: threading.Event) -> None:
        failures = 0
        healthy: bool | None = None
        while not ended.is_set():
            settings = self._hub.config.connectors[name]
            if (pause := quiet(settings, datetime.now())) > 0:
                ended.wait(min(pause, LOOK_AT_CLOCK))  # the window is of the wall clock, which may be set meanwhile
                continue
            begin = time.monotonic()
            runs = self._hub.run_instance(name, stop=ended)
            if self._gauges is not None:
                self._gauges.ran(runs, time.monotonic() - begin)
            failed = [run.error for run in runs if run.error is not None]
            if ended.is_set():
                break  # what a drain interrupted says nothing of the vendor
            failures = failures + 1 if failed else 0
            if failed and healthy is not False:
                log.error("instance is down", instance=name, error=failed[0].message, kind=failed[0].kind)
            if not failed and healthy is False:
                log.info("instance is back", instance=name)
            healthy = not failed
            asked = max((error.not_before or 0.0 for error in failed), default=0.0)
            self._pause(
                name, ended, next_run(name, settings, failures=failures, not_before=asked).seconds, failed=bool(failed)
            )

    def _pause(self, name: str, ended: threading.Event, seconds: float, *, failed: bool) -> None:
        """Wait for the next run. What comes in meanwhile is mapped at once, unless the last run failed."""
        receive = self._hub.config.connectors[name].receive
        if not receive or failed:
            ended.wait(seconds)
            return
        until = time.monotonic() + seconds
        while not ended.is_set() and (left := until - time.monotonic()) > 0:
            if not self._hub.receivers.wait(name, left) or ended.wait(min(one.linger for one in receive.values())):
                continue
            runs = self._hub.run_instance(name, stop=ended, streams=list(receive))
            if any(run.error is not None for run in runs):
                return

    def _platform(self, name: str, ended: threading.Event) -> None:
        told = ""
        while not ended.is_set():
            try:
                deliverer = self._hub.deliverer(name)
            except IsthmusError as error:
                if str(error) != told:
                    log.error("platform cannot be opened", platform=name, error=str(error))
                told = str(error)
                ended.wait(60.0)
                continue
            try:
                deliverer.run(ended)
            finally:
                deliverer.close()

    def _rebuild(self) -> dict[str, Any]:
        """`Hub.store_rebuild` between two rounds of `_serve`, when nothing uses the store; for the thread of a command."""
        errand = self._errand = _Errand(self._hub.store_rebuild)
        self._reload.set()
        return errand.wait()

    def _read_again(self) -> None:
        self._changed.clear()  # before the file is read: a signal from now on means yet another version
        systemd.reloading()
        try:
            fresh = load(self._config_path)
            self._hub.reconfigure(fresh)
        except ConfigurationError as error:
            log.error("configuration refused, the old one stays in force", error=str(error))
        else:
            self._hub.receivers.apply()
            log.info("configuration read again", file=str(self._config_path))
            self._warn()
        systemd.ready()

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            raise SystemExit(128 + number)
        self.stop()

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        self._changed.set()
        self._reload.set()
