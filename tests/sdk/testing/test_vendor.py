"""The vendor that plays recorded pages: every declared way of paging, the filter, sign-in, copies of records."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk.testing import conformance, rules
from isthmus_sdk.testing._bench import Bench
from isthmus_sdk.testing._kit import open_bench
from isthmus_sdk.testing._material import renumbered

PAGERS = {
    "cursor in the body": 'http.Cursor("meta.next", "cursor")',
    "cursor that goes alone": 'http.Cursor("meta.next", "cursor", alone=True)',
    "cursor with a flag": 'http.Cursor("meta.next", "cursor", more="meta.more")',
    "next link": 'http.NextLink("meta.next")',
    "link header": "http.LinkHeader()",
    "page numbers": 'http.PageNumber("page", "size")',
    "page numbers from nought, pages told": 'http.PageNumber("page", "size", start=0, pages="meta.pages")',
    "page numbers, short ends": 'http.PageNumber("page", "size", short_ends=True)',
    "offset": 'http.Offset("offset", "size")',
    "offset with a total": 'http.Offset("offset", "size", total="meta.total")',
    "offset with an overlap": 'http.Offset("offset", "size", overlap=2)',
    "offset from and to": 'http.Offset("from", None, until="to")',
    "range header": "http.ItemRange()",
    "keyset": 'http.Keyset(lambda last, limit: {"after": last[0] if last else "", "size": limit}, key="id")',
    "scroll": 'http.Scroll("meta.scroll", "scroll")',
}


@pytest.fixture
def bench(tmp_path: Path, heron: Callable[[], tuple[str, Path]]) -> Callable[..., Bench]:
    """Opens benches for changed copies of the reference connector."""

    def make(**changes: str) -> Bench:
        value, folder = heron()
        code = folder.parent / "connector.py"
        text = code.read_text().replace(
            "from isthmus_sdk.http import", "from isthmus_sdk import http\nfrom isthmus_sdk.http import"
        )
        for old, new in changes.items():
            text = text.replace(REPLACED[old], new)
        code.write_text(text)
        return open_bench(value, write=False)

    return make


REPLACED = {
    "pager": 'Cursor("meta.next", "cursor")',
    "since": '    since=lambda time: {"filter": f"updated ge {time}"},',
    "limit": "limit=1000",
    "by_hand": '        "/v1/detections",',
}


@pytest.mark.parametrize("pager", PAGERS.values(), ids=PAGERS)
def test_every_way_of_paging_is_played_from_its_declaration(bench, pager):
    with bench(pager=pager, limit="limit=5") as opened:
        ran = opened.clean("detections")
        again = opened.run("detections", cursors=ran.cursors)
    assert (ran.problem, ran.totals.complete) == ("", True)
    assert ran.totals.pages >= 5
    assert {json.loads(e)["id"] for block in ran.blocks for e in block.objects} == ran.objects.keys()
    alerts = [json.loads(e) for e in ran.objects.values() if json.loads(e)["type"] in ("incident", "sighting")]
    assert len({alert["id"] for alert in alerts}) == 23
    assert not again.objects
    assert opened.vendor.strays == []


ENTITIES = {
    "posted": 'http.Entities("/v1/entities", batch=3, items="data")',
    "below each other in the body": 'http.Entities("/v1/entities", "filter.ids", batch=3, items="data")',
    "repeated in the query": 'http.Entities("/v1/entities", "id", batch=3, items="data", method="GET")',
    "joined in the query": 'http.Entities("/v1/entities", "id", batch=3, items="data", method="GET", joined=",")',
    "ids in records": 'http.Entities("/v1/entities", id="ref.uid", items="data")',
}
"""Ways of asking for entities; the list of ids is plain, the recorded pages hold the entities."""
EXPORTS = {
    "chunks by number": 'http.Export(job="job.id", status="/v1/jobs/{job}", chunks="out.chunks", chunk="/v1/jobs/{job}/{chunk}")',
    "links": 'http.Export(job="job", status="/v1/jobs/{job}", chunks="links")',
    "links to lines": 'http.Export(job="job", status="/v1/jobs/{job}", chunks="links", lines=True)',
    "links at once": 'http.Export(chunks="links")',
    "status in the query": 'http.Export(job="job", status="/v1/jobs?id={job}", chunks="c", chunk="/v1/chunks?id={job}&n={chunk}")',
}
FAULTS_OF_LISTS = [
    "fault.410-cursor-expired", "fault.400-cursor-expired", "fault.404-vanished", "fault.204", "fault.304", "fault.500-once",
    "fault.500-for-ever", "fault.403", "fault.truncated-json", "fault.error-in-200", "fault.bare-text", "fault.empty-body",
    "fault.no-such-list", "fault.next-is-same", "fault.paging-cycle", "fault.duplicate-page", "fault.descending",
    "fault.token-revoked", "fault.gzip", "fault.html-login", "fault.always-new-but-empty", "fault.reset-mid-body",
]  # fmt: skip


@pytest.mark.parametrize("way", ENTITIES.values(), ids=ENTITIES)
def test_ids_are_listed_and_their_entities_given(bench, way):
    with bench(limit=f"limit=5, then={way}") as opened:
        ran = opened.clean("detections")
        again = opened.run("detections", cursors=ran.cursors)
    paths = [asked.path for asked in opened.vendor.asked if not asked.login]
    assert (ran.problem, ran.totals.complete, ran.totals.records) == ("", True, 23)
    assert (again.problem, again.objects, opened.vendor.strays) == ("", {}, [])
    assert paths.count("/v1/entities") >= 5
    assert "/v1/detections" in paths


@pytest.mark.parametrize("way", EXPORTS.values(), ids=EXPORTS)
def test_an_export_is_started_waited_for_and_fetched_in_chunks(bench, way):
    with bench(pager=way) as opened:
        ran = opened.clean("detections")
        again = opened.run("detections", cursors=ran.cursors)
    assert (ran.problem, ran.totals.complete, ran.totals.records) == ("", True, 23)
    assert (again.problem, again.objects, opened.vendor.strays) == ("", {}, [])
    assert ran.totals.pages >= 5


@pytest.mark.faults
@pytest.mark.parametrize(
    "changes",
    [
        {"limit": f"limit=5, then={ENTITIES['posted']}"},
        {"pager": EXPORTS["chunks by number"]},
        {"pager": EXPORTS["links to lines"]},
    ],
    ids=["entities", "export", "export of lines"],
)
def test_rules_and_faults_hold_for_entities_and_exports(bench, changes):
    with bench(**changes) as opened:
        value = opened.kept["value"]
    rules_of_walks = ["reads", "again", "border", "resume", "pagewise", "rate", "memory", "credentials"]
    report = conformance(value, only=[*rules_of_walks, *FAULTS_OF_LISTS], write=False)
    assert {result.rule: result.findings for result in report.results if result.status != "done"} == {}
    assert len(report.results) >= 20


def test_an_entity_that_the_vendor_does_not_give_is_found_missing(bench):
    with bench(limit=f"limit=5, then={ENTITIES['posted']}") as opened:
        whole = opened.clean("detections").objects
        records = opened.renew("detections")
        gone = json.loads(records[3])["id"]

        def without(_exchange, answer, _number):
            document = json.loads(answer.body)
            document["data"] = [row for row in document["data"] if not isinstance(row, dict) or row["id"] != gone]
            return type(answer)(200, json.dumps(document).encode(), answer.headers)

        opened.vendor.fault(without)
        ran = opened.run("detections")
    assert ran.problem == ""
    assert (ran.totals.records, ran.totals.mapped) == (23, 22)
    assert ran.objects.keys() < whole.keys()


def test_an_export_holds_what_there_was_when_it_was_started(bench):
    with bench(pager=EXPORTS["chunks by number"]) as opened:
        whole = opened.clean("detections")
        opened.renew("detections")
        first = opened.run("detections", pages=3)
        opened.vendor.hold("detections", [])
        second = opened.run("detections", cursors=first.cursors)
    assert second.problem == ""
    assert {*first.objects, *second.objects} == whole.objects.keys()


@pytest.mark.parametrize(
    ("since", "strict"),
    [
        ('since="since",', False),
        ('since=lambda time: {"filter": f"updated ge {time}"},', False),
        ('since=lambda time: {"filter": f"updated gt {time}"},', True),
        ('since=lambda time: {"q": f"updated:>{time}"},', True),
        ('since=lambda time: {"q": f"updated:>={time} and x > 3"},', False),
        ('since=("modified[gte]", "s"),', False),
        ('since=("modified[gt]", "ms"),', True),
    ],
)
def test_the_filter_is_read_from_the_request_with_its_border(bench, since, strict):
    with bench(since=f"    {since}") as opened:
        first = opened.clean("detections")
        records = opened.renew("detections")
        copies = opened.vendor.tables["detections"].copies
        lookback = timedelta(seconds=opened.streams[0].lookback)
        border = copies.at(copies.copy(90), copies.mark(records[-1]) - lookback)
        assert border is not None
        opened.vendor.hold("detections", [*records, border])
        second = opened.run("detections", cursors=first.cursors)
    assert second.problem == ""
    assert bool(second.objects) is not strict


def test_a_revoked_token_is_refused_and_a_new_one_taken(bench):
    with bench() as opened:
        opened.clean("detections")
        opened.renew("detections")
        opened.vendor.fault(lambda _exchange, answer, number: (number == 2 and opened.vendor.revoke(), answer)[1])
        ran = opened.run("detections")
    assert ran.problem == ""
    assert [asked.status for asked in opened.vendor.asked].count(401) == 1


def test_copies_have_ids_and_times_of_their_own_and_are_otherwise_the_same(bench):
    with bench() as opened:
        records = [json.loads(raw) for raw in opened.renew("detections")]
    assert len({record["id"] for record in records}) == len(records) == 23
    times = [datetime.fromisoformat(record["updated"]) for record in records]
    assert times == sorted(times)
    assert any(earlier == later for earlier, later in pairwise(times))
    assert {record["title"] for record in records} == {"Credential dumping", "Unsigned driver", "Macro started a shell"}


@pytest.mark.parametrize(
    "value", ["A-17", 17, "17", "0d5b3d4e-6a0b-4f0e-9a51-1c1f5d2b8a10", "CVE-2020-1"], ids=lambda value: str(value)
)
def test_a_renumbered_id_differs_and_keeps_its_form(value: Any):
    other = renumbered(value, 3)
    assert other != value
    assert type(other) is type(value)
    assert len(str(other)) >= len(str(value))


def test_names_of_rules_are_unique_and_the_catalogue_has_more_than_forty_faults():
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))
    assert sum(name.startswith("fault.") for name in names) >= 40


def test_a_stream_whose_pages_cannot_be_played_is_named_and_the_other_rules_are_looked_at(bench):
    with bench(by_hand='        "/v1/detections" if ctx.files or ctx.http else "",') as opened:
        value = opened.kept["value"]
    report = conformance(value, only=["reads", "mapped", "kill", "fault.500-once"], write=False)
    found = {result.rule: result for result in report.results}
    assert "its pages cannot be played" in found["reads"].findings[0]
    assert {name: result.status for name, result in found.items()} == {
        "mapped": "done",
        "reads": "todo",
        "kill": "done",
    }


def test_nothing_leaves_the_machine_while_a_connector_runs(bench):
    with bench() as opened, opened.watch.guarding(), pytest.raises(ConnectionRefusedError, match="lets nothing out"):
        socket.create_connection(("192.0.2.1", 443), timeout=1)
    assert ("192.0.2.1", 443) in opened.watch.connected


def test_a_login_at_a_fixed_address_is_never_contacted_and_named(bench):
    with bench(limit="limit=1000") as opened:
        code = opened.connector.folder / "connector.py"
        value = opened.kept["value"].replace("heron_of", "heron_fixed_of")
    folder = code.parent.with_name(code.parent.name.replace("heron_of", "heron_fixed_of"))
    shutil.copytree(code.parent, folder)
    text = code.read_text()
    (folder / "connector.py").write_text(
        text.replace('s.base_url / "oauth/token"', '"https://login.heron.example/token"')
    )
    report = conformance(value, only=["reads", "mapped"], write=False)
    found = {result.rule: result for result in report.results}
    assert "the login URL https://login.heron.example/token comes from no setting" in found["reads"].findings[0]
    assert found["mapped"].status == "done"
