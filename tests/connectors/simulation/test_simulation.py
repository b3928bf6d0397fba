"""The plant file and the server that the vendors' simulators share."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.connectors.plant import plant

from isthmus_connectors.simulation import Fault, Plant, PlantError, Reply, Request, Server, epoch_ms, iso


def get(url: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", path, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, reply.read(), {k.lower(): v for k, v in reply.getheaders()}
    finally:
        connection.close()


def hello(_: Request) -> Reply:
    return Reply(200, {"hello": "world"})


def test_a_product_sees_its_own_part_of_the_plant() -> None:
    names = {device["id"] for device, _ in Plant(plant(), "microsoft-defender").visible("devices")}
    assert names == {"cell1-ews", "office-1"}


def test_a_record_without_seen_by_is_seen_by_all() -> None:
    assert len(list(Plant(plant(), "anything").visible("links"))) == 4


def test_native_ids_are_the_same_in_every_run_and_differ_between_products() -> None:
    first, again, other = Plant(plant(), "a"), Plant(plant(), "a"), Plant(plant(), "b")
    assert first.native_id("asset", "x") == again.native_id("asset", "x") != other.native_id("asset", "x")


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "plant.json"
    path.write_text(json.dumps(plant()))
    seen = Plant(path, "nozomi-guardian")
    path.write_text(json.dumps(plant(devices=[])))
    seen.refresh()
    assert list(seen.visible("devices")) == []


def test_a_half_written_file_keeps_the_plant_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "plant.json"
    path.write_text(json.dumps(plant()))
    seen = Plant(path, "nozomi-guardian")
    path.write_text('{"devices": [')
    seen.refresh()
    assert len(list(seen.visible("devices"))) == 3


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"devices": [{"name": "x"}]}, "devices[0]: id"),
        ({"links": [{"id": "1", "source": "a"}]}, "links[0]: target"),
        ([], "one JSON object"),
    ],
)
def test_a_plant_file_that_cannot_be_used_says_where(data: Any, word: str) -> None:
    with pytest.raises(PlantError, match=word.replace("[", r"\[")):
        Plant(data, "p")


def test_a_link_to_an_unknown_device_is_an_error_not_a_blank() -> None:
    with pytest.raises(PlantError, match="nowhere"):
        Plant(plant(), "p").party("nowhere")


def test_times_are_given_as_the_vendors_do() -> None:
    assert epoch_ms("2026-05-04T05:30:00.123Z") == 1777872600123
    assert epoch_ms(None) == 0
    assert iso("2026-05-04T07:30:00.123+02:00") == "2026-05-04T05:30:00.1230000Z"
    assert iso(None) is None


@pytest.mark.parametrize("kind", ["500", "503", "429", "401"])
def test_the_nth_request_fails_and_the_others_pass(kind: str) -> None:
    with Server(hello, faults=[Fault(kind, nth=2, retry_after="7")]) as server:
        statuses = [get(server.url, "/x")[0] for _ in range(3)]
    assert statuses == [200, int(kind), 200]


def test_a_fault_counts_only_requests_under_its_path() -> None:
    with Server(hello, faults=[Fault("500", nth=1, times=2, path="/a")]) as server:
        statuses = [get(server.url, path)[0] for path in ("/b", "/a", "/b", "/a/x", "/a")]
    assert statuses == [200, 500, 200, 500, 200]


def test_a_dropped_connection_gives_no_answer() -> None:
    with Server(hello, faults=[Fault("drop")]) as server:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            get(server.url, "/x")
        assert get(server.url, "/x")[0] == 200


def test_a_truncated_answer_announces_more_than_it_sends() -> None:
    with Server(hello, faults=[Fault("truncate")]) as server, pytest.raises(http.client.IncompleteRead):
        get(server.url, "/x")


def test_a_sign_in_page_comes_with_status_200() -> None:
    with Server(hello, faults=[Fault("html")]) as server:
        status, body, headers = get(server.url, "/x")
    assert (status, headers["content-type"]) == (200, "text/html")
    assert b"<form" in body


def test_faults_are_written_on_the_command_line() -> None:
    fault = Fault.parse("429:3:2:/api/alerts")
    assert (fault.kind, fault.nth, fault.times, fault.path) == ("429", 3, 2, "/api/alerts")
    with pytest.raises(ValueError, match="unknown fault"):
        Fault.parse("boom")


@pytest.mark.parametrize("vendor", ["nozomi_guardian", "microsoft_defender"])
def test_a_simulator_announces_itself_and_ends_when_its_standard_input_closes(vendor: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.json"
    path.write_text(json.dumps(plant()))
    command = [sys.executable, "-m", f"isthmus_connectors.{vendor}.simulator", "--data", str(path), "--port", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        url = json.loads(process.stdout.readline())["url"]
        assert get(url, "/api/machines" if "defender" in vendor else "/api/open/query/do")[0] == 401
        process.stdin.close()
        assert process.wait(timeout=10) == 0
