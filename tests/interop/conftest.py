"""Foreign servers on loopback, started by the fixture and stopped by their process id."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
USER, PASSWORD = "hub", "let-me-in"


@dataclass(frozen=True)
class Medallion:
    """A running TAXII 2.1 server with one empty, writable collection and one that only reads."""

    url: str
    """Its API root."""
    collection: str = COLLECTION
    read_only: str = "52892447-4d7e-4f70-b94d-d7f22742ff63"
    user: str = USER
    password: str = PASSWORD


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def need(module: str, distribution: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"the Python package {distribution} is not installed")


@pytest.fixture
def medallion(tmp_path: Path) -> Iterator[Callable[..., Medallion]]:
    """Start TAXII servers; ``max_content_length`` is what their API root declares and enforces."""
    need("medallion", "medallion")
    running: list[subprocess.Popen[bytes]] = []

    def start(max_content_length: int = 1_000_000, page: int = 100) -> Medallion:
        port = free_port()
        server = Medallion(url=f"http://127.0.0.1:{port}/api1/")
        folder = tmp_path / f"medallion-{port}"
        folder.mkdir()
        (folder / "data.json").write_text(json.dumps(_taxii_data(server, max_content_length)))
        (folder / "config.json").write_text(
            json.dumps(
                {
                    "backend": {
                        "module": "medallion.backends.memory_backend",
                        "module_class": "MemoryBackend",
                        "filename": str(folder / "data.json"),
                    },
                    "users": {USER: PASSWORD},
                    "taxii": {"max_page_size": page},
                }
            )
        )
        command = [sys.executable, "-m", "medallion.scripts.run", "--host", "127.0.0.1", "--port", str(port)]
        log = (folder / "log").open("wb")
        process = subprocess.Popen([*command, str(folder / "config.json")], stdout=log, stderr=log)
        log.close()
        running.append(process)
        _await(process, f"http://127.0.0.1:{port}/taxii2/", folder / "log")
        return server

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def _taxii_data(server: Medallion, max_content_length: int) -> dict[str, object]:
    def collection(id: str, title: str, *, writable: bool) -> dict[str, object]:
        return {
            "id": id,
            "title": title,
            "can_read": True,
            "can_write": writable,
            "media_types": ["application/stix+json;version=2.1"],
            "manifest": [],
            "objects": [],
        }

    return {
        "/discovery": {"title": "test", "default": server.url, "api_roots": [server.url]},
        "api1": {
            "information": {
                "title": "test",
                "versions": ["application/taxii+json;version=2.1"],
                "max_content_length": max_content_length,
            },
            "status": [],
            "collections": [
                collection(server.collection, "inventory", writable=True),
                collection(server.read_only, "archive", writable=False),
            ],
        },
    }


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    """A server that speaks OpenSearch's API, in memory; tests keep apart by their index prefix."""
    need("osmem_server", "osmem-server")
    from osmem_server import resolve_binary

    process = subprocess.Popen(
        [resolve_binary(), "-addr", "127.0.0.1:0", "-no-stdin-watch", "-parent-pid", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.kill()
        process.wait(10)


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return when the server answers anything at all."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not start:\n{log.read_text()[-2_000:]}")
