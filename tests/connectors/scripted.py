"""An HTTP server on loopback whose replies the test decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Says:
    """One reply. ``body``: bytes, or anything that becomes JSON; ``None`` cuts the connection without a word."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    cut: bool = False


Script = Callable[[Asked], Says]


@dataclass
class Server:
    """``url``, what was asked so far, and the script in force."""

    url: str
    script: Script
    asked: list[Asked] = field(default_factory=list)

    def posts(self) -> list[Asked]:
        return [request for request in self.asked if request.method == "POST"]


@contextmanager
def serve(script: Script) -> Iterator[Server]:
    """Run ``script`` behind a port of its own until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers.items()), body)
            server.asked.append(asked)
            says = server.script(asked)
            if says.cut:
                self.close_connection = True
                return
            payload = says.body if isinstance(says.body, bytes) else msgspec.json.encode(says.body)
            self.send_response(says.status)
            for name, value in {"Content-Type": says.kind, **says.headers, "Content-Length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listener.server_port}", script)
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(10)
