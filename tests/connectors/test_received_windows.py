"""Summaries of what is received: windows stay open in the spool, and never so long that nothing more can be received."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from isthmus_connectors.suricata.connector import suricata
from isthmus_sdk import stix
from isthmus_sdk.block import Block
from isthmus_sdk.protocol import Spooled
from isthmus_sdk.push import Message
from isthmus_sdk.push._spool import frame
from isthmus_sdk.run import Instance, StreamRun, Totals
from isthmus_sdk.settings import configure
from isthmus_sdk.stix import COMMUNICATION, Builder

AT = 1_777_888_800_000
Windows = dict[tuple[str, str, str], int]


class Spool:
    """A spool that grows, and the runs that read it."""

    def __init__(self, folder: Path, quota: int = 0) -> None:
        self.folder, self.quota = folder, quota
        self.data = b""
        self.windows: Windows = {}
        self.cursors: dict[str, bytes] = {}
        self.sent = 0

    def receive(self, count: int, *, minute: int = 0) -> None:
        """So many flows, all in the hour from 10:00 on unless minutes say otherwise."""
        for _ in range(count):
            self.sent += 1
            at = f"2026-05-04T{10 + minute // 60:02}:{minute % 60:02}:00+0000"
            event = {
                "event_type": "flow", "timestamp": at, "src_ip": "192.0.2.1", "dest_ip": "192.0.2.2", "dest_port": 502,
                "proto": "TCP", "flow": {"end": at, "bytes_toserver": self.sent},
            }  # fmt: skip
            self.data += frame(Message(body=b"<134>" + json.dumps(event).encode(), at=AT + self.sent, peer="192.0.2.9"))
        (self.folder / f"{0:020d}.spool").write_bytes(self.data)

    def run(self) -> Totals:
        """One run over what was received since."""
        blocks: list[Block] = []
        instance = Instance(
            hub="h",
            name="i",
            settings=configure(suricata.settings, {}, {}),
            make_builder=lambda at: Builder(source_id="s", connector="suricata", observed_at=at),
            spools={"flows": Spooled(str(self.folder), "one", len(self.data), self.quota)},
        )
        run = StreamRun(
            suricata.streams["flows"], instance, cursors=self.cursors, send=blocks.append, reject=lambda *_: None
        )
        totals = run.run()
        for block in blocks:
            for obj in map(stix.decode, block.objects):
                for window in (stix.facts(obj, COMMUNICATION) or {}).get("windows", ()):
                    self.windows[(obj["id"], window["start"], window.get("part", ""))] = window["connections"]
            self.cursors[block.partition] = block.cursor_after
        return totals

    @property
    def position(self) -> dict[str, Any]:
        return dict(msgspec.json.decode(self.cursors[""])["t"])


def test_an_open_window_is_read_again_and_stated_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for _ in range(3):
        spool.receive(5)
        assert spool.run().records == 5
    assert spool.position["off"] == 0
    assert list(spool.windows.values()) == [15]


def test_windows_that_hold_back_too_much_are_given_out_for_good_and_the_rest_is_added(tmp_path: Path) -> None:
    spool = Spool(tmp_path, quota=4_000)
    for _ in range(4):
        spool.receive(20)
        assert spool.run().records == 20
        assert spool.position["off"] == len(spool.data)  # all of it may be let go
    assert sum(spool.windows.values()) == spool.sent == 80
    assert {start for _, start, _ in spool.windows} == {"2026-05-04T10:00:00.000Z"}
    assert len(spool.windows) == 4


def test_a_run_that_was_lost_states_the_same_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, quota=4_000)
    spool.receive(20)
    spool.run()
    before, windows = dict(spool.cursors), dict(spool.windows)
    spool.receive(20)
    spool.run()
    once, after = dict(spool.windows), dict(spool.cursors)
    spool.cursors, spool.windows = before, windows
    spool.run()
    assert (spool.windows, spool.cursors) == (once, after)


@pytest.mark.parametrize("quota", [0, 4_000])
def test_hours_go_by_and_every_flow_is_counted_once(tmp_path: Path, quota: int) -> None:
    spool = Spool(tmp_path, quota)
    for minute in range(0, 400, 25):
        spool.receive(4, minute=minute)
        spool.run()
    assert sum(spool.windows.values()) == spool.sent
    assert len({start for _, start, _ in spool.windows}) == 7
    assert len(spool.data) - spool.position["off"] < 3_000
