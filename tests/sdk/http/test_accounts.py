"""One account, several processes: the rate and the vendor's wishes hold for all of them, and survive each of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.http.conftest import QuickTimer
from tests.sdk.http.server import Exchange, HostileServer, json_page, status

from isthmus_sdk.errors import Interrupted, RateLimited
from isthmus_sdk.http import Event, Http, Rate
from isthmus_sdk.http._account import _RECORD, Account, SharedAccount, Standing, _decode, _encode
from isthmus_sdk.http._clock import Timer

Make = Callable[..., Http]
ASK = """
import sys
from pathlib import Path
from isthmus_sdk.http import Http, Rate
url, folder, count, rate, concurrency = sys.argv[1:]
rate = Rate(requests=float(rate), concurrency=int(concurrency) or None)
http = Http(base_url=url, rate=rate, account=Path(folder))
for _ in range(int(count)):
    http.get("x")
"""


@contextmanager
def process(
    vendor: HostileServer, folder: Path, count: int, rate: float, concurrency: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [vendor.url, str(folder), str(count), str(rate), str(concurrency)]
    with subprocess.Popen([sys.executable, "-c", ASK, *arguments]) as running:
        try:
            yield running
        finally:
            running.kill()


def test_processes_share_one_rate(vendor: HostileServer, tmp_path: Path) -> None:
    at: list[float] = []

    def note(exchange: Exchange) -> None:
        at.append(time.monotonic())
        json_page({})(exchange)

    vendor.on("/x", note)
    with (
        process(vendor, tmp_path, 4, 20) as one,
        process(vendor, tmp_path, 4, 20) as two,
        process(vendor, tmp_path, 4, 20) as three,
    ):
        assert [each.wait(60) for each in (one, two, three)] == [0, 0, 0]
    assert len(at) == 12
    # Eleven gaps of 50 ms; whoever arrives late makes it longer, never shorter.
    assert max(at) - min(at) > 0.4


def test_processes_share_the_number_of_open_requests(vendor: HostileServer, tmp_path: Path) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def behave(exchange: Exchange) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        exchange.server.stopping.wait(0.03)
        with lock:
            now -= 1
        json_page({})(exchange)

    vendor.on("/x", behave)
    with (
        process(vendor, tmp_path, 5, 1000, 2) as one,
        process(vendor, tmp_path, 5, 1000, 2) as two,
        process(vendor, tmp_path, 5, 1000, 2) as three,
    ):
        assert [each.wait(60) for each in (one, two, three)] == [0, 0, 0]
    assert most <= 2


def test_a_killed_process_leaves_nothing_behind(vendor: HostileServer, client: Make, tmp_path: Path) -> None:
    asked = threading.Event()

    def hang(exchange: Exchange) -> None:
        asked.set()
        exchange.server.stopping.wait(30)

    vendor.on("/x", hang)
    with process(vendor, tmp_path, 1, 1000, 1) as held:
        assert asked.wait(60)
        os.kill(held.pid, signal.SIGKILL)
    vendor.on("/x", json_page({}))
    assert client(vendor.url, rate=Rate(requests=1000, concurrency=1), account=tmp_path).get("x").ok


def test_a_wish_to_wait_holds_for_other_clients_and_after_a_restart(
    vendor: HostileServer, client: Make, timer: QuickTimer, tmp_path: Path
) -> None:
    vendor.on("/x", status(429, headers={"Retry-After": "1000"}))
    vendor.on("/y", json_page({}))
    with pytest.raises(RateLimited):
        client(vendor.url, account=tmp_path).get("x")
    with pytest.raises(RateLimited) as caught:
        client(vendor.url, account=tmp_path).get("y")
    assert caught.value.not_before == pytest.approx(1000, abs=60)
    assert vendor.seen("/y") == []
    assert client(vendor.url, account=tmp_path / "another").get("y").ok
    timer.waits.append(1100)
    assert client(vendor.url, account=tmp_path, timer=timer).get("y").ok


def test_the_slowest_rate_of_an_account_counts_for_all(
    vendor: HostileServer, client: Make, timer: QuickTimer, tmp_path: Path
) -> None:
    vendor.on("/x", json_page({}))
    slow = client(vendor.url, rate=Rate(requests=1, per=100), account=tmp_path, timer=timer)
    fast = client(vendor.url, rate=Rate(requests=1, per=1), account=tmp_path, timer=timer)
    slow.get("x")
    fast.get("x")
    assert sum(timer.waits) == pytest.approx(100, abs=2)


def test_a_long_wait_is_told_in_between_and_can_be_stopped(
    vendor: HostileServer, client: Make, timer: QuickTimer, tmp_path: Path
) -> None:
    vendor.on("/x", json_page({}))
    events: list[Event] = []
    http = client(vendor.url, rate=Rate(requests=1, per=250), account=tmp_path, timer=timer, on_event=events.append)
    http.get("x")
    http.get("x")
    assert [event.kind for event in events].count("waiting") == 4
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Interrupted):
        client(vendor.url, rate=Rate(requests=1, per=10**6), account=tmp_path / "b", cancel=stop).get("x")
        client(vendor.url, rate=Rate(requests=1, per=10**6), account=tmp_path / "b", cancel=stop).get("x")


def test_a_directory_that_cannot_be_used_costs_the_sharing_and_nothing_else(
    vendor: HostileServer, client: Make, tmp_path: Path
) -> None:
    vendor.on("/x", json_page({}))
    events: list[Event] = []
    (tmp_path / "file").write_text("x")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "standing").symlink_to(tmp_path / "file")
    for folder in ("file", "linked"):
        http = client(vendor.url, rate=Rate(requests=1000), account=tmp_path / folder, on_event=events.append)
        assert http.get("x").ok
        assert http.get("x").ok
    assert [event.kind for event in events].count("unshared") == 2
    assert (tmp_path / "file").read_text() == "x"


def test_somebody_who_keeps_the_lock_costs_the_sharing_and_nothing_else(
    vendor: HostileServer, client: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr("isthmus_sdk.http._account._PATIENCE", 0.05)
    vendor.on("/x", json_page({}))
    events: list[Event] = []
    http = client(vendor.url, rate=Rate(requests=1000), account=tmp_path, on_event=events.append)
    with (tmp_path / "standing").open("rb") as greedy:
        fcntl.flock(greedy, fcntl.LOCK_EX)
        assert http.get("x").ok
    assert [event.reason for event in events if event.kind == "unshared"] == [
        f"{tmp_path} is locked by another process"
    ]


@given(st.binary(max_size=50), st.lists(st.floats(), min_size=4, max_size=4), st.floats(0, 1e9), st.floats(0, 2e9))
def test_whatever_stands_in_the_file_nobody_waits_for_more_than_a_day(
    data: bytes, numbers: list[float], now: float, wall: float
) -> None:
    for content in (data, _RECORD.pack(b"account1", *numbers), _RECORD.pack(b"account1", wall - now, *numbers[1:])):
        standing = _decode(content, now, wall)
        assert standing.due <= now + 86_400
        assert standing.held_until <= now + 86_400


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 80_000), st.floats(0, 3000))
def test_a_wish_survives_a_boot_and_the_rate_begins_anew(
    before: float, after: float, held: float, passed: float
) -> None:
    wall = 1.7e9
    data = _encode(Standing(due=before + 5, held_until=before + held), before, wall)
    same = _decode(data, before + passed, wall + passed)
    assert same.held_until == pytest.approx(before + held, abs=1e-3)
    booted = _decode(data, after, wall + passed)
    assert booted.held_until - after == pytest.approx(held - passed, abs=61)


def test_both_kinds_of_account_count_open_requests(tmp_path: Path) -> None:
    for account in (Account(Timer()), SharedAccount(Timer(), tmp_path)):
        first, second = account.enter(2, 0.01), account.enter(2, 0.01)
        assert first is not None
        assert second is not None
        assert account.enter(2, 0.01) is None
        first()
        assert account.enter(2, 0.01) is not None


def test_the_files_are_for_their_owner_alone(vendor: HostileServer, client: Make, tmp_path: Path) -> None:
    vendor.on("/x", json_page({}))
    folder = tmp_path / "accounts" / "one"
    client(vendor.url, rate=Rate(requests=10, concurrency=1), account=folder).get("x")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(path.name, path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        ("standing", 0o600),
        ("open-0", 0o600),
    }
