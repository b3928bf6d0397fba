"""Quarantine: what is in it survives, adds up, and holds no secret."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.disk import Disk

from isthmus_hub._sqlite import StateTooNew, StorageFull
from isthmus_hub.runtime._quarantine import Added, Count, Quarantine, Rejected, record_id
from isthmus_hub.telemetry import Redactor
from isthmus_sdk.errors import ConfigurationError, RetriableError

SECRET = "Kx9-planted-secret"


def bad(raw=b'{"id": 1}', **fields):
    return Rejected(**{"instance": "guardian", "stream": "assets", "raw": raw, "error": "id: must be text", **fields})


@pytest.fixture
def redactor():
    redactor = Redactor()
    redactor.register(SECRET)
    return redactor


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "quarantine.sqlite"


@pytest.fixture
def clock():
    moments = iter(range(1_000_000))
    return lambda: float(next(moments))


@pytest.fixture
def quarantine(path, redactor, clock):
    with Quarantine(path, redactor, clock=clock) as quarantine:
        yield quarantine


def test_a_record_is_kept_as_it_came(quarantine):
    raw = b'{"id": 1, "x": "\xff\x00"}'
    added = quarantine.add(
        [
            bad(
                raw,
                path="a.b[2]",
                stage="map",
                native_id="n-1",
                index=7,
                connector="nozomi-guardian",
                connector_version="1.2.0",
                observed_at="2026-01-01T00:00:00.000Z",
            )
        ]
    )
    assert added == Added(stored=1, duplicate=0, overflow=0)
    (record,) = quarantine.list()
    assert record.id == record_id("guardian", "assets", raw).hex()
    assert (record.raw, record.masked, record.state) == (raw, False, "waiting")
    assert (record.path, record.stage, record.native_id, record.index) == ("a.b[2]", "map", "n-1", 7)
    assert (record.connector, record.connector_version) == ("nozomi-guardian", "1.2.0")
    assert (record.observed_at, record.times, record.retries) == ("2026-01-01T00:00:00.000Z", 1, 0)
    assert quarantine.show(record.id) == record


def test_the_same_record_again_adds_nothing(quarantine):
    quarantine.add([bad(), bad()])
    assert quarantine.add([bad()]) == Added(0, 1, 0)
    (record,) = quarantine.list()
    assert (record.times, record.first_at, record.last_at) == (3, 0.0, 1.0)


def test_the_same_bytes_of_another_stream_or_instance_are_another_record(quarantine):
    added = quarantine.add([bad(), bad(stream="alerts"), bad(instance="other")])
    assert added.stored == 3
    assert record_id("ab", "c", b"") != record_id("a", "bc", b"")


def _add_until_killed(path, told):
    quarantine = Quarantine(path, Redactor())
    for number in range(10_000):
        quarantine.add([bad(b"%d" % number)])
        told.send(number)


def test_what_add_returned_for_survives_a_kill(path):
    context = multiprocessing.get_context("fork")
    told, telling = context.Pipe(duplex=False)
    child = context.Process(target=_add_until_killed, args=(path, telling))
    child.start()
    last = -1
    while last < 20:
        last = told.recv()
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    telling.close()
    try:
        while told.poll():
            last = told.recv()
    except EOFError:
        pass
    with Quarantine(path, Redactor()) as quarantine:
        kept = [int(record.raw) for record in quarantine.list(limit=20_000)]
        assert kept == list(range(len(kept)))
        assert len(kept) >= last + 1
        assert quarantine.add([bad(b"%d" % last)]).duplicate == 1


def test_what_add_returned_for_survives_a_power_cut(tmp_path, path, monkeypatch):
    disk = Disk()
    monkeypatch.setattr("isthmus_hub._sqlite.sync_directory", disk.sync_directory)
    with Quarantine(path, Redactor(), vfs=disk.name) as quarantine:
        for number in range(12):
            quarantine.add([bad(b"%d" % number)])
            after = tmp_path / f"after-{number}"
            disk.power_cut(after, seed=number)
            with Quarantine(after / path.name, Redactor()) as found:
                assert [int(record.raw) for record in found.list()] == list(range(number + 1))


def test_a_full_disk_keeps_nothing_of_the_batch_and_heals(path):
    disk = Disk()
    with Quarantine(path, Redactor(), vfs=disk.name) as quarantine:
        quarantine.add([bad(b"first")])
        disk.capacity = 0
        with pytest.raises(StorageFull) as caught:
            quarantine.add([bad(b"x" * 300_000), bad(b"second")])
        assert isinstance(caught.value, RetriableError)
        disk.capacity = None
        assert [record.raw for record in quarantine.list()] == [b"first"]
        assert quarantine.add([bad(b"second")]).stored == 1


def test_a_batch_is_kept_whole_or_not_at_all(quarantine):
    def half():
        yield bad(b"one")
        raise ValueError("the page broke")

    with pytest.raises(ValueError, match="page broke"):
        quarantine.add(half())
    assert quarantine.list() == []


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_a_planted_secret_is_in_no_file_of_the_quarantine(path, redactor):
    import base64

    with Quarantine(path, redactor) as quarantine:
        raw = json.dumps({"password": SECRET, "auth": base64.b64encode(f"hub:{SECRET}".encode()).decode()}).encode()
        quarantine.add([bad(raw, error=f"rejected {SECRET}", path=f"a.{SECRET}", native_id=SECRET)])
        (record,) = quarantine.list()
        assert record.masked
        assert b"***" in record.raw
        assert json.loads(record.raw)["password"] == "***"
        assert (record.error, record.path, record.native_id) == ("rejected ***", "a.***", "***")
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())
        for form in (SECRET.encode(), base64.b64encode(SECRET.encode())[:-2], b"planted"):
            assert form not in written
        assert quarantine.add([bad(raw)]).duplicate == 1, "the id is of the record as it came"


def test_a_dropped_record_leaves_no_bytes_behind(path, redactor):
    with Quarantine(path, redactor) as quarantine:
        quarantine.add([bad(b"remember-me-not " * 20_000)])
        quarantine.drop([record.id for record in quarantine.list()])
    assert b"remember-me-not" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_only_the_owner_can_read_the_files(quarantine, path):
    quarantine.add([bad()])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# -- decisions --------------------------------------------------------------------------------------------------------


def test_a_dropped_record_stays_dropped_however_often_it_comes(quarantine):
    quarantine.add([bad()])
    (record,) = quarantine.list()
    assert quarantine.drop([record.id]) == 1
    assert quarantine.drop([record.id]) == 0
    assert quarantine.add([bad()]) == Added(0, 1, 0)
    assert quarantine.list() == []
    gone = quarantine.show(record.id)
    assert (gone.state, gone.raw, gone.times) == ("dropped", b"", 2)


def test_a_record_whose_retry_worked_waits_no_longer(quarantine):
    quarantine.add([bad(b"a"), bad(b"b")])
    first, second = quarantine.list()
    assert quarantine.mark_retried([first.id]) == 1
    assert quarantine.mark_retried([second.id], succeeded=False) == 1
    assert [record.id for record in quarantine.list()] == [second.id]
    assert quarantine.list()[0].retries == 1
    assert [record.id for record in quarantine.list(state="retried")] == [first.id]
    assert len(quarantine.list(state=None)) == 2


def test_a_record_that_fails_again_after_a_good_retry_waits_again_with_its_bytes(quarantine):
    quarantine.add([bad(b"abc")])
    quarantine.mark_retried([quarantine.list()[0].id])
    assert quarantine.add([bad(b"abc", error="another error")]).duplicate == 1
    (record,) = quarantine.list()
    assert (record.raw, record.error) == (b"abc", "another error")


@pytest.mark.parametrize("id", ["zz", "12345", "no hex"])
def test_what_is_no_id_is_refused(quarantine, id):
    with pytest.raises(ConfigurationError, match="hexadecimal"):
        quarantine.drop([id])


def test_an_id_may_be_shortened_as_long_as_it_is_the_only_one(quarantine):
    quarantine.add([bad(b"%d" % number) for number in range(40)])
    record = quarantine.list()[11]
    assert quarantine.show(record.id[:12].upper()) == record
    with pytest.raises(ConfigurationError, match="several records begin with"):
        for digit in "0123456789abcdef":
            quarantine.show(digit)
    assert quarantine.show("") is None
    assert quarantine.show("no hex") is None
    assert quarantine.show("0" * 32) is None
    assert quarantine.show("0" * 33) is None


def test_the_list_is_in_the_order_of_arrival_and_comes_in_pages(quarantine):
    quarantine.add([bad(b"%d" % number, stream=f"s{number % 2}") for number in range(7)])
    seen, after = [], None
    while page := quarantine.list(after=after, limit=3):
        seen += [int(record.raw) for record in page]
        after = page[-1].id
    assert seen == list(range(7))
    assert [int(record.raw) for record in quarantine.list(instance="guardian", stream="s1")] == [1, 3, 5]
    assert quarantine.list(instance="other") == []


# -- space ------------------------------------------------------------------------------------------------------------


def test_an_instance_that_fills_its_share_is_counted_and_crowds_out_no_other(path, redactor):
    with Quarantine(path, redactor, share=100) as quarantine:
        added = quarantine.add([bad(b"%03d" % number + b"." * 37) for number in range(5)])
        assert added == Added(stored=2, duplicate=0, overflow=3)
        assert quarantine.add([bad(b"small")]).stored == 1
        assert quarantine.add([bad(b"x" * 90, instance="other")]).stored == 1
        assert quarantine.counts() == [
            Count("guardian", "assets", waiting=3, retried=0, dropped=0, overflow=3),
            Count("other", "assets", waiting=1, retried=0, dropped=0, overflow=0),
        ]


def test_settled_records_give_their_space_back(path, redactor):
    with Quarantine(path, redactor, share=100) as quarantine:
        for settle in (quarantine.drop, quarantine.mark_retried):
            quarantine.add([bad(os.urandom(90))])
            assert quarantine.add([bad(os.urandom(90))]).overflow == 1
            settle([quarantine.list()[0].id])
        assert quarantine.add([bad(os.urandom(90))]).stored == 1


def test_huge_texts_about_a_record_are_cut(quarantine):
    quarantine.add([bad(error="e" * 100_000, path="p" * 100_000, native_id="n" * 100_000)])
    (record,) = quarantine.list()
    assert {len(record.error), len(record.path), len(record.native_id)} == {4096}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 5)),
        st.tuples(st.sampled_from(["drop", "retried", "failed"]), st.integers(0, 5)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_the_counts_always_add_up(tmp_path_factory, sequence):
    with Quarantine(tmp_path_factory.mktemp("q") / "q.sqlite", Redactor(), share=30) as quarantine:
        seen, overflow = set(), 0
        for what, number in sequence:
            raw = b"%d" % number * 10
            id = record_id("guardian", "assets", raw).hex()
            if what == "add":
                added = quarantine.add([bad(raw)])
                assert added.stored + added.duplicate + added.overflow == 1
                overflow += added.overflow
                if added.stored:
                    seen.add(id)
            elif what == "drop":
                quarantine.drop([id])
            else:
                quarantine.mark_retried([id], succeeded=what == "retried")
        total = sum(c.waiting + c.retried + c.dropped for c in quarantine.counts())
        assert total == len(seen) == len(quarantine.list(state=None))
        assert sum(c.overflow for c in quarantine.counts()) == overflow


# -- the file ---------------------------------------------------------------------------------------------------------


def test_everything_is_there_after_reopening(path, redactor):
    with Quarantine(path, redactor) as quarantine:
        quarantine.add([bad(b"a"), bad(b"b")])
        quarantine.drop([quarantine.list()[0].id])
        before = quarantine.counts(), quarantine.list(state=None)
    with Quarantine(path, redactor) as quarantine:
        assert (quarantine.counts(), quarantine.list(state=None)) == before


def test_a_file_of_a_later_version_is_left_alone(path, redactor):
    import apsw

    Quarantine(path, redactor).close()
    database = apsw.Connection(str(path))
    database.pragma("user_version", 99)
    database.close()
    with pytest.raises(StateTooNew):
        Quarantine(path, redactor)


def test_threads_and_a_reading_process_do_not_disturb_one_another(path, redactor):
    with Quarantine(path, redactor) as quarantine, Quarantine(path, redactor) as reader:
        failures = []

        def write(name):
            try:
                for number in range(25):
                    quarantine.add([bad(b"%d" % number, instance=name)])
                    reader.counts()
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(f"i{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert [count.waiting for count in reader.counts()] == [25] * 4
