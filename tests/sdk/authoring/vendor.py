"""The made-up vendor's API on loopback: OAuth2, cursor paging, an incremental filter, and faults on request."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = "s3cr3t-of-acme"


class Vendor:
    """A running server; ``alerts`` is what it holds, oldest first, ``requests`` what it was asked."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.hosts: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.generation = 0
        """Part of each page token; a token of an earlier generation is refused."""
        self.forgetful = False
        """Every token is refused."""
        self.raw_page: bytes | None = None
        """Given in place of the next page of alerts, byte for byte."""
        self.hold = threading.Event()
        """Replies to alerts wait for it."""
        self.hold.set()
        self.asked = threading.Semaphore(0)
        vendor = self

        class Handler(_Handler):
            api = vendor

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self, query: dict[str, list[str]]) -> tuple[int, bytes]:
        limit = int(query.get("limit", ["3"])[0])
        token = query.get("cursor", [None])[0]
        if token is not None and (self.forgetful or not token.endswith(f".{self.generation}")):
            return 410, b'{"error":"cursor expired"}'
        if self.raw_page is not None:
            body, self.raw_page = self.raw_page, None
            return 200, body
        since = query.get("since", [""])[0]
        start = int(token.partition(".")[0]) if token else 0
        held = [alert for alert in self.alerts if str(alert.get("updated_at", "9")) >= since]
        more = start + limit < len(held)
        body = {
            "data": held[start : start + limit],
            "next_cursor": f"{start + limit}.{self.generation}" if more else None,
        }
        return 200, json.dumps(body).encode()


class _Handler(BaseHTTPRequestHandler):
    api: Vendor
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one segment

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        basic = self.headers.get("Authorization", "")
        if form.get("client_secret") == [SECRET] or basic.startswith("Basic"):
            self.reply(200, b'{"access_token":"token-of-acme","token_type":"Bearer","expires_in":3600}')
        else:
            self.reply(401, b'{"error":"invalid_client"}')

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self.headers.get("Authorization") != "Bearer token-of-acme":
            self.reply(401, b"{}")
            return
        if url.path == "/v1/whoami":
            self.reply(200, b'{"name":"auditor"}')
            return
        self.api.requests.append(self.path)
        self.api.asked.release()
        self.api.hold.wait(30)
        query = parse_qs(url.query)
        if url.path == "/v1/alerts":
            self.reply(*self.api.page(query))
        else:
            page, size = int(query["page"][0]), int(query["size"][0])
            self.reply(200, json.dumps({"hosts": self.api.hosts[(page - 1) * size : page * size]}).encode())

    def reply(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass
