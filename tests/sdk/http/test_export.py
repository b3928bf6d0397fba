"""Exports: started once, waited for with patience, fetched chunk by chunk, taken up where they were left."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.sdk.http.conftest import QuickTimer
from tests.sdk.http.server import Behaviour, Exchange, HostileServer, json_page, login_page, status

from isthmus_sdk.errors import (
    ConfigurationError,
    CursorExpired,
    DeadlineExceeded,
    Interrupted,
    OriginRefused,
    TooLarge,
    UnexpectedReply,
)
from isthmus_sdk.http import Basic, Entities, Export, Http, Limits, pages
from isthmus_sdk.page import Page

Make = Callable[..., Http]
EXPORT = Export(job="uuid", status="vulns/{job}/status", chunks="available", chunk="vulns/{job}/chunks/{chunk}")
LINKS = Export(job="uuid", status="vulns/{job}/status", chunks="available", lines=True)


class Exporter:
    """A vendor that exports ``chunks``; a job is ready after ``looks`` looks at it."""

    def __init__(self, server: HostileServer, chunks: int = 3, looks: int = 2) -> None:
        self.server = server
        self.started = 0
        self.looks = looks
        self.words = ["QUEUED", "PROCESSING"]
        self.listed: list[Any] = list(range(1, chunks + 1))
        self.seen: dict[str, int] = {}
        server.on("/vulns", self._start)

    def _start(self, exchange: Exchange) -> None:
        self.started += 1
        job = f"job-{self.started}"
        self.seen[job] = 0
        self.server.on(f"/vulns/{job}/status", self._status(job))
        for chunk in range(1, 20):
            rows = [{"id": f"{chunk}.{number}"} for number in range(2)]
            self.server.on(f"/vulns/{job}/chunks/{chunk}", json_page(rows))
        json_page({"uuid": job})(exchange)

    def _status(self, job: str) -> Behaviour:
        def behave(exchange: Exchange) -> None:
            self.seen[job] += 1
            ready = self.seen[job] > self.looks
            state = "FINISHED" if ready else self.words[min(self.seen[job], len(self.words)) - 1]
            json_page({"status": state, "available": self.listed if ready else []})(exchange)

        return behave


def walk(http: Http, export: Export = EXPORT, resume: Any = None, items: str | None = "") -> list[Page]:
    body = {"filters": {"since": 0}}
    return list(pages(http, "vulns", method="POST", json=body, items=items, next=export, resume=resume))


def ids(found: Sequence[Page]) -> list[str]:
    return [json.loads(record)["id"] for page in found for record in page.records]


def every(chunks: Sequence[int]) -> list[str]:
    return [f"{chunk}.{number}" for chunk in chunks for number in range(2)]


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_an_export_is_waited_for_and_fetched(
    vendor: HostileServer, client: Make, timer: QuickTimer, chunks: int
) -> None:
    Exporter(vendor, chunks)
    found = walk(client(vendor.url, timer=timer))
    assert ids(found) == every(range(1, chunks + 1))
    assert [page.after is None for page in found] == [False] * (len(found) - 1) + [True]
    assert timer.waits == [2.0, 3.0]
    assert found[0].checkpoint


def test_pauses_grow_to_their_ceiling(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    Exporter(vendor, 1, looks=30)
    walk(client(vendor.url, timer=timer))
    assert timer.waits[-1] == max(timer.waits) == 60


def test_an_export_resumes_after_any_page_with_the_same_job(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    exporter = Exporter(vendor, 4)
    http = client(vendor.url, timer=timer)
    found = walk(http)
    for number, page in enumerate(found[:-1], start=1):
        rest = walk(http, resume=json.loads(json.dumps(page.after)))
        assert ids(found[:number]) + ids(rest) == every(range(1, 5))
    assert exporter.started == 1


def test_chunks_are_fetched_in_the_order_of_their_numbers_and_once(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    exporter = Exporter(vendor)
    exporter.listed = [10, 2, 1, 2]
    assert ids(walk(client(vendor.url, timer=timer))) == every([1, 2, 10])


@pytest.mark.parametrize("word", ["ERROR", "cancelled", "Expired"])
def test_an_export_that_fails_starts_anew(vendor: HostileServer, client: Make, timer: QuickTimer, word: str) -> None:
    Exporter(vendor).words = ["PROCESSING", word]
    with pytest.raises(CursorExpired, match=f"gave the export up \\({word.upper()}\\)"):
        walk(client(vendor.url, timer=timer))


@pytest.mark.parametrize("code", [400, 404, 410])
@pytest.mark.parametrize("what", ["status", "chunks/2"])
def test_a_job_or_chunk_that_the_vendor_forgot_starts_anew(
    vendor: HostileServer, client: Make, timer: QuickTimer, code: int, what: str
) -> None:
    Exporter(vendor)
    http = client(vendor.url, timer=timer)
    found = walk(http)
    vendor.on(f"/vulns/job-1/{what}", status(code))
    with pytest.raises(CursorExpired, match=rf"\({code}\); the walk starts anew"):
        walk(http, resume=found[1].after)


def test_other_chunks_than_before_start_anew(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    exporter = Exporter(vendor)
    http = client(vendor.url, timer=timer)
    found = walk(http)
    exporter.listed = [2, 3]
    with pytest.raises(CursorExpired, match="other chunks"):
        walk(http, resume=found[1].after)


def test_patience_ends_and_the_next_run_goes_on_waiting(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    exporter = Exporter(vendor, looks=10**6)
    http = client(vendor.url, timer=timer)
    walking = pages(http, "vulns", method="POST", json={}, items="", next=EXPORT)
    token = next(walking).after
    with pytest.raises(DeadlineExceeded, match="still PROCESSING after"):
        next(walking)
    assert 1700 < sum(timer.waits) < 1800
    exporter.looks = 0
    assert ids(walk(http, resume=token)) == every([1, 2, 3])
    assert exporter.started == 1


def test_a_job_that_never_ends_is_given_up_for_a_new_one(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    Exporter(vendor, looks=10**6)
    http = client(vendor.url, timer=timer)
    old = {**next(pages(http, "vulns", method="POST", json={}, items="", next=EXPORT)).after, "begun": 1}
    with pytest.raises(CursorExpired, match="too old"):
        walk(http, resume=old)


def test_a_wait_for_an_export_can_be_stopped(vendor: HostileServer, client: Make) -> None:
    Exporter(vendor, looks=10**6)
    stop = threading.Event()
    http = client(vendor.url, cancel=stop)
    walking = pages(http, "vulns", method="POST", json={}, items="", next=EXPORT)
    next(walking)
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Interrupted):
        next(walking)


def test_a_wait_for_an_export_ends_with_the_run(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    Exporter(vendor, looks=10**6)
    http = client(vendor.url, timer=timer)
    http.start_run(30)
    with pytest.raises(DeadlineExceeded):
        walk(http)


def test_the_export_that_is_running_is_used(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    exporter = Exporter(vendor)
    http = client(vendor.url, timer=timer)
    walk(http)
    vendor.on("/vulns", status(409, b'{"active": {"uuid": "job-1"}}'))
    export = Export(job="uuid", running="active.uuid", status=EXPORT.status, chunks="available", chunk=EXPORT.chunk)
    assert ids(walk(http, export)) == every([1, 2, 3])
    with pytest.raises(UnexpectedReply, match="409"):
        walk(http)
    assert exporter.started == 1


@pytest.mark.parametrize("job", [None, "", True, [], {}, "x" * 501])
def test_a_start_without_a_job_is_named(vendor: HostileServer, client: Make, job: object) -> None:
    vendor.on("/vulns", json_page({"uuid": job}))
    with pytest.raises(UnexpectedReply, match="no id of the export at 'uuid'"):
        walk(client(vendor.url))


@pytest.mark.parametrize("job", ["../../admin", "a/b", "a?b=c", "https://evil.example/", "%2e%2e"])
def test_a_jobs_id_cannot_lead_elsewhere(vendor: HostileServer, client: Make, job: str) -> None:
    vendor.on("/vulns", json_page({"uuid": job}))
    with pytest.raises((CursorExpired, OriginRefused)):
        walk(client(vendor.url))
    assert all(seen.path.startswith("/vulns") and seen.path.count("/") < 4 for seen in vendor.requests)


@pytest.mark.parametrize("listed", [7, "x", [{}], [None], [True], {"a": 1}])
def test_a_list_of_chunks_that_is_none_is_named(
    vendor: HostileServer, client: Make, timer: QuickTimer, listed: Any
) -> None:
    Exporter(vendor).listed = listed
    with pytest.raises(UnexpectedReply, match="no list of chunks at 'available'"):
        walk(client(vendor.url, timer=timer))


# -- links ---------------------------------------------------------------------------------------------------------


def storage(other: HostileServer, *, packed: bool = True) -> Callable[[int], str]:
    """Signed links to JSON lines; gives the link of a chunk in a generation."""
    for chunk in range(3):
        body = b"".join(b'{"id": "%d.%d"}\n' % (chunk, number) for number in range(2))
        content = gzip.compress(body) if packed else body
        other.on(f"/blob/{chunk}", status(200, content, {"Content-Type": "application/octet-stream"}))
    return lambda generation: f"?sig=s1gnature-{generation}"


@pytest.mark.parametrize("packed", [True, False])
def test_signed_links_are_fetched_without_the_credential(
    vendor: HostileServer, other: HostileServer, client: Make, timer: QuickTimer, packed: bool
) -> None:
    sign = storage(other, packed=packed)
    Exporter(vendor).listed = [f"{other.url}/blob/{chunk}{sign(1)}" for chunk in range(3)]
    http = client(vendor.url, timer=timer, auth=Basic("hub", "s3cret-value"), origins=[other.url])
    found = walk(http, LINKS)
    assert ids(found) == every(range(3))
    assert all("authorization" not in exchange.headers for exchange in other.requests)
    assert all("s1gnature" not in json.dumps(page.after) and "s1gnature" not in page.source for page in found)


def test_a_signed_link_of_the_same_origin_goes_without_the_credential_too(
    vendor: HostileServer, client: Make, timer: QuickTimer
) -> None:
    sign = storage(vendor)
    Exporter(vendor).listed = [f"{vendor.url}/blob/{chunk}{sign(1)}" for chunk in range(3)]
    http = client(vendor.url, timer=timer, auth=Basic("hub", "s3cret-value"))
    walk(http, LINKS)
    assert all("authorization" not in exchange.headers for exchange in vendor.seen("/blob/1"))
    unsigned = Export(job="uuid", status=LINKS.status, chunks="available", lines=True, signed=False)
    walk(http, unsigned)
    assert "authorization" in vendor.seen("/blob/1")[-1].headers


@pytest.mark.parametrize("code", [400, 403, 404])
def test_a_link_that_is_too_old_is_signed_again(
    vendor: HostileServer, other: HostileServer, client: Make, timer: QuickTimer, code: int
) -> None:
    sign = storage(other)
    exporter = Exporter(vendor)
    exporter.listed = [f"{other.url}/blob/{chunk}{sign(1)}" for chunk in range(3)]
    good = other._behaviours["/blob/1"][0]

    def aged(exchange: Exchange) -> None:
        if exchange.query["sig"].endswith("-1"):
            exporter.listed = [f"{other.url}/blob/{chunk}{sign(2)}" for chunk in range(3)]
            status(code, b"<Error><Code>ExpiredToken</Code></Error>", {"Content-Type": "application/xml"})(exchange)
        else:
            good(exchange)

    other.on("/blob/1", aged)
    http = client(vendor.url, timer=timer, origins=[other.url])
    assert ids(walk(http, LINKS)) == every(range(3))
    other.on("/blob/1", status(code))
    with pytest.raises(CursorExpired, match=rf"this part of the export is gone \({code}\)"):
        walk(http, LINKS)


def test_a_link_outside_the_origins_is_refused_and_nothing_is_sent(
    vendor: HostileServer, other: HostileServer, client: Make, timer: QuickTimer
) -> None:
    Exporter(vendor).listed = [f"{other.url}/blob/0?sig=s1gnature"]
    with pytest.raises(OriginRefused) as caught:
        walk(client(vendor.url, timer=timer), LINKS)
    assert "s1gnature" not in str(caught.value)
    assert other.connections == 0


def test_a_reply_may_list_its_files_at_once(vendor: HostileServer, other: HostileServer, client: Make) -> None:
    sign = storage(other)
    generation = iter(range(100))

    def files(exchange: Exchange) -> None:
        now = next(generation)
        json_page({"exportFiles": [f"{other.url}/blob/{chunk}{sign(now)}" for chunk in range(3)]})(exchange)

    vendor.on("/vulns", files)
    http = client(vendor.url, origins=[other.url])
    export = Export(chunks="exportFiles", lines=True)
    found = walk(http, export)
    assert ids(found) == every(range(3))
    assert ids(found[:1]) + ids(walk(http, export, resume=found[0].after)) == every(range(3))


BROKEN: dict[str, tuple[Behaviour, type[Exception]]] = {
    "login page": (login_page(), UnexpectedReply),
    "half a gzip file": (status(200, gzip.compress(b'{"id": 1}\n' * 99)[:-9]), UnexpectedReply),
    "corrupt gzip": (status(200, b"\x1f\x8b" + b"x" * 99), UnexpectedReply),
    "bomb": (status(200, gzip.compress(bytes(64 << 20))), TooLarge),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_chunk_that_is_none_is_named(
    vendor: HostileServer, other: HostileServer, client: Make, timer: QuickTimer, name: str
) -> None:
    behaviour, error = BROKEN[name]
    other.on("/blob/0", behaviour)
    Exporter(vendor).listed = [f"{other.url}/blob/0?sig=hidden"]
    http = client(vendor.url, timer=timer, origins=[other.url], limits=Limits(decoded=32 << 20))
    with pytest.raises(error) as caught:
        walk(http, LINKS)
    assert f"{other.url}/blob/0" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_chunks_that_are_no_links_need_a_template(vendor: HostileServer, client: Make, timer: QuickTimer) -> None:
    Exporter(vendor)
    with pytest.raises(UnexpectedReply, match=r"are no links; set Export\.chunk"):
        walk(client(vendor.url, timer=timer), LINKS)


@pytest.mark.parametrize(
    "token", ["x", 5, {}, {"job": []}, {"job": "a", "begun": 1, "done": -1, "of": ""}, {"page": 3}, [1, 2]]
)
def test_a_position_of_another_kind_starts_anew(client: Make, token: Any) -> None:
    with pytest.raises(CursorExpired, match="another way of paging"):
        walk(client("https://vendor.example"), resume=token)


def test_an_export_brings_whole_records(client: Make) -> None:
    with pytest.raises(ConfigurationError, match="then="):
        pages(client("https://vendor.example"), "vulns", next=EXPORT, then=Entities("x"))
