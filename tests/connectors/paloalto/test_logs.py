"""Firewall logs: one session in every form, traps of each form, and what threat logs become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus_connectors.paloalto import logs, panos
from isthmus_connectors.paloalto.connector import paloalto
from isthmus_sdk import stix
from isthmus_sdk.commands.map import MapOptions, Mapped, map_files
from isthmus_sdk.errors import RecordError
from isthmus_sdk.push import Message, records_of
from isthmus_sdk.stix import ALERT, ASSET, COMMUNICATION

HMI, PLC = "192.0.2.20", "192.0.2.10"
TRAFFIC: dict[str, Any] = {
    "type": "TRAFFIC", "subtype": "end", "serial": "007", "seqno": "1", "time_generated": "2026/05/04 10:00:00", "src": HMI,
    "dst": PLC, "app": "modbus-base", "proto": "tcp", "action": "allow", "sport": "49152", "dport": "502", "repeatcnt": "1",
    "bytes_sent": "366", "bytes_received": "74", "pkts_sent": "3", "pkts_received": "1", "device_name": "fw-1",
}  # fmt: skip
THREAT: dict[str, Any] = {
    **{name: TRAFFIC[name] for name in ("serial", "time_generated", "src", "dst", "proto", "sport", "dport", "device_name")},
    "type": "THREAT", "subtype": "vulnerability", "seqno": "7", "app": "web-browsing", "action": "reset-both", "severity": "high",
    "threatid": "Struts Remote Code Execution(41756)", "thr_category": "code-execution", "direction": "client-to-server",
}  # fmt: skip
CEF = (
    "CEF:0|Palo Alto Networks|PAN-OS|11.1|{subtype}|{type}|{severity}|rt=May 04 2026 10:00:01 GMT deviceExternalId=007 "
    "src=192.0.2.20 dst=192.0.2.10 cs1Label=Rule cs1=ot \\= it app={app} cs4Label=Source Zone cs4=ot cs5Label=Destination Zone "
    "cs5=it spt=49152 dpt={dport} proto=tcp act={action} in=366 out=74 PanOSPacketsReceived=1 PanOSPacketsSent=3 "
    "start=May 04 2026 10:00:00 GMT externalId={seqno} dvchost=fw-1 {more}"
)
OWN = (
    '1,2026/05/04 10:00:01,007,{type},{subtype},2817,2026/05/04 10:00:00,192.0.2.20,192.0.2.10,0.0.0.0,0.0.0.0,"ot, it",docs\\ann,,'
    "{app},vsys1,ot,it,ethernet1/2,ethernet1/1,hub,2026/05/04 10:00:01,302,1,49152,{dport},0,0,0x19,tcp,{action},{rest}"
)
OWN_TRAFFIC = OWN.format(
    type="TRAFFIC", subtype="end", app="modbus-base", dport=502, action="allow",
    rest="440,366,74,4,2026/05/04 09:59:58,2,any,,1,0x0,x,y,,3,1,tcp-fin,0,0,0,0,,fw-1,from-policy",
)  # fmt: skip
OWN_THREAT = OWN.format(
    type="THREAT", subtype="vulnerability", app="web-browsing", dport=502, action="reset-both",
    rest='"plc.example/a,b",Struts Remote Code Execution(41756),any,high,client-to-server,7,0x0,x,y,,,0,,,0,,,,,,,,0,0,0,0,0,,fw-1,,,,,0'
    ",,0,,N/A,code-execution",
)  # fmt: skip
CEF_TRAFFIC = CEF.format(
    type="TRAFFIC", subtype="end", severity=1, app="modbus-base", dport=502, action="allow", seqno=1, more=""
)
CEF_THREAT = CEF.format(
    type="THREAT", subtype="vulnerability", severity=4, app="web-browsing", dport=502, action="reset-both", seqno=7,
    more='cat=Struts Remote Code Execution(41756) request="plc.example/a\\=b c" flexString2Label=Direction '
    "flexString2=client-to-server PanOSThreatCategory=code-execution",
)  # fmt: skip
STRATA = (
    "CEF:0|Palo Alto Networks|LF|2.0|TRAFFIC|end|3|dtz=UTC rt=May 04 2026 10:00:01 deviceExternalId=007 start=May 04 2026 10:00:00 "
    "src=192.0.2.20 dst=192.0.2.10 cs1Label=Rule cs1=x cs4Label=FromZone cs4=ot app=modbus-base spt=49152 dpt=502 proto=tcp act=allow "
    "out=366 in=74 PanOSPacketsSent=3 PanOSPacketsReceived=1 externalId=1 dvchost=fw-1"
)
STRATA_THREAT = (
    "CEF:0|Palo Alto Networks|LF|2.0|THREAT|vulnerability|3|dtz=UTC rt=May 04 2026 10:00:01 deviceExternalId=007 suser=ann "
    "PanOSSeverity=high start=May 04 2026 10:00:00 src=192.0.2.20 c6a2= c6a2Label=Source IPv6 Address dst=192.0.2.10 "
    "suser0=docs\\\\ann duser0= cs1Label=Rule cs1=ot \\= it cs4=ot cs4Label=FromZone cs5=it cs5Label=ToZone app=web-browsing spt=49152 "
    "dpt=502 proto=tcp act=reset-both externalId=7 dvchost=fw-1 cat=Struts Remote Code Execution PanOSThreatID=41756(41756) "
    "PanOSThreatCategory=code-execution flexString2Label=DirectionOfAttack PanOSDirectionOfAttack=client-to-server"
)


def sent(*messages: str) -> list[bytes]:
    """Records of messages as a receiver takes them, with a syslog header of each age."""
    push = paloalto.streams["traffic"].push
    assert push is not None
    heads = ("<14>May  4 10:00:01 fw-1 ", "<14>1 2026-05-04T10:00:01Z fw-1 - - - - ", "")
    bodies = [f"{heads[number % 3]}{text}\n".encode() for number, text in enumerate(messages)]
    return [record for body in bodies for record in records_of(push, Message(body=body, at=1_777_888_801_000))]


def mapped(tmp_path: Path, stream: str, *records: Any, **options: Any) -> Mapped:
    path = tmp_path / "records.ndjson"
    lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    result = map_files(paloalto, paloalto.streams[stream], [path], MapOptions(**options))
    report = result.report
    assert report["records"] == report["mapped"] + sum(report["ignored"].values()) + len(report["quarantined"])
    return result


def facts(result: Mapped, extension: str) -> list[dict[str, Any]]:
    return [known for encoded in result.objects if (known := stix.facts(stix.decode(encoded), extension))]


def ends(result: Mapped) -> dict[str, str]:
    """Role -> address of the subjects of the only alert."""
    names = {obj["id"]: obj.get("name") for obj in map(stix.decode, result.objects)}
    (known,) = facts(result, ALERT)
    return {subject["role"]: names[subject["ref"]] for subject in known["subjects"]}


# forms


@pytest.mark.parametrize(
    "form", [OWN_TRAFFIC, CEF_TRAFFIC, STRATA, json.dumps(TRAFFIC)], ids=["own", "cef", "strata", "json"]
)
def test_a_session_is_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    (wanted,) = facts(mapped(tmp_path, "traffic", TRAFFIC), COMMUNICATION)
    for record in sent(form, form, form):
        (known,) = facts(mapped(tmp_path, "traffic", record), COMMUNICATION)
        assert {**known, "windows": None} == {**wanted, "windows": None}
        assert {**known["windows"][0], "part": ""} == {**wanted["windows"][0], "part": ""}


@pytest.mark.parametrize(
    "form", [OWN_THREAT, CEF_THREAT, STRATA_THREAT, json.dumps(THREAT)], ids=["own", "cef", "strata", "json"]
)
def test_a_threat_is_the_same_alert_in_every_form(tmp_path: Path, form: str) -> None:
    result = mapped(tmp_path, "threats", THREAT, *sent(form, form, form))
    assert result.report["mapped"] == 4
    (sighting,) = [obj for obj in map(stix.decode, result.objects) if obj["type"] == "sighting"]
    known = stix.facts(sighting, ALERT)
    assert known is not None
    assert (known["native_id"], known["title"], known["severity"]) == (
        "007/threat/7",
        "Struts Remote Code Execution",
        70,
    )
    assert ends(mapped(tmp_path, "threats", *sent(form))) == {"source": HMI, "target": PLC}


def test_values_of_cef_keep_equal_signs_spaces_and_lose_their_quotes() -> None:
    record = json.loads(panos.unwrapped(sent(CEF_THREAT)[0]))
    assert (record["misc"], record["rule"]) == ("plc.example/a=b c", "ot = it")
    relayed = CEF_THREAT.replace("dvchost=fw-1 ", "dvchost=fw-1#012 ")
    assert json.loads(panos.unwrapped(sent(relayed)[0]))["device_name"] == "fw-1"


def test_a_bar_in_the_header_of_cef_is_no_end_of_it() -> None:
    odd = CEF_TRAFFIC.replace("|PAN-OS|", "|PAN\\|OS \\\\|")
    assert json.loads(panos.unwrapped(sent(odd)[0]))["type"] == "TRAFFIC"


@pytest.mark.parametrize(
    "text",
    ["", "last message repeated 3 times", "1,2,3", OWN_TRAFFIC[:80], "CEF:0|Palo Alto", "{nonsense", ",,,TRAFFIC"],
)
def test_what_is_no_log_is_quarantined_and_the_others_go_on(tmp_path: Path, text: str) -> None:
    result = mapped(tmp_path, "traffic", *sent(OWN_TRAFFIC, text, CEF_TRAFFIC))
    assert result.report["mapped"] == 2
    (bad,) = result.report["quarantined"]
    assert bad["error"]


def test_logs_of_other_types_are_ignored_with_a_reason(tmp_path: Path) -> None:
    system = "1,2026/05/04 10:00:01,007,SYSTEM,general,0," + ",".join("x" * 30)
    assert mapped(tmp_path, "traffic", THREAT, *sent(system)).report["ignored"] == {
        "THREAT: read by the stream threats": 1, "a log of another type": 1,
    }  # fmt: skip
    assert mapped(tmp_path, "threats", TRAFFIC).report["ignored"] == {"TRAFFIC: read by the stream traffic": 1}


# traffic


def test_a_session_is_counted_where_it_ends_and_known_from_its_start(tmp_path: Path) -> None:
    start = {**TRAFFIC, "subtype": "start", "bytes_sent": "10"}
    (open_,) = facts(mapped(tmp_path, "traffic", start), COMMUNICATION)
    (both,) = facts(mapped(tmp_path, "traffic", start, TRAFFIC), COMMUNICATION)
    (ended,) = facts(mapped(tmp_path, "traffic", TRAFFIC), COMMUNICATION)
    assert [known["windows"][0]["connections"] for known in (open_, both, ended)] == [0, 1, 1]
    assert [known["windows"][0]["bytes_out"] for known in (open_, both, ended)] == [0, 366, 366]


@pytest.mark.parametrize(
    "change",
    [
        {"subtype": "drop"},
        {"subtype": "deny"},
        {"action": "deny"},
        {"action": "reset-both"},
        {"app": "incomplete", "pkts_received": "0"},
    ],
)
def test_what_did_not_pass_makes_no_endpoint(tmp_path: Path, change: dict[str, Any]) -> None:
    result = mapped(tmp_path, "traffic", {**TRAFFIC, **change})
    assert (sum(result.report["ignored"].values()), result.objects) == (1, [])


@pytest.mark.parametrize(
    ("app", "wanted"),
    [
        ("modbus-base", ("modbus", None)), ("modbus-read-coils", ("modbus", 1)), ("modbus-write-multiple-registers", ("modbus", 16)),
        ("msrpc-base", ("msrpc", None)), ("cip-ethernet-ip", ("enip", None)), ("incomplete", (None, None)), (None, (None, None)),
        ("unknown-tcp", (None, None)), ("modbus-brew-coffee", ("modbus-brew-coffee", None)),
    ],
)  # fmt: skip
def test_applications_are_services_and_functions(app: str | None, wanted: tuple[str | None, int | None]) -> None:
    assert logs.spoken(app) == wanted


@pytest.mark.parametrize(
    ("change", "zone", "seen"),
    [
        ({}, "UTC", "2026-05-04T10:00:00.000Z"),
        ({}, "Europe/Berlin", "2026-05-04T08:00:00.000Z"),
        ({}, "+05:30", "2026-05-04T04:30:00.000Z"),
        ({"dtz": "UTC"}, "Europe/Berlin", "2026-05-04T10:00:00.000Z"),
        ({"dtz": "nonsense"}, "Europe/Berlin", "2026-05-04T08:00:00.000Z"),
        ({"time_generated": "May 04 2026 10:00:00 GMT"}, "Europe/Berlin", "2026-05-04T10:00:00.000Z"),
        ({"time_generated": 1777888800}, "Europe/Berlin", "2026-05-04T10:00:00.000Z"),
        ({"high_res_timestamp": "2026-05-04T10:00:00.123-08:00"}, "UTC", "2026-05-04T18:00:00.123Z"),
        ({"time_generated": None, "receive_time": "2026/05/04 11:00:00"}, "UTC", "2026-05-04T11:00:00.000Z"),
    ],
)
def test_local_times_are_read_in_the_zone_of_the_settings(
    tmp_path: Path, change: dict[str, Any], zone: str, seen: str
) -> None:
    for stream, log, extension in (("traffic", TRAFFIC, COMMUNICATION), ("threats", THREAT, ALERT)):
        (known,) = facts(mapped(tmp_path, stream, {**log, **change}, settings={"time_zone": zone}), extension)
        assert known["first_seen"] == seen


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("192.168.00.1", "192.168.0.1"), ("192.168.07.010", "192.168.07.010"), ("10.0.0.08", "10.0.0.8"), ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::01", "2001:db8::01"), ("192.168.010.1", "192.168.010.1"), ("00.0.0.1x", "00.0.0.1x"),
    ],
)  # fmt: skip
def test_leading_zeroes_are_taken_off_where_octal_and_decimal_agree(text: str, wanted: str) -> None:
    assert logs.address(text) == wanted


@pytest.mark.parametrize(
    ("stream", "change", "path"),
    [
        ("traffic", {"src": None}, "src"),
        ("traffic", {"dst": "192.168.010.1"}, "dst"),
        ("traffic", {"bytes_sent": "-1"}, "bytes_sent"),
        ("traffic", {"dport": "many"}, "dport"),
        ("traffic", {"time_generated": "XXXX"}, "time_generated"),
        ("traffic", {"time_generated": None}, "time_generated"),
        ("traffic", {"type": None}, "type"),
        ("threats", {"time_generated": ""}, "time_generated"),
        ("threats", {"time_generated": "05/04/2026"}, "time_generated"),
        ("threats", {"sport": 70000}, "sport"),
    ],
)
def test_a_log_that_cannot_be_used_names_the_place(
    tmp_path: Path, stream: str, change: dict[str, Any], path: str
) -> None:
    log = TRAFFIC if stream == "traffic" else THREAT
    result = mapped(tmp_path, stream, log, {**log, **change})
    assert [(bad["index"], bad["path"]) for bad in result.report["quarantined"]] == [(1, path)]


# threats


def test_what_a_server_sends_goes_to_the_client(tmp_path: Path) -> None:
    assert ends(mapped(tmp_path, "threats", {**THREAT, "direction": "server-to-client"})) == {
        "source": PLC,
        "target": HMI,
    }


def test_signatures_of_the_log_and_of_iot_security_are_one_indicator(tmp_path: Path) -> None:
    from_log = mapped(tmp_path, "threats", THREAT)
    alert = {"zb_ticketid": "alert-x", "name": "n", "date": "2026-05-04T10:00:00Z", "msg": {"threatid": 41756}}
    from_api = mapped(tmp_path, "alerts", alert)
    (one,), (other,) = (
        [obj["id"] for obj in map(stix.decode, result.objects) if obj["type"] == "indicator"]
        for result in (from_log, from_api)
    )
    assert one == other


@pytest.mark.parametrize(
    ("change", "types"),
    [
        ({"misc": "c2.example/x"}, {"domain-name": "c2.example"}),
        ({"misc": "http://c2.example/x", "subtype": "url"}, {"url": "http://c2.example/x"}),
        ({"misc": "files.example/setup.exe", "subtype": "virus"}, {"file": "setup.exe"}),
        ({"filedigest": "ab" * 32, "misc": None}, {"file": None}),
        ({"srcuser": "docs\\ann"}, {"user-account": "docs\\ann"}),
        ({"srcuser": "x-fwd-for: 2001:db8::9"}, {"ipv6-addr": "2001:db8::9", "user-account": None}),
        ({"xff": "2001:db8::9, proxy"}, {"ipv6-addr": "2001:db8::9"}),
    ],
)
def test_what_a_threat_was_found_in_is_observed(tmp_path: Path, change: dict[str, Any], types: dict[str, Any]) -> None:
    found = {
        obj["type"]: obj.get("value") or obj.get("name") or obj.get("account_login")
        for obj in map(stix.decode, mapped(tmp_path, "threats", {**THREAT, **change}).objects)
    }
    assert {kind: found.get(kind) for kind in types} == types


def test_browsing_that_is_no_threat_is_no_alert(tmp_path: Path) -> None:
    url = {**THREAT, "subtype": "url", "severity": "informational", "action": "alert", "threatid": "(9999)"}
    report = mapped(
        tmp_path, "threats", url, {**url, "action": "block-url", "seqno": "8"}, {**url, "severity": "low"}
    ).report
    assert (report["mapped"], sum(report["ignored"].values())) == (2, 1)


def test_url_filtering_is_one_rule_and_its_category_the_alert(tmp_path: Path) -> None:
    url = {**THREAT, "subtype": "url", "severity": "informational", "threatid": "(9999)", "thr_category": "unknown"}
    result = mapped(
        tmp_path,
        "threats",
        {**url, "action": "block-url", "category": "online-gambling"},
        {**url, "action": "alert", "category": "Phishing", "seqno": "8"},
        {**url, "action": "alert", "category": "online-gambling", "seqno": "9"},
    )
    assert sorted((known["title"], known["category"]) for known in facts(result, ALERT)) == [
        ("URL filtering: Phishing", "Phishing"),
        ("URL filtering: online-gambling", "online-gambling"),
    ]
    rules = [obj for obj in map(stix.decode, result.objects) if obj["type"] == "indicator"]
    assert [(rule["name"], rule["pattern"]) for rule in rules] == [("URL filtering", "threat-9999")]


@pytest.mark.parametrize("seqno", [None, "0", "00"])
def test_a_log_without_a_number_is_known_by_what_it_says(tmp_path: Path, seqno: str | None) -> None:
    bare = {**THREAT, "seqno": seqno}
    result = mapped(tmp_path, "threats", bare, bare, {**bare, "dport": "81"}, {**bare, "threatid": "Other(1)"})
    assert sum(stix.decode(encoded)["type"] == "sighting" for encoded in result.objects) == 3


@pytest.mark.parametrize(
    ("told", "wanted"), [("critical", 90), ("informational", 10), ("4", 70), ("8", 80), ("x", None), (None, None)]
)
def test_severities_as_words_and_as_cef_numbers_them(tmp_path: Path, told: str | None, wanted: int | None) -> None:
    (known,) = facts(mapped(tmp_path, "threats", {**THREAT, "severity": told}), ALERT)
    assert known.get("severity") == wanted


def test_a_sparse_threat_is_an_alert(tmp_path: Path) -> None:
    (known,) = facts(mapped(tmp_path, "threats", {"type": "threat", "time_generated": "2026/05/04 10:00:00"}), ALERT)
    assert known["title"] == "threat"


def test_a_zone_that_does_not_exist_is_a_wrong_setting() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        logs.zone_of("Mars/Olympus")


def test_a_message_that_is_no_log_says_so() -> None:
    with pytest.raises(RecordError, match="neither CEF, JSON nor a firewall's own"):
        panos.of_message("hello")


def test_what_the_logging_service_knows_of_both_ends_is_kept(tmp_path: Path) -> None:
    more = (
        " PanOSSourceDeviceHost=hmi-1 PanOSSourceDeviceMac=00005e005314 PanOSDestinationDeviceHost= "
        "PanOSX-Forwarded-ForIP=2001:db8::9"
    )
    result = mapped(tmp_path, "threats", *sent(STRATA_THREAT + more))
    made = [stix.decode(encoded) for encoded in result.objects]
    (client,) = [known for known in facts(result, ASSET) if known.get("hostname")]
    assert (client["hostname"], client["interfaces"][0]["mac"]) == ("hmi-1", "00:00:5e:00:53:14")
    assert [obj["value"] for obj in made if obj["type"] == "ipv6-addr"] == ["2001:db8::9"]
    assert [obj["account_login"] for obj in made if obj["type"] == "user-account"] == ["docs\\ann"]


def test_ends_of_ipv6_that_have_a_field_of_their_own(tmp_path: Path) -> None:
    session = STRATA.replace("src=192.0.2.20", "src= c6a2=2001:db8::20 c6a2Label=Source IPv6 Address").replace(
        "dst=192.0.2.10", "c6a3=2001:db8::10 c6a3Label=Destination IPv6 Address"
    )
    result = mapped(tmp_path, "traffic", *sent(session))
    ends = [known["interfaces"][0]["ips"] for known in facts(result, ASSET)]
    assert sorted(ends) == [["2001:db8::10"], ["2001:db8::20"]]


def test_logs_that_a_syslog_daemon_kept_are_those_that_were_received(tmp_path: Path) -> None:
    kept = [f"May  4 10:00:01 fw-1 {OWN_THREAT}", f"<14>May 4 10:00:01 fw-1 {CEF_THREAT}", OWN_THREAT, OWN_TRAFFIC]
    path = tmp_path / "firewall.log"
    path.write_text("".join(f"{line}\n" for line in kept))
    from_file = map_files(paloalto, paloalto.streams["threats"], [path], MapOptions())
    assert from_file.report["mapped"] == 3
    assert sum(from_file.report["ignored"].values()) == 1
    alerts = [
        [known["native_id"] for known in facts(result, ALERT)]
        for result in (from_file, mapped(tmp_path, "threats", *sent(OWN_THREAT)))
    ]
    assert alerts == [["007/threat/7"]] * 2
    flows = map_files(paloalto, paloalto.streams["traffic"], [path], MapOptions())
    assert flows.report["mapped"] == 1


# the published sample


def test_the_log_query_of_panorama_maps_whole(samples: Path) -> None:
    path = samples / "palo_alto_panorama" / "logs.json"
    options = MapOptions(settings={"time_zone": "Asia/Jerusalem"}, loss=True)
    result = map_files(paloalto, paloalto.streams["traffic"], [path], options)
    assert (result.report["records"], result.report["mapped"]) == (50, 50)
    known = facts(result, COMMUNICATION)
    assert sum(each["windows"][0]["connections"] for each in known) == 20  # thirty are starts
    assert {stix.decode(encoded).get("name") for encoded in result.objects} >= {
        "192.168.0.1",
        "192.168.0.10",
        "8.8.8.8",
    }
    assert min(each["first_seen"] for each in known) == "2020-07-15T13:34:52.000Z"
    again = map_files(paloalto, paloalto.streams["traffic"], [path], options)
    assert again.objects == result.objects
