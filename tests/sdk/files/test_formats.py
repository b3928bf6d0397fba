"""Every format, told by content: envelope, array, bare record, NDJSON, tables, CEF; plain, gzip and zstd."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from isthmus_sdk import files
from isthmus_sdk.errors import SourceError, TooLarge, UnexpectedReply
from isthmus_sdk.files import Table

HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t2026-01-01-00-00-00\n"
    "#fields\tts\tuid\tid.orig_h\tid.resp_p\tlocal\ttags\tnote\n#types\ttime\tstring\taddr\tport\tbool\tset[string]\tstring\n"
)
ROW = "1760000000.250000\tC1\t10.0.0.1\t502\tT\ta,b\tpaint\\x09ed\n"


@pytest.fixture
def drop(tmp_path: Path) -> Callable[[str, bytes | str], Path]:
    """Writes a file into the drop folder."""

    def write(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(path: Path | str, **options: Any) -> list[Any]:
    """Decoded records of all pages."""
    return [msgspec.json.decode(record) for page in pages(path, **options) for record in page.records]


def pages(path: Path | str, **options: Any) -> list[Any]:
    return list(files.pages([str(path)], **{"one_pass": True, **options}))


@pytest.mark.parametrize(
    ("content", "items"),
    [
        ('{"a":1}\n{"a":2}\n', None),
        ('{"a":1}\r\n\r\n{"a":2}\r\n', None),
        ('\ufeff{"a":1}\n{"a":2}\n', None),
        ('[{"a":1},{"a":2}]', None),
        ('[\n  {"a": 1},\n  {"a": 2}\n]\n', ""),
        ('{"total":2,"value":[{"a":1},{"a":2}]}', "value"),
        ('{"total":2,"value":[{"a":1},{"a":2}]}\n', None),
        ('{\n "data": {"results": [{"a": 1},\n {"a": 2}]}, "more": false}\n', "data.results"),
        ('{"data.results": [{"a": 1}, {"a": 2}]}', "data.results"),
        ('{"data": {"sample": [{"a": 1}, {"a": 2}]}}', "data.results|data.sample"),
        ('{"value":[{"a":1}]}\n{"value":[{"a":2}]}\n', "value"),
        ('{\n"a": 1\n}\n{\n"a": 2\n}\n', "value"),
        ('[{"a":1}]\n[{"a":2}]\n', None),
    ],
)
def test_json_in_every_wrapping_gives_the_same_records(
    drop: Callable[..., Path], content: str, items: str | None
) -> None:
    assert read(drop("x.json", content), items=items) == [{"a": 1}, {"a": 2}]


def test_one_bare_record_stays_one_record_although_it_holds_a_list(drop: Callable[..., Path]) -> None:
    record = '{\n "id": 7,\n "evidence": [{"kind": "file"}, {"kind": "user"}]\n}'
    assert read(drop("x.json", record), items="value") == [{"id": 7, "evidence": [{"kind": "file"}, {"kind": "user"}]}]
    assert len(read(drop("y.json", record), items="")) == 1


def test_an_empty_page_gives_no_record_and_still_a_position(drop: Callable[..., Path]) -> None:
    (page,) = pages(drop("x.json", '{"value": []}'), items="value")
    assert page.records == []
    assert page.after["seen"]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".log"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data)])
def test_compression_is_told_by_content_and_not_by_name(
    drop: Callable[..., Path], compress: Callable[[bytes], bytes], suffix: str
) -> None:
    assert read(drop("x" + suffix, compress(b'{"a":1}\n{"a":2}\n'))) == [{"a": 1}, {"a": 2}]


def test_several_frames_one_after_another_are_one_text(drop: Callable[..., Path]) -> None:
    one, two = b'{"a":1}\n{"a"', b":2}\n"
    frames = zstandard.ZstdCompressor()
    assert read(drop("x.gz", gzip.compress(one) + gzip.compress(two))) == [{"a": 1}, {"a": 2}]
    assert read(drop("x.zst", frames.compress(one) + frames.compress(two))) == [{"a": 1}, {"a": 2}]


def test_a_table_becomes_the_json_that_zeek_would_have_written(drop: Callable[..., Path]) -> None:
    (record,) = read(drop("conn.log", HEADER + ROW + "#close\t2026-01-01-01-00-00\n"))
    assert record == {
        "ts": 1760000000.25,
        "uid": "C1",
        "id.orig_h": "10.0.0.1",
        "id.resp_p": 502,
        "local": True,
        "tags": ["a", "b"],
        "note": "paint\ted",
    }


def test_unset_and_empty_are_told_apart_and_masked_values_stay_text(drop: Callable[..., Path]) -> None:
    (record,) = read(drop("conn.log", HEADER + "XXXXXXXXXX.XXXXXX\tC1\t10.0.0.1\t-\tF\t(empty)\t(empty)\n"))
    assert record == {
        "ts": "XXXXXXXXXX.XXXXXX", "uid": "C1", "id.orig_h": "10.0.0.1", "local": False, "tags": [], "note": "",
    }  # fmt: skip


def test_a_second_header_in_the_middle_changes_the_columns_also_after_a_restart(drop: Callable[..., Path]) -> None:
    second = "#separator \\x2c\n#path,conn\n#fields,uid,ts\n#types,string,time\nC2,5.5\n"
    path = drop("conn.log", HEADER + ROW + second)
    assert [record["uid"] for record in read(path)] == ["C1", "C2"]
    given = pages(path)
    cursors = {given[-1].partition: given[-1].after}
    with path.open("ab") as file:
        file.write(b"C3,6.5\n")
    assert read(path, cursors=cursors) == [{"uid": "C3", "ts": 6.5}]


def test_a_table_without_header_needs_default_columns_of_its_width(drop: Callable[..., Path]) -> None:
    path = drop("modbus.log", "1.5\tC1\tREAD_COILS\n")
    tables = [Table.of("modbus", "ts:time uid:string"), Table.of("modbus", "ts:time uid:string func:string")]
    assert read(path, tables=tables) == [{"ts": 1.5, "uid": "C1", "func": "READ_COILS"}]
    with pytest.raises(UnexpectedReply, match=r"modbus\.log: .*no default columns"):
        pages(path)
    with pytest.raises(UnexpectedReply, match=r"3 columns without a header; .* modbus with 2 columns"):
        pages(path, tables=tables[:1])


def test_another_log_is_refused_by_its_name(drop: Callable[..., Path]) -> None:
    path = drop("x.log", HEADER.replace("\tconn", "\tdns") + ROW)
    with pytest.raises(UnexpectedReply, match=r"x\.log: is the log 'dns'; this stream reads conn"):
        pages(path, tables=[Table.of("conn", "ts:time")])


def test_a_row_that_does_not_fit_its_header_is_unreadable_and_the_others_go_on(drop: Callable[..., Path]) -> None:
    (page,) = pages(
        drop("conn.log", HEADER + ROW + "short\trow\n" + "bad \xff".encode("latin-1").decode("latin-1") + ROW)
    )
    assert page.unreadable == {1: "has 2 columns where the header names 7"}
    assert page.records[1] == b"short\trow"
    assert msgspec.json.decode(page.records[0])["uid"] == "C1"


def test_cef_lines_keep_what_was_sent(drop: Callable[..., Path]) -> None:
    line = r"<134>May 18 16:02:00 host CEF:0|Some \| Vendor|isid|7.0|2|New Link|Medium|cat='Link' src=10.0.0.1 msg=a b\=c, d (e) SrcMac=00:30:DE#012 n=x\ny"
    (record,) = read(drop("x.cef", line + "\n"))
    assert record["syslog"] == "<134>May 18 16:02:00 host"
    assert record["device_vendor"] == "Some | Vendor"
    assert record["severity"] == "Medium"
    assert record["extension"] == {
        "cat": "'Link'", "src": "10.0.0.1", "msg": "a b=c, d (e)", "SrcMac": "00:30:DE#012", "n": "x\ny",
    }  # fmt: skip


def test_lines_that_are_not_cef_are_unreadable_one_by_one(drop: Callable[..., Path]) -> None:
    (page,) = pages(drop("x.cef", "CEF:0|v|p|1|1|n|5|a=1\nrsyslogd was HUPed\nCEF:0|v|p\nCEF:0|v|p|1|1|n|5|\n"))
    assert sorted(page.unreadable) == [1, 2]
    assert len(page.records) == 4


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.zip", b"PK\x03\x04....", "zip archive"),
        ("a.pcap", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "packet capture"),
        ("a.bin", b"\x01\x02\x00\x03" * 10, "binary"),
        ("a.json", '{"a":1}'.encode("utf-16"), "UTF-16"),
        ("a.txt", b"hello world\nsecond line\n", "neither JSON"),
        ("a.gz", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "compressed twice"),
        ("b.gz", gzip.compress(b'{"a":1}\n' * 9999, mtime=0)[:-20], "middle of its compressed data"),
        ("c.gz", b"\x1f\x8b\x08\x00garbage", "damaged gzip|middle of its compressed data"),
        ("d.zst", b"\x28\xb5\x2f\xfdgarbage-garbage", "damaged zstd|middle of its compressed data"),
        ("e.json", '[{"a":1},{"a":', "middle of a JSON document"),
        ("f.json", '{"a":1} trailing [', "no valid JSON"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_others_go_on(
    drop: Callable[..., Path], tmp_path: Path, name: str, content: bytes | str, why: str
) -> None:
    drop(name, content)
    drop("0.ndjson", '{"good":1}\n')
    drop("z.ndjson", '{"good":2}\n')
    given: list[Any] = []
    with pytest.raises(SourceError, match=why) as caught:
        for page in files.pages([str(tmp_path / "*")], one_pass=True):
            given += [msgspec.json.decode(record) for record in page.records]
    assert name in str(caught.value)
    assert [record for record in given if "good" in record] == [{"good": 1}, {"good": 2}]


def test_records_before_the_damage_are_given(drop: Callable[..., Path]) -> None:
    whole = gzip.compress(b"".join(b'{"n":%d,"x":"%d"}\n' % (n, n * 7919) for n in range(20_000)))
    path = drop("x.gz", whole[: len(whole) // 2])
    given: list[Any] = []
    with pytest.raises(UnexpectedReply):
        for page in files.pages([str(path)], one_pass=True):
            given += page.records
    assert len(given) > 1000


def test_a_bomb_is_not_unpacked(drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus_sdk.files._source.RATIO_FROM", 1 << 20)
    for name, compress in (("x.gz", gzip.compress), ("x.zst", lambda d: zstandard.ZstdCompressor(level=3).compress(d))):
        with pytest.raises(TooLarge, match=f"{name}: unpacks to more than"):
            pages(drop(name, compress(b'{"a":"' + b"0" * (64 << 20) + b'"}\n')))


def test_a_bad_first_line_does_not_make_a_document_of_the_lines(drop: Callable[..., Path]) -> None:
    (page,) = pages(drop("x.ndjson", '{"a":1,}\n{"a":2}\n{"a":3}\n'))
    assert [bytes(record) for record in page.records] == [b'{"a":1,}', b'{"a":2}', b'{"a":3}']
    (page,) = pages(drop("y.ndjson", 'ut short"}\n{"a":2}\n'))
    assert page.records[1] == b'{"a":2}'


def test_a_line_above_the_cap_goes_to_quarantine_by_its_beginning(
    drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isthmus_sdk.files._lines.MAX_RECORD", 2000)
    monkeypatch.setattr("isthmus_sdk.files._lines.CHUNK", 700)
    long = '{"a":"' + "x" * 5000 + '"}'
    path = drop("x.ndjson", f'{{"a":1}}\n{long}\n{{"a":2}}\n{long}\n')
    given = pages(path)
    records = [record for page in given for record in page.records]
    assert [len(record) for record in records] == [7, 2100, 7, 2100] or len(records) == 4
    assert [list(page.unreadable.values()) for page in given if page.unreadable] == [
        [f"is a line of {len(long) + 1} bytes; the largest record may have 2000"]
    ] * 2
    # Reading on after it works: the position is one of the file as it is.
    with path.open("ab") as file:
        file.write(b'{"a":3}\n')
    assert read(path, cursors={given[-1].partition: given[-1].after}) == [{"a": 3}]


def large_document(items: int, filler: int = 2000) -> bytes:
    """An envelope with traps before, in and after the list."""
    body = io.BytesIO()
    body.write(b'{"meta":{"note":"brackets ]}{[ and \\"quotes\\" \\\\","value":[{"no":1}]},"value":[')
    for number in range(items):
        body.write(b"," if number else b"")
        body.write(b'{"n":%d,"s":"%s \\\\\\" ]}","l":[[1],[]]}' % (number, b"x" * filler))
    body.write(b'],"tail":[1,2,{"a":[]}]}')
    return body.getvalue()


@pytest.mark.parametrize("chunk", [3, 64, 1 << 16])
def test_a_document_too_large_to_hold_is_walked(
    drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("isthmus_sdk.files._documents.WHOLE", 10)
    monkeypatch.setattr("isthmus_sdk.files._documents.MAX_RECORD", 400)
    monkeypatch.setattr("isthmus_sdk.files._documents.CHUNK", chunk)
    path = drop("x.json", large_document(20, filler=50))
    for items in ("value", None, "other.list|value"):
        assert [record["n"] for record in read(path, items=items)] == list(range(20))
    given = pages(path, items="value", max_records=7)
    assert [len(page.records) for page in given] == [7, 7, 6]
    rest = read(path, items="value", cursors={given[0].partition: given[0].after})
    assert [record["n"] for record in rest] == list(range(7, 20))


def test_a_record_above_the_cap_inside_a_document_is_unreadable(
    drop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for whole in (10, 1 << 20):
        monkeypatch.setattr("isthmus_sdk.files._documents.WHOLE", whole)
        monkeypatch.setattr("isthmus_sdk.files._documents.MAX_RECORD", 100)
        (page,) = pages(drop("x.json", '[{"a":1},{"a":"' + "x" * 500 + '"},{"a":2}]'))
        assert list(page.unreadable) == [1]
        assert len(page.records) == 3


def test_depth_bombs_end_in_an_error_or_a_record_and_never_in_a_crash(drop: Callable[..., Path]) -> None:
    bomb = "[" * 100_000 + "]" * 100_000
    (page,) = pages(drop("x.ndjson", f'{{"a":1}}\n{{"a":{bomb}}}\n'))
    assert len(page.records) == 2
    with pytest.raises(UnexpectedReply, match="nested too deeply"):
        pages(drop("y.json", bomb))


def test_every_sample_is_read_whole(samples: Path) -> None:
    expected = {
        "nozomi_networks/asset.ndjson": 3,
        "microsoft_defender_endpoint/machines.json": 4,
        "claroty_xdome/alert_1_devices.page1.json": 2,
        "tenable_ot_security/assets.page1.json": 3,
        "palo_alto_cortex_xdr/alerts.json": 100,
        "radiflow_isid/events.cef": 36,
        "zeek_icsnpp_modbus/conn.log": 2,
        "zeek_icsnpp_modbus/modbus_detailed.log": 26,
        "attack/ics_attack_18.1.json": 1826,
        "runzero/services.json": 11,
    }
    found = {name: sum(len(page.records) for page in pages(samples / name)) for name in expected}
    assert found == expected
    assert not any(page.unreadable for name in expected for page in pages(samples / name))
