"""A real worker process over a loopback vendor: the protocol, crashes, resumption, secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk import protocol

from .hub import PACKAGES, PATIENCE, Log, WorkerProcess
from .vendor import SECRET, Vendor

Start = Callable[..., WorkerProcess]


def alert(number: int, second: int | None = None, **fields: Any) -> dict[str, Any]:
    at = number if second is None else second
    return {
        "id": f"a{number}",
        "updated_at": f"2026-05-01T00:{at // 60:02d}:{at % 60:02d}Z",
        "severity": 5,
        "displayTitle": f"alert {number}",
        "device": {"uid": f"d{number % 3}"},
        **fields,
    }


def ended(process: subprocess.Popen[bytes]) -> int:
    return process.wait(PATIENCE)


def gone(pid: int) -> bool:
    """Whether a process that is not our child has ended; waits for it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_hello_comes_first_and_names_the_connector(start: Start) -> None:
    worker = start(configure=False)
    hello = worker.next()
    assert isinstance(hello, protocol.Hello)
    assert (hello.protocol, hello.connector, hello.version) == (protocol.VERSION, "acme", "1.2.0")
    assert hello.streams == ["alerts", "hosts"]


def test_a_run_reads_every_page_and_accounts_for_every_record(start: Start, vendor: Vendor, log: Log) -> None:
    vendor.alerts = [alert(n) for n in range(8)]
    vendor.alerts[2]["severity"] = 0
    vendor.alerts[5]["severity"] = 99
    done = start().run()
    assert (done.pages, done.records, done.mapped, done.quarantined) == (3, 8, 6, 1)
    assert done.ignored == {"informational": 1}
    assert done.complete
    assert done.cursor == "2026-05-01T00:00:07.000000Z"
    assert log.native_ids() == {f"a{n}" for n in range(8)} - {"a2", "a5"}
    assert [(bad.native_id, bad.path, bad.stage, bad.connector_version) for bad in log.quarantined] == [
        ("a5", "severity", "validate", "1.2.0")
    ]


def test_the_bad_records_of_a_page_arrive_before_its_block_and_byte_for_byte(
    start: Start, vendor: Vendor, log: Log
) -> None:
    bad = b'{"id": "a1",\t"severity" : 1e2, "displayTitle":"\\u00e9 \xc3\xa9"}'
    vendor.raw_page = b'{"data": [ ' + bad + b' ], "next_cursor": null}'
    worker = start()
    worker.run()
    assert log.quarantined[0].raw == bad
    kinds = [type(f) for f in worker.frames if isinstance(f, protocol.Quarantine | protocol.BlockFrame)]
    assert kinds == [protocol.Quarantine, protocol.BlockFrame]


def test_the_second_run_sends_nothing_and_a_new_row_at_the_same_time_is_found(
    start: Start, vendor: Vendor, log: Log
) -> None:
    vendor.alerts = [alert(n) for n in range(5)]
    worker = start()
    worker.run()
    stored = len(log.blocks)
    again = worker.run()
    assert len(log.blocks) == stored
    assert again.ignored == {"already read": again.records}
    vendor.alerts.append(alert(5, second=4))
    third = worker.run()
    assert third.mapped == 1
    assert "a5" in log.native_ids()


def test_a_killed_worker_is_resumed_in_the_middle_of_the_walk(start: Start, vendor: Vendor, log: Log) -> None:
    vendor.alerts = [alert(n) for n in range(20)]
    worker = start()
    worker.send(protocol.Run(stream="alerts"))
    for _ in range(3):
        worker.until(protocol.BlockFrame)
    worker.process.kill()
    ended(worker.process)
    vendor.requests.clear()
    done = start().run()
    assert vendor.requests[0] == "/v1/alerts?limit=3&cursor=9.0"
    assert done.resumed
    assert done.records == 11
    assert log.native_ids() == {f"a{n}" for n in range(20)}
    assert log.duplicates == 0


def test_a_block_that_was_stored_but_not_acknowledged_comes_no_second_time(
    start: Start, vendor: Vendor, log: Log
) -> None:
    vendor.alerts = [alert(n) for n in range(3)]
    worker = start()
    worker.send(protocol.Run(stream="alerts"))
    log.append(worker.until(protocol.BlockFrame, ack=False))
    worker.process.kill()
    ended(worker.process)
    start().run()
    assert len(log.native_ids()) == 3
    assert log.duplicates == 0


