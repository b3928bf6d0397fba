"""What rows of the CMDB become, trap by trap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.connectors.conftest import Objects, map_records, objects_of

from isthmus_connectors.servicenow_cmdb.connector import servicenow
from isthmus_sdk import stix

ID, OTHER = "0a" * 16, "0b" * 16
SERVER: dict[str, Any] = {
    "sys_id": ID, "name": "hist-01", "sys_class_name": "cmdb_ci_win_server", "sys_created_on": "2024-02-01 09:00:00",
    "sys_updated_on": "2026-04-30 21:14:07", "install_status": "1", "operational_status": "1",
    "serial_number": "CZ12345678", "asset_tag": "P1000102", "ip_address": "192.0.2.20, 198.51.100.20",
    "mac_address": "00:00:5E:00:53:20", "dns_domain": "ot.example", "os": "Windows 2019 Standard", "os_version": "10.0.17763",
    "manufacturer.name": "HPE", "model_id.name": "ProLiant DL380", "location.name": "North Works", "owned_by.name": "Cid Crane",
    "support_group.name": "OT Servers", "managed_by.name": "Bob Baker", "business_criticality": "1 - most critical",
    "first_discovered": "2024-02-01 09:00:00", "last_discovered": "2026-05-01 02:00:00",
}  # fmt: skip
PLC: dict[str, Any] = {
    "sys_id": OTHER, "name": "PLC 1-1", "sys_class_name": "cmdb_ci_ot_plc", "install_status": "1",
    "firmware_version": "V2.8.1", "cmdb_ot_entity": "0c" * 16, "cmdb_ot_entity.purdue_level": "Level 1",
}  # fmt: skip


def of(record: Any, *types: str, stream: str = "computers") -> Objects:
    outcome = map_records(servicenow, stream, [record])
    assert outcome.mapped == 1, (outcome.quarantined, outcome.ignored)
    return objects_of(outcome, *types)


def facts(record: Any) -> dict[str, Any]:
    (asset,) = of(record, "infrastructure")[:1]
    return stix.facts(asset, stix.ASSET)


def test_a_server_is_an_asset_with_all_that_identifies_it(valid: Callable[[Objects], None]) -> None:
    objects = of(SERVER)
    valid(objects)
    known = facts(SERVER)
    assert (known["asset_class"], known["technology"], known["serial"]) == ("server", "it", "CZ12345678")
    assert (known["hostname"], known["site"], known["criticality"]) == ("hist-01.ot.example", "North Works", 100)
    assert (known["first_seen"], known["last_seen"]) == ("2024-02-01T09:00:00.000Z", "2026-05-01T02:00:00.000Z")
    assert {"kind": "asset_tag", "value": "P1000102"} in known["identifiers"]
    assert known["interfaces"] == [
        {**known["interfaces"][0], "mac": "00:00:5e:00:53:20", "ips": ["192.0.2.20", "198.51.100.20"]}
    ]


def test_those_who_answer_for_it_are_labels() -> None:
    (asset,) = of(SERVER, "infrastructure")[:1]
    wanted = {"owner:Cid Crane", "managed-by:Bob Baker", "support-group:OT Servers", "install-status:installed"}
    assert wanted <= set(asset["labels"])
    assert asset["modified"] == "2026-04-30T21:14:07.000Z"


def test_a_system_that_is_a_choice_is_named_by_its_label() -> None:
    both = {"display_value": "Red Hat Enterprise Linux", "value": "linux"}
    assert facts({**SERVER, "os": both, "os_version": "9.4"})["operating_system"] == "Red Hat Enterprise Linux 9.4"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cmdb_ci_linux_server", "server"),
        ("cmdb_ci_esx_server", "hypervisor"),
        ("ESX Server", "hypervisor"),
        ("cmdb_ci_lb_bigip", "network-device"),
    ],
)
def test_a_server_of_virtual_machines_and_a_load_balancer_have_their_own_classes(kind: str, expected: str) -> None:
    assert facts({**SERVER, "sys_class_name": kind})["asset_class"] == expected


def test_an_ot_device_has_its_class_and_its_declared_level() -> None:
    known = facts(PLC)
    assert (known["asset_class"], known["technology"], known["firmware"]) == ("plc", "ot", "V2.8.1")
    assert (known["purdue_level"], known["level_source"]) == ("1", "declared")
    assert "hostname" not in known


def test_a_computer_that_is_an_ot_device_has_the_class_of_its_function() -> None:
    record = {**SERVER, "cmdb_ot_entity": {"value": "0c" * 16}, "cmdb_ot_entity.ot_device_type": "HMI"}
    assert (facts(record)["asset_class"], facts(record)["technology"]) == ("hmi", "ot")


REFERENCES = {
    "walked": {"manufacturer.name": "HPE"},
    "display": {"manufacturer": {"display_value": "HPE", "link": "https://acme.example/x"}},
    "all": {"manufacturer": {"display_value": "HPE", "value": "0d" * 16}},
    "text": {"manufacturer": "HPE"},
}


@pytest.mark.parametrize("form", REFERENCES, ids=list(REFERENCES))
def test_a_reference_is_named_in_every_way_in_which_it_is_written(form: str) -> None:
    record = {name: value for name, value in SERVER.items() if name != "manufacturer.name"} | REFERENCES[form]
    assert facts(record)["vendor"] == "HPE"


@pytest.mark.parametrize("cell", [{"link": "https://acme.example/x", "value": "0d" * 16}, "0d" * 16, "", None, {}])
def test_an_id_is_no_name(cell: Any) -> None:
    record = {name: value for name, value in SERVER.items() if name != "manufacturer.name"} | {"manufacturer": cell}
    assert "vendor" not in facts(record)


def test_cells_with_both_values_are_the_same_row() -> None:
    both = {name: {"display_value": value, "value": value} for name, value in SERVER.items()}
    both["install_status"] = {"display_value": "Installed", "value": "1"}
    both["sys_updated_on"] = {"display_value": "30/04/2026 23:14:07", "value": "2026-04-30 21:14:07"}
    assert of(both) == of(SERVER)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("install_status", "7", "retired in the CMDB"),
        ("install_status", "Retired", "retired in the CMDB"),
        ("install_status", {"display_value": "Retired", "value": "7"}, "retired in the CMDB"),
        ("install_status", "100", "absent in the CMDB"),
        ("operational_status", "6", "retired in the CMDB"),
        ("hardware_status", "disposed", "disposed in the CMDB"),
        ("life_cycle_stage", "End of Life", "end of life in the CMDB"),
    ],
)
def test_what_is_retired_or_absent_is_left_to_its_tombstone(field: str, value: Any, reason: str) -> None:
    assert map_records(servicenow, "computers", [{**SERVER, field: value}]).ignored == {reason: 1}


@pytest.mark.parametrize("value", ["8", "3", "6", "42", "a new word"])
def test_any_other_state_is_kept_in_words(value: str) -> None:
    (asset,) = of({**SERVER, "install_status": value}, "infrastructure")[:1]
    assert any(label.startswith("install-status:") for label in asset["labels"])


@pytest.mark.parametrize("serial", ["To Be Filled By O.E.M.", "N/A", "None", "0", "unknown"])
def test_a_placeholder_is_no_serial(serial: str) -> None:
    assert "serial" not in facts({**SERVER, "serial_number": serial})


@pytest.mark.parametrize(
    "text", ["192.0.2.1,192.0.2.2", "192.0.2.1; 192.0.2.2", "192.0.2.1 192.0.2.2", "192.0.2.1|x|192.0.2.2"]
)
def test_one_field_may_hold_several_addresses(text: str) -> None:
    (card,) = facts({**SERVER, "ip_address": text})["interfaces"]
    assert card["ips"] == ["192.0.2.1", "192.0.2.2"]


def test_several_macs_share_no_address_that_nobody_says_is_theirs() -> None:
    cards = facts({**SERVER, "mac_address": "00:00:5E:00:53:02 00:00:5E:00:53:03"})["interfaces"]
    assert sorted((card.get("mac"), tuple(card.get("ips", ()))) for card in cards if "mac" in card) == [
        ("00:00:5e:00:53:02", ()),
        ("00:00:5e:00:53:03", ()),
    ]


@pytest.mark.parametrize(
    ("changes", "hostname"),
    [
        ({"fqdn": "a.example", "host_name": "b"}, "a.example"),
        ({"host_name": "b"}, "b.ot.example"),
        ({"name": "b", "dns_domain": ""}, "b"),
        ({"name": "My printer on floor 2"}, None),
    ],
)
def test_the_host_is_named_in_full(changes: dict[str, str], hostname: str | None) -> None:
    assert facts({**SERVER, **changes}).get("hostname") == hostname


@pytest.mark.parametrize(
    ("kind", "form", "found"),
    [
        ("cmdb_ci_linux_server", None, "server"),
        ("Linux Server", None, "server"),
        ("cmdb_ci_computer", "Laptop", "laptop"),
        ("cmdb_ci_computer", "Desktop", "workstation"),
        ("cmdb_ci_computer", None, "endpoint"),
        ("IP Switch", None, "switch"),
        ("cmdb_ci_ot_opc_server", None, "data-gateway"),
        ("u_cmdb_ci_toaster", None, None),
        (None, None, None),
    ],
)
def test_classes_by_table_and_by_label(kind: str | None, form: str | None, found: str | None) -> None:
    assert facts({**SERVER, "sys_class_name": kind, "chassis_type": form}).get("asset_class") == found


@pytest.mark.parametrize(
    ("value", "percent"),
    [("1 - most critical", 100), ("2", 75), ("3 - less critical", 50), ("4 - not critical", 25), ("High", 75),
     ("5", None), ("", None), ("tier one", None)],
)  # fmt: skip
def test_criticality_in_percent(value: str, percent: int | None) -> None:
    assert facts({**SERVER, "business_criticality": value}).get("criticality") == percent


def test_a_duplicate_names_the_row_it_duplicates() -> None:
    (edge,) = [
        each
        for each in of({**SERVER, "duplicate_of": {"value": OTHER}}, "relationship")
        if each["relationship_type"] == "duplicate-of"
    ]
    assert edge["target_ref"] == of(PLC, "infrastructure")[0]["id"]


@pytest.mark.parametrize(
    "record", [{"sys_id": ID}, dict.fromkeys(SERVER, "") | {"sys_id": ID}, dict.fromkeys(SERVER) | {"sys_id": ID}]
)
def test_an_id_alone_is_an_asset(record: dict[str, Any]) -> None:
    assert of(record, "infrastructure")[0]["name"] == ID


def test_a_time_in_the_readers_own_form_is_quarantined_with_its_field() -> None:
    (bad,) = map_records(servicenow, "computers", [{**SERVER, "last_discovered": "half past two"}]).quarantined
    assert bad.path == "last_discovered"


def relation(type: Any, **changes: Any) -> dict[str, Any]:
    return {"sys_id": "0e" * 16, "sys_updated_on": "2026-04-01 10:00:00", "parent": {"value": ID}, "child": {"value": OTHER},
            "type.name": type, **changes}  # fmt: skip


@pytest.mark.parametrize(
    ("type", "kind", "told"),
    [
        ("Controls::Controlled by", "controls", "controls"),
        ("Depends on::Used by", "uses", "depends on"),
        ("Runs on::Runs", "related-to", "runs on"),
        ("Connects to::Connected by", "related-to", "connects to"),
        (None, "related-to", None),
    ],
)
def test_a_relation_reads_as_its_type_does(type: str | None, kind: str, told: str | None) -> None:
    (edge,) = of(relation(type), stream="relations")
    assert (edge["relationship_type"], edge.get("description")) == (kind, told)
    assert edge["source_ref"] == of(SERVER, "infrastructure")[0]["id"]
    assert (edge["target_ref"], edge["modified"]) == (of(PLC, "infrastructure")[0]["id"], "2026-04-01T10:00:00.000Z")


def test_a_relation_to_itself_says_nothing_and_one_without_an_end_is_quarantined() -> None:
    outcome = map_records(servicenow, "relations", [relation("Uses::Used by", child={"value": ID})])
    assert outcome.ignored == {"a relation of a device to itself": 1}
    (bad,) = map_records(servicenow, "relations", [relation("Uses::Used by", child="")]).quarantined
    assert bad.path == "child"


@pytest.mark.parametrize(
    ("kind", "of_asset", "technology"),
    [
        ("cmdb_ci_ot_opc_client", "data-gateway", "ot"),
        ("cmdb_ci_ot_qics", "controller", "ot"),
        ("cmdb_ci_plc", "plc", "ot"),
        ("cmdb_ci_manufacturing", None, "ot"),
        ("cmdb_ci_ot_something_new", None, "ot"),
        ("cmdb_ci_protocol_converter", "data-gateway", "ot"),
        ("cmdb_ci_sdwan_edge", "router", "it"),
        ("cmdb_ci_ip_camera", "camera", "iot"),
        ("cmdb_ci_iot", "iot", "iot"),
        ("cmdb_ci_med_patient_monitoring", "medical", "iomt"),
        ("cmdb_ci_something_new", None, "it"),
    ],
)
def test_the_class_says_what_a_device_is_and_whose_world_it_belongs_to(
    kind: str, of_asset: str | None, technology: str
) -> None:
    known = facts({**SERVER, "sys_class_name": kind})
    assert (known.get("asset_class"), known.get("technology")) == (of_asset, technology)
