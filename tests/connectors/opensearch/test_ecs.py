"""Which field of which document a fact ends up in, and what is said of the rest."""

from __future__ import annotations

import pytest
from tests.interop.plant import AT, alert, builder, marked, objects, plc

from isthmus_connectors.opensearch.ecs import NOT_PROJECTED, project, version
from isthmus_connectors.opensearch.template import _FIELDS, INDICES, mappings, template
from isthmus_sdk import stix


def documents(*objs):
    """Documents by object id, each found through all the others."""
    known = {obj["id"]: obj for obj in objs}
    return {obj["id"]: project(obj, known.get, "north-works") for obj in objs}


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from leaves(item, path)
    else:
        yield path


def test_an_asset_is_a_host_and_a_device():
    shape = plc(0)
    index, doc = documents(*shape)[shape.id]
    assert index == "assets"
    assert doc["host"] == {
        "id": shape.id, "name": "PLC 0", "hostname": "plc-0", "ip": ["10.1.0.1"], "mac": ["00-1B-1B-00-00-00"], "type": "plc",
    }  # fmt: skip
    assert doc["device"] == {
        "id": "plc-0", "manufacturer": "Siemens", "model": {"name": "S7-1500"}, "serial_number": "S00000",
    }  # fmt: skip
    facts = doc["isthmus"]["asset"]
    assert (facts["purdue_level"], facts["zone"], facts["firmware"], facts["scopes"]) == (
        "1",
        "Cell 3",
        "4.0",
        ["default"],
    )
    assert doc["event"]["kind"] == "asset"
    assert doc["isthmus"]["stix"] == shape.object


def test_an_alert_carries_severity_rule_techniques_and_whom_it_is_about():
    asset = plc(0)
    shape = alert(1, asset.id)
    index, doc = documents(*asset, *shape)[shape.id]
    assert index == "alerts"
    assert (doc["event"]["kind"], doc["event"]["severity"], doc["event"]["id"]) == ("alert", 70, "alert-1")
    assert doc["rule"]["id"] == "SIGN:NEW-FC"
    assert doc["threat"] == {"framework": "MITRE ATT&CK", "technique": {"id": ["T0855"]}}
    assert doc["host"]["name"] == "PLC 0"
    assert doc["related"] == {"ip": ["10.1.0.1"], "hosts": ["PLC 0", "plc-0"]}
    assert doc["isthmus"]["alert"]["subjects"] == [{"id": asset.id, "role": "victim", "name": "PLC 0"}]
    assert doc["@timestamp"] == AT


def test_an_alert_without_a_rule_is_an_incident_of_the_same_shape():
    shape = builder().alert("x", title="No rule", severity=20, first_seen=AT, techniques=["T1059.001", "T0855"])
    index, doc = documents(*shape)[shape.id]
    assert (index, doc["message"]) == ("alerts", "No rule")
    assert doc["threat"]["technique"] == {"id": ["T0855", "T1059"], "subtechnique": {"id": ["T1059.001"]}}
    assert "rule" not in doc


def test_what_was_observed_is_found_under_related():
    build = builder()
    seen = build.ip("203.0.113.9")
    shape = build.alert(
        "a", title="t", rule=stix.Rule("r", "r"), first_seen=AT, observables=[seen, build.user_account("anna")]
    )
    _, doc = documents(*seen, *shape)[shape.id]
    assert doc["related"]["ip"] == ["203.0.113.9"]
    assert doc["related"].get("user") == ["anna"]


def test_an_exposure_joins_the_vulnerability_and_the_host():
    asset = plc(0)
    shape = builder().exposure(
        asset.id, "CVE-2024-1111", state="open", likelihood="likely", cvss=9.8, kev=True, fix="4.2"
    )
    index, doc = documents(*asset, *shape)[shape.id]
    assert index == "vulnerabilities"
    assert doc["vulnerability"] == {
        "id": "CVE-2024-1111", "enumeration": "CVE", "classification": "CVSS", "score": {"base": 9.8},
    }  # fmt: skip
    assert doc["host"]["name"] == "PLC 0"
    assert doc["isthmus"]["exposure"]["likelihood"] == "likely"


def test_a_communication_has_two_ends_and_its_services():
    one, two = plc(0), plc(1)
    services = [stix.Service("modbus", "tcp", 502, (3, 16)), stix.Service("s7comm", "tcp", 102)]
    shape = builder().communication(one, two, services=services, first_seen=AT)
    index, doc = documents(*one, *two, *shape)[shape.id]
    assert index == "communications"
    assert (doc["source"]["ip"], doc["destination"]["ip"]) == (["10.1.0.1"], ["10.1.0.2"])
    assert doc["destination"]["port"] == [102, 502]
    assert doc["network"] == {"protocol": ["modbus", "s7comm"], "transport": ["tcp"]}
    assert doc["isthmus"]["communication"]["services"] == ["modbus/tcp/502", "s7comm/tcp/102"]


def test_the_rest_is_kept_whole_under_its_type():
    (address,) = builder().ip("10.9.9.9")
    index, doc = documents(address)[address["id"]]
    assert (index, doc["isthmus"]["value"], doc["related"]["ip"]) == ("objects", "10.9.9.9", ["10.9.9.9"])
    assert "@timestamp" not in doc


def test_an_end_the_platform_may_not_see_is_named_by_its_id_alone():
    one, two = plc(0), plc(1)
    shape = builder().communication(one, two, first_seen=AT)
    known = {obj["id"]: obj for obj in one}
    _, doc = project(shape.object, known.get)
    assert "ip" not in doc.get("destination", {})
    assert doc["isthmus"]["communication"]["target"] == two.id


def test_an_address_that_is_none_is_left_out_of_the_ip_field():
    shape = plc(0)
    asset = {**shape.object, "extensions": {stix.ASSET: {**stix.facts(shape.object, stix.ASSET)}}}
    asset["extensions"][stix.ASSET]["interfaces"] = [{"ips": ["10.0.0.1", "fe80::1%eth0", "unknown", "10.0.0.0/24"]}]
    assert project(asset, {}.get)[1]["host"]["ip"] == ["10.0.0.1"]


def test_what_has_no_searchable_field_is_named_and_there_is_a_reason_for_each():
    for index, doc in documents(*objects(3)).values():
        if index == "objects":
            continue
        for name in doc["isthmus"].get("not_projected", ()):
            assert name in NOT_PROJECTED or name.startswith("extensions.extension-definition--"), (index, name)


def test_no_field_of_a_document_is_missing_in_the_template():
    typed = {name for names in _FIELDS.values() for name in names.split()}
    for index, doc in documents(*objects(3)).values():
        del doc["isthmus"]["stix"]
        assert set(leaves(doc)) <= typed, index


def test_documents_are_the_same_whatever_order_properties_came_in():
    shape = marked(plc(0).object)
    turned = dict(reversed(list(shape.items())))
    assert project(shape, {}.get) == project(turned, {}.get)


@pytest.mark.parametrize(
    ("modified", "expected"),
    [
        ("2026-01-01T00:00:05.000Z", 1767225605000),
        ("2026-01-01T00:00:05.001Z", 1767225605001),
        ("2026-01-01T00:00:05.000999Z", 1767225605000),
        (None, None),
    ],
)
def test_the_version_is_modified_in_milliseconds(modified, expected):
    assert version({"modified": modified}) == expected


def test_the_template_names_every_index_and_guesses_no_field():
    body = template("soc")
    assert body["index_patterns"] == [f"soc-{index}" for index in INDICES]
    assert mappings()["dynamic"] is False
