"""Bad input from an operator or a vendor: a clear error that names place and fix, an exit code, and nothing else is lost."""

from __future__ import annotations

import json
import socket

import pytest
from tests.faults.scene import scene

from isthmus_connectors.simulation import Reply

pytestmark = pytest.mark.timeout(180)
slow = pytest.mark.faults
"""Tried again with pauses, as it should be: these wait for longer than the quick suite wants to."""
QUERY = "/api/open/query/do"


def run_of(found, instance):
    """Rows of one instance in ``sync --json``."""
    return [row for row in found["runs"] if row["instance"] == instance]


def others_ran(found):
    """The other vendor's records arrived at every platform."""
    assert all(row["error"] is None for row in run_of(found, "defender"))
    assert sum(row["objects"] for row in run_of(found, "defender")) > 20
    assert all(row["accepted"] > 20 and not row["error"] for row in found["deliveries"])


def broken(change):
    """A vendor whose every answer to a query is replaced."""

    def hook(_state, answer):
        def reply(request):
            good = answer(request)
            return change(request, good) if request.path == QUERY and good.status == 200 else good

        return reply

    return {"guardian": hook}


def html(_request, _good):
    return Reply(200, b"<!doctype html><title>Sign in</title><form></form>", {"Content-Type": "text/html"})


def html_called_json(_request, _good):
    return Reply(200, b"<!doctype html><title>Sign in</title><form></form>", {"Content-Type": "application/json"})


