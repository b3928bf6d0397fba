"""The API of the example's made-up product, on loopback: OAuth2, cursor paging, an inclusive `since`."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT, SECRET, TOKEN = "hub", "s3cr3t-of-the-acme-tenant", "token-of-the-acme-tenant"
PAGE = 2


class AcmeVendor:
    """A running server; ``alerts`` is what it holds, oldest change first, ``asked`` the queries it got."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.asked: list[dict[str, list[str]]] = []
        vendor = self

        class Handler(_Handler):
            api = vendor

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    api: AcmeVendor

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = form.get("client_secret") == [SECRET] or self.headers.get("Authorization", "").startswith("Basic")
        if self.path == "/oauth/token" and known:
            self.reply(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})
        else:
            self.reply(401, {"error": "invalid_client"})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.reply(401, {"error": "invalid_token"})
            return
        query = parse_qs(url.query)
        self.api.asked.append(query)
        held = [alert for alert in self.api.alerts if alert["updated"] >= query.get("since", [""])[0]]
        start = int(query.get("cursor", ["0"])[0])
        more = start + PAGE < len(held)
        self.reply(200, {"data": held[start : start + PAGE], "next_cursor": str(start + PAGE) if more else None})

    def reply(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass
