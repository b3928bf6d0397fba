"""Zeek's logs as communications: samples, formats, traps, and the simulator that writes them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isthmus_connectors.simulation import Plant
from isthmus_connectors.zeek import mapping, simulator
from isthmus_connectors.zeek.connector import zeek
from isthmus_sdk import stix
from isthmus_sdk.block import Block
from isthmus_sdk.commands.map import MapOptions, Mapped, map_files
from isthmus_sdk.errors import ConfigurationError, IsthmusError, RecordError
from isthmus_sdk.run import Instance, StreamRun
from isthmus_sdk.settings import configure
from isthmus_sdk.stix import ASSET, COMMUNICATION, Builder
from isthmus_sdk.testing import read_case

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
CONN = {
    "ts": START + 10.5, "uid": "C1", "id.orig_h": "10.0.0.5", "id.orig_p": 40000, "id.resp_h": "10.0.0.9",
    "id.resp_p": 502, "proto": "tcp", "service": "modbus", "duration": 0.1, "orig_bytes": 12, "resp_bytes": 9,
    "conn_state": "SF", "orig_pkts": 4, "resp_pkts": 3,
}  # fmt: skip
MODBUS = {key: CONN[key] for key in ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")} | {
    "func": "READ_COILS"
}


def mapped(stream: str, *paths: Path, **options: Any) -> Mapped:
    """``isthmus map`` over files, with accounts that add up."""
    result = map_files(zeek, zeek.streams[stream], list(paths), MapOptions(**options))
    report = result.report
    assert report["records"] == report["mapped"] + sum(report["ignored"].values()) + len(report["quarantined"])
    return result


def map_lines(tmp_path: Path, stream: str, *records: Any, **options: Any) -> Mapped:
    path = tmp_path / "records.ndjson"
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records))
    return mapped(stream, path, **options)


def communications(result: Mapped) -> list[dict[str, Any]]:
    """Facts of every communication."""
    objects = [stix.decode(encoded) for encoded in result.objects]
    return [known for obj in objects if (known := stix.facts(obj, COMMUNICATION))]


def endpoints(result: Mapped) -> dict[str, dict[str, Any]]:
    """Facts of every endpoint, by address."""
    objects = [stix.decode(encoded) for encoded in result.objects]
    return {obj["name"]: known for obj in objects if (known := stix.facts(obj, ASSET))}


# the published samples


def test_masked_times_are_quarantined_and_none_is_invented(samples: Path) -> None:
    for stream, name, count in (("conn", "conn.log", 2), ("modbus", "modbus.log", 24)):
        result = mapped(stream, samples / "zeek_icsnpp_modbus" / name)
        assert result.report["records"] == count
        assert Counter(bad["path"] for bad in result.report["quarantined"]) == {"ts": count}
        assert result.objects == []
        assert result.exit_code == 4


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("conn", "zeek_icsnpp_modbus/conn.log"),
        ("modbus", "zeek_icsnpp_modbus/modbus.log"),
        ("modbus", "zeek_modbus/modbus.ndjson"),
    ],
)
def test_each_unused_field_has_a_reason(samples: Path, stream: str, name: str) -> None:
    report = mapped(stream, samples / name, loss=True, reasons=read_case(zeek).reasons(stream)).report
    assert report["unused_fields"]
    assert report["unused_fields"].keys() == report["unused_reasons"].keys()


def test_the_splunk_envelope_is_taken_off(samples: Path) -> None:
    result = mapped("modbus", samples / "zeek_modbus" / "modbus.ndjson")
    assert result.report["mapped"] == 2
    (known,) = communications(result)
    assert known["services"] == [{"protocol": "modbus", "transport": "tcp", "port": 502, "function_codes": [1]}]
    assert [window["connections"] for window in known["windows"]] == [2]
    assert known["first_seen"] == "2012-11-12T11:04:25.222457Z"


@pytest.mark.parametrize("stream", ["conn", "modbus"])
@pytest.mark.parametrize("kind", ["detailed", "mask_write_register", "read_write_multiple_registers"])
def test_the_other_logs_are_refused_by_name(samples: Path, stream: str, kind: str) -> None:
    result = mapped(stream, samples / "zeek_icsnpp_modbus" / f"modbus_{kind}.log")
    assert result.problem is not None
    assert f"is the log 'modbus_{kind}'; this stream reads {stream}" in result.problem
    assert result.exit_code == 1
    assert result.objects == []


def test_the_samples_with_their_times_restored(samples: Path, tmp_path: Path) -> None:
    for name in ("conn.log", "modbus.log"):
        text = (samples / "zeek_icsnpp_modbus" / name).read_text()
        (tmp_path / name).write_text(text.replace("XXXXXXXXXX.XXXXXX", "1767225600.500000"))
    conn, modbus = mapped("conn", tmp_path / "conn.log"), mapped("modbus", tmp_path / "modbus.log")
    assert conn.report["mapped"] == 2
    assert endpoints(conn)["3.15.227.20"]["asset_class"] == "external"
    assert modbus.report["mapped"] == 24
    codes = {code for known in communications(modbus) for code in known["services"][0]["function_codes"]}
    assert codes >= {1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 20, 21, 22, 23, 24, 43}


# one record


def test_a_connection_becomes_one_communication(tmp_path: Path) -> None:
    (known,) = communications(map_lines(tmp_path, "conn", CONN, {**CONN, "ts": START + 20}))
    assert known["services"] == [{"protocol": "modbus", "transport": "tcp", "port": 502}]
    (window,) = known["windows"]
    assert window["start"] == "2026-01-01T00:00:00.000Z"
    assert window["seconds"] == 3600
    counted = {name: window[name] for name in ("connections", "bytes_out", "bytes_in", "packets_out", "packets_in")}
    assert counted == {"connections": 2, "bytes_out": 24, "bytes_in": 18, "packets_out": 8, "packets_in": 6}
    assert (known["first_seen"], known["last_seen"]) == ("2026-01-01T00:00:10.500Z", "2026-01-01T00:00:20.000Z")


@pytest.mark.parametrize(
    ("ts", "seen"),
    [
        (1767225610, "2026-01-01T00:00:10.000Z"),
        (1767225610500, "2026-01-01T00:00:10.500Z"),
        ("1767225610.5", "2026-01-01T00:00:10.500Z"),
        ("2026-01-01T00:00:10.250000Z", "2026-01-01T00:00:10.250Z"),
        ("2026-01-01T01:00:10+01:00", "2026-01-01T00:00:10.000Z"),
    ],
)
def test_times_in_each_form_that_zeek_writes(tmp_path: Path, ts: Any, seen: str) -> None:
    (known,) = communications(map_lines(tmp_path, "conn", {**CONN, "ts": ts}))
    assert known["first_seen"] == seen


@pytest.mark.parametrize("ts", [0, -5, "", "-", "XXXXXXXXXX.XXXXXX", "nan", "inf", 1e300, None, True, [1]])
def test_a_broken_time_is_quarantined(tmp_path: Path, ts: Any) -> None:
    result = map_lines(tmp_path, "conn", {**CONN, "ts": ts}, CONN)
    assert [bad["path"] for bad in result.report["quarantined"]] == ["ts"]
    assert result.report["mapped"] == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id.orig_h": "not-an-address"}, "id.orig_h"),
        ({"id.resp_h": "300.1.1.1"}, "id.resp_h"),
        ({"id.resp_p": 70_000}, "id.resp_p"),
        ({"orig_bytes": -1}, "orig_bytes"),
        ({"service": "bad\u0000name"}, "service"),
        ({"id.resp_h": None}, "id.resp_h"),
        ({"id.resp_p": "many"}, "id.resp_p"),
        ({"proto": None}, "proto"),
        ({"_path": "dns"}, "_path"),
        ({"conn_state": None, "orig_pkts": None}, ""),
    ],
)
def test_a_record_that_cannot_be_used_names_the_place(tmp_path: Path, change: dict[str, Any], path: str) -> None:
    result = map_lines(tmp_path, "conn", CONN, {**CONN, **change}, CONN, '{"torn', "[1]")
    assert result.report["mapped"] == 2
    assert [(bad["index"], bad["path"]) for bad in result.report["quarantined"]] == [(1, path), (3, ""), (4, "")]


@pytest.mark.parametrize("state", ["S0", "REJ", "SH", "RSTOS0"])
def test_attempts_make_no_endpoint(tmp_path: Path, state: str) -> None:
    result = map_lines(tmp_path, "conn", {**CONN, "conn_state": state}, {**CONN, "conn_state": state, "proto": "udp"})
    assert sum(result.report["ignored"].values()) == 1
    assert result.report["mapped"] == 1


def test_services_of_a_list_stand_alone_and_those_given_up_are_left_out(tmp_path: Path) -> None:
    (known,) = communications(
        map_lines(
            tmp_path,
            "conn",
            {**CONN, "service": "smb,gssapi", "id.resp_p": 445},
            {**CONN, "service": "gssapi,smb", "id.resp_p": 445},
            {**CONN, "service": "-ssl", "id.resp_p": 8443},
            {**CONN, "service": None, "id.resp_p": 9},
            {**CONN, "service": None, "proto": "icmp", "id.resp_p": 8},
        )
    )
    assert known["services"] == [
        {"port": 445, "protocol": "gssapi", "transport": "tcp"},
        {"port": 445, "protocol": "smb", "transport": "tcp"},
        {"port": 8443, "protocol": "tcp", "transport": "tcp"},
        {"port": 9, "protocol": "tcp", "transport": "tcp"},
        {"protocol": "icmp", "transport": "icmp"},
    ]


def test_a_multicast_target_is_an_address_and_no_endpoint(tmp_path: Path) -> None:
    group = {**CONN, "id.resp_h": "224.0.0.251", "proto": "udp", "service": "dns"}
    silent = {**CONN, "id.orig_h": "0.0.0.0", "proto": "udp"}
    result = map_lines(tmp_path, "conn", group, silent)
    assert list(endpoints(result)) == ["10.0.0.5"]
    objects = {obj["id"]: obj for obj in map(stix.decode, result.objects)}
    (edge,) = [obj for obj in objects.values() if obj.get("relationship_type") == "communicates-with"]
    assert objects[edge["target_ref"]]["type"] == "ipv4-addr"
    assert result.report["ignored"] == {"the source address is unspecified": 1}


def test_one_address_in_two_vlans_or_at_two_sensors_is_two_endpoints(tmp_path: Path) -> None:
    result = map_lines(
        tmp_path,
        "conn",
        {**CONN, "vlan": 10},
        {**CONN, "vlan": 20},
        {**CONN, "_system_name": "cell-3", "_path": "conn"},
        {**CONN, "vlan": 10, "inner_vlan": 7},
    )
    natives = {known["native_id"] for obj in map(stix.decode, result.objects) if (known := stix.facts(obj, ASSET))}
    assert {native for native in natives if native.endswith("10.0.0.5")} == {
        "endpoint:vlan10:10.0.0.5", "endpoint:vlan20:10.0.0.5", "endpoint:cell-3:10.0.0.5", "endpoint:vlan10.7:10.0.0.5",
    }  # fmt: skip
    named = map_lines(tmp_path, "conn", {**CONN, "_system_name": "x"}, settings={"sensor": "north"})
    assert communications(named)[0]["sensor"] == "north"
    assert endpoints(named)["10.0.0.5"]["native_id"] == "endpoint:north:10.0.0.5"


@pytest.mark.parametrize(
    ("func", "code"),
    [
        ("READ_COILS", 1), ("WRITE_MULTIPLE_REGISTERS", 16), ("ENCAP_INTERFACE_TRANSPORT", 43), ("PROGRAM_UNITY", 90),
        ("READ_HOLDING_REGISTERS_EXCEPTION", 3), ("unknown-100", 100), ("unknown-228", 100), (None, None),
    ],
)  # fmt: skip
def test_function_codes_by_zeeks_names(tmp_path: Path, func: str | None, code: int | None) -> None:
    (known,) = communications(map_lines(tmp_path, "modbus", {**MODBUS, "func": func}))
    assert known["services"][0].get("function_codes") == ([code] if code is not None else None)


def test_a_function_zeek_does_not_know_and_records_of_icsnpp_are_quarantined(tmp_path: Path) -> None:
    result = map_lines(
        tmp_path,
        "modbus",
        {**MODBUS, "func": "MAKE_COFFEE"},
        {**MODBUS, "modbus_detailed_link_id": "x"},
        {**MODBUS, "is_orig": False},
        {**MODBUS, "tid": 1, "unit": 4, "pdu_type": "REQ"},
    )
    assert [bad["path"] for bad in result.report["quarantined"]] == ["func", "", ""]
    assert result.report["mapped"] == 1


def test_unwrapping_leaves_other_records_alone() -> None:
    inner = json.dumps(MODBUS)
    for envelope in ({"preview": False, "result": {"_raw": inner}}, {"_raw": inner, "_time": "x"}):
        assert json.loads(mapping.unwrapped(json.dumps(envelope).encode())) == MODBUS
    assert mapping.unwrapped(inner.encode()) == inner.encode()


def spelled(**change: Any) -> dict[str, Any]:
    return {**CONN, **change}


ENDS = {name: CONN[f"id.{name}"] for name in ("orig_h", "orig_p", "resp_h", "resp_p")}
OTHERS = {name: value for name, value in CONN.items() if not name.startswith("id.")}


@pytest.mark.parametrize(
    "record",
    [
        {**OTHERS, **{f"id_{name}": value for name, value in ENDS.items()}},  # Log::default_scope_sep = "_"
        {**OTHERS, "id": ENDS},
        {name: str(value) for name, value in CONN.items()},
        {**{name: str(value) for name, value in OTHERS.items()}, "id": {name: str(ENDS[name]) for name in ENDS}},
        spelled(orig_pkts=4.0),
        spelled(vlan="-", history=""),
        {"_raw": json.dumps({**OTHERS, "id": ENDS})},
    ],
)
def test_a_record_that_a_shipper_spells_in_its_own_way_tells_the_same(tmp_path: Path, record: dict[str, Any]) -> None:
    told = [communications(map_lines(tmp_path, "conn", each, each)) for each in (CONN, record)]
    for (known,) in told:
        known["windows"][0].pop("part")  # names the file
    assert told[0] == told[1]
    mixed = map_lines(tmp_path, "conn", CONN, record, '{"torn')
    assert (mixed.report["mapped"], len(mixed.report["quarantined"])) == (2, 1)


def test_a_table_with_its_own_scope_separator_tells_the_same(tmp_path: Path) -> None:
    columns = ["ts", "uid", "id_orig_h", "id_orig_p", "id_resp_h", "id_resp_p", "proto", "service", "conn_state"]
    path = tmp_path / "conn.log"
    row = "1767225610.5\tC1\t10.0.0.5\t40000\t10.0.0.9\t502\ttcp\t-\tSF"
    path.write_text("#separator \\x09\n#path\tconn\n#fields\t" + "\t".join(columns) + f"\n{row}\n")
    (known,) = communications(mapped("conn", path))
    assert known["services"] == [{"protocol": "tcp", "transport": "tcp", "port": 502}]


def test_seconds_raises_the_place() -> None:
    with pytest.raises(RecordError) as caught:
        mapping.seconds("yesterday")
    assert caught.value.path == "ts"


# forms and the simulator

PLANT: dict[str, Any] = {
    "devices": [
        {"id": "plc", "sensor": "cell-3", "interfaces": [{"ips": ["192.168.1.10"]}]},
        {"id": "hmi", "sensor": "cell-3", "interfaces": [{"ips": ["192.168.1.20"]}]},
    ],
    "links": [
        {"id": "l1", "source": "hmi", "target": "plc", "protocol": "modbus", "port": 502, "function_codes": ["3", "16"],
         "period": 30},
        {"id": "l2", "source": "hmi", "target": {"ip": "8.8.8.8"}, "protocol": "dns", "transport": "udp", "port": 53},
        {"id": "l3", "source": {"ip": "10.9.0.1"}, "target": "plc", "protocol": "s7comm", "port": 102, "period": 600,
         "sensor": "dmz"},
        {"id": "l4", "source": "hmi", "target": "plc", "seen_by": {"nozomi-guardian": {}}},
    ],
}  # fmt: skip


def test_the_simulator_writes_the_same_records_at_once_and_in_pieces(tmp_path: Path) -> None:
    plant = Plant(PLANT, "zeek")
    simulator.write(plant, tmp_path / "once", START, START + 7200, json_lines=True)
    for hour in range(4):
        simulator.write(plant, tmp_path / "pieces", START + hour * 1800, START + (hour + 1) * 1800, json_lines=True)
    for log in ("cell-3/conn.log", "cell-3/modbus.log", "dmz/conn.log"):
        once, pieces = ((tmp_path / side / log).read_text().splitlines() for side in ("once", "pieces"))
        assert sorted(once) == sorted(pieces)
        assert len(once) > 10


def test_json_and_table_tell_the_same(tmp_path: Path) -> None:
    plant = Plant(PLANT, "zeek")
    told = []
    for json_lines in (True, False):
        folder = tmp_path / str(json_lines)
        simulator.write(plant, folder, START, START + 3600, json_lines=json_lines)
        for stream in ("conn", "modbus"):
            result = mapped(stream, folder / "cell-3" / f"{stream}.log")
            assert result.report["records"] == result.report["mapped"] > 50
            windows = [[{**w, "part": ""} for w in known["windows"]] for known in communications(result)]
            told.append((stream, windows, [known["services"] for known in communications(result)]))
    assert told[:2] == told[2:]


def test_what_is_emitted_is_valid_stix(tmp_path: Path, valid: Callable[[Any], None]) -> None:
    simulator.write(Plant(PLANT, "zeek"), tmp_path, START, START + 3600)
    for stream in ("conn", "modbus"):
        valid([stix.decode(encoded) for encoded in mapped(stream, tmp_path / "cell-3" / f"{stream}.log").objects])


def test_the_command_line_goes_on_rotates_and_compresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "plant.json"
    data.write_text(json.dumps(PLANT))
    base = ["--data", str(data), "--out", str(tmp_path / "logs")]
    assert simulator.main(base) == 2
    assert "--start is needed" in capsys.readouterr().err
    assert simulator.main([*base, "--start", "2026-01-01T00:00:00Z", "--hours", "1"]) == 0
    assert simulator.main([*base, "--rotate", "--gzip"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["until"] == "2026-01-01T02:00:00+00:00"
    assert told["sensors"]["cell-3"]["modbus"] > 100
    assert sorted(path.name for path in (tmp_path / "logs" / "cell-3").iterdir()) == [
        "conn.2026-01-01-01-00-00.log.gz", "conn.log", "modbus.2026-01-01-01-00-00.log.gz", "modbus.log",
    ]  # fmt: skip


class Hub:
    """Runs of one instance over files, as a worker makes them; blocks are kept, cursors derived from them."""

    def __init__(self, **globs: Path) -> None:
        self.globs = {stream: [str(glob)] for stream, glob in globs.items()}
        self.blocks: list[Block] = []
        self.error: IsthmusError | None = None

    def run(self, stream: str) -> int:
        """One run; number of records that were new."""
        instance = Instance(
            hub="test",
            name="zeek-cell-3",
            settings=configure(zeek.settings, {"sensor": "cell-3"}, {}),
            make_builder=lambda at: Builder(source_id="cell-3", connector="zeek", observed_at=at),
            tlp="amber",
            files=self.globs,
            one_pass=True,
        )
        cursors = {block.partition: block.cursor_after for block in self.blocks if block.stream == stream}
        before = len(self.blocks)
        run = StreamRun(
            zeek.streams[stream], instance, cursors=cursors, send=self.blocks.append, reject=lambda *_: None
        )
        run.run()
        return sum(block.records for block in self.blocks[before:])

    def connections(self) -> int:
        """Over all windows, each in its last statement."""
        windows = {}
        for block in self.blocks:
            for obj in map(stix.decode, block.objects):
                for window in (stix.facts(obj, COMMUNICATION) or {}).get("windows", ()):
                    windows[(obj["id"], window["start"], window["part"])] = window["connections"]
        return sum(windows.values())


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_sensor_that_grows_and_rotates_is_counted_once_by_the_engine(tmp_path: Path, json_lines: bool) -> None:
    plant = Plant(PLANT, "zeek")
    hub = Hub(conn=tmp_path / "cell-3" / "conn*")
    written = 0
    for hour in range(6):
        begin = START + hour * 2000
        if hour in (2, 4):
            simulator.rotate(tmp_path, begin, compress=hour == 4, json_lines=json_lines)
        counts = simulator.write(plant, tmp_path, begin, begin + 2000, json_lines=json_lines)
        written += counts["cell-3"]["conn"]
        assert hub.run("conn") == counts["cell-3"]["conn"]
    assert hub.connections() == written
    assert hub.run("conn") == 0


def test_without_files_the_connector_says_what_to_write() -> None:
    instance = Instance(
        hub="test",
        name="zeek",
        settings=configure(zeek.settings, {}, {}),
        make_builder=lambda at: Builder(source_id="x", connector="zeek", observed_at=at),
        tlp="amber",
        connect=lambda: None,  # type: ignore[arg-type, return-value]
    )
    run = StreamRun(zeek.streams["modbus"], instance, cursors={}, send=lambda _: None, reject=lambda *_: None)
    with pytest.raises(ConfigurationError, match=r'files = \{ modbus = "logs/modbus'):
        run.run()
