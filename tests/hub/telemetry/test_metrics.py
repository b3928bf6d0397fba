"""Metrics and their listener."""

from __future__ import annotations

import urllib.request

from prometheus_client import CollectorRegistry

from isthmus_hub.telemetry import Metrics


def test_what_was_counted_is_in_the_exposition():
    metrics = Metrics()
    metrics.records.labels("guardian", "assets", "mapped").inc(5)
    metrics.delivery_pending.labels("soc").set(7)
    text = metrics.exposition().decode()
    assert 'isthmus_records_total{instance="guardian",outcome="mapped",stream="assets"} 5.0' in text
    assert 'isthmus_delivery_pending_objects{platform="soc"} 7.0' in text


def test_hubs_in_one_process_do_not_share_numbers():
    one, other = Metrics(), Metrics(CollectorRegistry())
    one.pages.labels("a", "b").inc()
    assert "isthmus_pages_total{" not in other.exposition().decode()


def test_every_metric_is_described_and_named_for_what_it_measures():
    for family in Metrics().registry.collect():
        assert family.name.startswith("isthmus_")
        assert len(family.documentation) > 10


def test_labels_are_names_from_the_configuration_not_from_vendors():
    allowed = {
        "instance",
        "stream",
        "outcome",
        "effect",
        "platform",
        "verdict",
        "state",
        "bus",
        "group",
        "version",
        "reason",
    }
    for collector in list(Metrics().registry._collector_to_names):
        assert set(collector._labelnames) <= allowed


def test_the_listener_answers_until_it_is_closed():
    metrics = Metrics()
    metrics.build.labels("0.1.0").set(1)
    listener = metrics.serve("127.0.0.1:0")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{listener.port}/metrics", timeout=10) as reply:
            assert b'isthmus_build_info{version="0.1.0"} 1.0' in reply.read()
    finally:
        listener.close()
    # The port is free again.
    Metrics().serve(f"127.0.0.1:{listener.port}").close()
