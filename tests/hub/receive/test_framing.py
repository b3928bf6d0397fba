"""Syslog messages in a byte stream, cut anywhere: the same messages come out, and nothing grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_hub.receive._framing import Framed, Frames

LINE = st.binary(min_size=1, max_size=40).map(
    lambda raw: b"<13>" + raw.translate(None, b"\n\r\0"),
)
COUNTED = st.binary(min_size=1, max_size=40).map(lambda raw: b"<13>" + raw)


def cut(data: bytes, cuts: list[int], largest: int = 100) -> list[Framed]:
    frames = Frames(largest)
    out: list[Framed] = []
    at = 0
    for end in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        out += frames.feed(data[at:end])
        at = end
    return out + frames.close()


@given(st.lists(st.tuples(st.booleans(), COUNTED, LINE), max_size=12), st.lists(st.integers(0, 10_000), max_size=20))
def test_counted_messages_and_lines_side_by_side_come_out_whole_however_they_are_cut(sent, cuts) -> None:
    data = b"".join(b"%d %s" % (len(raw), raw) if counted else line + b"\n" for counted, raw, line in sent)
    wanted = [Framed(raw if counted else line) for counted, raw, line in sent]
    assert cut(data, cuts) == wanted


@given(st.binary(max_size=2000), st.lists(st.integers(0, 10_000), max_size=20))
def test_whatever_is_sent_the_buffer_stays_bounded_and_the_result_does_not_depend_on_the_cuts(data, cuts) -> None:
    frames = Frames(100)
    for at in range(0, len(data), 50):
        frames.feed(data[at : at + 50])
        assert len(frames._buffer) <= 100 + 50 + 11
    assert cut(data, cuts) == cut(data, [])


@pytest.mark.parametrize("counted", [True, False])
def test_of_one_that_is_too_large_the_beginning_is_kept_and_the_next_is_whole(counted: bool) -> None:
    long = b"<13>" + b"x" * 500
    data = (b"504 " + long + b"7 <13>abc") if counted else long + b"\n<13>abc\n"
    for size in (1, 7, 64, 1000):
        frames = Frames(100)
        out = [found for at in range(0, len(data), size) for found in frames.feed(data[at : at + size])]
        assert out == [Framed(long[:100], 504), Framed(b"<13>abc")]
        assert not frames.partial


def test_a_last_line_needs_no_end_and_a_counted_message_that_broke_off_is_told_as_such() -> None:
    assert cut(b"<13>one\n<13>two", []) == [Framed(b"<13>one"), Framed(b"<13>two")]
    assert cut(b"<13>one\0<13>two\0", []) == [Framed(b"<13>one"), Framed(b"<13>two")]
    assert cut(b"20 <13>short", []) == [Framed(b"20 <13>short", -1)]
    assert cut(b"504 <13>" + b"x" * 300, [])[0].whole == -1
    assert cut(b"\n\r\n\n", []) == []
