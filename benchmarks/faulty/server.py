"""``python -m benchmarks.faulty.server FAULT``: ten pages of a hundred alerts behind OAuth2, with one fault in the way.

Prints its URL. ``POST /control/heal`` takes the fault away; ``GET /control/asked`` lists the pages that were asked for.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGES, PER_PAGE = 10, 100
POISON = (205, 405, 605, 805)
FAULTS = ("none", "rate-limit", "token-revoked", "truncated", "poison", "always-500", "cursor-repeats")


class Vendor:
    """What it holds and how it behaves; shared by all connections."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.asked: list[tuple[int, float]] = []
        self.token = 0
        self.struck = False
        self.lock = threading.Lock()

    def records(self, page: int) -> list[dict[str, Any]]:
        """One page, oldest first; in a poisoned record the time is missing and the severity is a word."""
        made = []
        for number in range(page * PER_PAGE, (page + 1) * PER_PAGE):
            at = f"2026-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
            record = {"id": f"A-{number:06d}", "updated_at": at, "title": f"alert {number}", "severity": number % 100}
            if self.fault == "poison" and number in POISON:
                record = {"id": record["id"], "title": record["title"], "severity": "high"}
            made.append(record)
        return made

    def strikes(self, fault: str, page: int, at: int) -> bool:
        """Whether a fault that comes once comes now."""
        with self.lock:
            if self.fault != fault or page != at or self.struck:
                return False
            self.struck = True
            return True


class Handler(BaseHTTPRequestHandler):
    """The vendor's API and the two controls."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    vendor: Vendor

    def do_POST(self) -> None:
        """A token, or the end of the fault."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        vendor = self.vendor
        if self.path == "/control/heal":
            vendor.fault = "none"
            self.reply(200, {})
        else:
            vendor.token += 1
            self.reply(200, {"access_token": f"token-{vendor.token}", "token_type": "Bearer", "expires_in": 3600})

    def do_GET(self) -> None:
        """One page."""
        vendor, url = self.vendor, urlsplit(self.path)
        if url.path == "/control/asked":
            self.reply(200, vendor.asked)
            return
        page = int(parse_qs(url.query).get("cursor", ["0"])[0])
        if vendor.strikes("token-revoked", page, 4):
            vendor.token += 1  # the token that is in use is not the newest one any more
        if self.headers.get("Authorization") != f"Bearer token-{vendor.token}":
            self.reply(401, {"error": "invalid_token"})
            return
        vendor.asked.append((page, time.time()))
        following = page + 1 if page + 1 < PAGES else None
        if vendor.strikes("rate-limit", page, 3):
            self.reply(429, {"error": "slow down"}, **{"Retry-After": "3"})
            return
        if vendor.fault == "always-500" and page == 5:
            self.reply(500, {"error": "broken"})
            return
        if vendor.fault == "cursor-repeats" and page == 5:
            following = 5
        since = parse_qs(url.query).get("since", [""])[0]
        records = [r for r in vendor.records(page) if not since or _time(r.get("updated_at", "")) >= _time(since)]
        body = {"data": records, "next_cursor": None if following is None else str(following)}
        self.reply(200, body, cut=vendor.strikes("truncated", page, 3))

    def reply(self, status: int, body: Any, *, cut: bool = False, **headers: str) -> None:
        """A reply; with ``cut`` only half of the body, with the length of the whole."""
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = cut

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def _time(text: str) -> datetime:
    """A time in whatever form a peer writes it; what has none is always given."""
    if not text:
        return datetime.max.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def main() -> None:
    """Serve until standard input closes."""
    if sys.argv[1] not in FAULTS:
        raise SystemExit(f"unknown fault {sys.argv[1]}; one of {', '.join(FAULTS)}")
    Handler.vendor = Vendor(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