def test_the_same_page_after_a_restart_is_the_same_block(start: Start, vendor: Vendor) -> None:
    rows = b'{"id":"a1","updated_at":"2026-05-01T00:00:00Z","severity":0,"displayTitle":"x","device":{"uid":"d"}}'
    sent = []
    for _ in range(2):
        vendor.raw_page = b'{"data":[' + rows + b'],"next_cursor":null}'
        worker = start()
        worker.send(protocol.Run(stream="alerts"))
        sent.append(worker.until(protocol.BlockFrame, ack=False))
    assert sent[0].block_id == sent[1].block_id
    assert sent[0].cursor_after == sent[1].cursor_after


def test_an_expired_resume_token_restarts_the_walk_and_loses_nothing(start: Start, vendor: Vendor, log: Log) -> None:
    vendor.alerts = [alert(n) for n in range(12)]
    worker = start()
    worker.send(protocol.Run(stream="alerts"))
    for _ in range(2):
        worker.until(protocol.BlockFrame)
    worker.process.kill()
    ended(worker.process)
    vendor.generation += 1
    second = start()
    done = second.run()
    assert done.error is None
    assert log.native_ids() == {f"a{n}" for n in range(12)}
    assert any(isinstance(f, protocol.Log) and "anew" in f.event for f in second.frames)


def test_a_token_that_dies_within_the_walk_restarts_it_once_and_then_fails_cleanly(
    start: Start, vendor: Vendor
) -> None:
    vendor.alerts = [alert(n) for n in range(12)]
    vendor.forgetful = True
    worker = start()
    done = worker.run()
    assert not done.complete
    assert [error.kind for error in worker.errors()] == ["CursorExpired"]


def test_at_most_four_blocks_are_unacknowledged(start: Start, vendor: Vendor) -> None:
    vendor.alerts = [alert(n) for n in range(30)]
    worker = start()
    worker.send(protocol.Run(stream="alerts"))
    blocks = [worker.until(protocol.BlockFrame, ack=False) for _ in range(4)]
    while not worker.quiet(0.5):
        assert not isinstance(worker.next(), protocol.BlockFrame | protocol.Done)
    worker.send(protocol.AckFrame(block_id=blocks[0].block_id))
    assert worker.until(protocol.BlockFrame, ack=False).page == 5


def test_a_page_too_big_for_one_block_comes_in_parts_of_which_the_last_moves_the_cursor(
    start: Start, vendor: Vendor, log: Log
) -> None:
    vendor.alerts = [alert(n, displayTitle=str(n) * 1_900_000) for n in range(3)]
    done = start().run()
    assert [len(block.objects) > 0 for block in log.blocks] == [True, True]
    first, last = log.blocks
    assert first.cursor_after == first.cursor_before == last.cursor_before
    assert last.cursor_after != last.cursor_before
    assert (first.records, last.records, done.records) == (0, 3, 3)
    assert log.native_ids() == {"a0", "a1", "a2"}


def test_done_waits_for_the_last_acknowledgement(start: Start, vendor: Vendor) -> None:
    vendor.alerts = [alert(1)]
    worker = start()
    worker.send(protocol.Run(stream="alerts"))
    block = worker.until(protocol.BlockFrame, ack=False)
    while not worker.quiet(0.3):
        assert not isinstance(worker.next(), protocol.Done)
    worker.send(protocol.AckFrame(block_id=block.block_id))
    assert worker.until(protocol.Done).complete


def test_streams_run_beside_each_other(start: Start, vendor: Vendor, log: Log) -> None:
    vendor.alerts = [alert(n) for n in range(4)]
    vendor.hosts = [{"uid": f"h{n}", "name": f"host {n}"} for n in range(4)]
    worker = start()
    vendor.hold.clear()
    worker.send(protocol.Run(stream="alerts"))
    worker.send(protocol.Run(stream="hosts"))
    assert vendor.asked.acquire(timeout=PATIENCE)
    assert vendor.asked.acquire(timeout=PATIENCE)  # both have asked before either was answered
    vendor.hold.set()
    names = {worker.until(protocol.Done).stream for _ in range(2)}
    assert names == {"alerts", "hosts"}


