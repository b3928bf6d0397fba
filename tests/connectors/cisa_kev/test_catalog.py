"""The catalogue: one vulnerability with everybody's id, entries that are taken out, and nothing read twice."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from tests.connectors.conftest import map_records, objects_of, run_stream
from tests.connectors.scripted import Asked, Says, serve

from isthmus_connectors.cisa_kev.connector import cisa_kev
from isthmus_sdk import stix
from isthmus_sdk.commands.map import map_files

ROW = {
    "cveID": "CVE-2099-0101",
    "vendorProject": "Northwind",
    "product": "Gateway",
    "vulnerabilityName": "Northwind Gateway Command Injection",
    "dateAdded": "2026-11-20",
    "shortDescription": "A command injection.",
    "requiredAction": "Apply mitigations.",
    "dueDate": "2026-12-11",
    "knownRansomwareCampaignUse": "Known",
    "notes": "",
    "cwes": ["CWE-77"],
}


class Feed:
    """The catalogue behind an ETag."""

    def __init__(self, *numbers: int) -> None:
        self.holds, self.version, self.statuses = list(numbers), 1, []  # type: ignore[var-annotated]

    def __call__(self, asked: Asked) -> Says:
        tag = f'"{self.version}"'
        same = {name.lower(): value for name, value in asked.headers.items()}.get("if-none-match") == tag
        self.statuses.append(304 if same else 200)
        if same:
            return Says(304, headers={"ETag": tag})
        rows = [{**ROW, "cveID": f"CVE-2099-{number:04}"} for number in self.holds]
        return Says(200, {"catalogVersion": str(self.version), "vulnerabilities": rows}, headers={"ETag": tag})


def runs(feed: Feed, *changes: list[int]) -> list[Any]:
    """A run, and one after each change of what the feed holds."""
    with serve(feed) as server:
        ran, cursors = [], None
        for holds in (feed.holds, *changes):
            feed.version += holds != feed.holds
            feed.holds = holds
            ran.append(run_stream(cisa_kev, "catalog", {"base_url": server.url}, {}, cursors=cursors))
            cursors = ran[-1].cursors or cursors
        return ran


def kev(ran: Any) -> dict[str, bool]:
    return {obj["name"]: stix.facts(obj, stix.EXPOSURE)["kev"] for obj in ran.of("vulnerability")}


def test_an_entry_is_the_vulnerability_that_every_source_names() -> None:
    (made,) = objects_of(map_records(cisa_kev, "catalog", [ROW]), "vulnerability")
    assert (
        made["id"]
        == stix.Builder(source_id="x", connector="other", observed_at="2026-01-01T00:00:00.000Z")
        .vulnerability("cve-2099-0101")
        .id
    )
    facts = stix.facts(made, stix.EXPOSURE)
    assert facts is not None
    assert (facts["kev"], facts["fix"]) == (True, "Apply mitigations.")
    assert (facts["kev_added"], facts["kev_due"]) == ("2026-11-20", "2026-12-11")
    assert {"known-exploited-since:2026-11-20", "due:2026-12-11", "ransomware:known"} <= set(made["labels"])
    assert {"source_name": "cwe", "external_id": "CWE-77"} in made["external_references"]


def test_an_entry_with_nothing_but_its_cve_is_enough_and_one_without_is_not() -> None:
    outcome = map_records(cisa_kev, "catalog", [{"cveID": "cve-2099-1"}, {"cveID": "CVE-2099-0001"}, {"product": "x"}])
    assert (outcome.mapped, [bad.path for bad in outcome.quarantined]) == (1, ["cveID", "cveID"])


def test_the_catalogue_as_comma_separated_text_is_the_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "known_exploited_vulnerabilities.csv"
    row = {**ROW, "cwes": "CWE-77, CWE-78", "shortDescription": "A command injection, of course."}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerow(row)
    (from_file,) = [
        stix.decode(encoded) for encoded in map_files(cisa_kev, cisa_kev.streams["catalog"], [path]).objects
    ]
    same = {**row, "cwes": ["CWE-77", "CWE-78"]}
    (from_feed,) = objects_of(map_records(cisa_kev, "catalog", [same]), "vulnerability")
    assert (from_file["id"], from_file["description"]) == (from_feed["id"], from_feed["description"])
    assert from_file["external_references"] == from_feed["external_references"]


def test_a_catalogue_that_did_not_change_is_not_read_again() -> None:
    feed = Feed(1, 2)
    first, second = runs(feed, [1, 2])
    assert (first.totals.records, second.totals.records, feed.statuses) == (2, 0, [200, 304])


def test_an_entry_that_was_taken_out_is_told_once() -> None:
    _, second, third = runs(Feed(1, 2, 3), [1, 3], [1, 3, 4])
    assert kev(second) == {"CVE-2099-0001": True, "CVE-2099-0002": False, "CVE-2099-0003": True}
    assert kev(third) == {"CVE-2099-0001": True, "CVE-2099-0003": True, "CVE-2099-0004": True}


def test_an_empty_catalogue_withdraws_nothing_and_what_is_gone_is_told_when_it_is_whole_again() -> None:
    many = list(range(1, 41))
    _, empty, whole = runs(Feed(*many), [], many[1:])
    assert kev(empty) == {}
    assert [name for name, listed in kev(whole).items() if not listed] == ["CVE-2099-0001"]
