"""Scores: rounded so that noise is no change, and told once more when they fall below the threshold."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import map_records, objects_of, run_stream
from tests.connectors.scripted import Asked, Says, serve

from isthmus_connectors.epss.connector import epss
from isthmus_sdk import stix
from isthmus_sdk.commands.map import map_files

DAYS = {
    "2026-11-19": {"CVE-2099-0001": 0.9, "CVE-2099-0002": 0.31, "CVE-2099-0003": 0.02},
    "2026-11-20": {"CVE-2099-0001": 0.901, "CVE-2099-0002": 0.04, "CVE-2099-0003": 0.2},
}


class Api:
    """FIRST's API over the days above."""

    def __init__(self) -> None:
        self.today = "2026-11-19"

    def __call__(self, asked: Asked) -> Says:
        query = {name: values[0] for name, values in asked.query.items()}
        day = query.get("date", self.today)
        least, wanted = float(query.get("epss-gt", 0)), query.get("cve", "").split(",")
        rows = [
            {"cve": cve, "epss": f"{score:.9f}", "percentile": "0.5", "date": day}
            for cve, score in DAYS[day].items()
            if score >= least and (wanted == [""] or cve in wanted)
        ]
        at = int(query.get("offset", 0))
        return Says(200, {"status": "OK", "total": len(rows), "offset": at, "data": rows[at:]})


def scores(objects: list[dict[str, Any]]) -> dict[str, float]:
    return {obj["name"]: stix.facts(obj, stix.EXPOSURE)["epss"] for obj in objects if obj["type"] == "vulnerability"}


def row(score: str, cve: str = "CVE-2099-0001") -> dict[str, str]:
    return {"cve": cve, "epss": score, "percentile": "0.9", "date": "2026-11-20"}


@pytest.mark.parametrize(
    ("told", "kept"), [("0.412340000", 0.41), ("0.414999", 0.41), ("1", 1.0), ("0.0043", 0.004), ("0", 0.0)]
)
def test_scores_are_kept_to_hundredths_and_small_ones_to_thousandths(told: str, kept: float) -> None:
    assert list(scores(objects_of(map_records(epss, "scores", [row(told)]))).values()) == [kept]


def test_a_change_below_that_says_nothing_new() -> None:
    (first,), (second,) = (objects_of(map_records(epss, "scores", [row(told)])) for told in ("0.4121", "0.4139"))
    assert stix.content_hash(first) == stix.content_hash(second)


def test_what_is_no_score_is_told_and_stops_nothing() -> None:
    outcome = map_records(epss, "scores", [row("1.5"), row("x"), row(""), row("0.5"), row("0.5", "none")])
    assert (outcome.mapped, dict(outcome.ignored), len(outcome.quarantined)) == (1, {"no score": 1}, 3)


def test_what_fell_below_the_threshold_is_told_with_its_present_score() -> None:
    api = Api()
    with serve(api) as server:
        settings = {"base_url": server.url, "min_score": 0.1}
        first = run_stream(epss, "scores", settings, {})
        api.today = "2026-11-20"
        second = run_stream(epss, "scores", settings, {}, cursors=first.cursors)
    assert scores(first.objects) == {"CVE-2099-0001": 0.9, "CVE-2099-0002": 0.31}
    assert scores(second.objects) == {"CVE-2099-0001": 0.9, "CVE-2099-0003": 0.2, "CVE-2099-0002": 0.04}


def test_a_second_run_of_the_same_day_brings_nothing() -> None:
    with serve(Api()) as server:
        settings = {"base_url": server.url}
        first = run_stream(epss, "scores", settings, {})
        assert run_stream(epss, "scores", settings, {}, cursors=first.cursors).objects == []


def test_the_daily_file_tells_what_the_api_tells(tmp_path: Path) -> None:
    path = tmp_path / "epss_scores-2026-11-20.csv.gz"
    text = (
        "#model_version:v2026.06.15,score_date:2026-11-20T12:00:22Z\ncve,epss,percentile\nCVE-2099-0001,0.41234,0.9\n"
    )
    path.write_bytes(gzip.compress(text.encode()))
    result = map_files(epss, epss.streams["scores"], [path])
    from_file = [stix.decode(encoded) for encoded in result.objects]
    from_api = objects_of(map_records(epss, "scores", [row("0.412340000")]))
    assert [(obj["name"], obj["modified"]) for obj in from_file] == [(obj["name"], obj["modified"]) for obj in from_api]
    assert scores(from_file) == scores(from_api) == {"CVE-2099-0001": 0.41}
