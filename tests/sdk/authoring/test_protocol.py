"""Frames: bounded, whole, and checked where they arrive."""

from __future__ import annotations

import os
import threading
from typing import Any

import msgspec
import pytest

from isthmus_sdk import protocol
from isthmus_sdk.block import BLOCK_BYTES, Block, block_id, parts
from isthmus_sdk.errors import ProtocolError


@pytest.fixture
def pipe() -> Any:
    read, write = os.pipe()
    yield read, write
    for descriptor in (read, write):
        try:
            os.close(descriptor)
        except OSError:
            pass


def test_frames_survive_the_pipe_even_if_several_threads_write(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = protocol.FrameWriter(write)
    texts = [str(n) * 50_000 for n in range(8)]
    threads = [threading.Thread(target=writer.write, args=(protocol.Log(level="info", event=text),)) for text in texts]
    for thread in threads:
        thread.start()
    seen = set()
    for _ in texts:
        body = protocol.read_frame(read)
        assert body is not None
        frame = protocol.decode_worker(body)
        assert isinstance(frame, protocol.Log)
        seen.add(frame.event)
    for thread in threads:
        thread.join()
    assert seen == set(texts)


def test_a_block_frame_is_a_block() -> None:
    frame = protocol.BlockFrame(
        block_id=b"1" * 16, stream="s", cursor_before=b"a", cursor_after=b"b", observed_at="t", objects=[b"{}"]
    )
    back = protocol.decode_worker(protocol.encode(frame)[4:])
    assert isinstance(back, Block)
    assert back.objects == [b"{}"]


def test_the_end_between_frames_is_an_end_and_within_a_frame_an_error(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, protocol.encode(protocol.Check())[:-1])
    os.close(write)
    with pytest.raises(ProtocolError, match="middle"):
        protocol.read_frame(read)
    assert protocol.read_frame(read) is None


def test_a_length_above_the_cap_is_refused_before_anything_is_read(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, b"\xff\xff\xff\xff")
    with pytest.raises(ProtocolError, match="4294967295"):
        protocol.read_frame(read)


def test_a_frame_above_the_cap_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="log frame"):
        protocol.encode(protocol.Log(level="info", event="x" * protocol.FRAME_BYTES))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"type": "nonsense"}),
        msgspec.msgpack.encode({"type": "done"}),
        msgspec.msgpack.encode({"type": "done", "stream": 5}),
        msgspec.msgpack.encode(["a"]),
        b"\x91" * 100_000 + b"\x90",
    ],
)
def test_a_broken_frame_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.decode_worker(body)
    with pytest.raises(ProtocolError):
        protocol.decode_hub(body)


def test_a_broken_frame_is_not_repeated_in_the_error() -> None:
    body = msgspec.msgpack.encode({"type": "configure", "hub": "h", "instance": "i", "secrets": "hunter2-hunter2"})
    with pytest.raises(ProtocolError) as error:
        protocol.decode_hub(body)
    assert "hunter2" not in str(error.value)


def test_unknown_fields_of_a_later_release_are_left_out() -> None:
    body = msgspec.msgpack.encode({"type": "run", "stream": "alerts", "later": 1})
    assert protocol.decode_hub(body) == protocol.Run(stream="alerts")


def test_block_ids_tell_every_part_apart() -> None:
    base: tuple[Any, ...] = ("hub", "instance", "stream", "print", b"before", [b"one", b"two"])
    ids = {block_id(*base)}
    for position, other in enumerate(["x", "x", "x", "x", b"x", [b"onet", b"wo"]]):
        ids.add(block_id(*base[:position], other, *base[position + 1 :]))
    ids.add(block_id("hubi", "nstance", *base[2:]))
    assert len(ids) == 8
    assert block_id(*base) == block_id(*base)


def test_a_big_page_is_cut_into_blocks_that_keep_every_object_in_order() -> None:
    objects = [bytes([65 + n]) * (BLOCK_BYTES // 3) for n in range(7)]
    cut = parts(objects)
    assert [encoded for part in cut for encoded in part] == objects
    assert all(sum(map(len, part)) <= BLOCK_BYTES for part in cut)
    assert parts([]) == [[]]
