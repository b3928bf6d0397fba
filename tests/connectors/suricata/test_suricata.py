"""Suricata's EVE log as alerts and communications: kinds of events, traps, and alerts that meet their flows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isthmus_connectors.suricata import mapping
from isthmus_connectors.suricata.connector import suricata
from isthmus_connectors.suricata.enip import cip_service, enip_command
from isthmus_sdk import stix
from isthmus_sdk.commands.map import MapOptions, Mapped, map_files
from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import ALERT, ASSET, COMMUNICATION

HMI, PLC, OUTSIDE = "192.0.2.20", "192.0.2.10", "198.51.100.7"
FLOW: dict[str, Any] = {
    "timestamp": "2026-05-04T10:02:00.000000+0000", "flow_id": 2202, "event_type": "flow", "src_ip": HMI, "src_port": 49152,
    "dest_ip": PLC, "dest_port": 502, "proto": "TCP", "app_proto": "modbus",
    "flow": {
        "pkts_toserver": 9, "pkts_toclient": 8, "bytes_toserver": 720, "bytes_toclient": 640, "state": "closed",
        "start": "2026-05-04T10:00:09.900000+0000", "end": "2026-05-04T10:00:35.000000+0000",
    },
}  # fmt: skip
ALERTED: dict[str, Any] = {
    **{name: FLOW[name] for name in ("flow_id", "src_ip", "src_port", "dest_ip", "dest_port", "proto")},
    "timestamp": "2026-05-04T10:00:30.000001+0000", "event_type": "alert", "tx_id": 2,
    "alert": {
        "action": "allowed", "gid": 1, "signature_id": 2250001, "rev": 2, "signature": "SURICATA Modbus invalid", "severity": 3,
        "category": "Generic Protocol Command Decode",
    },
}  # fmt: skip


def mapped(tmp_path: Path, stream: str, *events: Any, **options: Any) -> Mapped:
    """``isthmus map`` over one file of events, with accounts that add up."""
    path = tmp_path / "eve.json"
    path.write_text("".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in events))
    result = map_files(suricata, suricata.streams[stream], [path], MapOptions(**options))
    report = result.report
    assert report["records"] == report["mapped"] + sum(report["ignored"].values()) + len(report["quarantined"])
    return result


def objects(result: Mapped) -> dict[str, dict[str, Any]]:
    return {obj["id"]: obj for obj in map(stix.decode, result.objects)}


def facts(result: Mapped, extension: str) -> list[dict[str, Any]]:
    return [known for obj in objects(result).values() if (known := stix.facts(obj, extension))]


def alert(**change: Any) -> dict[str, Any]:
    return {**ALERTED, "alert": {**ALERTED["alert"], **change}}


def message(kind: str, body: Any, **change: Any) -> dict[str, Any]:
    return {**{name: value for name, value in FLOW.items() if name != "flow"}, "event_type": kind, kind: body, **change}


# alerts


def test_an_alert_is_a_sighting_of_its_rule_about_the_two_ends(tmp_path: Path) -> None:
    result = mapped(tmp_path, "alerts", {**ALERTED, "community_id": "1:abc="})
    found = objects(result)
    (sighting,) = [obj for obj in found.values() if obj["type"] == "sighting"]
    rule = found[sighting["sighting_of_ref"]]
    assert (rule["name"], rule["pattern"]) == ("SURICATA Modbus invalid", "1:2250001")
    (known,) = facts(result, ALERT)
    assert (known["severity"], known["vendor_severity"], known["vendor_status"]) == (30, "3", "allowed")
    assert known["first_seen"] == "2026-05-04T10:00:30.000001Z"
    assert {subject["role"]: found[subject["ref"]]["name"] for subject in known["subjects"]} == {
        "source": HMI, "target": PLC,
    }  # fmt: skip
    told = {ref["source_name"]: ref["external_id"] for ref in sighting["external_references"]}
    assert (told["suricata-flow"], told["community-id"]) == ("2202", "1:abc=")


def test_copies_of_an_alert_are_one_and_others_in_the_same_flow_are_not(tmp_path: Path) -> None:
    others = [
        {**ALERTED, "timestamp": "2026-05-04T10:00:30.000002+0000"},
        {**ALERTED, "tx_id": 3},
        {**ALERTED, "flow_id": 2203},
        {**ALERTED, "src_ip": PLC, "dest_ip": HMI},
        alert(signature_id=1),
        alert(gid=3),
    ]
    same = {**ALERTED, "timestamp": "2026-05-04T12:00:30.000001+02:00", "in_iface": "other", "packet": "AA=="}
    again = alert(signature="renamed rule", severity=1)
    result = mapped(tmp_path, "alerts", ALERTED, same, again, *others)
    assert sum(obj["type"] == "sighting" for obj in objects(result).values()) == 1 + len(others)


def test_an_alert_and_the_flow_it_was_raised_in_have_the_same_endpoints(tmp_path: Path) -> None:
    for change in (
        {},
        {"host": "ids-1"},
        {"vlan": [10]},
        {"vlan": [10, 20], "host": "ids-1"},
        {"dest_ip": "224.0.0.1"},
    ):
        of_alert, of_flow = ({**event, **change} for event in (ALERTED, FLOW))
        ends = {subject["ref"] for subject in facts(mapped(tmp_path, "alerts", of_alert), ALERT)[0]["subjects"]}
        (edge,) = [
            obj
            for obj in objects(mapped(tmp_path, "flows", of_flow)).values()
            if obj.get("relationship_type") == "communicates-with"
        ]
        assert ends == {edge["source_ref"], edge["target_ref"]}


def test_the_setting_names_the_sensor_for_alerts_and_flows(tmp_path: Path) -> None:
    for stream, event in (("alerts", ALERTED), ("flows", FLOW)):
        result = mapped(tmp_path, stream, {**event, "host": "ids-1"}, settings={"sensor": "north"})
        assert {known["native_id"] for known in facts(result, ASSET)} == {
            f"endpoint:north:{HMI}", f"endpoint:north:{PLC}",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "wanted"), [(1, 70), ("2", 50), (3, 30), (4, 10), (255, 10), (0, None), (None, None)]
)
def test_priorities_of_rules_become_severities(tmp_path: Path, severity: Any, wanted: int | None) -> None:
    (known,) = facts(mapped(tmp_path, "alerts", alert(severity=severity)), ALERT)
    assert known.get("severity") == wanted


def test_a_rule_tells_target_techniques_cve_and_its_own_text(tmp_path: Path) -> None:
    text = 'alert tls any any -> any any (msg:"x"; sid:9;)'
    told = alert(
        source={"ip": OUTSIDE, "port": 443},
        target={"ip": HMI},
        rule=text,
        metadata={"mitre_technique_id": ["T1071.001"], "cve": ["CVE_2025_0001", "nonsense"]},
    )
    result = mapped(tmp_path, "alerts", {**told, "src_ip": HMI, "dest_ip": OUTSIDE, "tls": {"sni": "c2.example"}})
    (known,) = facts(result, ALERT)
    found = objects(result)
    assert known["techniques"] == ["T1071.001"]
    assert {subject["role"]: found[subject["ref"]]["name"] for subject in known["subjects"]} == {
        "source": OUTSIDE, "target": HMI,
    }  # fmt: skip
    (sighting,) = [obj for obj in found.values() if obj["type"] == "sighting"]
    assert found[sighting["sighting_of_ref"]]["pattern"] == text
    assert {"source_name": "cve", "external_id": "CVE-2025-0001"} in sighting["external_references"]
    assert [obj["value"] for obj in found.values() if obj["type"] == "domain-name"] == ["c2.example"]


def test_names_and_files_of_an_alert_are_observed(tmp_path: Path) -> None:
    event = {
        **ALERTED,
        "http": {"hostname": "files.example"},
        "dns": {"query": [{"rrname": "a.example"}], "queries": {"rrname": "b.example"}},
        "files": {"filename": "/setup.exe", "sha256": "AB" * 32},
    }
    found = list(objects(mapped(tmp_path, "alerts", event)).values())
    names = [obj["value"] for obj in found if obj["type"] == "domain-name"]
    assert sorted(names) == ["a.example", "b.example", "files.example"]
    assert [obj["hashes"] for obj in found if obj["type"] == "file"] == [{"SHA-256": "ab" * 32}]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"alert": None}, "alert.signature_id"),
        ({"alert": {"signature": "no id"}}, "alert.signature_id"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"event_type": None}, "event_type"),
        ({"src_port": 70_000}, "src_port"),
    ],
)
def test_an_alert_that_cannot_be_used_names_the_place(tmp_path: Path, change: dict[str, Any], path: str) -> None:
    result = mapped(tmp_path, "alerts", ALERTED, {**ALERTED, **change}, '{"torn', ALERTED)
    assert [(bad["index"], bad["path"]) for bad in result.report["quarantined"]] == [(1, path), (2, "")]
    assert result.report["mapped"] == 2


def test_a_sparse_alert_is_an_alert(tmp_path: Path) -> None:
    sparse = {"event_type": "alert", "timestamp": "2026-05-04T10:00:00Z", "alert": {"signature_id": 7}}
    (known,) = facts(mapped(tmp_path, "alerts", sparse), ALERT)
    assert "subjects" not in known


# flows


def test_a_flow_becomes_a_communication(tmp_path: Path) -> None:
    (known,) = facts(mapped(tmp_path, "flows", FLOW, {**FLOW, "flow_id": 3}), COMMUNICATION)
    assert known["services"] == [{"protocol": "modbus", "transport": "tcp", "port": 502}]
    (window,) = known["windows"]
    counted = {name: window[name] for name in ("connections", "bytes_out", "bytes_in", "packets_out", "packets_in")}
    assert counted == {"connections": 2, "bytes_out": 1440, "bytes_in": 1280, "packets_out": 18, "packets_in": 16}
    assert (window["start"], known["last_seen"]) == ("2026-05-04T10:00:00.000Z", "2026-05-04T10:00:35.000Z")


def test_attempts_that_nobody_answered_make_no_endpoint(tmp_path: Path) -> None:
    tried = {**FLOW, "flow": {**FLOW["flow"], "state": "new", "pkts_toclient": 0}}
    result = mapped(tmp_path, "flows", tried, {**tried, "proto": "UDP", "dest_port": 53})
    assert result.report["ignored"] == {"TCP attempt that nobody answered": 1}
    assert result.report["mapped"] == 1


def test_what_was_not_recognised_is_the_transport(tmp_path: Path) -> None:
    for app in ("failed", "unknown", None):
        (known,) = facts(mapped(tmp_path, "flows", {**FLOW, "app_proto": app}), COMMUNICATION)
        assert known["services"][0]["protocol"] == "tcp"


@pytest.mark.parametrize("stream", ["alerts", "flows", "ics", "dns"])
def test_every_other_event_is_ignored_with_a_reason(tmp_path: Path, stream: str) -> None:
    kinds = ["alert", "flow", "dns", "modbus", "dnp3", "enip", "stats", "netflow", "drop", "tls", "fileinfo", "made-up"]
    own = {"alerts": {"alert"}, "flows": {"flow"}, "ics": {"modbus", "dnp3", "enip"}, "dns": {"dns"}}[stream]
    events = [
        {"event_type": kind, "timestamp": "2026-05-04T10:00:00Z", "stats": {}} for kind in kinds if kind not in own
    ]
    report = mapped(tmp_path, stream, *events).report
    assert sum(report["ignored"].values()) == len(events)
    if stream != "stats":
        assert report["ignored"]["stats: counters of the sensor itself, no traffic"] == 1


@pytest.mark.parametrize(
    ("stream", "change", "path"),
    [
        ("flows", {"src_ip": None}, "src_ip"),
        ("flows", {"dest_ip": "not-an-address"}, "dest_ip"),
        ("flows", {"flow": None}, "flow"),
        ("flows", {"flow": {"bytes_toserver": -1}}, "flow.bytes_toserver"),
        ("flows", {"flow": {"end": "soon"}}, "timestamp"),
        ("flows", {"flow": {}, "timestamp": None}, "timestamp"),
        ("dns", {"event_type": "dns", "timestamp": "XXXX"}, "timestamp"),
        ("ics", {"event_type": "modbus"}, "modbus"),
    ],
)
def test_an_event_that_cannot_be_used_names_the_place(
    tmp_path: Path, stream: str, change: dict[str, Any], path: str
) -> None:
    report = mapped(tmp_path, stream, {**FLOW, **change}).report
    assert [bad["path"] for bad in report["quarantined"]] == [path]


# messages


@pytest.mark.parametrize(
    ("event", "protocol", "codes"),
    [
        (message("modbus", {"request": {"function_raw": 3, "function_code": "RdHoldRegs"}}), "modbus", [3]),
        (message("modbus", {"request": {"function_code": 16}}), "modbus", [16]),
        (message("modbus", {"response": {"function_raw": 0x83}}), "modbus", [3]),
        (message("modbus", {"id": 1}), "modbus", None),
        (message("dnp3", {"type": "request", "application": {"function_code": 5}}, proto="UDP"), "dnp3", [5]),
        (message("dnp3", {"request": {"application": {"function_code": 1}}, "response": {}}), "dnp3", [1]),
        (message("dnp3", {"response": {"application": {"function_code": 130}}}), "dnp3", [130]),
        (message("dnp3", {"type": "response", "application": {"function_code": 129}}), "dnp3", None),
        (message("enip", {"request": {"command": "RegisterSession"}}), "enip", [0x65]),
        (message("enip", {"request": {"command": "send_rr_data", "cip": {"service": "GetAttributesAll"}}}), "cip", [1]),
        (message("enip", {"response": {"command": "send_unit_data", "cip": {"service": "unknown-77"}}}), "cip", [77]),
        (message("enip", {"request": {"command": "brew"}}), "enip", None),
    ],
)  # fmt: skip
def test_function_codes_by_protocol(
    tmp_path: Path, event: dict[str, Any], protocol: str, codes: list[int] | None
) -> None:
    (known,) = facts(mapped(tmp_path, "ics", event), COMMUNICATION)
    (service,) = known["services"]
    assert (service["protocol"], service["transport"]) == (protocol, event["proto"].lower())
    assert service.get("function_codes") == codes


def test_names_of_enip_are_known_in_each_spelling() -> None:
    assert [enip_command(name) for name in ("SendRRData", "send_rr_data", "send_r_r_data", "unknown-9")] == [
        111
    ] * 3 + [9]
    assert [cip_service(name) for name in ("GetAttrSingle", "get_attribute_single", "")] == [14, 14, None]


def test_a_question_is_counted_and_its_answer_is_not(tmp_path: Path) -> None:
    asked = message("dns", {"type": "query"}, dest_port=53, proto="UDP")
    for question, answer in (("query", "answer"), ("request", "response")):
        result = mapped(
            tmp_path, "dns", {**asked, "dns": {"type": question}}, {**asked, "dns": {"type": answer}}, asked
        )
        (known,) = facts(result, COMMUNICATION)
        assert known["windows"][0]["connections"] == 2


@pytest.mark.parametrize("port", [53, 5355])
def test_an_answer_that_is_logged_as_its_packet_went_is_of_the_same_communication(tmp_path: Path, port: int) -> None:
    asked = message("dns", {"type": "query"}, src_port=40_000, dest_port=port, proto="UDP")
    ends = {"src_ip": asked["dest_ip"], "src_port": port, "dest_ip": asked["src_ip"], "dest_port": 40_000}
    answered = {**asked, **ends, "dns": {"type": "answer"}}
    (known,) = facts(mapped(tmp_path, "dns", asked, answered), COMMUNICATION)
    assert known["services"] == [{"protocol": "dns", "transport": "udp", "port": port}]
    assert known["windows"][0]["connections"] == 1
    (alone,) = facts(mapped(tmp_path, "dns", answered), COMMUNICATION)
    assert alone["services"] == known["services"]


def test_a_dnp3_response_is_of_the_request_that_it_answers(tmp_path: Path) -> None:
    asked = message("dnp3", {"type": "request", "application": {"function_code": 1}})
    answered = message("dnp3", {"type": "response", "application": {"function_code": 129}})
    (known,) = facts(mapped(tmp_path, "ics", asked, answered), COMMUNICATION)
    assert known["services"][0]["function_codes"] == [1]
    assert known["windows"][0]["connections"] == 1


@pytest.mark.parametrize(
    ("cve", "wanted"),
    [
        ("2024-12345", "CVE-2024-12345"), ("2024_12345", "CVE-2024-12345"), ("CVE_2024_12345", "CVE-2024-12345"),
        ("cve-2024-12345", "CVE-2024-12345"), ("2024", None), ("CVE_nobody", None),
    ],
)  # fmt: skip
def test_techniques_and_cves_as_rule_sets_spell_them(tmp_path: Path, cve: str, wanted: str | None) -> None:
    rule = {"signature_id": 7, "metadata": {"mitre_attack": ["t0855"], "mitre_technique_id": ["T0836"], "cve": [cve]}}
    result = mapped(tmp_path, "alerts", alert(**rule))
    (known,) = facts(result, ALERT)
    assert known["techniques"] == ["T0836", "T0855"]
    told = [ref for obj in objects(result).values() for ref in obj.get("external_references", ())]
    assert [ref["external_id"] for ref in told if ref["source_name"] == "cve"] == ([wanted] if wanted else [])


def test_seconds_raises_the_place() -> None:
    with pytest.raises(RecordError) as caught:
        mapping.seconds("yesterday")
    assert caught.value.path == "timestamp"


def test_what_is_emitted_is_valid_stix(valid: Callable[[Any], None]) -> None:
    page = suricata.folder / "conformance" / "pages" / "eve.json"
    for stream in suricata.streams.values():
        valid([stix.decode(encoded) for encoded in map_files(suricata, stream, [page]).objects])
