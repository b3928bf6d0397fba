"""Level `confined`: what the kernel keeps a connector from, tried from inside the worker; and what it must still do."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hub.runtime.rogue import Scene

from isthmus_hub.config import ConnectorConfig
from isthmus_hub.runtime._reach import reach_of
from isthmus_sdk import manifest
from isthmus_sdk.confine import NETWORK_SINCE, SCOPES_SINCE, Reach, landlock_version, reachable

VERSION = landlock_version()
confined = pytest.mark.skipif(VERSION == 0, reason="NOT RUN: this kernel has no Landlock")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    package = tmp_path / "packages"
    package.mkdir()
    return Scene(package)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def attempt(scene: Scene, reach: Reach, code: str) -> str:
    """What became of ``code`` in a confined worker: its value, or the error it ran into."""
    run = scene.run(f"raise RuntimeError('result: ' + repr(eval({code!r})))", reach=reach)
    assert run.confinement.level == "confined"
    assert run.error is not None
    return run.error.message


@confined
def test_the_level_that_was_reached_is_reported(scene: Scene) -> None:
    assert scene.run("pass", reach=Reach()).confinement.level == "confined"


def test_without_a_reach_nothing_better_is_claimed(scene: Scene) -> None:
    assert scene.run("pass").confinement.level == "process"


@confined
@pytest.mark.parametrize(
    "code",
    [
        "open({secret!r}).read()",
        "os.listdir({folder!r})",
        "open({folder!r} + '/new', 'w')",
        "open({secret!r}, 'a')",
        "os.truncate({secret!r}, 0)",
        "os.unlink({secret!r})",
        "os.rename({secret!r}, {secret!r} + '2')",
        "os.link({secret!r}, {folder!r} + '/link')",
        "os.symlink('/etc/passwd', {folder!r} + '/link')",
        "os.mkdir({folder!r} + '/sub')",
        "open('/etc/passwd').read()",
        "open('/proc/%d/environ' % os.getppid()).read()",
        "open('/proc/%d/mem' % os.getppid(), 'rb').read(1)",
        "open('/dev/sda', 'rb')",
        "subprocess.run(['/bin/true'])",
        "subprocess.run([sys.executable, '-c', ''])",
    ],
)
def test_files_of_others_and_programs_are_out_of_reach(scene: Scene, tmp_path: Path, code: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    secret = folder / "vault"
    secret.write_text("s3cret-of-another-instance")
    said = attempt(scene, Reach(), code.format(secret=str(secret), folder=str(folder)))
    assert "PermissionError" in said or "No such file" in said
    assert "result:" not in said
    assert secret.read_text() == "s3cret-of-another-instance"
    assert [path.name for path in folder.iterdir()] == ["vault"]


@confined
@pytest.mark.skipif(VERSION < NETWORK_SINCE, reason="NOT RUN: this kernel's Landlock knows no ports")
def test_only_named_ports_can_be_reached_and_none_opened(scene: Scene, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    connect = f"__import__('socket').create_connection(('127.0.0.1', {port}), 5).getpeername()[1]"
    assert "PermissionError" in attempt(scene, Reach(ports=(443,)), connect)


@confined
@pytest.mark.skipif(VERSION < NETWORK_SINCE, reason="NOT RUN: this kernel's Landlock knows no ports")
def test_a_named_port_is_open(scene: Scene, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    connect = f"__import__('socket').create_connection(('127.0.0.1', {port}), 5).getpeername()[1]"
    assert f"result: {port}" in attempt(scene, Reach(ports=(443, port)), connect)


@confined
@pytest.mark.skipif(VERSION < NETWORK_SINCE, reason="NOT RUN: this kernel's Landlock knows no ports")
def test_no_port_can_be_listened_on(scene: Scene) -> None:
    assert "PermissionError" in attempt(scene, Reach(), "__import__('socket').create_server(('127.0.0.1', 0))")


@confined
@pytest.mark.skipif(VERSION < SCOPES_SINCE, reason="NOT RUN: this kernel's Landlock knows no scopes")
def test_it_cannot_signal_the_hub(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISTHMUS_TESTING", raising=False)
    assert "PermissionError" in attempt(scene, Reach(), "os.kill(os.getppid(), 0)")


@confined
def test_what_was_named_can_be_read_and_written(scene: Scene, tmp_path: Path) -> None:
    drop, record = tmp_path / "drop", tmp_path / "record"
    drop.mkdir()
    record.mkdir()
    (drop / "a.json").write_text("[7]")
    reach = Reach(read=(str(drop),), write=(str(record),))
    code = f"[open({str(drop / 'a.json')!r}).read(), open({str(record / 'b')!r}, 'w').write('xy')]"
    assert "result: ['[7]', 2]" in attempt(scene, reach, code)


@confined
def test_a_folder_to_write_to_is_made_before_the_door_closes(scene: Scene, tmp_path: Path) -> None:
    record = tmp_path / "not" / "yet"
    assert "result: 1" in attempt(scene, Reach(write=(str(record),)), f"open({str(record / 'b')!r}, 'w').write('x')")


@confined
def test_a_reader_of_files_cannot_change_them(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[7]")
    assert "PermissionError" in attempt(scene, Reach(read=(str(tmp_path),)), f"open({str(tmp_path / 'a.json')!r}, 'a')")


@confined
def test_what_a_connector_needs_still_works(scene: Scene) -> None:
    code = (
        "[__import__('httpx').__name__, __import__('ssl').create_default_context().check_hostname,"
        " len(os.urandom(4)), __import__('zoneinfo').ZoneInfo('UTC').key, __import__('socket').gethostbyname('localhost')]"
    )
    assert "result: ['httpx', True, 4, 'UTC', '127.0.0.1']" in attempt(scene, Reach(ports=(443,)), code)


@confined
def test_threads_started_later_are_confined_as_well() -> None:
    """In a process of its own, because there is no way back."""
    code = (
        "import threading\nfrom isthmus_sdk.confine import Reach, confine\nprint(confine(Reach()).level)\n"
        "def look():\n    try:\n        open('/etc/passwd')\n    except PermissionError:\n        print('refused')\n"
        "thread = threading.Thread(target=look)\nthread.start()\nthread.join()"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["confined", "refused"]


@pytest.mark.parametrize(
    ("version", "calls", "ports", "level", "network", "reason"),
    [
        (0, True, (443,), "process", "open", "no Landlock"),
        (3, True, (443,), "process", "open", "knows no TCP ports"),
        (3, True, None, "process", "open", "knows no TCP ports"),
        (7, False, (443,), "process", "open", "cannot be refused"),
        (1, True, (), "confined", "none", ""),
        (4, True, (443,), "confined", "ports", ""),
        (4, True, None, "confined", "open", ""),
    ],
)
def test_a_level_is_reached_whole_or_not_at_all(
    version: int, calls: bool, ports: tuple[int, ...] | None, level: str, network: str, reason: str
) -> None:
    found = reachable(version, calls=calls, ports=ports)
    assert (found.level, found.network) == (level, network)
    assert reason in found.reason
    assert bool(found.reason) == (level == "process")


MANIFEST = """
[connector]
name = "x"
version = "1"
sdk_api = ">=1"
[settings.login]
type = "string"
default = "https://login.vendor.example:8443"
[origins]
downloads = ["https://*.blob.vendor.example", "http://cdn.vendor.example:8081/x"]
"""


def reach(tmp_path: Path, **chosen: Any) -> Reach:
    (tmp_path / "connector.toml").write_text(MANIFEST)
    config = ConnectorConfig.model_validate({"use": "x", **chosen})
    return reach_of(config, manifest.read(tmp_path / "connector.toml"), None, None, {})


def test_ports_come_from_settings_manifest_and_proxy(tmp_path: Path) -> None:
    found = reach(tmp_path, settings={"base_url": "http://10.0.0.5"}, proxy="http://proxy.example:3128")
    assert found.ports == (53, 80, 443, 3128, 8081, 8443)


def test_an_instance_fed_from_files_gets_their_folders_and_no_port(tmp_path: Path) -> None:
    found = reach(tmp_path, files={"rows": ["/in/north/a-*.json", "/in/b.json"], "more": ["/in/*/c.json"]})
    assert (found.ports, found.read) == ((), ("/in/north", "/in", "/in"))


def test_a_reach_travels_as_text() -> None:
    for given in (Reach(), Reach(("/a b",), ("/ü",), ()), Reach(ports=(1, 2))):
        assert Reach.parse(given.as_text()) == given
        assert json.loads(given.as_text())
    assert os.sep not in Reach().as_text()
