"""Webhooks through a whole hub: durable before the answer, once in effect, refused for a reason that is counted."""

from __future__ import annotations

import json
import signal
import socket

import pytest
from tests.hub.receive.pushing import NEXT_SECRET, SECRET, free_port, listens, post, until

pytestmark = pytest.mark.timeout(180)


def alerts(port: int, more: str = "") -> dict[str, str]:
    return {"alerts": f'listen = "http://127.0.0.1:{port}/hooks"\nsecrets = ["file:hook", "file:hook-next"]\n{more}'}


def body(*names: str) -> bytes:
    return json.dumps([{"id": name} for name in names]).encode()


def test_what_is_posted_is_mapped_and_the_spool_let_go(site):
    port = free_port()
    made = site(alerts(port))
    made.daemon()
    until(lambda: listens(port), "the receiver listens")
    assert post(port, body("one", "two"))[0] == 200
    assert post(port, b'{"id": "three"}', secret=NEXT_SECRET)[0] == 200
    assert post(port, b'{"id": 4}')[0] == 200
    until(lambda: made.receivers()["alerts"]["spool_bytes"] == 0, "all is on the bus")
    row = made.receivers()["alerts"]
    assert (row["received"], row["refused"]) == (3, {})
    assert row["listen"] == [{"address": f"http://127.0.0.1:{port}/hooks", "listening": True, "error": None}]
    made.stop()
    assert sorted(made.observed()) == ["one", "three", "two"]
    with made.hub() as hub:
        assert hub.quarantine_list()["records"][0]["path"] == "id"
    text = made.log()
    assert SECRET not in text and NEXT_SECRET not in text


@pytest.mark.faults
@pytest.mark.parametrize("point", ["receive", "received", "publish", "commit"])
def test_killed_between_receiving_and_answering_nothing_is_lost_and_nothing_doubled(site, point):
    port = free_port()
    made = site(alerts(port))
    process = made.daemon(ISTHMUS_TESTING="1", ISTHMUS_FAULT=f"{point}:1")
    until(lambda: listens(port), "the receiver listens")
    answered = []

    def deliver(number: int) -> bool:
        """Send until somebody says yes, as vendors do."""
        try:
            return post(port, body(f"device-{number}"), delivery=f"delivery-{number}")[0] == 200
        except OSError:
            if process.poll() is not None and len(made.running) == 1:
                made.daemon()
            return False

    for number in range(4):
        until(lambda n=number: deliver(n), f"delivery {number} is answered")
        answered.append(f"device-{number}")
    until(lambda: process.poll() is not None, "the fault struck")
    assert process.returncode == -signal.SIGKILL
    if len(made.running) == 1:
        made.daemon()
    until(lambda: listens(port), "the receiver listens again")
    until(lambda: made.receivers()["alerts"]["spool_bytes"] == 0, "all is on the bus")
    made.stop()
    assert sorted(made.observed()) == answered


def test_one_pass_maps_what_a_daemon_left_and_check_says_whether_the_port_is_free(site):
    port = free_port()
    made = site(alerts(port, 'quota = "10MB"'))
    with made.hub() as hub:
        hub.receivers.apply()
        assert post(port, body("left"))[0] == 200
        assert hub.check("vendor")["findings"][-1] == f"alerts: http://127.0.0.1:{port}/hooks: is listened on"
    done = made.command("sync", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runs"][0]["records"] == 1
    assert made.observed() == ["left"]
    assert "can be listened on" in made.command("check", "vendor").stdout
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = made.command("check", "vendor")
        assert done.returncode == 2
        assert f"http://127.0.0.1:{port}/hooks: cannot be listened on: Address already in use" in done.stderr


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        ('listen = "http://10.0.0.1:80/x"\nunsigned = true', "alerts.listen", "without TLS"),
        ('listen = "udp://127.0.0.1:5514"', "alerts.listen", "takes webhooks"),
        ('listen = "http://127.0.0.1:80/x"', "alerts.secrets", "is missing"),
        ('listen = "http://127.0.0.1:80/x"\nsecrets = "plain"', "alerts.secrets", ""),
        ('listen = "http://127.0.0.1:80/x"\nsecrets = ["env:A", "env:B", "env:C"]', "alerts.secrets", "two while it is rotated"),
        ('listen = "http://127.0.0.1/x"\nsecrets = "env:A"', "alerts.listen", "and a port"),
        ('listen = "https://127.0.0.1:80/x"\nsecrets = "env:A"', "alerts", "needs `cert`"),
        ('listen = "http://127.0.0.1:80/x"\nsecrets = "env:A"\nliste = 1', "alerts.liste", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_configuration_is_named_with_its_key_and_line(site, lines, key, says):
    done = site({"alerts": lines}).command("config", "check")
    assert done.returncode == 2
    assert f"connector.vendor.receive.{key}" in done.stderr
    assert says in done.stderr
    assert "isthmus.toml:" in done.stderr


def test_streams_that_cannot_be_pushed_and_syslog_from_anywhere_are_refused(site):
    done = site({"polled": 'listen = "udp://127.0.0.1:5514"'}).command("config", "check")
    assert "the stream cannot be pushed; pushed can be: alerts, events, traffic" in done.stderr
    done = site({"events": 'listen = "udp://0.0.0.0:5514"'}).command("config", "check")
    assert "needs `senders`" in done.stderr
    one = 'listen = "tcp://127.0.0.1:5514"'
    done = site({"events": one, "traffic": one}).command("config", "check")
    assert "is an address of connector.vendor.receive.events already" in done.stderr
