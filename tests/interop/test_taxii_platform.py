"""The TAXII platform against medallion, read back with taxii2-client."""

from __future__ import annotations

import json

import pytest
from tests.hub.delivery.doubles import asset
from tests.interop.conftest import need
from tests.interop.plant import alert, marked, objects, plc
from tests.interop.room import RealRoom

from isthmus_connectors.taxii.platform import taxii
from isthmus_sdk import stix

pytestmark = pytest.mark.interop


@pytest.fixture
def pushing(tmp_path):
    made = []

    def make(server, **settings):
        where = {"url": server.url, "collection": server.collection, "username": server.user, **settings}
        made.append(RealRoom(tmp_path / f"room-{len(made)}", taxii, where, {"password": server.password}))
        return made[-1]

    yield make
    for room in made:
        room.close()


def held(server):
    """Every object of the collection, through a foreign client."""
    need("taxii2client", "taxii2-client")
    from taxii2client.v21 import Collection, as_pages

    address = f"{server.url}collections/{server.collection}/"
    collection = Collection(address, user=server.user, password=server.password)
    found = []
    for page in as_pages(collection.get_objects, per_request=50, version="all"):
        found += page.get("objects", [])
    return found


def by_id(objs):
    return {obj["id"]: obj for obj in objs}


def test_a_foreign_client_reads_back_exactly_what_was_published(medallion, pushing):
    server = medallion()
    room = pushing(server)
    published = objects(40)
    room.publish(*published)
    report = room.deliverer.run_once()
    assert report.error is None
    assert (report.pending, report.rejected, report.duplicate) == (0, 0, 0)
    read = by_id(held(server))
    expected = [obj for obj in published if "version" not in obj]  # medallion could not list those
    assert {id: read[id] for id in by_id(expected)} == json.loads(json.dumps(by_id(expected)))
    assert sum(report.dropped.values()) >= len(published) - len(expected) > 0
    extra = {obj["type"] for id, obj in read.items() if id not in by_id(published)}
    assert extra <= {"marking-definition", "extension-definition", "identity"}
    assert report.accepted == len(read)
    assert report.incoming == len(published) + report.referents == report.accepted + sum(report.dropped.values())
    for obj in read.values():
        stix.check(obj)


def test_a_second_run_and_a_restart_push_nothing(medallion, pushing):
    server = medallion()
    room = pushing(server)
    room.publish(*objects())
    room.deliverer.run_once()
    before = len(held(server))
    assert room.deliverer.run_once().incoming == 0
    assert room.start().run_once().incoming == 0
    assert len(held(server)) == before


def test_what_the_collection_already_holds_is_a_duplicate_and_no_failure(medallion, pushing):
    server = medallion()
    room = pushing(server)
    room.publish(*objects())
    first = room.deliverer.run_once()
    room.deliverer.replay("store")
    again = room.deliverer.run_once()
    assert (again.accepted, again.rejected) == (0, 0)
    assert again.duplicate == first.accepted
    assert room.deliverer.totals().balanced


def test_a_closed_alert_and_changed_firmware_arrive_as_new_versions(medallion, pushing):
    server = medallion()
    room = pushing(server)
    later = "2026-03-02T10:00:00.000Z"
    room.publish(*objects())
    room.deliverer.run_once()
    changed = [
        marked(plc(0, firmware="4.1", at=later).object),
        marked(alert(1, plc(0).id, status="closed", at=later).object),
    ]
    room.publish(*changed)
    assert room.deliverer.run_once().accepted == 2
    versions = [obj["modified"] for obj in held(server) if obj["id"] == changed[0]["id"]]
    assert sorted(versions) == ["2026-03-01T10:00:00.000Z", later]


def test_requests_keep_within_what_the_api_root_declares(medallion, pushing):
    server = medallion(max_content_length=4_000)
    room = pushing(server)
    room.publish(*(asset(n) for n in range(100)), asset(100, description="x" * 5_000))
    report = room.deliverer.run_once()
    assert (report.accepted, report.rejected, report.pending) == (100, 1, 0)
    assert len(held(server)) == 100


def test_one_object_that_makes_the_server_refuse_the_request_is_a_dead_letter(medallion, pushing):
    server = medallion()
    room = pushing(server)
    # medallion fails over a version of an object that it first took without one: 422 for the whole request,
    # after it took what stood before it
    room.publish({key: value for key, value in asset(7).items() if key != "modified"})
    assert room.deliverer.run_once().accepted == 1
    room.publish(*(asset(n, 1) for n in range(20)))
    report = room.deliverer.run_once()
    assert (report.accepted + report.duplicate, report.rejected, report.pending) == (19, 1, 0)
    (letter,) = room.ledger.dead()
    assert letter.id == asset(7)["id"]
    assert "422" in letter.reason
    assert len(held(server)) == 20


def test_a_wrong_password_is_an_authentication_error_and_loses_nothing(medallion, pushing):
    server = medallion()
    room = pushing(server)
    room.secrets = {"password": "wrong-word"}
    room.start()
    room.publish(asset(1))
    report = room.deliverer.run_once()
    assert (report.group, report.pending) == ("authentication", 1)
    assert "wrong-word" not in report.error


def test_a_collection_that_only_reads_is_refused_before_anything_is_sent(medallion, pushing):
    server = medallion()
    room = pushing(server, collection=server.read_only)
    room.publish(asset(1))
    report = room.deliverer.run_once()
    assert (report.group, report.pending) == ("authentication", 1)
    assert "may not write" in report.error


def test_a_collection_that_does_not_exist_is_a_configuration_error(medallion, pushing):
    server = medallion()
    room = pushing(server, collection="00000000-0000-4000-8000-000000000000")
    room.publish(asset(1))
    report = room.deliverer.run_once()
    assert (report.group, report.pending) == ("configuration", 1)
    assert "there is no collection" in report.error


def test_the_check_says_what_it_found(medallion, pushing):
    room = pushing(medallion(max_content_length=12_345))
    assert "12345 bytes" in room.deliverer.check()[0]
