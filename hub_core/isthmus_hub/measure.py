"""What the daemon tells Prometheus: counts as runs end, and a reading of the state every few seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from prometheus_client import Counter

from isthmus_hub import views
from isthmus_hub.bus import StorageDamaged
from isthmus_hub.hub import Hub
from isthmus_hub.runtime import StreamRun
from isthmus_hub.telemetry import Metrics
from isthmus_sdk.errors import IsthmusError

EFFECTS = ("new", "changed", "unchanged", "stale")
VERDICTS = ("accepted", "duplicate", "rejected", "dropped")


class Gauges:
    """Keeps a hub's metrics up to date; counters only ever grow, as Prometheus wants it."""

    def __init__(self, hub: Hub, metrics: Metrics) -> None:
        self._hub = hub
        self._metrics = metrics
        self._told: dict[tuple[str, ...], int] = {}
        self._receiving: set[tuple[str, str]] = set()

    def ran(self, runs: Iterable[StreamRun], seconds: float) -> None:
        """A run of an instance has ended."""
        for run in runs:
            labels = (run.instance, run.stream)
            self._metrics.pages.labels(*labels).inc(run.pages)
            for outcome, count in (
                ("mapped", run.mapped),
                ("ignored", run.ignored.total()),
                ("quarantined", run.quarantined),
            ):
                self._metrics.records.labels(*labels, outcome).inc(count)
            self._metrics.runs.labels(*labels, run.error.group if run.error else "ok").inc()
            self._metrics.run_seconds.labels(*labels).observe(seconds)
            if run.error is None:
                self._metrics.last_success.labels(*labels).set(datetime.now(UTC).timestamp())

    def sample(self) -> None:
        """Read bus, resolver, deliveries, quarantine and disk."""
        metrics = self._metrics
        health = self._hub.bus.health()
        for stream in health.streams:
            metrics.bus_end.labels(stream.name).set(stream.last + 1)
            for group in stream.groups:
                metrics.bus_lag.labels(stream.name, group.name).set(group.lag)
        for row in (views.platform_status(self._hub, name) for name in self._hub.config.platforms):
            metrics.delivery_pending.labels(row["name"]).set(row["pending"])
            metrics.dead_letters.labels(row["name"]).set(row["dead"])
            expired = row["expired"]
            metrics.delivery_expired.labels(row["name"]).set(
                expired["entries"] if expired and not expired["served"] else 0
            )
            self._grow(
                metrics.delivery_expirations.labels(row["name"]).inc,
                ("expired", row["name"]),
                self._hub.ledger.expirations(row["name"]),
            )
            for verdict in VERDICTS:
                count = sum(row["dropped"].values()) if verdict == "dropped" else row[verdict]
                self._grow(metrics.delivered.labels(row["name"], verdict).inc, (row["name"], verdict), count)
        for count in self._hub.quarantine.counts():
            for state in ("waiting", "retried", "dropped", "overflow"):
                metrics.quarantine.labels(count.instance, count.stream, state).set(getattr(count, state))
        self._sample_receivers()
        metrics.disk_free.set(shutil.disk_usage(self._hub.state.path).free)
        with suppress(StorageDamaged):  # said by whoever resolves; the rest is as good as ever
            self._sample_store()

    def _sample_store(self) -> None:
        metrics = self._metrics
        for (instance, name), total in list(self._hub.resolver.totals.items()):
            for effect in EFFECTS:
                self._grow(
                    metrics.objects.labels(instance, name, effect).inc, (instance, name, effect), getattr(total, effect)
                )
        metrics.assets.set(self._hub.store.counts()["resolved"].get("infrastructure", 0))

    def _sample_receivers(self) -> None:
        metrics = self._metrics
        receivers = {
            (name, stream) for name, instance in self._hub.config.connectors.items() for stream in instance.receive
        }
        for labels in self._receiving - receivers:  # no longer configured
            for gauge in (metrics.spool_bytes, metrics.last_received, metrics.listening):
                with suppress(KeyError):
                    gauge.remove(*labels)
        self._receiving = receivers
        for labels in receivers:
            try:
                row = self._hub.receivers.status(*labels)
            except IsthmusError:  # its spool cannot be opened; the log and `status` say so
                metrics.listening.labels(*labels).set(0)
                continue
            metrics.listening.labels(*labels).set(all(one["listening"] for one in row["listen"]))
            metrics.spool_bytes.labels(*labels).set(row["spool_bytes"])
            if row["last_received"] is not None:
                metrics.last_received.labels(*labels).set(row["last_received"])
            self._recount(metrics.received.labels(*labels), ("received", *labels), row["received"])
            self._recount(metrics.received_bytes.labels(*labels), ("received bytes", *labels), row["received_bytes"])
            for reason, count in row["refused"].items():
                self._recount(metrics.refused.labels(*labels, reason), ("refused", *labels, reason), count)

    def _recount(self, counter: Counter, key: tuple[str, ...], count: int) -> None:
        """Follow a count that begins again at nothing where its receiver was configured anew."""
        before = self._told.get(key, 0)
        counter.inc(count - before if count >= before else count)
        self._told[key] = count

    def _grow(self, increase: object, key: tuple[str, ...], count: int) -> None:
        before = self._told.get(key, 0)
        if count > before and callable(increase):
            increase(count - before)
            self._told[key] = count