def test_a_snapshot_reads_everything_each_time(start: Start, vendor: Vendor, log: Log) -> None:
    vendor.hosts = [{"uid": f"h{n}", "name": f"host {n}"} for n in range(7)]
    worker = start()
    first, second = worker.run("hosts"), worker.run("hosts")
    assert first.records == second.records == 7
    assert second.mapped == 7
    assert log.duplicates == 0


def test_the_worker_ends_when_the_hub_does(start: Start, vendor: Vendor) -> None:
    worker = start()
    vendor.hold.clear()
    worker.send(protocol.Run(stream="alerts"))
    assert vendor.asked.acquire(timeout=PATIENCE)
    worker.close_pipes()
    assert ended(worker.process) == 0


def test_the_worker_ends_when_its_parent_was_killed_even_if_the_pipe_stays_open(vendor: Vendor, tmp_path: Path) -> None:
    # The grandchild keeps the pipe's other end open, as a leaked descriptor would.
    code = f"""
import os, subprocess, sys
r, w = os.pipe(); r2, w2 = os.pipe()
p = subprocess.Popen([sys.executable, "-I", "-m", "isthmus_sdk.worker", "acme_connector.connector:acme",
    "--read", str(r), "--write", str(w2), "--path", {str(PACKAGES)!r}], pass_fds=[r, w, w2, r2])
print(p.pid, flush=True)
os.read(r2, 4)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.wait(PATIENCE)
    parent.stdout.close()
    assert gone(pid)


def test_cancel_stops_a_waiting_run_at_once_and_the_worker_stays_useful(start: Start, vendor: Vendor) -> None:
    vendor.alerts = [alert(n) for n in range(30)]
    worker = start()
    worker.send(protocol.Run(stream="alerts"))
    for _ in range(4):
        worker.until(protocol.BlockFrame, ack=False)
    worker.send(protocol.Cancel())
    assert not worker.until(protocol.Done).complete
    assert worker.run().complete


def test_drain_finishes_the_page_in_hand_and_exits(start: Start, vendor: Vendor, log: Log) -> None:
    vendor.alerts = [alert(n) for n in range(30)]
    worker = start()
    vendor.hold.clear()
    worker.send(protocol.Run(stream="alerts"))
    assert vendor.asked.acquire(timeout=PATIENCE)
    worker.send(protocol.Drain())
    vendor.hold.set()
    done = worker.until(protocol.Done)
    assert not done.complete
    assert done.error is None
    assert done.pages < 10
    assert len(log.native_ids()) == done.mapped
    assert ended(worker.process) == 0


def test_a_run_needs_a_configuration_and_a_stream_that_exists(start: Start, vendor: Vendor) -> None:
    worker = start(settings={"base_url": "nonsense", "colour": "blue", "page_size": "many"}, secrets={})
    failed = worker.until(protocol.Error)
    assert failed.group == "configuration"
    for word in ("base_url", "client_id", "colour", "page_size", "client_secret"):
        assert word in failed.message
    worker.send(protocol.Run(stream="alerts"))
    assert not worker.until(protocol.Done).complete
    other = start()
    other.send(protocol.Run(stream="alarms"))
    assert "alarms" in other.until(protocol.Error).message
    assert not other.until(protocol.Done).complete


def test_settings_of_a_version_that_there_never_was_are_refused_before_anything_runs(
    start: Start, vendor: Vendor
) -> None:
    worker = start(settings={"base_url": vendor.url}, secrets={}, settings_version=7)
    error = worker.until(protocol.Error)
    assert (error.group, "knows 1 to 1" in error.message) == ("configuration", True)


def test_wrong_credentials_are_an_authentication_error(start: Start, vendor: Vendor) -> None:
    worker = start(secrets={"client_secret": "not-the-secret-at-all"})
    done = worker.run()
    assert not done.complete
    assert [error.group for error in worker.errors()] == ["authentication"]
    assert done.error == worker.errors()[0].message


def test_the_check_answers_with_findings_or_with_what_stands_in_the_way(start: Start) -> None:
    good = start()
    good.send(protocol.Check())
    answer = good.until(protocol.Checked)
    assert answer.ok
    assert answer.findings == ["signed in as auditor"]
    bad = start(secrets={"client_secret": "not-the-secret-at-all"})
    bad.send(protocol.Check())
    refused = bad.until(protocol.Checked)
    assert not refused.ok
    assert refused.findings
    assert bad.errors()[0].group == "authentication"


def test_no_form_of_a_secret_leaves_the_worker(start: Start, vendor: Vendor) -> None:
    """Secrets of working and of failing instances: in frames, output, arguments and environment."""
    vendor.alerts = [alert(n) for n in range(4)]
    odd = 'pa"ss wörd/+\\x'
    for secrets in ({"client_secret": SECRET}, {"client_secret": odd}, {"client_secret": SECRET, "nonsense": odd}):
        worker = start(secrets=secrets)
        worker.send(protocol.Run(stream="alerts"))
        worker.until(protocol.Done)
        visible = Path(f"/proc/{worker.process.pid}/environ").read_bytes()
        visible += Path(f"/proc/{worker.process.pid}/cmdline").read_bytes()
        visible += b"".join(protocol.encode(frame) for frame in worker.frames)
        worker.process.kill()
        for stream in worker.process.communicate():
            visible += stream
        for secret in secrets.values():
            for form in (secret, secret[:-1], secret[1:]):
                assert form.encode() not in visible


def test_what_connector_code_prints_or_raises_is_not_the_protocol(log: Log, tmp_path: Path) -> None:
    package = tmp_path / "noisy"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import logging, sys\n"
        "from isthmus_sdk import Connector, Settings, Secret\n"
        "from pydantic import BaseModel\n"
        "print('printed while imported')\n"
        "class S(Settings):\n    token: Secret\n"
        "class R(BaseModel):\n    id: str\n"
        "noisy = Connector(__name__, settings=S)\n"
        "@noisy.stream('rows', model=R)\n"
        "def rows(ctx):\n"
        "    print('printed', ctx.settings.token.reveal())\n"
        "    logging.getLogger('lib').warning('token is %s', ctx.settings.token.reveal())\n"
        "    raise ZeroDivisionError('with ' + ctx.settings.token.reveal())\n"
        "rows.maps(lambda record, stix: None)\n"
    )
    (package / "connector.toml").write_text('[connector]\nname = "noisy"\nversion = "1"\nsdk_api = ">=1"\n')
    worker = WorkerProcess(log, value="noisy:noisy", packages=tmp_path)
    try:
        worker.configure(settings={}, secrets={"token": "tok-en-1234567"}, files={"rows": []})
        done = worker.run("rows")
        assert not done.complete
        failed = worker.errors()[0]
        assert (failed.kind, failed.group) == ("ZeroDivisionError", "fault")
        assert failed.message == "ZeroDivisionError: with [masked] (__init__.py:14)"
        lines = [frame.event for frame in worker.frames if isinstance(frame, protocol.Log)]
        assert "token is [masked]" in lines
        worker.send(protocol.Drain())
        assert b"printed while imported" in worker.process.communicate(timeout=PATIENCE)[0]
    finally:
        worker.close()


def test_a_connector_that_logs_without_end_is_cut_short(log: Log, tmp_path: Path) -> None:
    package = tmp_path / "chatty"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from isthmus_sdk import Connector, Settings\n"
        "chatty = Connector(__name__, settings=Settings)\n"
        "@chatty.stream('rows', model=dict)\n"
        "def rows(ctx):\n"
        "    for number in range(20_000):\n"
        "        ctx.log('line', number=number)\n"
        "    return []\n"
        "rows.maps(lambda record, stix: None)\n"
    )
    (package / "connector.toml").write_text('[connector]\nname = "chatty"\nversion = "1"\nsdk_api = ">=1"\n')
    worker = WorkerProcess(log, value="chatty:chatty", packages=tmp_path)
    try:
        worker.configure(settings={}, files={"rows": []})
        assert worker.run("rows").complete
        assert len([frame for frame in worker.frames if isinstance(frame, protocol.Log)]) < 2_000
    finally:
        worker.close()


def test_a_first_run_may_begin_at_a_given_time(start: Start, vendor: Vendor, log: Log) -> None:
    vendor.alerts = [alert(n) for n in range(60)]
    worker = start()
    worker.run(since="2026-05-01T00:00:55Z")
    assert log.native_ids() == {f"a{n}" for n in range(45, 60)}  # the lookback of the stream is ten seconds
    other = start()
    other.send(protocol.Run(stream="alerts", since="last week"))
    assert "last week" in other.until(protocol.Error).message
    assert not other.until(protocol.Done).complete


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("no_such_package:x", "no_such_package"),
        ("acme_connector.connector:nothing", "nothing"),
        ("acme_connector.connector:Alert", "Alert"),
        ("acme_connector", "package.module:object"),
    ],
)
def test_a_connector_that_cannot_be_loaded_says_so_and_the_worker_exits(log: Log, value: str, word: str) -> None:
    worker = WorkerProcess(log, value=value)
    try:
        failed = worker.next()
        assert isinstance(failed, protocol.Error)
        assert failed.kind == "ManifestError"
        assert word in failed.message
        assert ended(worker.process) == 2
    finally:
        worker.close()


def test_a_broken_frame_from_the_hub_ends_the_worker(start: Start) -> None:
    worker = start(configure=False)
    worker.next()
    os.write(worker.writes, (5).to_bytes(4, "big") + b"\xc1oops")
    failed = worker.until(protocol.Error)
    assert failed.kind == "ProtocolError"
    assert ended(worker.process) == 1


@pytest.mark.faults
@pytest.mark.parametrize("point", ["fetch", "validate", "map"])
def test_a_fault_point_kills_worker_and_hub_together(point: str, vendor: Vendor, tmp_path: Path) -> None:
    """A stand-in hub in a process of its own, so that it may be killed."""
    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[3])!r}]
from tests.sdk.authoring.hub import Log, WorkerProcess
worker = WorkerProcess(Log(), environment={{"ISTHMUS_TESTING": "1", "ISTHMUS_FAULT": "{point}:2",
                                            "ISTHMUS_FAULT_DIR": {str(tmp_path)!r}}})
worker.configure(settings={{"base_url": {vendor.url!r}, "client_id": "hub"}}, secrets={{"client_secret": {SECRET!r}}})
print(worker.process.pid, flush=True)
print(worker.run().pages, flush=True)
worker.close()
"""
    vendor.alerts = [alert(n) for n in range(9)]
    first = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE, check=False)
    assert first.returncode == -signal.SIGKILL
    assert gone(int(first.stdout.split()[0]))
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE, check=False)
    assert second.returncode == 0, second.stderr
    assert second.stdout.split()[1] == b"3"