def cut_in_half(_request, good):
    whole = json.dumps(good.body).encode()
    return Reply(200, whole[: len(whole) // 2], {"Content-Type": "application/json"})


def nested(_request, _good):
    return Reply(
        200, b'{"result": [' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"]}", {"Content-Type": "application/json"}
    )


def nested_open(_request, _good):
    return Reply(200, b'{"result": ' + b'{"a":' * 1_000_000, {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(html, ["web page"], id="html"),
        pytest.param(html_called_json, ["web page", "JSON"], marks=slow, id="html called JSON"),
        pytest.param(cut_in_half, ["ends inside"], marks=slow, id="cut in half"),
        pytest.param(nested_open, ["deep"], marks=slow, id="a million levels"),
    ],
)
def test_an_unusable_page_is_named_and_costs_the_others_nothing(tmp_path, change, words):
    with scene(tmp_path / "hub", **broken(change)) as made:
        done = made.run("sync", "--json")
        assert done.code == 4, done.err
        failed = run_of(done.json, "guardian")
        assert failed
        for row in failed:
            assert row["error"]["group"] == "source", row
            message = row["error"]["message"]
            assert any(word in message for word in words), message
            assert "127.0.0.1" in message
            assert QUERY in message
            assert len(message) < 600
        others_ran(done.json)
        if change is html:
            assert made.run("sync", "guardian").code == 1


@slow
def test_a_record_nested_a_million_deep_ends_or_is_set_aside_and_the_others_run(tmp_path):
    with scene(tmp_path / "hub", **broken(nested)) as made:
        done = made.run("sync", "--json")
        assert done.code == 4, done.err
        for row in run_of(done.json, "guardian"):
            assert row["quarantined"] or "deep" in row["error"]["message"], row
        others_ran(done.json)


def test_records_without_an_id_are_set_aside_and_the_rest_of_their_page_passes(tmp_path):
    def nameless(_request, good):
        rows = good.body["result"]
        return Reply(200, {**good.body, "result": [{**row, "id": None} if n == 1 and "mac_address" in row else row for n, row in enumerate(rows)]})  # fmt: skip

    with scene(tmp_path / "hub", **broken(nameless)) as made:
        done = made.run("sync", "--json")
        assert done.code == 4, done.err
        row = next(row for row in run_of(done.json, "guardian") if row["stream"] == "assets")
        assert row["error"] is None
        assert row["quarantined"] >= 1
        assert row["mapped"] + row["quarantined"] == row["records"] == 30
        waiting = made.run("quarantine", "list", "--json").json["records"]
        assert [one["path"] for one in waiting if one["stream"] == "assets"] == ["id"] * row["quarantined"]
        others_ran(done.json)


def test_wrong_credentials(tmp_path):
    with scene(tmp_path / "hub") as made:
        made.environ["GUARDIAN_PASSWORD"] = "not-the-password"
        done = made.run("sync", "--json")
        assert done.code == 4
        for row in run_of(done.json, "guardian"):
            assert row["error"]["group"] == "authentication", row
        assert "not-the-password" not in done.out + done.err
        others_ran(done.json)
        alone = made.run("sync", "guardian")
        assert alone.code == 3
        assert "127.0.0.1" in alone.out
        assert "401" in alone.out or "credential" in alone.out
        checked = made.run("check", "guardian")
        assert checked.code == 3
        assert "127.0.0.1" in checked.err


def test_a_permission_that_one_stream_lacks_costs_the_other_streams_nothing(tmp_path):
    def forbidden(request, good):
        return Reply(403, {"error": "Forbidden"}) if request.query["query"].startswith("assets") else good

    with scene(tmp_path / "hub", **broken(forbidden)) as made:
        done = made.run("sync", "--json")
        assert done.code == 4
        first, *rest = run_of(done.json, "guardian")
        assert first["error"]["kind"] == "PermissionDenied"
        assert all(row["error"] is None and row["mapped"] for row in rest)
        others_ran(done.json)


def test_a_secret_that_is_not_there(tmp_path):
    with scene(tmp_path / "hub") as made:
        del made.environ["GUARDIAN_PASSWORD"]
        done = made.run("sync", "--json")
        assert done.code == 4
        (row,) = run_of(done.json, "guardian")
        assert "isthmus.toml" in row["error"]["message"]
        assert "GUARDIAN_PASSWORD" in row["error"]["message"]
        others_ran(done.json)
        assert made.run("sync", "guardian").code == 2


@slow
def test_an_unreachable_host(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with scene(tmp_path / "hub") as made:
            made.config.write_text(made.config.read_text().replace(made.guardian.url, f"http://{address}"))
            done = made.run("sync", "--json")
            assert done.code == 4, done.err
            for row in run_of(done.json, "guardian"):
                assert row["error"]["kind"] == "Unreachable", row
                assert address in row["error"]["message"]
            others_ran(done.json)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ('name = "works"', 'name = "works', 2, ["isthmus.toml:2", "TOML"]),
        ('use = "nozomi-guardian"', 'use = "nozomi-gardian"', 6, ["isthmus.toml:6", 'did you mean "nozomi-guardian"']),
        ("page_size = 6", "page_siz = 6", 9, ["isthmus.toml:9", "page_siz", "did you mean"]),
        ("page_size = 6", 'page_size = "six"', 9, ["isthmus.toml:9", "page_size"]),
        ('every = "1s"', 'evry = "1s"', 8, ["isthmus.toml:8", "evry", "did you mean"]),
        ('use = "counting"', 'use = "cuonting"', 0, ["isthmus.toml:", 'did you mean "counting"']),
        ('password = "env:GUARDIAN_PASSWORD"', 'password = "hunter2-plain"', 10, ["isthmus.toml:10", "isthmus secret set"]),
    ],
    ids=["invalid TOML", "unknown connector", "unknown setting", "wrong type", "unknown key", "unknown platform", "plain secret"],
)  # fmt: skip
@pytest.mark.parametrize(
    "words", [("sync",), pytest.param(("config", "check"), marks=pytest.mark.faults)], ids=["sync", "config check"]
)
def test_a_mistake_in_the_configuration_is_named_with_its_place(tmp_path, old, new, line, told, words):
    with scene(tmp_path / "hub") as made:
        text = made.config.read_text()
        assert old in text
        made.config.write_text(text.replace(old, new))
        command = made.command(*words)
        if words[0] == "config":
            command = command[:-2]  # has no state
        done = made.execute(command)
        assert done.code == 2, done.err
        for part in told:
            assert part in done.err, done.err
        assert "Traceback" not in done.err
        assert "hunter2-plain" not in done.err
        assert not made.guardian.requests, "nobody was asked"


def test_a_state_directory_held_by_another_command(tmp_path):
    from isthmus_hub.runtime import StateDirectory, StateLock

    with scene(tmp_path / "hub") as made, StateLock(StateDirectory.open(made.state).lock):
        done = made.run("sync")
        assert done.code == 1
        assert "in use by process" in done.err
        assert "another command" in done.err
