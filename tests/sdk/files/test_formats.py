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
from isthmus_sdk.push import Syslog
from isthmus_sdk.push._records import line_reader

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


# what a syslog daemon kept

KEPT = (
    "<14>May  4 10:00:01 fw-1 one,two\n"  # with its priority, as some daemons keep it
    "May 4 10:00:02 fw-1 three,four\n"
    "<14>1 2026-05-04T10:00:03Z fw-1 - - - - five\n"
    "May  4 10:00:04 1,2026/05/04 10:00:04,six\n"  # from a sender that names no host
)


def test_messages_that_a_daemon_kept_are_records_of_a_stream_that_takes_them(drop: Callable[..., Path]) -> None:
    found = read(drop("syslog", KEPT), message=line_reader(Syslog()))
    assert [record["message"] for record in found] == ["one,two", "three,four", "five", "1,2026/05/04 10:00:04,six"]
    assert [record["hostname"] for record in found] == ["fw-1", "fw-1", "fw-1", None]
    assert {record["received"] for record in found} == {None}
    with pytest.raises(SourceError, match="neither JSON"):
        pages(drop("syslog", KEPT))


def test_json_behind_a_syslog_header_is_the_record(drop: Callable[..., Path]) -> None:
    lines = '<14>May  4 10:00:01 ids-1 suricata: {"a":1}\nMay  4 10:00:02 ids-1 suricata: {"a":2}\nlast {"a":'
    whole, torn = pages(drop("eve", lines), message=line_reader(Syslog(payload="json")), final=True)
    assert [msgspec.json.decode(record) for record in whole.records] == [{"a": 1}, {"a": 2}]
    assert torn.records == [b'last {"a":']
    assert "holds no JSON object" in torn.unreadable[0]


def test_a_table_and_bare_lines_stay_what_they_are_for_a_stream_that_takes_messages(drop: Callable[..., Path]) -> None:
    taking = {"message": line_reader(Syslog(payload="json"))}
    assert read(drop("a.log", HEADER + ROW), **taking) == read(drop("a.log", HEADER + ROW))
    table = Table.of("conn", "ts:time uid:string")
    assert read(drop("b.log", "1760000000.25\tC1\n"), tables=(table,), **taking) == [{"ts": 1760000000.25, "uid": "C1"}]
    (page,) = pages(drop("c.log", 'torn\n{"a":1}\n'), **taking)
    assert page.records == [b"torn", b'{"a":1}']
    with pytest.raises(SourceError, match="nor do its lines hold messages"):
        pages(drop("d.log", "hello\nworld\n"), **taking)


def test_cef_and_other_messages_in_one_file_are_both_read(drop: Callable[..., Path]) -> None:
    lines = "May  4 10:00:01 fw-1 CEF:0|A|B|1|2|N|5|src=192.0.2.1\nMay  4 10:00:02 fw-1 one,two\n"
    cef, own = read(drop("mixed", lines), message=line_reader(Syslog()))
    assert cef["extension"] == {"src": "192.0.2.1"}
    assert own["message"] == "one,two"
    (page,) = pages(drop("mixed", lines))
    assert page.unreadable.keys() == {1}


def test_a_file_of_messages_that_grows_is_read_on_from_where_it_ended(drop: Callable[..., Path]) -> None:
    taking = {"message": line_reader(Syslog()), "one_pass": False, "settle": 0.0, "log": True}
    path = drop("syslog", KEPT)
    first = pages(path, **taking)
    cursors = {first[-1].partition: first[-1].after}
    path.write_text(KEPT + "May  4 10:00:05 fw-1 seven\n")
    (page,) = pages(path, cursors=cursors, **taking)
    assert [msgspec.json.decode(record)["message"] for record in page.records] == ["seven"]


# comma-separated text


CSV = 'cve,score,words\r\nCVE-2099-0001,0.5,"one, ""two""\nthree"\n\nCVE-2099-0002,,x\n'


@pytest.mark.parametrize("pack", [bytes, lambda data: gzip.compress(data, mtime=0)], ids=["plain", "gzip"])
def test_comma_separated_text_is_records_by_its_header(
    drop: Callable[..., Path], pack: Callable[[bytes], bytes]
) -> None:
    wanted = [
        {"cve": "CVE-2099-0001", "score": "0.5", "words": 'one, "two"\nthree'},
        {"cve": "CVE-2099-0002", "score": "", "words": "x"},
    ]
    assert read(drop("a.csv", pack(CSV.encode()))) == wanted
    told = "#model_version:v1,score_date:2026-05-04T10:00:00Z\n# a word: or two\n"
    more = {"model_version": "v1", "score_date": "2026-05-04T10:00:00Z"}
    assert read(drop("b.csv", pack(b"\xef\xbb\xbf" + (told + CSV).encode()))) == [{**more, **row} for row in wanted]
    assert read(drop("c.csv", pack(b"cve,score"))) == []


def test_a_row_of_other_columns_is_told_and_stops_nothing(drop: Callable[..., Path]) -> None:
    (page,) = pages(drop("a.csv", "a,b\n1,2\n3,4,5\n6,7\n"))
    assert page.unreadable == {1: "has 3 columns where the header names 2"}
    assert page.records[1] == b"3,4,5"


@pytest.mark.parametrize("text", ["hello, world\nsecond line\n", "a,a\n1,2\n", "1,2\n3,4\n", "one\ntwo\n", "a,\n1,2\n"])
def test_text_that_merely_holds_commas_is_none(drop: Callable[..., Path], text: str) -> None:
    with pytest.raises(SourceError):
        read(drop("a.txt", text))


@pytest.mark.parametrize(
    ("content", "why"), [(b"a,b\n1,\xff\n", "not UTF-8"), (b"a,b\n1," + b"x" * (5 << 20) + b"\n", "largest a record")]
)
def test_rows_that_cannot_be_read_name_the_file(drop: Callable[..., Path], content: bytes, why: str) -> None:
    with pytest.raises(SourceError, match=rf"a\.csv: .*{why}"):
        read(drop("a.csv", content))


def test_comma_separated_text_goes_on_where_a_run_was_stopped(drop: Callable[..., Path]) -> None:
    path = drop("a.csv", "a,b\n" + "".join(f"{number},x\n" for number in range(5)))
    first, *_ = pages(path, max_records=2)
    later = [page for page in pages(path, max_records=2, cursors={first.partition: first.after}) if not page.replayed]
    assert [msgspec.json.decode(record)["a"] for page in later for record in page.records] == ["2", "3", "4"]
