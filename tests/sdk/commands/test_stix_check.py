"""``stix check``: what it accepts, what it says of the rest, and where."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.sdk.stix.examples import ALL_TYPES, IDENTITY, T1, example

from isthmus_sdk import cli, stix
from isthmus_sdk.commands.stix_check import Checker, CheckOptions, _checker
from isthmus_sdk.commands.stix_check._splitter import Piece, Splitter
from isthmus_sdk.stix import decode, encode

BUNDLE_ID = "bundle--9379cc7b-11fd-47a4-88ec-811ab049188e"
ADDRESS = example("ipv4-addr")


def report(data: bytes | str | list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    if isinstance(data, list):
        data = b"\n".join(json.dumps(each).encode() for each in data)
    file = io.BytesIO(data.encode() if isinstance(data, str) else data)
    checker = Checker(CheckOptions(**options))
    checker.file("in.json", lambda: file.read(1 << 16))
    checker.finish()
    return checker.report.as_json()


def bundle(*objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "bundle", "id": BUNDLE_ID, "objects": list(objects), **more}


def run(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    code = [sys.executable, "-m", "isthmus_sdk.cli", "stix", *arguments]
    return subprocess.run(code, input=data, capture_output=True, check=False)


def test_a_sound_object_of_every_type_is_valid() -> None:
    found = report(json.dumps(bundle(*map(example, ALL_TYPES))))
    assert (found["objects"], found["valid"], found["errors"]) == (len(ALL_TYPES), len(ALL_TYPES), [])
    assert found["by_rule"]["errors"] == {}


def test_an_error_has_its_place_to_the_line() -> None:
    broken = {**example("tool"), "external_references": [{"source_name": "a", "url": "https://a"}, {"source_name": 5}]}
    text = json.dumps(bundle(ADDRESS, broken), indent=2)
    (error, *_) = report(text)["errors"]
    assert (error["index"], error["id"], error["path"]) == (1, broken["id"], "external_references[1].source_name")
    assert text.splitlines()[error["line"] - 1].strip() == '"source_name": 5'
    assert error["file"] == "in.json"


@pytest.mark.parametrize(
    ("text", "rule", "message", "line"),
    [
        (b'\n{"type":"tool",', "json", "cut off", 2),
        (b'{"a":1}\n{"a":tru}', "json", "Expecting value", 2),
        (b'{"a":NaN}', "json", "NaN is no JSON number", 1),
        (b'{"a":[1,\n-Infinity]}', "json", "-Infinity is no JSON number", 2),
        (b'{"a":1e999}', "json", "a number", 1),
        (b'{"a":' + b"1" * 5_000 + b"}", "json", "digits", 1),
        (b'{"a":"\\ud800x"}', "json", "half of a character", 1),
        (b'{"a":"\xff"}', "encoding", "not UTF-8: byte 0xff", 1),
        (b'{"a":1,\n"b":{"c":1,"c":1}}', "repeated-name", "'c' is given twice", 2),
        (b'{"a":1,"\\u0061" :2}', "repeated-name", "'a' is given twice", 1),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "json", "nested too deeply", 1),
        (b"name,address\n1,2\n", "json", "found 'name,address' up to line 2", 1),
        (b"<bundle/>", "json", "expected an object or a list", 1),
        (b"[5]", "object", "this is a number", 1),
        (b"null", "json", "found 'null'", 1),
    ],
)  # fmt: skip
def test_what_is_no_json_is_named_with_its_place_and_the_rest_is_checked(
    text: bytes, rule: str, message: str, line: int
) -> None:
    found = report(text + b"\n" + json.dumps(ADDRESS).encode())
    (error,) = (each for each in found["errors"] if each["rule"] == rule)
    assert message in error["message"]
    assert error["line"] == line
    assert found["valid"] == 1


def test_integers_that_lose_digits_are_refused() -> None:
    (error,) = report([{**ADDRESS, "x_count": 2**64}])["errors"]
    assert error["path"] == "x_count"


@pytest.mark.parametrize(
    "text", ['{"a":"x\\":y"}', '{"a":"b : c","d":{"e":" \\" :"}}', '{"a":[{"b":1},{"b":2}],"b":1}']
)
def test_names_that_only_look_repeated_are_not(text: str) -> None:
    assert all(each["rule"] != "repeated-name" for each in report(text)["errors"])


@pytest.mark.parametrize(
    ("made", "path", "message"),
    [
        ({"type": "bundle", "objects": [ADDRESS]}, "id", "missing"),
        ({**bundle(ADDRESS), "id": ADDRESS["id"]}, "id", "the type is 'bundle'"),
        (bundle(), "objects", "must not be empty"),
        ({**bundle(), "objects": 5}, "objects", "expected a list"),
        (bundle(ADDRESS, Bad=1), "Bad", "a letter first"),
        (bundle(ADDRESS, spec_version="2.0"), "spec_version", "--upgrade"),
        (bundle(bundle(ADDRESS)), "type", "must not be in a bundle"),
    ],
)
def test_a_bundle_has_rules_of_its_own(made: dict[str, Any], path: str, message: str) -> None:
    (error,) = report(json.dumps(made))["errors"]
    assert error["path"] == path
    assert message in error["message"]


def test_a_bundle_may_say_what_it_is_after_its_objects() -> None:
    assert report(json.dumps({"objects": [ADDRESS], "id": BUNDLE_ID, "type": "bundle"}))["errors"] == []


TOOL = example("tool")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"created": "2023-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z"}, "version-created"),
        ({"name": "another", "modified": T1}, "version-content"),
        ({"created_by_ref": stix.sdo_id("identity", {"name": "b"}), "modified": "2025-01-01T00:00:00.000Z"}, "version-author"),
    ],
)  # fmt: skip
def test_versions_of_one_object_must_agree(change: dict[str, Any], rule: str) -> None:
    first = {**TOOL, "created_by_ref": IDENTITY}
    found = report([first, {**first, **change}])
    assert [(error["index"], error["section"], error["rule"]) for error in found["errors"]] == [(1, "3.6", rule)]
    assert found["valid"] == 1
    assert report([first, first, {**first, "modified": "2025-01-01T00:00:00.000Z", "name": "new"}])["errors"] == []


def test_nothing_follows_a_revoked_version_in_any_order() -> None:
    gone = {**TOOL, "revoked": True}
    later = {**TOOL, "modified": "2025-01-01T00:00:00.000Z"}
    assert [error["path"] for error in report([gone, later])["errors"]] == ["modified"]
    assert [error["path"] for error in report([later, gone])["errors"]] == ["modified"]


def test_references_into_nothing_are_warned_of_once_they_are_sure() -> None:
    traffic = example("network-traffic")
    assert report([traffic, ADDRESS])["warnings"] == []
    (warning,) = report([traffic, {**traffic}])["warnings"]
    assert (warning["rule"], warning["path"]) == ("unresolved-reference", "src_ref")
    assert ADDRESS["id"] in warning["message"]
    marked = {**TOOL, "object_marking_refs": [stix.TLP["amber"]]}
    assert report([marked])["warnings"] == []


def test_objects_beyond_those_that_are_followed_are_checked_alone_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_checker, "REMEMBERED", 3)
    traffic, other = example("network-traffic"), {**TOOL, "name": "another"}
    found = report([TOOL, other, traffic, ADDRESS, {**TOOL, "name": "a third"}])
    assert [error["rule"] for error in found["errors"]] == ["version-content"]  # among the first three
    assert (found["objects"], found["valid"], found["warnings"]) == (5, 4, [])  # the address may come later
    assert any("followed among the first" in note for note in found["notes"])


def test_what_is_not_listed_is_counted() -> None:
    found = report([{**ADDRESS, "value": "x"}] * 30, limit=10)
    assert (len(found["errors"]), found["not_listed"]["errors"]) == (10, 20)
    assert found["by_rule"]["errors"] == {"ipv4-address": 30}
    assert len(report([{**ADDRESS, "value": "x"}] * 30, limit=0)["errors"]) == 30


def test_version_2_0_is_named_and_checked_as_what_it_becomes() -> None:
    old = {name: value for name, value in example("identity").items() if name != "spec_version"}
    found = report([old])
    assert (found["valid"], "--upgrade" in found["notes"][0]) == (0, True)
    assert report(json.dumps(bundle(old, spec_version="2.0")), upgrade=True)["errors"] == []


def test_errors_alone_are_the_same_errors() -> None:
    objects = [{**ADDRESS, "value": "x"}, {**TOOL, "x_y": 1}, ADDRESS, {"type": "tool"}]
    quick, full = report(objects, warnings=False), report(objects)
    assert quick["errors"] == full["errors"]
    assert (quick["warnings"], len(full["warnings"])) == ([], 1)


def test_files_directories_and_compression(tmp_path: Path) -> None:
    text = json.dumps(bundle(ADDRESS, TOOL)).encode()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.json").write_bytes(b"\xef\xbb\xbf" + text)
    (tmp_path / "in/b.ndjson.gz").write_bytes(gzip.compress(text))
    (tmp_path / "in/c.json.zst").write_bytes(zstandard.compress(text))
    (tmp_path / "in/ignored.txt").write_bytes(b"x")
    (tmp_path / "wide.json").write_bytes(text.decode().encode("utf-16"))
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(text * 50)[:-20])
    names = [str(tmp_path / name) for name in ("in", "wide.json", "cut.json.gz", "none.json")]
    done = run("check", "--json", *names)
    found = json.loads(done.stdout)
    assert done.returncode == 4
    assert [(Path(each["file"]).name, each["valid"]) for each in found["files"]][:4] == [("a.json", 2), ("b.ndjson.gz", 2), ("c.json.zst", 2), ("wide.json", 0)]  # fmt: skip
    assert {(Path(each["file"]).name, each["message"].split(" (")[0].split(";")[0]) for each in found["errors"] if each["rule"] == "file"} == {
        ("wide.json", "is UTF-16 text"), ("cut.json.gz", "ends in the middle of its compressed data")}  # fmt: skip
    assert found["unreadable"] == [{"file": names[-1], "message": "No such file or directory"}]
    assert run("check", names[-1]).returncode == 1
    assert run("check", "-", data=gzip.compress(text)).returncode == 0


def test_what_people_read(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps({**ADDRESS, "value": "x\x1b[31m", "x_own": 1}))
    done = run("check", "--warnings", str(path))
    out, err = done.stdout.decode(), done.stderr.decode()
    assert re.search(rf"in\.json:1: error: {ADDRESS['id']}: value: .* \(section 6\.8\) \[ipv4-address\]", out)
    assert "in.json:1: warning: " in out
    assert "\x1b" not in out + err
    assert err.startswith("1 object: 0 valid, 1 invalid; 1 error, 1 warning\n")
    assert "error           1  ipv4-address" in err
    assert "warning" not in run("check", str(path)).stdout.decode()


def test_pedantry_is_an_exit_code() -> None:
    data = json.dumps({**ADDRESS, "x_own": 1}).encode()
    assert (run("check", data=data).returncode, run("check", "--pedantic", data=data).returncode) == (0, 4)


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "in.ndjson"
    path.write_text(json.dumps({**ADDRESS, "value": "x"}) + "\n")
    code = f"{sys.executable} -m isthmus_sdk.cli stix check {path} {path} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, check=True)
    assert done.stdout in (b"0\n", b"4\n")
    assert b"Traceback" not in done.stderr


@pytest.mark.samples
@pytest.mark.parametrize(
    ("path", "count"),
    [("stix/oasis_json_schemas_examples", 260), ("stix/oasis_documentation_examples", 293), ("attack", 1_826)],
)
def test_published_files_are_accepted_whole(
    samples: Path, path: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["stix", "check", "--json", str(samples / path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["objects"], found["valid"]) == (count, count)


@pytest.mark.samples
@pytest.mark.parametrize("folder", ["stix/oasis_json_schemas_examples", "stix/oasis_documentation_examples", "attack"])
def test_the_splitter_gives_the_objects_the_file_has_and_they_survive_being_written(samples: Path, folder: str) -> None:
    for path in sorted((samples / folder).glob("*.json")):
        data = path.read_bytes()
        document = json.loads(data)
        file = io.BytesIO(data)
        pieces = [found for found in Splitter(lambda file=file: file.read(4_096)).found() if isinstance(found, Piece)]
        objects = [decode(piece.data) for piece in pieces]
        assert objects == document.get("objects", [document])
        assert [decode(encode(obj)) for obj in objects] == objects
        kinds = Counter(obj["type"] for obj in objects)
        if folder == "attack":
            assert sum(count for kind, count in kinds.items() if kind.startswith("x-mitre-")) == 250
            assert sum(name.startswith("x_mitre_") for obj in objects for name in obj) == 7_144


@pytest.mark.samples
def test_version_2_0_flows_are_checked_and_upgraded(samples: Path) -> None:
    folder = str(samples / "stix/stix20_observed_data")
    assert run("check", folder).returncode == 4
    assert run("check", "--upgrade", folder).returncode == 0
    made = run("upgrade", folder)
    assert made.returncode == 0
    checked = run("check", "--json", data=made.stdout)
    found = json.loads(checked.stdout)
    assert (checked.returncode, found["objects"], found["valid"]) == (0, 4_001, 4_001)


def test_a_file_given_twice_is_counted_twice_and_the_files_add_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = "2020-01-01T00:00:00.000Z"
    said = {"type": "identity", "spec_version": "2.1", "id": "identity--11111111-1111-4111-8111-111111111111"}
    file = tmp_path / "versions.json"
    file.write_bytes(json.dumps([{**said, "created": at, "modified": at, "name": name} for name in "ab"]).encode())
    assert cli.main(["stix", "check", "--json", str(file), str(file)]) == 4
    found = json.loads(capsys.readouterr().out)
    assert [(each["objects"], each["valid"]) for each in found["files"]] == [(2, 1), (2, 0)]
    assert (found["objects"], found["valid"]) == (4, 1)
