"""The OpenSearch platform against a server that speaks its API, read back with opensearch-py."""

from __future__ import annotations

import itertools

import pytest
from tests.hub.delivery.doubles import asset
from tests.interop.conftest import need
from tests.interop.plant import AT, LATER, alert, builder, marked, objects, plc
from tests.interop.room import RealRoom

from isthmus_connectors.opensearch.platform import opensearch
from isthmus_connectors.opensearch.template import INDICES

pytestmark = pytest.mark.interop
numbers = itertools.count()


@pytest.fixture
def prefix():
    return f"test{next(numbers)}"


@pytest.fixture
def client(opensearch_url):
    need("opensearchpy", "opensearch-py")
    from opensearchpy import OpenSearch

    with OpenSearch(hosts=[opensearch_url]) as found:
        yield found


@pytest.fixture
def room(tmp_path, opensearch_url, prefix):
    made = RealRoom(tmp_path / "room", opensearch, {"url": opensearch_url, "index_prefix": prefix}, {})
    yield made
    made.close()


def search(client, index, query=None):
    client.indices.refresh(index=index)
    reply = client.search(index=index, body={"query": query or {"match_all": {}}, "size": 1000})
    return {hit["_id"]: hit["_source"] for hit in reply["hits"]["hits"]}


def test_every_object_is_read_back_as_it_was_published(room, client, prefix):
    published = objects(20)
    room.publish(*published)
    report = room.deliverer.run_once()
    assert (report.error, report.pending, report.rejected, report.duplicate) == (None, 0, 0, 0)
    found = {}
    for index in INDICES:
        if index != "alert-events":
            found |= search(client, f"{prefix}-{index}")
    assert {obj["id"]: found[obj["id"]]["isthmus"]["stix"] for obj in published} == {
        obj["id"]: obj for obj in published
    }
    assert report.accepted == len(found)


def test_a_second_run_sends_nothing_and_a_replay_changes_nothing(room, client, prefix):
    room.publish(*objects())
    first = room.deliverer.run_once()
    assert room.deliverer.run_once().incoming == 0
    before = search(client, f"{prefix}-*")
    room.deliverer.replay("store")
    again = room.deliverer.run_once()
    assert (again.rejected, again.pending) == (0, 0)
    assert again.accepted + again.duplicate == first.accepted
    assert again.accepted == sum("modified" not in doc["isthmus"] for doc in before.values())
    assert search(client, f"{prefix}-*") == before


def test_the_version_of_a_state_document_is_modified_in_milliseconds(room, client, prefix):
    room.publish(asset(1, 5))
    room.deliverer.run_once()
    assert client.get(index=f"{prefix}-objects", id=asset(1)["id"])["_version"] == 1767225605000


def test_addresses_times_and_numbers_are_found_by_value(room, client, prefix):
    room.publish(*objects(20))
    room.deliverer.run_once()
    assets, traffic = f"{prefix}-assets", f"{prefix}-communications"
    by_net = search(client, assets, {"term": {"host.ip": "10.1.0.4/30"}})
    assert sorted(doc["host"]["name"] for doc in by_net.values()) == ["PLC 3", "PLC 4", "PLC 5", "PLC 6"]
    by_time = search(client, assets, {"range": {"isthmus.modified": {"gte": "2026-03-01T09:00:00Z"}}})
    assert len(by_time) == 20
    (link,) = search(client, traffic, {"term": {"destination.port": 502}}).values()
    assert (link["source"]["ip"], link["destination"]["ip"]) == (["10.1.0.1"], ["10.1.0.2"])
    assert link["isthmus"]["communication"]["function_codes"] == [3, 16]
    (flaw,) = search(client, f"{prefix}-vulnerabilities", {"range": {"vulnerability.score.base": {"gt": 9}}}).values()
    assert (flaw["vulnerability"]["id"], flaw["host"]["name"]) == ("CVE-2024-12345", "PLC 0")
    assert flaw["isthmus"]["exposure"]["kev"] is True
    (seen,) = search(client, f"{prefix}-alerts", {"range": {"event.severity": {"gte": 70}}}).values()
    assert (seen["rule"]["id"], seen["threat"]["technique"]["id"], seen["host"]["name"]) == (
        "SIGN:NEW-FC", ["T0855"], "PLC 0",
    )  # fmt: skip


def test_the_template_types_the_fields(room, client, prefix):
    room.publish(*objects())
    room.deliverer.run_once()
    fields = client.indices.get_mapping(index=f"{prefix}-assets")[f"{prefix}-assets"]["mappings"]["properties"]
    assert fields["host"]["properties"]["ip"]["type"] == "ip"
    assert fields["@timestamp"]["type"] == "date"
    assert fields["isthmus"]["properties"]["stix"]["enabled"] is False


def test_changed_firmware_and_a_closed_alert_replace_the_document_and_the_alert_keeps_its_history(room, client, prefix):
    room.publish(*objects())
    room.deliverer.run_once()
    plc_id, alert_id = plc(0).id, alert(1, plc(0).id).id
    room.publish(
        marked(plc(0, firmware="4.1", at=LATER).object),
        marked(alert(1, plc_id, status="closed", at=LATER).object),
    )
    report = room.deliverer.run_once()
    assert (report.accepted, report.duplicate, report.rejected) == (2, 0, 0)
    assert search(client, f"{prefix}-assets")[plc_id]["isthmus"]["asset"]["firmware"] == "4.1"
    assert search(client, f"{prefix}-alerts")[alert_id]["isthmus"]["alert"]["status"] == "closed"
    events = search(client, f"{prefix}-alert-events")
    assert {id: doc["isthmus"]["alert"]["status"] for id, doc in events.items()} == {
        f"{alert_id}:{AT}": "open",
        f"{alert_id}:{LATER}": "closed",
    }


def test_an_older_version_never_replaces_a_newer_one(room, client, prefix):
    room.publish(asset(1, 5))
    room.deliverer.run_once()
    room.deliverer.replay("store")
    room.store.objects[asset(1)["id"]] = asset(1, 3)
    room.deliverer.replay("store")
    room.deliverer.run_once()
    (doc,) = search(client, f"{prefix}-objects").values()
    assert doc["isthmus"]["modified"] == asset(1, 5)["modified"]


def test_a_revoked_object_is_marked_and_stays(room, client, prefix):
    room.publish(marked(plc(0).object))
    room.deliverer.run_once()
    room.publish(marked({**plc(0, at=LATER).object, "revoked": True}))
    room.deliverer.run_once()
    (doc,) = search(client, f"{prefix}-assets", {"term": {"isthmus.revoked": True}}).values()
    assert doc["host"]["name"] == "PLC 0"


def test_a_document_the_mapping_cannot_take_is_a_dead_letter_and_its_neighbours_pass(room, client, prefix):
    client.indices.create(
        index=f"{prefix}-assets",
        body={"mappings": {"properties": {"device": {"properties": {"serial_number": {"type": "integer"}}}}}},
    )
    numeric = builder().asset("n", name="numeric", serial="12345", created=AT, modified=AT)
    room.publish(marked(plc(0).object), marked(numeric.object))
    report = room.deliverer.run_once()
    assert (report.rejected, report.pending) == (1, 0)
    (letter,) = room.ledger.dead()
    assert letter.id == plc(0).id
    assert "400 mapper_parsing_exception" in letter.reason
    assert list(search(client, f"{prefix}-assets")) == [numeric.id]


def test_a_dead_letter_is_delivered_after_the_mapping_was_fixed(room, client, prefix):
    index = f"{prefix}-assets"
    client.indices.create(index=index, body={"mappings": {"properties": {"tags": {"type": "date"}}}})
    room.publish(marked(plc(0).object))
    assert room.deliverer.run_once().rejected == 1
    client.indices.delete(index=index)
    room.ledger.retry_dead()
    report = room.deliverer.run_once()
    assert (report.accepted, report.rejected) == (1, 0)
    assert list(search(client, index)) == [plc(0).id]


def test_a_newer_template_of_the_operator_is_left_alone(room, client, prefix):
    client.indices.put_index_template(
        name=prefix, body={"index_patterns": [f"{prefix}-*"], "version": 99, "template": {"mappings": {}}}
    )
    room.publish(*objects())
    room.deliverer.run_once()
    kept = client.indices.get_index_template(name=prefix)["index_templates"][0]["index_template"]
    assert kept["version"] == 99


def test_the_check_names_the_server(room):
    assert any("opensearch" in line for line in room.deliverer.check())
