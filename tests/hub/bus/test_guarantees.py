"""The numbered guarantees of `isthmus_hub.bus.api`, for every engine. Crashes and full disks have files of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.bus.filling import STREAM, fill

from isthmus_hub.bus import (
    EARLIEST,
    LATEST,
    Ack,
    BlockRefused,
    Bus,
    Offset,
    OffsetExpired,
    StorageFault,
    StreamCutShort,
    Time,
)

MakeBus = Callable[[], Bus]


def test_a_published_block_is_read_back_as_it_was_given(bus: Bus) -> None:
    ack = bus.publish(STREAM, [b"one", b"", b"\x00three"], block_id=b"id", key="ot/assets", meta=b"cursor")
    (block,) = bus.read(STREAM)
    assert (block.first, block.last) == (ack.first, ack.last) == (1, 3)
    assert block.entries == (b"one", b"", b"\x00three")
    assert (block.block_id, block.key, block.meta, block.damage) == (b"id", "ot/assets", b"cursor", "")


def test_what_was_published_is_there_after_reopening(make_bus: MakeBus) -> None:
    bus = make_bus()
    fill(bus, 3)
    before = bus.read(STREAM)
    bus.close()
    again = make_bus()
    assert again.read(STREAM) == before
    assert again.publish(STREAM, [b"x"], block_id=b"next").first == 7


def test_a_block_id_is_stored_once_and_answers_with_its_first_offsets(make_bus: MakeBus) -> None:
    bus = make_bus()
    first = bus.publish(STREAM, [b"a", b"b"], block_id=b"same", key="k", meta=b"old")
    fill(bus, 2)
    bus.close()
    repeated = make_bus().publish(STREAM, [b"other"], block_id=b"same", key="k", meta=b"new")
    assert repeated == Ack(first.first, first.last, duplicate=True)
    assert not first.duplicate


def test_a_repeated_block_does_not_move_the_newest_meta_back(bus: Bus) -> None:
    bus.publish(STREAM, [b"a"], block_id=b"1", key="k", meta=b"cursor 1")
    bus.publish(STREAM, [b"b"], block_id=b"2", key="k", meta=b"cursor 2")
    bus.publish(STREAM, [b"a"], block_id=b"1", key="k", meta=b"cursor 1")
    assert bus.latest(STREAM) == {"k": (2, b"cursor 2")}


def test_a_block_without_entries_takes_one_offset_and_moves_the_cursor(bus: Bus) -> None:
    bus.publish(STREAM, [b"a"], block_id=b"1", key="k", meta=b"cursor 1")
    ack = bus.publish(STREAM, [], block_id=b"2", key="k", meta=b"cursor 2")
    assert (ack.first, ack.last) == (2, 2)
    assert bus.read(STREAM, 2)[0].entries == ()
    assert bus.latest(STREAM) == {"k": (2, b"cursor 2")}
    assert bus.publish(STREAM, [b"b"], block_id=b"3").first == 3


def test_latest_answers_for_keys_with_a_prefix_taken_literally(bus: Bus) -> None:
    for key in ("edr/alerts", "edr/machines", "edr_2/alerts", "édr/alerts", "EDR/alerts", "edr%/x"):
        bus.publish(STREAM, [b"x"], block_id=key.encode(), key=key, meta=key.encode())
    assert set(bus.latest(STREAM, "edr/")) == {"edr/alerts", "edr/machines"}
    assert set(bus.latest(STREAM, "edr%")) == {"edr%/x"}
    assert set(bus.latest(STREAM, "é")) == {"édr/alerts"}
    assert len(bus.latest(STREAM)) == 6


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=12), start=st.integers(1, 60), limit=st.integers(1, 4))
def test_offsets_have_no_holes_and_reading_may_begin_anywhere(
    make_bus: MakeBus, sizes: list[int], start: int, limit: int
) -> None:
    bus = make_bus()
    stream = f"s{abs(hash((tuple(sizes), start, limit)))}"
    expected: dict[int, bytes] = {}
    for number, size in enumerate(sizes):
        entries = [f"{number}/{entry}".encode() for entry in range(size)]
        ack = bus.publish(stream, entries, block_id=str(number).encode())
        assert ack.last - ack.first + 1 == max(size, 1)
        expected |= dict(zip(range(ack.first, ack.last + 1), entries or [b""], strict=True))
    assert list(expected) == list(range(1, bus.end(stream) + 1))
    read: dict[int, bytes] = {}
    position = start = min(start, bus.end(stream) + 1)
    while blocks := bus.read(stream, position, limit):
        assert len(blocks) <= limit
        for block in blocks:
            assert block.first == position
            read |= dict(zip(range(block.first, block.last + 1), block.entries or (b"",), strict=True))
            position = block.last + 1
    assert read == {offset: entry for offset, entry in expected.items() if offset >= start}
    bus.close()


def test_threads_that_publish_at_once_lose_nothing_and_keep_their_own_order(bus: Bus) -> None:
    def publish(thread: int) -> list[Ack]:
        return fill(bus, 25, size=3, key=f"k{thread}", tag=f"t{thread}")

    with ThreadPoolExecutor(8) as pool:
        acks = [ack for result in pool.map(publish, range(8)) for ack in result]
    blocks = bus.read(STREAM, limit_blocks=1_000)
    assert sorted(ack.first for ack in acks) == [block.first for block in blocks] == list(range(1, 601, 3))
    for thread in range(8):
        mine = [block.entries[0] for block in blocks if block.key == f"k{thread}"]
        assert mine == [f"t{thread} {number} entry 0".encode() for number in range(25)]


def test_the_same_block_from_many_threads_is_stored_once(bus: Bus) -> None:
    with ThreadPoolExecutor(8) as pool:
        acks = list(pool.map(lambda _: bus.publish(STREAM, [b"a", b"b"], block_id=b"same"), range(32)))
    assert {(ack.first, ack.last) for ack in acks} == {(1, 2)}
    assert sum(not ack.duplicate for ack in acks) == 1
    assert bus.end(STREAM) == 2


def test_another_connection_to_the_same_bus_reads_and_publishes(make_bus: MakeBus) -> None:
    ours, theirs = make_bus(), make_bus()
    fill(ours, 2)
    assert [block.first for block in theirs.read(STREAM)] == [1, 3]
    assert theirs.publish(STREAM, [b"x"], block_id=b"theirs").first == 5
    assert ours.publish(STREAM, [b"x"], block_id=b"theirs").duplicate
    assert ours.publish(STREAM, [b"y"], block_id=b"ours").first == 6


def test_wait_returns_when_somebody_publishes(make_bus: MakeBus) -> None:
    ours, theirs = make_bus(), make_bus()
    for publisher in (ours, theirs):
        after = ours.end(STREAM)
        thread = threading.Thread(
            target=publisher.publish, args=(STREAM, [b"x"]), kwargs={"block_id": str(after).encode()}
        )
        thread.start()
        assert ours.wait(STREAM, after, timeout=30)
        thread.join()


def test_wait_gives_up_after_its_time_and_answers_at_once_when_there_is_something(bus: Bus) -> None:
    assert not bus.wait(STREAM, 0, timeout=0.01)
    fill(bus, 1)
    assert bus.wait(STREAM, 1, timeout=0)
    assert not bus.wait(STREAM, 2, timeout=0)


def test_a_position_beyond_the_end_of_a_stream_is_told_and_not_waited_for(bus: Bus) -> None:
    with pytest.raises(StreamCutShort, match="ends at offset 0, and 7 was asked for"):
        bus.read(STREAM, 7)
    fill(bus, 2)
    assert bus.read(STREAM, 5) == []
    with pytest.raises(StreamCutShort, match="read the sources again") as raised:
        bus.read(STREAM, 6)
    assert (raised.value.asked, raised.value.last) == (6, 4)
    with pytest.raises(StreamCutShort, match="6 was asked for"):
        bus.wait(STREAM, 5, timeout=60)
    assert not bus.wait(STREAM, 4, timeout=0)
    bus.retain(STREAM, max_bytes=0)
    assert bus.read(STREAM, 5) == []
    for timeout in (0, 60):
        with pytest.raises(StreamCutShort, match="6 was asked for"):
            bus.wait(STREAM, 5, timeout=timeout)
    with pytest.raises(StreamCutShort):
        bus.subscribe(STREAM, None, from_=Offset(9))
    bus.commit(STREAM, "resolve", 9)
    with pytest.raises(StreamCutShort):
        bus.subscribe(STREAM, "resolve")


def test_a_position_on_a_stream_that_is_gone_is_told_and_not_waited_for(bus: Bus) -> None:
    with pytest.raises(StreamCutShort, match="ends at offset 0, and 8 was asked for"):
        bus.wait(STREAM, 7, timeout=60)


def test_an_idle_subscription_is_told_that_its_stream_was_cut_short(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, None)
    assert subscription.poll()[-1].last == 4
    subscription.position = 6
    with pytest.raises(StreamCutShort):
        subscription.poll(timeout=60)


def test_a_group_is_not_set_to_where_nothing_can_come(bus: Bus) -> None:
    fill(bus, 2)
    with pytest.raises(StreamCutShort):
        bus.seek(STREAM, "resolve", Offset(6))
    assert bus.groups(STREAM) == []
    assert bus.seek(STREAM, "resolve", Offset(5)) == 4


@pytest.mark.parametrize("parts", [1, 2])
def test_health_names_a_group_that_holds_a_position_beyond_the_end(bus: Bus, parts: int) -> None:
    fill(bus, 2)
    bus.subscribe(STREAM, "resolve", partition=(0, parts))
    assert bus.health().warnings == ()
    bus.commit_part(STREAM, "resolve", parts - 1, parts, 4)
    assert bus.health().warnings == ()
    bus.commit_part(STREAM, "resolve", parts - 1, parts, 9)
    (warning,) = bus.health().warnings
    assert "ends at offset 4, and group resolve has read 5 entries more" in warning


# -- groups --------------------------------------------------------------------------------------------------------------


def test_a_group_gets_again_what_it_did_not_commit(make_bus: MakeBus) -> None:
    bus = make_bus()
    fill(bus, 4)
    subscription = bus.subscribe(STREAM, "resolve", max_blocks=2)
    first, second = subscription.poll(), subscription.poll()
    subscription.commit(first[-1].last)
    bus.close()
    again = make_bus().subscribe(STREAM, "resolve")
    assert again.poll() == second
    assert again.poll() == []


def test_commit_never_moves_back_but_seek_does(bus: Bus) -> None:
    fill(bus, 3)
    bus.subscribe(STREAM, "resolve").commit(5)
    bus.commit(STREAM, "resolve", 2)
    assert bus.groups(STREAM)[0].position == 5
    assert bus.seek(STREAM, "resolve", Offset(3)) == 2
    assert [(group.position, group.lag) for group in bus.groups(STREAM)] == [(2, 4)]
    assert bus.seek(STREAM, "resolve", LATEST) == 6


def test_a_commit_inside_a_block_goes_on_with_the_next_entry(bus: Bus) -> None:
    fill(bus, 1, size=4)
    bus.subscribe(STREAM, "resolve").commit(2)
    (block,) = bus.subscribe(STREAM, "resolve").poll()
    assert (block.first, block.last, block.entries) == (3, 4, (b"block 0 entry 2", b"block 0 entry 3"))


def test_where_a_new_group_begins(bus: Bus) -> None:
    fill(bus, 2)
    assert bus.subscribe(STREAM, "early", from_=EARLIEST).position == 0
    assert bus.subscribe(STREAM, "late", from_=LATEST).position == 4
    assert bus.subscribe(STREAM, "there", from_=Offset(3)).position == 2
    assert bus.subscribe(STREAM, "early", from_=LATEST).position == 0, "a known group keeps its position"
    assert bus.subscribe(STREAM, "late", from_=Offset(1)).position == 0, "an explicit offset is always obeyed"


def test_a_group_may_begin_at_a_time(bus: Bus) -> None:
    fill(bus, 40)
    blocks = bus.read(STREAM)
    for wanted in (blocks[0], blocks[17], blocks[39]):
        first = next(block for block in blocks if block.stored_at >= wanted.stored_at)
        assert bus.subscribe(STREAM, None, from_=Time(wanted.stored_at)).position == first.first - 1
    assert bus.subscribe(STREAM, None, from_=Time(blocks[-1].stored_at + 1)).position == 80
    assert bus.subscribe(STREAM, None, from_=Time(0)).position == 0


def test_stored_times_never_decrease_even_if_the_clock_does(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, moment in enumerate((1_000.0, 999.0, 1_001.0)):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        bus.publish(STREAM, [b"x"], block_id=str(number).encode())
    assert [block.stored_at for block in bus.read(STREAM)] == [1_000.0, 1_000.0, 1_001.0]


def test_reading_without_a_group_leaves_no_trace(bus: Bus) -> None:
    fill(bus, 2)
    subscription = bus.subscribe(STREAM, None)
    assert len(subscription.poll()) == 2
    subscription.commit(4)
    assert bus.groups(STREAM) == []


def test_iterating_a_subscription_ends_when_it_is_closed(bus: Bus) -> None:
    fill(bus, 3)
    seen = []
    with bus.subscribe(STREAM, "tail", max_blocks=1) as subscription:
        for batch in subscription:
            seen += batch
            if len(seen) == 3:
                subscription.close()
    assert [block.first for block in seen] == [1, 3, 5]


def test_a_closed_bus_says_so_to_whoever_still_waits(make_bus: MakeBus) -> None:
    bus = make_bus()
    subscription = bus.subscribe(STREAM, "tail")
    outcome: list[Exception] = []

    def read() -> None:
        try:
            for _ in subscription:
                pass
        except StorageFault as error:
            outcome.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    bus.close()
    bus.close()
    thread.join(timeout=30)
    assert "closed" in str(outcome[0])
    with pytest.raises(StorageFault, match="closed"):
        bus.publish(STREAM, [b"x"], block_id=b"1")


def test_a_forgotten_group_is_gone(bus: Bus) -> None:
    bus.subscribe(STREAM, "old")
    assert bus.forget(STREAM, "old")
    assert not bus.forget(STREAM, "old")
    assert bus.groups(STREAM) == []


# -- retention -----------------------------------------------------------------------------------------------------------


def test_retention_by_size_keeps_the_newest_and_reports_an_expired_offset(bus: Bus) -> None:
    fill(bus, 10)
    whole = bus.health().streams[0].stored_bytes
    kept = bus.retain(STREAM, max_bytes=whole // 2)
    assert 0 < kept.blocks < 10
    assert bus.health().streams[0].stored_bytes <= whole // 2
    assert bus.read(STREAM)[0].first == kept.first == 2 * kept.blocks + 1
    with pytest.raises(OffsetExpired) as raised:
        bus.read(STREAM, 1)
    assert (raised.value.asked, raised.value.first) == (1, kept.first)
    with pytest.raises(OffsetExpired):
        bus.subscribe(STREAM, "new", from_=Offset(1))


def test_retention_by_age_removes_what_is_older(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("time.time", lambda: now)
    fill(bus, 2, tag="old")
    now = 2_000.0
    fill(bus, 2, tag="new")
    assert bus.retain(STREAM, max_age=500).blocks == 2
    assert bus.read(STREAM)[0].entries[0] == b"new 0 entry 0"


def test_retention_keeps_what_a_group_has_not_committed(bus: Bus) -> None:
    fill(bus, 5)
    bus.subscribe(STREAM, "fast").commit(10)
    bus.subscribe(STREAM, "slow").commit(4)
    assert bus.retain(STREAM, max_bytes=0).blocks == 2
    assert bus.subscribe(STREAM, "slow").poll()[0].first == 5


def test_after_retention_latest_ids_and_offsets_go_on(make_bus: MakeBus) -> None:
    bus = make_bus()
    fill(bus, 5)
    bus.retain(STREAM, max_bytes=0)
    bus.close()
    bus = make_bus()
    assert bus.read(STREAM) == []
    assert bus.latest(STREAM) == {"edr/alerts": (10, b"cursor 4")}
    assert bus.publish(STREAM, [b"again"], block_id=b"block-0").duplicate
    assert bus.publish(STREAM, [b"next"], block_id=b"next").first == 11
    assert bus.check().ok


def test_ids_of_removed_blocks_are_kept_up_to_a_number(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.bus._retention.KEEP_IDS", 4)
    fill(bus, 6)
    bus.commit(STREAM, "resolve", 10)
    bus.retain(STREAM, max_bytes=0)
    duplicates = [
        bus.publish(STREAM, [b"x"], block_id=f"block-{number}".encode()).duplicate for number in (5, 4, 3, 2, 1, 0)
    ]
    assert duplicates == [True, True, True, True, False, False]


def test_a_removed_stream_of_many_blocks_leaves_room_for_new_ones(bus: Bus) -> None:
    fill(bus, 1_200, size=1)
    assert bus.retain(STREAM, max_bytes=0).blocks == 1_200
    assert bus.check().ok


# -- refusals and reports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Observed", "../x", "a b", "a/b", "x" * 65, "-a"])
def test_stream_names_that_are_no_file_names_are_refused(bus: Bus, name: str) -> None:
    with pytest.raises(BlockRefused, match="stream name"):
        bus.publish(name, [b"x"], block_id=b"1")


def test_a_block_needs_an_id_and_must_not_be_enormous(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BlockRefused, match="block id"):
        bus.publish(STREAM, [b"x"], block_id=b"")
    monkeypatch.setattr("isthmus_hub.bus.api.MAX_BLOCK_BYTES", 10)
    with pytest.raises(BlockRefused, match="split it"):
        bus.publish(STREAM, [b"123456", b"78901"], block_id=b"1")
    assert bus.end(STREAM) == 0


def test_a_read_of_large_blocks_stops_early_but_always_moves(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_hub.bus._values.READ_BYTES", 100)
    for number in range(5):
        bus.publish(STREAM, [b"x" * 60], block_id=str(number).encode())
    assert [block.first for block in bus.read(STREAM)] == [1, 2]
    monkeypatch.setattr("isthmus_hub.bus._values.READ_BYTES", 1)
    assert [block.first for block in bus.read(STREAM, 3)] == [3]


def test_health_states_what_is_in_force(bus: Bus) -> None:
    fill(bus, 3)
    bus.publish("resolved", [b"x"], block_id=b"1")
    bus.subscribe(STREAM, "resolve").commit(2)
    health = bus.health()
    durability = {"memory": "volatile", "sqlite": "flushed", "jetstream": "flushed"}[health.engine]
    assert (health.durability, health.accepting, health.warnings) == (durability, True, ())
    observed, resolved = health.streams
    assert (observed.name, observed.first, observed.last, observed.blocks) == (STREAM, 1, 6, 3)
    assert [(group.name, group.lag) for group in observed.groups] == [("resolve", 4)]
    assert (resolved.name, resolved.last) == ("resolved", 1)


def test_a_stream_nobody_wrote_to_is_empty_and_is_not_created_by_looking(bus: Bus) -> None:
    assert bus.read("nothing") == []
    assert bus.end("nothing") == 0
    assert bus.latest("nothing") == {}
    assert bus.groups("nothing") == []
    assert bus.streams() == []


def test_check_counts_what_is_stored(bus: Bus) -> None:
    fill(bus, 7, size=3)
    report = bus.check()
    assert report.ok
    assert (report.blocks, report.entries) == (7, 21)
