"""Messages to the service manager."""

from __future__ import annotations

import os
import socket

import pytest

from isthmus_hub.telemetry import systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A service manager's socket, and the environment it gives to a service."""
    name = f"@isthmus-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if name.startswith("@") else name)
        receiver.settimeout(10)
        yield receiver, {"NOTIFY_SOCKET": name}


def test_the_daemons_states_reach_the_manager(manager):
    receiver, environ = manager
    assert systemd.ready("2 instances", environ=environ)
    assert receiver.recv(1000) == b"READY=1\nSTATUS=2 instances"
    assert systemd.stopping(environ=environ)
    assert receiver.recv(1000) == b"STOPPING=1"
    assert systemd.watchdog(environ=environ)
    assert receiver.recv(1000) == b"WATCHDOG=1"
    assert systemd.reloading(environ=environ)
    reload, clock = receiver.recv(1000).split(b"\n")
    assert reload == b"RELOADING=1"
    assert int(clock.removeprefix(b"MONOTONIC_USEC=")) > 0


def test_a_status_smuggles_in_no_other_state(manager):
    receiver, environ = manager
    systemd.ready("fine\nSTOPPING=1", environ=environ)
    assert receiver.recv(1000) == b"READY=1\nSTATUS=fine STOPPING=1"


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:1:2"}, {"NOTIFY_SOCKET": "/none"}]
)
def test_without_a_manager_nothing_happens(environ):
    assert systemd.ready(environ=environ) is False


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_signs_of_life_are_due_twice_per_allowed_time(environ, seconds):
    assert systemd.watchdog_interval(environ) == seconds
