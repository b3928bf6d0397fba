"""Exports, ids and their entities, and lists that have not changed, as a run sees them: what is stored, counted, resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from pydantic import BaseModel
from tests.sdk.http.conftest import QuickTimer, server_context
from tests.sdk.http.server import Exchange, HostileServer, json_page, raw, redirect, status

from isthmus_sdk import Builder, Connector, Settings, Url
from isthmus_sdk.block import Block
from isthmus_sdk.commands.check import check_instance
from isthmus_sdk.commands.map import builder_factory
from isthmus_sdk.errors import Unreachable
from isthmus_sdk.http import Basic, Entities, Export, Http
from isthmus_sdk.manifest import Manifest
from isthmus_sdk.run import VANISHED, Instance, StreamRun, Totals
from isthmus_sdk.scope import scope_finder

AT = "2026-05-01T10:00:00Z"


class Device(BaseModel):
    id: str
    changed: str = AT


class Place(Settings):
    base_url: Url


class Stopped(Exception):
    """The run dies here."""


class Log:
    """Blocks of one stream, as a hub would keep them: the newest cursor is all a later run knows."""

    def __init__(self, connector: Connector[Place], url: str, *, die_after: int = 0) -> None:
        self.connector, self.url = connector, url
        self.blocks: list[Block] = []
        self.die_after = die_after

    def run(self, stream: str, **options: Any) -> Totals:
        instance = self.instance()
        cursors = {self.blocks[-1].partition: self.blocks[-1].cursor_after} if self.blocks else {}
        run = StreamRun(
            self.connector.streams[stream],
            instance,
            cursors=cursors,
            send=self._send,
            reject=lambda *_: None,
            **options,
        )
        return run.run()

    def instance(self) -> Instance:
        http = Http(base_url=self.url, timer=QuickTimer(), auth=Basic("hub", "s3cret-value"))
        return Instance(
            hub="h",
            name="i",
            settings=Place(base_url=Url(self.url)),
            make_builder=builder_factory(self.connector, "s", scope_finder([], "i")),
            connect=lambda: http,
        )

    def _send(self, block: Block) -> None:
        if self.die_after and len(self.blocks) == self.die_after:
            raise Stopped
        self.blocks.append(block)

    @property
    def names(self) -> set[str]:
        objects = (json.loads(each) for block in self.blocks for each in block.objects)
        return {each["name"] for each in objects if each["type"] == "infrastructure"}


@pytest.fixture
def vendor() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def connector(version: str = "1.0") -> Connector[Place]:
    made = Connector("made.up", settings=Place)
    made._manifest = Manifest(kind="connector", name="made-up", version=version, sdk_api=">=1,<2")

    def mapped(stream: Any) -> None:
        @stream.maps
        def to_stix(device: Device, stix: Builder) -> Any:
            return stix.asset(device.id, name=device.id, modified=device.changed)

    export = Export(job="job", status="exports/{job}", chunks="chunks", chunk="exports/{job}/{chunk}")
    details = Entities("devices", items="devices", batch=2)
    for name, options in (
        ("exported", {"cursor": "changed"}),
        ("listed", {}),
        ("whole", {"snapshot": True}),
        ("two", {"snapshot": True}),
    ):
        calls: dict[str, Callable[[Any], Any]] = {
            "exported": lambda ctx: ctx.pages("exports", method="POST", json={}, items="", next=export),
            "listed": lambda ctx: ctx.pages("ids", items="ids", then=details),
            "whole": lambda ctx: ctx.pages("all", items="", conditional=True),
            "two": _two,
        }
        mapped(made.stream(name, model=Device, **options)(calls[name]))  # type: ignore[arg-type]
    return made


def _two(ctx: Any) -> Any:
    yield from ctx.pages("all", items="", conditional=True)
    yield from ctx.pages("more", items="", conditional=True)


class Exporter:
    """Jobs of four chunks that are ready at the second look; a job may be forgotten."""

    def __init__(self, vendor: HostileServer) -> None:
        self.started = 0
        self.vendor = vendor
        self.forgotten: set[str] = set()
        vendor.on("/exports", self._start)

    def _start(self, exchange: Exchange) -> None:
        self.started += 1
        job = f"j{self.started}"
        looks = iter(["QUEUED", *["FINISHED"] * 1000])

        def look(exchange: Exchange) -> None:
            if job in self.forgotten:
                status(404)(exchange)
            else:
                json_page({"status": next(looks), "chunks": [1, 2, 3, 4]})(exchange)

        self.vendor.on(f"/exports/{job}", look)
        for chunk in (1, 2, 3, 4):
            rows = [{"id": f"d{chunk}.{number}"} for number in range(3)]
            self.vendor.on(f"/exports/{job}/{chunk}", json_page(rows))
        json_page({"job": job})(exchange)


EVERY = {f"d{chunk}.{number}" for chunk in (1, 2, 3, 4) for number in range(3)}


@pytest.mark.parametrize("die_after", [1, 2, 3, 4])
def test_an_export_that_was_killed_anywhere_goes_on_with_the_same_job(vendor: HostileServer, die_after: int) -> None:
    exporter = Exporter(vendor)
    log = Log(connector(), vendor.url, die_after=die_after)
    with pytest.raises(Stopped):
        log.run("exported")
    log.die_after = 0
    totals = log.run("exported")
    assert (totals.complete, totals.resumed) == (True, True)
    assert log.names == EVERY
    assert exporter.started == 1
    fetched = [exchange.path for exchange in vendor.requests if exchange.path.count("/") == 3]
    assert len(fetched) <= 5


def test_an_export_that_the_vendor_forgot_is_started_anew_in_the_same_run(vendor: HostileServer) -> None:
    exporter = Exporter(vendor)
    log = Log(connector(), vendor.url, die_after=3)
    with pytest.raises(Stopped):
        log.run("exported")
    log.die_after = 0
    exporter.forgotten.add("j1")
    assert log.run("exported").complete
    assert exporter.started == 2
    assert log.names == EVERY


def test_ids_that_vanish_are_in_the_account_of_the_run(vendor: HostileServer) -> None:
    vendor.on("/ids", json_page({"ids": ["a", "b", "c"]}))

    def entities(exchange: Exchange) -> None:
        json_page({"devices": [{"id": each} for each in json.loads(exchange.body)["ids"] if each != "b"]})(exchange)

    vendor.on("/devices", entities)
    log = Log(connector(), vendor.url)
    totals = log.run("listed")
    assert log.names == {"a", "c"}
    assert (totals.records, totals.mapped, dict(totals.ignored)) == (3, 2, {VANISHED: 1})
    assert sum(block.records for block in log.blocks) == 3


class Dump:
    """A whole list behind an ETag."""

    def __init__(self, vendor: HostileServer, path: str, *ids: str) -> None:
        self.ids = list(ids)
        self.path = path
        vendor.on(path, self._answer)

    def _answer(self, exchange: Exchange) -> None:
        tag = f'"{"-".join(self.ids)}"'
        if exchange.headers.get("if-none-match") == tag:
            raw(b"HTTP/1.1 304 Not Modified\r\n\r\n", then_close=False)(exchange)
        else:
            json_page([{"id": each} for each in self.ids], {"ETag": tag})(exchange)


def test_a_list_that_has_not_changed_leaves_no_trace(vendor: HostileServer) -> None:
    dump = Dump(vendor, "/all", "a", "b")
    log = Log(connector(), vendor.url)
    first = log.run("whole")
    stored = len(log.blocks)
    same = log.run("whole")
    assert len(first.snapshots) == 1
    assert (same.complete, same.records, same.snapshots, same.unproven) == (True, 0, [], "")
    assert len(log.blocks) == stored
    dump.ids.append("c")
    changed = log.run("whole")
    assert (changed.records, len(changed.snapshots)) == (3, 1)
    assert log.names == {"a", "b", "c"}


def test_what_another_version_of_the_connector_mapped_is_read_again(vendor: HostileServer) -> None:
    Dump(vendor, "/all", "a")
    log = Log(connector(), vendor.url)
    log.run("whole")
    log.connector = connector("1.1")
    assert log.run("whole").records == 1
    assert log.run("whole").records == 0


def test_a_hub_that_lacks_the_mark_of_a_snapshot_gets_the_whole_of_it(vendor: HostileServer) -> None:
    Dump(vendor, "/all", "a")
    log = Log(connector(), vendor.url)
    log.run("whole")
    assert len(log.run("whole", whole=True).snapshots) == 1


def test_an_inventory_of_which_a_part_was_not_sent_proves_no_absence(vendor: HostileServer) -> None:
    Dump(vendor, "/all", "a", "b")
    more = Dump(vendor, "/more", "c")
    log = Log(connector(), vendor.url)
    assert len(log.run("two").snapshots) == 1
    more.ids.append("d")
    second = log.run("two")
    assert second.snapshots == []
    assert "had not changed" in second.unproven
    assert log.names == {"a", "b", "c", "d"}


def test_a_page_that_was_not_stored_is_asked_for_as_if_it_were_new(vendor: HostileServer) -> None:
    dump = Dump(vendor, "/all", "a")
    log = Log(connector(), vendor.url)
    log.run("whole")
    dump.ids.append("b")
    log.die_after = len(log.blocks)
    with pytest.raises(Stopped):
        log.run("whole")
    log.die_after = 0
    log.run("whole")
    assert log.names == {"a", "b"}


def test_a_check_without_one_of_the_connectors_own_says_whether_the_address_answers(vendor: HostileServer) -> None:
    vendor.on("/", status(401), redirect("https://elsewhere.example/"))
    instance = Log(connector(), vendor.url).instance()
    first = check_instance(connector(), instance)
    assert first[0] == f"{vendor.url} answers with status 401"
    assert check_instance(connector(), instance)[0] == f"{vendor.url} answers"
    assert "authorization" not in vendor.requests[0].headers


def test_a_check_shows_the_fingerprint_of_a_certificate_that_is_not_trusted() -> None:
    with HostileServer(tls=server_context(trustme.CA().issue_cert("127.0.0.1"))) as appliance:
        with pytest.raises(Unreachable, match=r"shows sha256:[0-9a-f]{64}"):
            check_instance(connector(), Log(connector(), appliance.url).instance())
        assert appliance.requests == []
