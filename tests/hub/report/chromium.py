"""A real headless Chromium, spoken to over its DevTools socket: what a page draws, runs and asks for."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import pytest


def works(program: str) -> bool:
    """Whether it is a browser: where one comes as a snap, its command may only say how to install it."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@cache
def program() -> str | None:
    """The browser of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name)) and works(found)), None)


NOT_RUN = "NOT RUN: there is no Chromium here (apt-get install chromium)"
PATIENCE = 60.0
"""Seconds."""


class Chromium:
    """One page of a browser of its own, with a fresh profile."""

    async def __aenter__(self) -> Chromium:
        if (command := program()) is None:
            pytest.skip(NOT_RUN)
        self.said: list[dict[str, Any]] = []
        """What the page did: events of the network, the console and the runtime."""
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self._process = await asyncio.create_subprocess_exec(
            command, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0", f"--user-data-dir={self._profile.name}",
            *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank",
            env={**os.environ, "TMPDIR": self._profile.name}, start_new_session=True,
            stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self._session = aiohttp.ClientSession()
        try:
            await self._attach()
        except BaseException:
            await self._end()
            raise
        return self

    async def _attach(self) -> None:
        port = await asyncio.wait_for(self._port(), PATIENCE)
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as reply:
            pages = await reply.json(content_type=None)
        address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self._socket = await self._session.ws_connect(address, max_msg_size=0)
        self._number = 0
        for name in ("Page", "Network", "Runtime", "Log"):
            await self.ask(f"{name}.enable")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._end()

    async def _end(self) -> None:
        await self._session.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # a browser is many processes
        await self._process.wait()
        self._profile.cleanup()

    async def _port(self) -> str:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if found := re.search(rb"DevTools listening on ws://[^:]+:(\d+)/", line):
                return found[1].decode()
        raise AssertionError("Chromium ended before it listened")

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result; events that come meanwhile are kept."""
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = json.loads((await asyncio.wait_for(self._socket.receive(), PATIENCE)).data)
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self.said.append(message)

    async def open(self, page: Path, *, script: bool = True) -> None:
        """Load a file, and wait until it is."""
        await self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        await self.ask("Page.navigate", url=page.as_uri())
        while not any(message.get("method") == "Page.loadEventFired" for message in self.said):
            self.said.append(json.loads((await asyncio.wait_for(self._socket.receive(), PATIENCE)).data))

    async def value(self, expression: str) -> Any:
        """What an expression gives on the page."""
        found = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def of(self, *methods: str) -> list[dict[str, Any]]:
        """Events of these names."""
        return [message["params"] for message in self.said if message.get("method") in methods]
