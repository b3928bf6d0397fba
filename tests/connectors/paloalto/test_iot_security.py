"""IoT Security: what its records become, and walks over an API that pages by counting and filters by state and time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.conftest import edges, map_records, objects_of, run_stream
from tests.connectors.scripted import Asked, Says, Server, serve

from isthmus_connectors.paloalto.connector import paloalto
from isthmus_sdk import stix
from isthmus_sdk.commands.map import map_files
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError
from isthmus_sdk.push import Message, records_of
from isthmus_sdk.settings import configure
from isthmus_sdk.stix import ALERT, ASSET, EXPOSURE
from isthmus_sdk.transports import connect

MAC = "00:00:5e:00:53:01"
DEVICE: dict[str, Any] = {
    "deviceid": MAC, "hostname": "press-plc", "category": "Industrial Controller", "profile": "Docs PLC", "profile_type": "IoT",
    "profile_vertical": "Industrial", "ip_address": "192.0.2.10", "mac_address": MAC, "vendor": "Docs Works", "model": "M-1",
    "Serial_Number": "DW-1", "os_group": "Embedded", "os/firmware_version": "2.1", "site_name": "North", "vlan": "11",
    "NetworkLocation": "Cell 3", "first_seen_date": "2026-01-10T08:00:00.000Z", "last_activity": "2026-05-04T09:59:00.000Z",
}  # fmt: skip
OPEN: dict[str, Any] = {
    "zb_ticketid": "alert-hN1", "id": "5eb9fa81", "name": "Baseline violation", "type": "policy_alert", "severity": "high",
    "severityNumber": 4, "resolved": "no", "date": "2026-05-04T09:10:00.630Z", "deviceid": MAC, "reason_history": [],
    "msg": {"id": "hN1", "ruleid": "r1", "fromip": "192.0.2.10", "toip": "198.51.100.9", "toURL": "c2.example"},
}  # fmt: skip
RESOLVED = {**OPEN, "resolved": "yes", "reason_history": [{"action": "resolve", "timestamp": "2026-05-04T11:00:00Z"}]}
FOUND: dict[str, Any] = {
    "zb_ticketid": "vuln-1", "deviceid": MAC, "vulnerability_name": "CVE-2025-0001", "status": "Confirmed", "ticketState": "new",
    "detected_date": "2026-02-15T20:18:42.135Z", "date": "2026-05-04T09:28:26.986Z",
}  # fmt: skip
SETTINGS = {"customer_id": "docs", "access_key_id": "key-1", "page_size": 2}
SECRETS = {"secret_access_key": "s3cret"}


def asset(record: dict[str, Any]) -> dict[str, Any]:
    objects = objects_of(map_records(paloalto, "devices", [record]), "infrastructure")
    (known,) = [facts for obj in objects if (facts := stix.facts(obj, ASSET)) and facts["kind"] == "asset"]
    return known


def alert(record: dict[str, Any] | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    (obj,) = objects_of(map_records(paloalto, "alerts", [record]), "sighting", "incident")
    known = stix.facts(obj, ALERT)
    assert known is not None
    return obj, known


# devices


def test_a_device_has_everything_that_is_known_of_it() -> None:
    known = asset(DEVICE)
    assert {name: known[name] for name in ("native_id", "asset_class", "technology", "hostname", "vendor", "model", "serial")} == {
        "native_id": MAC, "asset_class": "plc", "technology": "ot", "hostname": "press-plc", "vendor": "Docs Works",
        "model": "M-1", "serial": "DW-1",
    }  # fmt: skip
    (card,) = known["interfaces"]
    assert (card["mac"], card["ips"], card["vlan"]) == (MAC, ["192.0.2.10"], "11")
    assert (known["site"], known["zone"]) == ("North", "Cell 3")


@pytest.mark.parametrize(
    ("change", "level", "source"),
    [
        ({"customAttributes": [{"Purdue Level": "Level 0"}]}, "0", "declared"),
        ({"customAttributes": {"Purdue Level": "2"}, "tagIdList": ["PurdueLevel4"]}, "2", "declared"),
        ({"tagIdList": ["602c", "PurdueLevel1"]}, "1", "inferred"),
        ({"tagIdList": ["PurdueLevel5", "PurdueLevel4"]}, None, None),
        ({"customAttributes": [{"Purdue Level": "unknown"}]}, None, None),
        ({}, None, None),
    ],
)
def test_the_level_and_who_says_so(change: dict[str, Any], level: str | None, source: str | None) -> None:
    known = asset({**DEVICE, **change})
    assert (known.get("purdue_level"), known.get("level_source")) == (level, source)


@pytest.mark.parametrize(
    ("profile", "category", "vertical", "wanted"),
    [
        ("Siemens PLC", "Industrial Controller", "Industrial", "plc"),
        ("Docs Device", "Industrial Controller", "Industrial", "controller"),
        ("Sigma Infusion", "Infusion System", "Medical", "medical"),
        ("Polycom IP Phone", "IP Phone", "Office", "voip"),
        ("Something", "Coffee Machine", "Office", "Coffee Machine"),
        ("VMware", "Virtual Machine", "Traditional IT", "virtual-machine"),
        ("Docs Thermometer", "Thermometer", "Office", "Thermometer"),
        ("Docs Device", "generic", "Traditional IT", None),
        (None, None, None, None),
    ],
)
def test_classes_by_profile_category_and_branch(
    profile: str | None, category: str | None, vertical: str | None, wanted: str | None
) -> None:
    known = asset({**DEVICE, "profile": profile, "category": category, "profile_vertical": vertical})
    assert (known.get("asset_class") or "").lower() == (wanted or "").lower()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"endpoint_protection": "protected", "endpoint_protection_vendor": "Docs EDR"}, ["Docs EDR"]),
        ({"endpoint_protection": "CrowdStrike"}, ["CrowdStrike"]),
        ({"endpoint_protection": "not_protected"}, None),
        ({"endpoint_protection": "yes", "NAC_profile_source": "Cisco ISE"}, ["Cisco ISE", "endpoint protection"]),
    ],
)
def test_other_tools_that_have_the_device_are_kept(change: dict[str, Any], wanted: list[str] | None) -> None:
    assert asset({**DEVICE, **change}).get("monitored_by") == wanted


def test_a_device_known_by_its_address_alone_is_a_device() -> None:
    known = asset({"deviceid": "192.0.2.15", "mac_address": None, "last_activity": "0001-01-01T00:00:00Z"})
    assert known["native_id"] == "192.0.2.15"
    assert "last_seen" not in known
    assert asset({"deviceid": MAC})["interfaces"][0]["mac"] == MAC


# alerts


def test_a_row_of_the_list_without_details_is_the_same_device() -> None:
    short = {"id": "00:00:5e:00:53:14", "MAC": "00:00:5e:00:53:14", "ip": "192.0.2.20", "profile": "Siemens PLC",
             "firstseen": "2026-05-01T00:00:00.000Z", "latest_device_time": "2026-05-04T00:00:00.000Z",
             "epp_safety": "not_protected", "profile_type": "IoT"}  # fmt: skip
    detailed = {"deviceid": short["id"], "mac_address": short["MAC"], "ip_address": short["ip"], "profile": "Siemens PLC",
                "first_seen_date": short["firstseen"], "last_activity": short["latest_device_time"],
                "endpoint_protection": "not_protected", "profile_type": "IoT"}  # fmt: skip
    one, other = (objects_of(map_records(paloalto, "devices", [row])) for row in (short, detailed))
    assert one == other


@pytest.mark.parametrize(
    "told", ["2026-05-01T00:00:00.000Z", ["2026-05-01T00:00:00.000Z"], [None, "2026-05-01T00:00:00.000Z"]]
)
def test_a_vulnerability_as_newer_releases_tell_it(told: Any) -> None:
    row = {"deviceid": "00:00:5e:00:53:14", "vulnerability_name": "CVE-2099-0001", "detected_date": told, "cvss_score": 7.8,
           "last_detected_date": "2026-05-02T00:00:00.000Z", "status": "Confirmed", "ticketState": "new"}  # fmt: skip
    (edge,) = edges(objects_of(map_records(paloalto, "vulnerabilities", [row])), "has")
    known = stix.facts(edge, EXPOSURE) or {}
    assert (known["cvss"], known["state"]) == (7.8, "open")
    assert (known["first_seen"], known["last_seen"]) == ("2026-05-01T00:00:00.000Z", "2026-05-02T00:00:00.000Z")


def test_an_alert_is_about_the_device_and_the_ends_it_spoke_to() -> None:
    obj, known = alert(OPEN)
    assert (known["native_id"], known["status"], known["severity"], known["category"]) == (
        "hN1",
        "open",
        70,
        "policy_alert",
    )
    assert [subject["role"] for subject in known["subjects"]].count("device") == 1
    assert {subject["role"] for subject in known["subjects"]} == {"device", "source", "target"}
    assert obj["modified"] == "2026-05-04T09:10:00.630Z"


def test_a_resolution_is_a_newer_version_of_the_same_object() -> None:
    before, _ = alert(OPEN)
    after, known = alert(RESOLVED)
    assert (after["id"], known["status"]) == (before["id"], "closed")
    assert after["modified"] == "2026-05-04T11:00:00.000Z" > before["modified"]
    untold, _ = alert({**OPEN, "resolved": "yes"})
    assert untold["modified"] > before["modified"]


def test_api_and_syslog_tell_of_one_alert() -> None:
    push = paloalto.streams["alerts"].push
    assert push is not None
    line = (
        b"<14>May  4 09:11:00 xsoar INFO:siem-syslog:CEF:0|PaloAltoNetworks|PANWIOT|1.0|PaloAltoNetworks Alert:policy_alert|"
        b"Baseline violation|4|dvcmac=00:00:5e:00:53:01 src=192.0.2.10 dst=198.51.100.9 shost=press-plc dhost=c2.example "
        b"fileId=hN1 fileType=alert rt=hN1 deviceCustomDate1=2026-05-04T09:10:00.630Z cs1Label=Description cs1=None "
        b"cs2Label=Values cs2=[{'label': 'a=b'}] "
    )
    (record,) = records_of(push, Message(body=line, at=0))
    obj, known = alert(record)
    polled, told = alert({**OPEN, "msg": {**OPEN["msg"], "ruleid": None}})
    assert obj["id"] == polled["id"]
    assert {**known, "vendor_severity": None, "vendor_status": None} == {
        **told,
        "vendor_severity": None,
        "vendor_status": None,
    }


@pytest.mark.parametrize(
    "message",
    [
        b"<14>hello",
        b"<14>CEF:0|PaloAltoNetworks|PANWIOT|1.0|asset|Asset Identification|1|dvc=192.0.2.1",
        b"<14>CEF:0|PaloAltoNetworks|PANWIOT|1.0|PaloAltoNetworks Alert:policy_alert|n|4|src=192.0.2.1",
    ],
)
def test_what_is_no_alert_is_quarantined(message: bytes) -> None:
    push = paloalto.streams["alerts"].push
    assert push is not None
    outcome = map_records(paloalto, "alerts", records_of(push, Message(body=message, at=0)))
    assert (outcome.mapped, len(outcome.quarantined)) == (0, 1)


@pytest.mark.parametrize("stream", ["devices", "alerts", "vulnerabilities"])
def test_null_words_and_single_objects_cost_nothing(stream: str) -> None:
    record = {"devices": DEVICE, "alerts": OPEN, "vulnerabilities": FOUND}[stream]
    for name in record:
        if name in ("deviceid", "zb_ticketid", "vulnerability_name", "date"):
            continue
        for odd in (None, "", "null", "None") if not isinstance(record[name], dict | list) else (None,):
            outcome = map_records(paloalto, stream, [{**record, name: odd}])
            assert outcome.mapped == 1, (name, odd, outcome.quarantined)


# vulnerabilities


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, {"state": "open", "likelihood": "confirmed"}),
        ({"status": "Potential", "CVSS": "9.8"}, {"state": "open", "likelihood": "possible", "cvss": 9.8}),
        ({"ticketState": "resolved"}, {"state": "resolved"}),
        ({"ticketState": "investigation", "remediate_instruction": "Update"}, {"state": "open", "fix": "Update"}),
    ],
)
def test_a_vulnerability_of_a_device_is_an_exposure(change: dict[str, Any], wanted: dict[str, Any]) -> None:
    objects = objects_of(map_records(paloalto, "vulnerabilities", [{**FOUND, **change}]))
    (edge,) = edges(objects, "has")
    known = stix.facts(edge, EXPOSURE)
    assert known is not None
    assert {name: known.get(name) for name in wanted} == wanted
    device = objects_of(map_records(paloalto, "devices", [DEVICE]), "infrastructure")
    assert edge["source_ref"] in {obj["id"] for obj in device}


# walks


class Tenant:
    """The API: counted pages, active or resolved alerts, changes since a time."""

    def __init__(self) -> None:
        self.devices = [{**DEVICE, "deviceid": f"00:00:5e:00:53:{n:02x}", "mac_address": None} for n in range(5)]
        self.alerts = [{**OPEN, "zb_ticketid": f"alert-{n}", "date": f"2026-05-04T09:1{n}:00Z"} for n in range(5)]
        self.found = [{**FOUND, "zb_ticketid": f"vuln-{n}"} for n in range(3)]
        self.denied: set[str] = set()

    def __call__(self, asked: Asked) -> Says:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        if (headers.get("x-key-id"), headers.get("x-access-key")) != ("key-1", "s3cret"):
            return Says(401, {"code": 401, "msg": "Unauthorized"})
        query = {name: values[0] for name, values in asked.query.items()}
        kind = asked.path.removeprefix("/pub/v4.0/").removesuffix("/list")
        if kind in self.denied or query["customerid"] != "docs":
            return Says(403, {"code": 403, "msg": "Forbidden access."})
        rows: list[dict[str, Any]] = {"device": self.devices, "alert": self.alerts, "vulnerability": self.found}[kind]
        if kind == "alert":
            rows = sorted(rows, key=lambda row: str(row["date"]))
            rows = [
                row
                for row in rows
                if row["resolved"] == query.get("resolved", "no")
                and _changed(row) >= query.get("updatedCreatedAfter", "")
            ]
        at, size = int(query.get("offset", 0)), int(query.get("pagelength", 1000))
        return Says(body={"total": len(rows), "devices" if kind == "device" else "items": rows[at : at + size]})


def _changed(row: dict[str, Any]) -> str:
    return max([row["date"], *(step["timestamp"] for step in row["reason_history"])])


@pytest.fixture
def tenant() -> Iterator[tuple[Tenant, Server]]:
    made = Tenant()
    with serve(made) as server:
        yield made, server


def run(server: Server, stream: str, **options: Any) -> Any:
    secrets = options.pop("secrets", SECRETS)
    return run_stream(paloalto, stream, {**SETTINGS, "base_url": server.url}, secrets, **options)


@pytest.mark.parametrize(("stream", "count"), [("devices", 5), ("alerts", 5), ("vulnerabilities", 3)])
def test_every_page_is_read(tenant: tuple[Tenant, Server], stream: str, count: int, quick: Callable[..., None]) -> None:
    quick(paloalto)
    ran = run(tenant[1], stream)
    assert ran.error is None
    keys = {"devices": "devices", "alerts": "alerts", "vulnerabilities": "found"}
    assert len(getattr(tenant[0], keys[stream])) == count
    told = {json.dumps(obj.get("name")) for obj in ran.objects}
    assert told
    assert ran.totals.mapped >= count
    assert ran.rejected == []


def test_a_resolved_alert_is_found_although_it_left_the_list(
    tenant: tuple[Tenant, Server], quick: Callable[..., None]
) -> None:
    quick(paloalto)
    api, server = tenant
    first = run(server, "alerts")
    api.alerts[1] = {**api.alerts[1], "resolved": "yes", "reason_history": [{"timestamp": "2026-05-04T12:00:00.000Z"}]}
    second = run(server, "alerts", cursors=first.cursors)
    closed = [known for obj in second.objects if (known := stix.facts(obj, ALERT)) and known["status"] == "closed"]
    assert [known["native_id"] for known in closed] == ["1"]
    asked = [request.query for request in server.asked if "updatedCreatedAfter" in request.query]
    assert {query["stime"][0] for query in asked} == {"2026-05-04T08:14:00.000Z"}
    assert {query["resolved"][0] for query in asked} == {"no", "yes"}
    third = run(server, "alerts", cursors={**first.cursors, **second.cursors})
    assert third.objects == []


def test_paths_follow_the_version_of_the_tenant(tenant: tuple[Tenant, Server], quick: Callable[..., None]) -> None:
    quick(paloalto)
    _, server = tenant
    settings = {**SETTINGS, "base_url": server.url, "devices_path": "/pub/v9.9/device/list"}
    run_stream(paloalto, "devices", settings, SECRETS)
    assert server.asked[-1].path == "/pub/v9.9/device/list"


def test_a_wrong_key_is_named_and_nothing_is_stored(tenant: tuple[Tenant, Server], quick: Callable[..., None]) -> None:
    quick(paloalto)
    ran = run(tenant[1], "devices", secrets={"secret_access_key": "wrong"})
    assert isinstance(ran.error, AuthenticationError)
    assert ran.objects == []


def test_check_names_the_list_that_the_key_may_not_read(
    tenant: tuple[Tenant, Server], quick: Callable[..., None]
) -> None:
    quick(paloalto)
    api, server = tenant
    api.denied = {"vulnerability"}
    settings = configure(paloalto.settings, {**SETTINGS, "base_url": server.url}, SECRETS)
    http = connect(paloalto, settings, instance="test")
    assert paloalto.checker is not None
    try:
        said = paloalto.checker(Context(settings, connect=lambda: http))
    finally:
        http.close()
    assert said[:2] == ["/pub/v4.0/device/list: readable", "/pub/v4.0/alert/list: readable"]
    assert "the role of the API access key may not read it" in said[2]


def test_what_is_emitted_is_valid_stix(valid: Callable[[Any], None]) -> None:
    pages = paloalto.folder / "conformance" / "pages"
    for stream in paloalto.streams.values():
        files: list[str | Path] = sorted(pages.glob(f"{stream.name}[.-]*"))  # type: ignore[assignment]
        valid([stix.decode(encoded) for encoded in map_files(paloalto, stream, files).objects])
