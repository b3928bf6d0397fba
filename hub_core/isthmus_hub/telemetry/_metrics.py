"""Metrics in Prometheus' terms, one registry per hub.

Labels are names the operator chose (instance, platform) or the connector declared (stream); never an address, a user or
anything else from a vendor's data.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

STREAM = ("instance", "stream")


class Metrics:
    """Every metric the hub exposes."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry = CollectorRegistry() if registry is None else registry
        self.build = Gauge(
            "isthmus_build_info", "Constant 1, labelled with the version.", ("version",), registry=registry
        )
        self.records = Counter(
            "isthmus_records",
            "Vendor records by what became of them: mapped, ignored, quarantined.",
            (*STREAM, "outcome"),
            registry=registry,
        )
        self.objects = Counter(
            "isthmus_objects",
            "STIX objects observed, by effect: new, changed, unchanged, stale.",
            (*STREAM, "effect"),
            registry=registry,
        )
        self.pages = Counter("isthmus_pages", "Vendor pages read.", STREAM, registry=registry)
        self.read_bytes = Counter("isthmus_read_bytes", "Bytes of vendor pages read.", STREAM, registry=registry)
        self.runs = Counter(
            "isthmus_runs",
            "Finished runs by outcome: ok, or the group of the error that ended them.",
            (*STREAM, "outcome"),
            registry=registry,
        )
        self.run_seconds = Histogram(
            "isthmus_run_seconds",
            "Duration of runs.",
            STREAM,
            buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
            registry=registry,
        )
        self.last_success = Gauge(
            "isthmus_last_success_timestamp_seconds", "When a run last ended well.", STREAM, registry=registry
        )
        self.worker_restarts = Counter(
            "isthmus_worker_restarts", "Workers started again after they died.", ("instance",), registry=registry
        )
        self.quarantine = Gauge(
            "isthmus_quarantine_records", "Records in quarantine by state.", (*STREAM, "state"), registry=registry
        )
        self.bus_end = Gauge("isthmus_bus_end_offset", "Next offset of a bus stream.", ("bus",), registry=registry)
        self.bus_lag = Gauge(
            "isthmus_bus_lag_entries", "Entries a group has not read yet.", ("bus", "group"), registry=registry
        )
        self.publish_seconds = Histogram(
            "isthmus_publish_seconds",
            "Time until a block was durable.",
            ("bus",),
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
            registry=registry,
        )
        self.disk_free = Gauge("isthmus_disk_free_bytes", "Free space where the state is kept.", registry=registry)
        self.disk_used = Gauge("isthmus_disk_used_bytes", "Size of the state directory.", registry=registry)
        self.assets = Gauge("isthmus_assets", "Assets in the inventory.", registry=registry)
        self.delivered = Counter(
            "isthmus_delivered_objects",
            "Objects by verdict: accepted, duplicate, rejected, dropped.",
            ("platform", "verdict"),
            registry=registry,
        )
        self.delivery_pending = Gauge(
            "isthmus_delivery_pending_objects", "Objects that wait for a platform.", ("platform",), registry=registry
        )
        self.dead_letters = Gauge(
            "isthmus_dead_letters", "Objects a platform will never take.", ("platform",), registry=registry
        )
        self.delivery_expired = Gauge(
            "isthmus_delivery_expired_entries",
            "Entries of resolved that retention removed and a platform was not told of, until its next delivery.",
            ("platform",),
            registry=registry,
        )
        self.delivery_expirations = Counter(
            "isthmus_delivery_expirations",
            "How often a delivery went on from the store because its position had expired.",
            ("platform",),
            registry=registry,
        )
        self.received = Counter(
            "isthmus_received_messages", "Messages that vendors pushed and that are durable.", STREAM, registry=registry
        )
        self.received_bytes = Counter(
            "isthmus_received_bytes", "Bytes of messages that vendors pushed.", STREAM, registry=registry
        )
        self.refused = Counter(
            "isthmus_refused_messages",
            "What was pushed and not taken, or not whole, by reason.",
            (*STREAM, "reason"),
            registry=registry,
        )
        self.spool_bytes = Gauge(
            "isthmus_spool_bytes", "Bytes received that are not on the bus yet.", STREAM, registry=registry
        )
        self.last_received = Gauge(
            "isthmus_last_received_timestamp_seconds", "When something was last received.", STREAM, registry=registry
        )
        self.listening = Gauge(
            "isthmus_receiver_listening",
            "1 where every address of a receiver is listened on.",
            STREAM,
            registry=registry,
        )

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def serve(self, address: str) -> MetricsListener:
        """Answer Prometheus at ``host:port`` from a thread until closed; port 0 takes a free one."""
        return MetricsListener(address, self.registry)


class MetricsListener:
    """An HTTP listener for metrics. It has no authentication: bind it where only the monitoring can reach it."""

    def __init__(self, address: str, registry: CollectorRegistry) -> None:
        from prometheus_client import start_http_server

        host, _, port = address.rpartition(":")
        self._server, self._thread = start_http_server(int(port), addr=host.strip("[]"), registry=registry)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


__all__ = ["Metrics", "MetricsListener"]