def test_files_are_read_in_place_of_the_api_without_settings_or_secrets(start: Start, log: Log, tmp_path: Path) -> None:
    import json

    (tmp_path / "page.json").write_text(json.dumps({"data": [alert(1), alert(2)]}))
    worker = start(settings={}, secrets={}, files={"alerts": [str(tmp_path / "*.json")]}, one_pass=True)
    assert worker.run().mapped == 2
    assert worker.run().records == 0
    (tmp_path / "older.json").write_text(json.dumps({"data": [alert(0)]}))
    assert worker.run().mapped == 1  # an older time in a new file is no reason to skip it
    assert log.native_ids() == {"a0", "a1", "a2"}
    worker.send(protocol.Check())
    assert worker.until(protocol.Checked).ok


def test_recorded_pages_map_to_the_same_objects(
    start: Start, vendor: Vendor, log: Log, tmp_path: Path, acme: Any
) -> None:
    from isthmus_sdk import stix
    from isthmus_sdk.commands.map import MapOptions, map_files

    vendor.alerts = [alert(n) for n in range(5)]
    start(record_dir=str(tmp_path / "pages")).run()
    pages = sorted((tmp_path / "pages").iterdir())
    assert len(pages) == 2
    mapped = map_files(acme, acme.streams["alerts"], pages, MapOptions(source_id="tenant-1"))
    assert {stix.decode(line)["id"] for line in mapped.objects} == set(log.objects())
