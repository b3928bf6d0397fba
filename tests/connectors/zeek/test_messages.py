"""Zeek's protocol logs: function codes by protocol, tables with and without a header, and logs that are another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus_connectors.zeek.connector import zeek
from isthmus_sdk import stix
from isthmus_sdk.commands.map import MapOptions, Mapped, map_files
from isthmus_sdk.stix import COMMUNICATION

PAGES = zeek.folder / "conformance" / "pages"
BASE: dict[str, Any] = {
    "ts": 1777888800.5, "uid": "C1", "id.orig_h": "192.0.2.20", "id.orig_p": 40000, "id.resp_h": "192.0.2.10", "id.resp_p": 102,
}  # fmt: skip
RECORDS: dict[str, dict[str, Any]] = {
    "dns": BASE | {"proto": "udp", "trans_id": 1, "query": "a.example"},
    "dnp3": BASE | {"fc_request": "READ", "fc_reply": "RESPONSE", "iin": 0},
    "s7comm": BASE | {"rosctr_code": 1, "function_code": "0x04"},
    "s7comm_plus": BASE | {"version": 2, "opcode": "0x31", "function_code": "0x0542"},
    "enip": BASE | {"enip_command_code": "0x65", "length": 4},
    "cip": BASE | {"cip_service_code": "0x4d", "direction": "request"},
}


def mapped(stream: str, path: Path) -> Mapped:
    result = map_files(zeek, zeek.streams[stream], [path], MapOptions())
    report = result.report
    assert report["records"] == report["mapped"] + sum(report["ignored"].values()) + len(report["quarantined"])
    return result


def map_lines(tmp_path: Path, stream: str, *records: Any) -> Mapped:
    path = tmp_path / "records.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return mapped(stream, path)


def services(result: Mapped) -> list[tuple[str, str | None, int, list[int] | None]]:
    found = [stix.facts(stix.decode(encoded), COMMUNICATION) for encoded in result.objects]
    return [
        (each["protocol"], each.get("transport"), each["port"], each.get("function_codes"))
        for known in found if known for each in known["services"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        ("dns", [("dns", "udp", 53, None), ("dns", "udp", 5353, None)]),
        ("dnp3", [("dnp3", None, 20000, [1, 3, 4, 13, 130])]),
        ("s7comm", [("s7comm", "tcp", 102, [4, 0x29, 0x44, 0xF0])]),
        ("s7comm_plus", [("s7comm-plus", "tcp", 102, [0x04CA, 0x0542])]),
        ("enip", [("enip", None, 44818, [0x63, 0x65, 0x6F])]),
        ("cip", [("cip", None, 44818, [0x01, 0x4D])]),
    ],
)
def test_function_codes_by_protocol(stream: str, wanted: list[Any]) -> None:
    assert sorted(services(mapped(stream, PAGES / f"{stream}.log"))) == wanted


@pytest.mark.parametrize("stream", sorted(RECORDS))
def test_json_tells_the_same_as_the_table_and_a_table_without_its_header(stream: str, tmp_path: Path) -> None:
    page = PAGES / f"{stream}.log"
    whole = services(mapped(stream, page))
    bare = tmp_path / "bare.log"
    bare.write_text("".join(line + "\n" for line in page.read_text().splitlines() if not line.startswith("#")))
    assert services(mapped(stream, bare)) == whole
    lines = page.read_text().splitlines()
    fields = next(line.split("\t")[1:] for line in lines if line.startswith("#fields"))
    kinds = next(line.split("\t")[1:] for line in lines if line.startswith("#types"))
    records = [
        {
            name: float(text) if kind in ("time", "interval") else int(text) if kind in ("count", "port") else text
            for name, kind, text in zip(fields, kinds, line.split("\t"), strict=True)
            if text != "-" and not kind.startswith("vector")
        }
        for line in lines if not line.startswith("#")
    ]  # fmt: skip
    assert services(map_lines(tmp_path, stream, *records)) == whole


@pytest.mark.parametrize("stream", sorted(RECORDS))
def test_the_record_of_another_log_is_refused_with_a_word(stream: str, tmp_path: Path) -> None:
    others = [record for name, record in RECORDS.items() if name not in (stream, "dns")]
    result = map_lines(tmp_path, stream, RECORDS[stream], {**RECORDS[stream], "_path": "weird"}, *others)
    assert result.report["mapped"] == 1
    assert len(result.report["quarantined"]) == 1 + len(others)
    assert all(bad["error"] for bad in result.report["quarantined"])


@pytest.mark.parametrize("stream", sorted(RECORDS))
def test_the_table_of_another_log_is_refused_by_its_name(stream: str) -> None:
    for other in RECORDS:
        if other != stream:
            result = mapped(stream, PAGES / f"{other}.log")
            assert result.problem is not None
            assert f"is the log '{other}'; this stream reads {stream}" in result.problem


@pytest.mark.parametrize(
    ("stream", "change", "path"),
    [
        ("dnp3", {"fc_request": "BREW"}, "fc_request"),
        ("dnp3", {"fc_request": None, "fc_reply": "BREW"}, "fc_reply"),
        ("dnp3", {"fc_request": None, "fc_reply": None}, ""),
        ("dns", {"trans_id": None, "query": None}, ""),
        ("s7comm", {"function_code": "four"}, "function_code"),
        ("s7comm", {"rosctr_code": None}, "rosctr_code"),
        ("enip", {"enip_command_code": "65"}, "enip_command_code"),
        ("cip", {"id.resp_h": "nobody"}, "id.resp_h"),
        ("cip", {"ts": "XXXXXXXXXX.XXXXXX"}, "ts"),
    ],
)
def test_a_record_that_cannot_be_used_names_the_place(
    tmp_path: Path, stream: str, change: dict[str, Any], path: str
) -> None:
    result = map_lines(tmp_path, stream, {**RECORDS[stream], **change}, RECORDS[stream])
    assert [bad["path"] for bad in result.report["quarantined"]] == [path]
    assert result.report["mapped"] == 1


@pytest.mark.parametrize(
    ("stream", "change", "code"),
    [
        ("dnp3", {"fc_request": "unknown-200"}, 200),
        ("dnp3", {"fc_request": None, "fc_reply": "UNSOLICITED_RESPONSE"}, 130),
        ("s7comm", {"rosctr_code": 7, "function_code": "0x84"}, 0x44),
        ("s7comm", {"rosctr_code": 7, "function_code": "0x04"}, None),
        ("s7comm", {"rosctr_code": 2, "function_code": None}, None),
        ("cip", {"cip_service_code": "0xcd"}, 0x4D),
    ],
)
def test_a_code_that_is_written_otherwise(
    tmp_path: Path, stream: str, change: dict[str, Any], code: int | None
) -> None:
    ((_, _, _, codes),) = services(map_lines(tmp_path, stream, {**RECORDS[stream], **change}))
    assert codes == (None if code is None else [code])


def test_connections_call_a_protocol_as_its_log_does(tmp_path: Path) -> None:
    conn = BASE | {"proto": "tcp", "service": "dnp3_tcp,-ssl", "conn_state": "SF"}
    assert [name for name, *_ in services(map_lines(tmp_path, "conn", conn))] == ["dnp3"]
