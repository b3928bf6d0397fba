"""Zeek and Suricata on one tap: each has its own objects, of the same ends in one address scope, and they say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus_connectors.suricata.connector import suricata
from isthmus_connectors.zeek.connector import zeek
from isthmus_sdk import Connector, stix
from isthmus_sdk.commands.map import MapOptions, map_files
from isthmus_sdk.stix import ALERT, ASSET, COMMUNICATION

CLIENT, SERVER = "192.0.2.20", "192.0.2.10"
SENSOR = {"sensor": "tap-3"}
FLOW_ID = "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


def logged(log_port: int, **fields: Any) -> dict[str, Any]:
    """An entry of one of Zeek's logs."""
    ends = {"id.orig_h": CLIENT, "id.orig_p": 49_152, "id.resp_h": SERVER, "id.resp_p": log_port}
    return {"ts": 1_777_888_800.0, "uid": "C1", **ends, **fields}


def event(kind: str, port: int, **fields: Any) -> dict[str, Any]:
    """An event of Suricata's log."""
    ends = {"src_ip": CLIENT, "src_port": 49_152, "dest_ip": SERVER, "dest_port": port, "proto": "TCP"}
    return {"timestamp": "2026-05-04T10:00:00.000000+0000", "flow_id": 7, "event_type": kind, **ends, **fields}


def objects(connector: Connector[Any], stream: str, path: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    file = path / f"{connector.name}.ndjson"
    file.write_text(json.dumps(record) + "\n")
    result = map_files(connector, connector.streams[stream], [file], MapOptions(settings=SENSOR, source_id="tap-3"))
    assert result.report["mapped"] == 1
    return [stix.decode(encoded) for encoded in result.objects]


def end(found: list[dict[str, Any]], ref: str) -> Any:
    """By what the hub knows an end, whichever product saw it: its address in its scope, and where it was seen."""
    (known,) = [stix.facts(obj, ASSET) for obj in found if obj["id"] == ref]
    return known["native_id"], known["source_id"], known["interfaces"]


def edge(found: list[dict[str, Any]]) -> tuple[Any, dict[str, Any], int]:
    """The communication: its ends, its one service, how often."""
    (one,) = [obj for obj in found if obj.get("relationship_type") == "communicates-with"]
    known = stix.facts(one, COMMUNICATION)
    (service,) = known["services"]
    ends = [end(found, one[ref]) for ref in ("source_ref", "target_ref")]
    return ends, service, known["windows"][0]["connections"]


DNP3 = {"type": "request", "application": {"function_code": 5}}
ENIP = {"request": {"command": "send_r_r_data", "cip": {"service": "unknown-77"}}}


@pytest.mark.parametrize(
    ("log", "entry", "stream", "told"),
    [
        (
            "conn",
            logged(502, proto="tcp", service="modbus", conn_state="SF", orig_bytes=12),
            "flows",
            event(
                "flow", 502, app_proto="modbus", flow={"start": "2026-05-04T10:00:00.000000+0000", "state": "closed"}
            ),
        ),
        (
            "modbus",
            logged(502, func="WRITE_SINGLE_COIL"),
            "ics",
            event("modbus", 502, modbus={"request": {"function_raw": 5}}),
        ),
        ("dnp3", logged(20_000, fc_request="DIRECT_OPERATE"), "ics", event("dnp3", 20_000, dnp3=DNP3)),
        ("cip", logged(44_818, cip_service_code="0x4d"), "ics", event("enip", 44_818, enip=ENIP)),
        (
            "enip",
            logged(44_818, enip_command_code="0x0065"),
            "ics",
            event("enip", 44_818, enip={"request": {"command": "register_session"}}),
        ),
    ],
)
def test_both_say_the_same_of_one_connection(
    tmp_path: Path, log: str, entry: dict[str, Any], stream: str, told: dict[str, Any]
) -> None:
    one, service, count = edge(objects(zeek, log, tmp_path, entry))
    other, other_service, other_count = edge(objects(suricata, stream, tmp_path, told))
    assert one == other
    assert count == other_count == 1
    # Zeek's own logs of DNP3, EtherNet/IP and CIP do not tell the transport.
    assert {**service, "transport": "tcp"} == other_service


def test_an_alert_has_the_ends_of_zeeks_communication_and_the_id_that_both_compute(tmp_path: Path) -> None:
    alert = {"signature_id": 2100498, "signature": "id check returned root", "severity": 2}
    found = objects(suricata, "alerts", tmp_path, event("alert", 502, alert=alert, community_id=FLOW_ID))
    (sighting,) = [obj for obj in found if obj["type"] == "sighting"]
    subjects = {subject["role"]: end(found, subject["ref"]) for subject in stix.facts(sighting, ALERT)["subjects"]}
    flow = objects(zeek, "conn", tmp_path, logged(502, proto="tcp", conn_state="SF", community_id=FLOW_ID))
    assert [subjects["source"], subjects["target"]] == edge(flow)[0]
    references = {ref["source_name"]: ref.get("external_id") for ref in sighting["external_references"]}
    assert references["community-id"] == FLOW_ID
