"""Every attack of the table, tried from inside a worker at every level: what is called prevented fails, and what is called
advisory succeeds, so that the table neither promises too much nor hides what is there.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.faults.isolation_attacks import ATTACKS, LEVELS, PREVENTED, TOOLS, Attack
from tests.hub.runtime.rogue import Nothing

from isthmus_hub.remote import Server
from isthmus_hub.runtime import Plan, Session, try_level
from isthmus_hub.runtime._broker import Brokered, stand_ins
from isthmus_sdk import protocol
from isthmus_sdk.confine import Reach

REACHED = {level: try_level(level) for level in LEVELS}  # type: ignore[arg-type]
OTHER_ORIGIN = Attack("other origin", "ctx.http.get('http://127.0.0.2:{port}/')", "", "")
TOKEN = "t0ken-of-this-instance"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT RUN: levels above process are Linux's")


class Grounds:
    """What there is to attack: a state directory, servers on two addresses, sockets, another worker, a daemon's socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.vault = self.state / "vault"
        self.vault.write_text("s3cret")
        self._open: list[socket.socket] = []
        self.port = self._server(("127.0.0.1", 0))
        self._server(("127.0.0.2", self.port))
        self.closed = self._server(("127.0.0.1", 0))
        self.socket = str(folder / "unix")
        self._unix(self.socket)
        self.abstract = f"\0isthmus-test-{os.getpid()}"
        self._unix(self.abstract)
        self.sibling = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self._inherited = os.open(os.devnull, os.O_RDONLY)
        os.set_inheritable(self._inherited, True)
        self.daemon = folder / "daemon"
        hub = types.SimpleNamespace(
            state=types.SimpleNamespace(socket=self.daemon),
            redactor=types.SimpleNamespace(data=lambda data: data),
            status=dict,
        )
        self.server = Server(hub)  # type: ignore[arg-type]
        self.server.start()

    def _server(self, address: tuple[str, int]) -> int:
        listening = socket.create_server(address)
        self._open.append(listening)
        threading.Thread(target=_swallow, args=(listening,), daemon=True).start()
        return int(listening.getsockname()[1])

    def _unix(self, path: str) -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen()
        self._open.append(listening)

    def close(self) -> None:
        for each in self._open:
            each.close()
        self.server.close()
        os.close(self._inherited)
        self.sibling.kill()
        self.sibling.wait()

    def targets(self) -> dict[str, Any]:
        return {
            **{name: str(getattr(self, name)) for name in ("vault", "state", "socket", "abstract", "daemon")},
            **{"port": self.port, "closed": self.closed, "sibling": self.sibling.pid},
        }

    def try_all(self, level: str) -> dict[str, str]:
        """What a worker at this level reports of every attack."""
        package = self.folder / "packages" / "rogue"
        package.mkdir(parents=True)
        codes = {attack.name: attack.code.format(**self.targets()) for attack in (*ATTACKS, OTHER_ORIGIN)}
        (package / "__init__.py").write_text(
            f"{TOOLS}\nclass S(Settings):\n    base_url: Url\n    token: Secret\n"
            "rogue = Connector(__name__, settings=S)\n@rogue.stream('rows', model=dict)\ndef rows(ctx):\n"
            f"    for name, code in {codes!r}.items():\n        try:\n"
            "            said = 'succeeded: ' + repr(eval(code, globals(), {'ctx': ctx}))\n"
            "        except BaseException as error:\n            said = f'{type(error).__name__}: {error}'\n"
            "        print('tried', name, said, sep=chr(31), flush=True)\n"
            "    return []\nrows.maps(lambda record, stix: None)\n"
        )
        (package / "connector.toml").write_text('[connector]\nname = "rogue"\nversion = "1"\nsdk_api = ">=1"\n')
        off = level == "networked-off"
        secrets = stand_ins({"token": TOKEN}) if off else {"token": TOKEN}
        configure = protocol.Configure(
            hub="h",
            instance="rogue",
            source_id="r",
            settings={"base_url": f"http://127.0.0.1:{self.port}"},
            secrets=secrets,
            brokered=off,
        )
        plan = Plan(
            "rogue", "rogue", "rogue:rogue", ("rows",), "r", configure, path=(package.parent,), required=level,  # type: ignore[arg-type]
            reach=Reach(ports=() if off else (self.port,), level=level),  # type: ignore[arg-type]
            brokered=Brokered({secrets["token"]: TOKEN}, {secrets["token"]: "token"}, ()) if off else None,
        )  # fmt: skip
        heard = Heard()
        [run] = Session(plan, heard, heard, silence=60.0).run()
        assert (run.error, run.confinement.level) == (None, level)
        return heard.tried


class Heard(Nothing):
    """Listens to what a worker prints."""

    def __init__(self) -> None:
        self.tried: dict[str, str] = {}

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        match str(fields.get("line")).split("\x1f"):
            case ["tried", name, said]:
                self.tried[name] = said


def _swallow(listening: socket.socket) -> None:
    while True:
        try:
            listening.accept()[0].close()
        except OSError:
            return


@pytest.fixture(scope="module", params=LEVELS)
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    """A level, and what became of each attack there."""
    level = request.param
    if REACHED[level].level != level:
        pytest.skip(f"NOT RUN: {level} cannot be reached here: {REACHED[level].reason}")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ISTHMUS_TESTING", raising=False)  # under test a worker may kill its hub
        made = Grounds(tmp_path_factory.mktemp("grounds"))
        try:
            yield level, made.try_all(level)
        finally:
            made.close()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_attack(results: tuple[str, dict[str, str]], attack: Attack) -> None:
    level, tried = results
    said = tried[attack.name]
    if attack.at(level) == PREVENTED:
        assert "succeeded: " not in said
        assert attack.says in said or "PermissionError" in said
    else:
        assert "succeeded: " in said, "advisory means that nothing prevents it: does the table promise too little?"


def test_the_sdks_client_refuses_another_origin(results: tuple[str, dict[str, str]]) -> None:
    _, tried = results
    assert tried[OTHER_ORIGIN.name].startswith("OriginRefused")
