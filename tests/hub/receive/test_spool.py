"""The spool: what was appended is there after any crash, in order, once; what cannot be stored is refused whole."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from isthmus_hub.receive import Spool, SpoolFull
from isthmus_hub.receive import _spool as module
from isthmus_hub.receive._spool import delivery_digest
from isthmus_sdk.push import Message
from isthmus_sdk.push._spool import frame, read


def message(text: str, delivery: str = "") -> Message:
    return Message(body=text.encode(), at=1, peer="p", delivery=delivery_digest(delivery) if delivery else b"")


def bodies(folder: Path, offset: int = 0, until: int | None = None) -> list[str]:
    return [found.message.body.decode() if found.message else "?" for found in read(folder, offset, until)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def opened(folder: Path, quota: int = 1 << 20) -> Spool:
    return Spool(folder, quota=quota)


def test_what_was_appended_is_there_when_it_is_opened_again_under_the_same_id(folder: Path) -> None:
    first = opened(folder)
    first.append([message("a"), message("b")])
    again = opened(folder)
    again.append([message("c")])
    assert again.id == first.id
    assert bodies(folder) == ["a", "b", "c"]
    assert bodies(folder, 0, first.end) == ["a", "b"]


def test_a_write_cut_anywhere_leaves_what_was_acknowledged_and_room_for_more(folder: Path) -> None:
    spool = opened(folder)
    spool.append([message("kept")])
    segment = next(folder.glob("*.spool"))
    whole, torn = segment.read_bytes(), frame(message("never acknowledged"))
    for length in range(len(torn)):
        for tail in (torn[:length], bytes(length)):
            segment.write_bytes(whole + tail)
            again = opened(folder)
            again.append([message("next")])
            assert bodies(folder) == ["kept", "next"], length
            again.close()


@pytest.mark.parametrize("at", range(0, 48, 3))
def test_a_flipped_bit_is_named_and_what_came_before_and_comes_after_is_there(folder: Path, at: int) -> None:
    spool = opened(folder)
    spool.append([message("one")])
    spool.append([message("two")])
    segment = next(folder.glob("*.spool"))
    data = bytearray(segment.read_bytes())
    data[at] ^= 4
    segment.write_bytes(data)
    again = opened(folder)
    again.append([message("three")])
    first = len(frame(message("one")))
    before = ["one"] if at >= first else []
    assert bodies(folder) == [*before, "?", "three"]
    found = [one for one in read(folder, 0) if one.message is None]
    assert [one.excerpt for one in found] == [bytes(data[first:] if before else data)]


def test_a_delivery_that_is_known_is_stored_once_also_after_a_restart_and_after_it_was_let_go(folder: Path) -> None:
    spool = opened(folder)
    assert spool.append([message("a", "id-1"), message("a", "id-1")]) == 1
    assert opened(folder).append([message("a", "id-1")]) == 1
    spool = opened(folder)
    spool.trim(spool.end)
    assert (bodies(folder), spool.bytes) == ([], 0)
    assert opened(folder).append([message("a", "id-1"), message("b", "id-2")]) == 1
    assert bodies(folder) == ["b"]


def test_what_is_let_go_is_only_what_was_read_and_offsets_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT", 1)
    spool = opened(folder)
    ends = []
    for name in "abcd":
        spool.append([message(name)])
        ends.append(spool.end)
    spool.trim(ends[1])
    assert bodies(folder) == ["c", "d"]
    spool.trim(ends[2] - 1)
    assert bodies(folder) == ["c", "d"]
    spool.trim(ends[3])
    spool.append([message("e")])
    assert bodies(folder, ends[3]) == ["e"]
    assert opened(folder).end == spool.end > ends[3]


def test_beyond_the_quota_everything_of_a_call_is_refused_and_fits_again_once_there_is_room(folder: Path) -> None:
    spool = opened(folder, quota=100)
    spool.append([message("x" * 40)])
    with pytest.raises(SpoolFull, match="quota is 100"):
        spool.append([message("a"), message("y" * 60)])
    spool.append([message("z")])
    assert bodies(folder) == ["x" * 40, "z"]
    spool.trim(spool.end)
    spool.append([message("y" * 60)])


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_disk_that_is_full_or_fails_refuses_and_leaves_nothing_half(
    folder: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(folder)
    spool.append([message("before")])

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        for _ in range(3):
            with pytest.raises(SpoolFull, match="No space left"):
                spool.append([message("lost", "id-1")])
    assert spool.append([message("after", "id-1")]) == 0
    assert bodies(folder) == ["before", "after"]
    assert bodies(folder, 0, opened(folder).end) == ["before", "after"]


def test_many_threads_share_flushes_and_nobody_is_told_before_it_is_durable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes, real, told = [], os.fdatasync, []

    def slow(descriptor: int) -> None:
        real(descriptor)
        flushes.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fdatasync", slow)
    spool = opened(folder)
    barrier = threading.Barrier(16)

    def send(number: int) -> None:
        barrier.wait()
        for turn in range(20):
            spool.append([message(f"{number}-{turn}")])
            told.append(f"{number}-{turn}")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bodies(folder)) == sorted(told)
    assert len(flushes) <= len(told) == 320
    for number in range(16):
        mine = [text for text in bodies(folder) if text.startswith(f"{number}-")]
        assert mine == [f"{number}-{turn}" for turn in range(20)]


def test_a_disk_that_lost_what_it_promised_does_not_make_new_messages_look_read(folder: Path) -> None:
    spool = opened(folder)
    spool.append([message("a")])
    spool.skip_to(1000)
    spool.append([message("b")])
    assert bodies(folder, 1000) == ["b"]
