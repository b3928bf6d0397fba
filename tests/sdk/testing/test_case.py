"""What an author writes for the kit, and what it says of mistakes in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.testing import conformance


def test_an_exempted_rule_is_not_looked_at_and_its_reason_is_shown(heron):
    value, folder = heron()
    (folder / "conformance.toml").write_text('[exempt]\nclasses = "told by other sources"\n')
    report = conformance(value, level="bronze", only=["classes", "valid"])
    exempt = next(result for result in report.results if result.rule == "classes")
    assert (exempt.status, exempt.reason, exempt.findings) == ("exempt", "told by other sources", ())
    assert "(told by other sources)" in report.text()
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ('[exempt]\nclases = "x"\n', 'did you mean "classes"'),
        ('[exempt]\nclasses = " "\n', "exempt.classes: give the reason"),
        ("[stream.alerts]\n", "no stream alerts; streams: detections"),
        ('[stream.detections]\nsince = "maybe"\n', "stream.detections.since"),
        ("[settings\n", "cannot be read"),
        ("unknown = 1\n", "unknown"),
        ('[unused.alerts]\na = "x"\n', "unused.alerts: no such stream; streams: detections"),
        ('[unused.detections]\nowner = " "\n', "unused.detections: 'owner': give the reason"),
        ('[unused.detections]\nowner.name = "x"\n', 'write the field in quotes, as "a.b"'),
        ('[unused.detections]\n"*" = "all the rest"\n', "'*' fits every field"),
    ],
)
def test_a_mistake_in_the_authors_file_is_named_with_the_file(heron, written, named):
    value, folder = heron()
    (folder / "conformance.toml").write_text(written)
    with pytest.raises(ConfigurationError) as raised:
        conformance(value, level="bronze")
    assert named in str(raised.value)
    assert "conformance.toml" in str(raised.value)


def test_unknown_rules_and_levels_are_refused(heron):
    value, _ = heron()
    with pytest.raises(ConfigurationError, match='did you mean "valid"'):
        conformance(value, only=["vali"])
    with pytest.raises(ConfigurationError, match="no level 'platinum'"):
        conformance(value, level="platinum")


def test_a_stream_without_recorded_pages_is_left_to_do_and_the_place_is_named(heron):
    value, folder = heron()
    (folder / "pages" / "detections.json").unlink()
    (result,) = conformance(value, only=["pages"]).results
    assert result.status == "todo"
    assert str(folder / "pages" / "detections.json") in result.findings[0]


def test_golden_objects_are_written_once_and_compared_afterwards(heron):
    value, folder = heron()
    (first,) = conformance(value, only=["golden"]).results
    assert (first.status, (folder / "golden" / "detections.ndjson").exists()) == ("done", True)
    assert "written" in first.note
    golden = folder / "golden" / "detections.ndjson"
    golden.write_text(golden.read_text().replace("Credential dumping", "Something else"))
    (second,) = conformance(value, only=["golden"]).results
    assert second.status == "todo"
    assert "'Credential dumping' and was 'Something else'" in second.findings[0]


def test_nothing_is_written_where_that_is_not_wanted(heron):
    value, folder = heron()
    (result,) = conformance(value, only=["golden"], write=False).results
    assert result.status == "todo"
    assert not (folder / "golden").exists()


def command(folder: Path, *arguments: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "isthmus_sdk.cli", "test", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "CI": ci},
    )


def test_the_command_reaches_bronze_with_a_report_a_badge_and_json(heron, tmp_path):
    value, _ = heron()
    done = command(tmp_path, value, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["level"], report["counts"]["todo"]) == ("bronze", 0)
    assert {"rule", "level", "title", "status", "findings", "reason", "note", "seconds"} == set(report["rules"][0])
    badge = command(tmp_path, value, "--badge", "--only", "valid")
    assert badge.stdout == "isthmus conformance: heron 1.0.0 · some rules · 1 done, 0 exempt, 0 todo\n"


def test_where_ci_is_set_golden_objects_are_asked_for_and_not_written(heron, tmp_path):
    value, folder = heron()
    done = command(tmp_path, value, "--only", "golden", ci="true")
    assert done.returncode == 4
    assert "detections.ndjson; run the kit once where it may write" in done.stdout
    assert not (folder / "golden").exists()


def test_the_command_says_4_where_something_is_left_to_do_and_2_where_there_is_no_connector(heron, tmp_path):
    value, folder = heron()
    (folder / "pages" / "detections.json").unlink()
    done = command(tmp_path, value, "--only", "pages")
    assert done.returncode == 4
    assert "todo   pages" in done.stdout
    assert command(tmp_path, "no-such-connector").returncode == 2
