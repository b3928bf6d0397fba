"""``map`` and the ``isthmus-sdk`` command: the same input gives the same bytes, and every record is accounted for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk import cli, stix
from isthmus_sdk.commands.connectors import key_values
from isthmus_sdk.commands.map import EPOCH, MapOptions, map_files
from isthmus_sdk.errors import ConfigurationError, SecretError, SettingsError

from .hub import PACKAGES

VALUE = "acme_connector.connector:acme"


def alert(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"a{number}",
        "updated_at": f"2026-05-01T00:00:{number:02d}Z",
        "severity": 5,
        "displayTitle": f"alert {number}",
        "device": {"uid": "d1", "ip": "10.0.0.1"},
        **fields,
    }


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    os.utime(path, (1777629600, 1777629600))
    return path


def run(*arguments: str, data: bytes = b"", folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "isthmus_sdk.cli", *arguments],
        input=data,
        capture_output=True,
        cwd=folder or PACKAGES,
        check=False,
    )


def test_the_same_input_gives_the_same_bytes_in_any_order_and_process(tmp_path: Path, acme: Any) -> None:
    records = [alert(n) for n in range(6)] + [alert(3, displayTitle="newer", updated_at="2026-05-02T00:00:00Z")]
    forward = write(tmp_path / "forward.ndjson", *records)
    backward = write(tmp_path / "backward.ndjson", *reversed(records))
    first = run("map", VALUE, "alerts", str(forward))
    second = run("map", VALUE, "alerts", str(backward))
    assert first.returncode == 0, first.stderr
    assert first.stdout
    assert first.stdout == second.stdout
    in_process = map_files(acme, acme.streams["alerts"], [forward])
    assert b"".join(line + b"\n" for line in in_process.objects) == first.stdout


def test_each_object_appears_once_valid_and_in_canonical_form(tmp_path: Path, acme: Any) -> None:
    mapped = map_files(acme, acme.streams["alerts"], [write(tmp_path / "a.ndjson", *(alert(n) for n in range(5)))])
    objects = [stix.decode(line) for line in mapped.objects]
    assert len({obj["id"] for obj in objects}) == len(objects) == mapped.report["objects"]
    for line, obj in zip(mapped.objects, objects, strict=True):
        stix.check(obj)
        assert stix.encode(obj) == line


def test_a_page_with_an_envelope_and_bare_lines_give_the_same_objects(tmp_path: Path, acme: Any) -> None:
    lines = write(tmp_path / "a.ndjson", alert(1), alert(2))
    page = tmp_path / "a.json"
    page.write_text(json.dumps({"data": [alert(1), alert(2)], "next_cursor": "x"}))
    os.utime(page, (1777629600, 1777629600))
    stream = acme.streams["alerts"]
    assert map_files(acme, stream, [lines]).objects == map_files(acme, stream, [page]).objects


def test_objects_of_one_id_from_several_files_are_united(tmp_path: Path, acme: Any) -> None:
    old = write(tmp_path / "old.ndjson", alert(1))
    new = write(tmp_path / "new.ndjson", alert(1, displayTitle="renamed", updated_at="2026-05-02T00:00:00Z"))
    stream = acme.streams["alerts"]
    one, other = map_files(acme, stream, [old, new]), map_files(acme, stream, [new, old])
    assert one.objects == other.objects
    incidents = [obj for obj in map(stix.decode, one.objects) if obj["type"] == "incident"]
    assert [obj["name"] for obj in incidents] == ["renamed"]


def test_the_report_accounts_for_every_record(tmp_path: Path) -> None:
    data = write(
        tmp_path / "a.ndjson",
        alert(1, extra={"b": [{"c": 1}, {"c": 2, "d": None}]}),
        alert(2, severity=0),
        alert(3, severity=77),
        alert(4, displayTitle="broken"),
    )
    report = tmp_path / "report.json"
    done = run("map", VALUE, "alerts", str(data), "--report", str(report))
    assert done.returncode == 4
    found = json.loads(report.read_text())
    assert found["records"] == 4 == found["mapped"] + sum(found["ignored"].values()) + len(found["quarantined"])
    assert found["ignored"] == {"informational": 1}
    assert [(q["index"], q["native_id"], q["path"]) for q in found["quarantined"]] == [
        (2, "a3", "severity"),
        (3, "a4", "displayTitle"),
    ]
    assert found["unused_fields"] == {"extra.b[].c": 2}
    assert found["objects"] == len(done.stdout.splitlines())


def test_standard_input_has_no_time_of_its_own_and_says_so(tmp_path: Path) -> None:
    data = write(tmp_path / "a.ndjson", alert(1)).read_bytes()
    done = run("map", VALUE, "alerts", data=data)
    assert done.returncode == 0
    assert done.stderr.decode().count(EPOCH) == 1
    asset = next(obj for obj in map(json.loads, done.stdout.splitlines()) if obj["type"] == "infrastructure")
    assert asset["modified"] == EPOCH
    dated = run("map", VALUE, "alerts", "-", "--observed-at", "2026-05-01T12:00:00Z", data=data)
    assert EPOCH not in dated.stderr.decode()
    assert b"2026-05-01T12:00:00.000Z" in dated.stdout


def test_a_file_gives_its_own_time(tmp_path: Path, acme: Any) -> None:
    mapped = map_files(acme, acme.streams["alerts"], [write(tmp_path / "a.ndjson", alert(1))])
    asset = next(obj for obj in map(stix.decode, mapped.objects) if obj["type"] == "infrastructure")
    assert asset["modified"] == "2026-05-01T10:00:00.000Z"


def test_source_id_and_scope_are_given_on_the_command_line(tmp_path: Path, acme: Any) -> None:
    data = write(tmp_path / "a.ndjson", alert(1))
    stream = acme.streams["alerts"]
    here = map_files(acme, stream, [data], MapOptions(source_id="north"))
    there = map_files(acme, stream, [data], MapOptions(source_id="south"))

    def ids(mapped: Any) -> set[str]:
        return {obj["id"] for obj in map(stix.decode, mapped.objects) if obj["type"] == "infrastructure"}

    assert not ids(here) & ids(there)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["map", "no-such", "alerts"], 2, "no-such"),
        (["map", VALUE, "alarms"], 2, "alerts"),
        (["map", VALUE, "alerts", "/no/such/file"], 2, "/no/such/file"),
        (["map", VALUE, "alerts", "--set", "page_size"], 2, "name=value"),
        (["map", VALUE, "alerts", "--set", "page_sise=5"], 2, "page_size"),
        (["map", VALUE, "alerts", "--observed-at", "yesterday"], 2, "yesterday"),
        (["map", VALUE, "alerts", "--set", "client_secret=hunter2"], 2, "secrets"),
        (["frobnicate"], 2, "frobnicate"),
        (["preview", VALUE, "alerts", "--secret", "client_secret=hunter2"], 2, "env:"),
    ],
)
def test_what_is_written_wrong_is_named_and_the_exit_code_is_two(arguments: list[str], code: int, words: str) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert not done.stdout


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path, acme: Any) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"data": [')
    mapped = map_files(acme, acme.streams["alerts"], [broken, write(tmp_path / "a.ndjson", alert(1))])
    assert mapped.exit_code == 1
    assert mapped.report["mapped"] == 1
    assert "broken.json" in (mapped.problem or "")


def test_text_from_a_vendor_cannot_drive_the_terminal(tmp_path: Path) -> None:
    data = write(tmp_path / "a.ndjson", alert(1, id="a\u001b]0;owned\u0007\u202e", severity=77))
    done = run("map", VALUE, "alerts", str(data))
    assert b"\x1b" not in done.stderr
    assert "\u202e" not in done.stderr.decode()


def test_preview_shows_raw_records_and_objects_side_by_side(tmp_path: Path) -> None:
    data = write(tmp_path / "a.ndjson", alert(1), alert(2, severity=0), alert(3, severity=77), alert(4))
    done = run("preview", VALUE, "alerts", str(data), "--limit", "3", "--json")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 4
    assert [s["raw"]["id"] for s in shown] == ["a1", "a2", "a3"]
    assert shown[0]["objects"]
    assert shown[1]["ignored"] == "informational"
    assert shown[2]["path"] == "severity"
    assert "alert 1" in run("preview", VALUE, "alerts", str(data)).stdout.decode()


def test_preview_reads_the_vendor_with_secrets_by_reference(vendor: Any) -> None:
    from .vendor import SECRET

    vendor.alerts = [alert(n) for n in range(9)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "isthmus_sdk.cli", "preview", VALUE, "alerts", "--limit", "2", "--json"),
            *("--set", f"base_url={vendor.url}", "--set", "client_id=hub", "--secret", "client_secret=env:ACME_SECRET"),
        ],
        env={**os.environ, "ACME_SECRET": SECRET},
        cwd=PACKAGES,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert len(vendor.requests) == 1


def test_stix_check_counts_and_names_what_is_wrong(tmp_path: Path) -> None:
    good = {"type": "ipv4-addr", "spec_version": "2.1", "value": "10.0.0.1"}
    good["id"] = stix.sco_id("ipv4-addr", good)
    bad = {"type": "ipv4-addr", "spec_version": "2.1", "id": good["id"]}
    bundle = {"type": "bundle", "id": "bundle--9379cc7b-11fd-47a4-88ec-811ab049188e", "objects": [good, bad]}
    for data in (json.dumps(bundle), json.dumps([good, bad]), json.dumps(good) + "\n" + json.dumps(bad)):
        done = run("stix", "check", "--json", data=data.encode())
        report = json.loads(done.stdout)
        assert (done.returncode, report["objects"], report["valid"]) == (4, 2, 1)
        assert report["errors"][0]["index"] == 1
        assert set(report["errors"][0]) >= {"index", "id", "path", "rule", "message"}
    fine = run("stix", "check", "--json", data=json.dumps(good).encode())
    assert (fine.returncode, json.loads(fine.stdout)["valid"]) == (0, 1)
    for broken in (b"{", b"5", b'{"type":"bundle","objects":5}', b"[" * 100_000):
        assert run("stix", "check", data=broken).returncode == 4


def test_values_on_the_command_line_are_toml_where_they_can_be() -> None:
    assert key_values(["a=5", "b=true", "c=text", 'd=["x"]', "e=https://x/?a=b", "f="]) == {
        "a": 5,
        "b": True,
        "c": "text",
        "d": ["x"],
        "e": "https://x/?a=b",
        "f": "",
    }


def test_errors_of_the_tree_have_their_exit_codes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from isthmus_sdk import errors

    for error, code in (
        (errors.AuthenticationError("x"), 3),
        (errors.SettingsError("x"), 2),
        (errors.Unreachable("x"), 1),
        (errors.PagingLoop("x"), 1),
    ):

        def fail(options: Any, error: Exception = error) -> int:
            raise error

        monkeypatch.setattr(cli, "_stix_check", fail)
        assert cli.main(["stix", "check"]) == code
        assert type(error).__name__ in capsys.readouterr().err


def test_settings_errors_are_of_the_tree() -> None:
    assert issubclass(SettingsError, ConfigurationError)
    assert issubclass(SecretError, ConfigurationError)


def test_what_a_mapping_could_not_normalise_is_in_the_report(
    tmp_path: Path, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = iter(("10.0.0.1", "10.0.0.999", "010.0.0.1"))

    def mapping(record: Any, builder: stix.Builder) -> Any:
        device = builder.asset(record.id, name="n", interfaces=[stix.Interface(ips=[next(addresses)])])
        yield builder.alert(record.id, title="t", first_seen=5, subjects=[stix.Subject(device)])
        yield device

    stream = acme.streams["alerts"]
    monkeypatch.setattr(stream, "mapping", mapping)
    mapped = map_files(acme, stream, [write(tmp_path / "in.ndjson", alert(1), alert(2), alert(3))])
    assert mapped.report["mapped"] == 3
    (noted,) = mapped.report["notes"]
    assert (noted["path"], noted["count"]) == ("interfaces[].ips", 2), "once per record, though two shapes carry it"
    assert noted["first"] == {"index": 1, "native_id": "a2", "note": "'10.0.0.999' is not an IP address"}
