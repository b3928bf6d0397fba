"""Serves pages of made-up alerts from memory: ``python -m benchmarks.alerts.server RECORDS`` prints its URL."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
DISTINCT_PAGES = 50


def alert(number: int) -> dict[str, object]:
    """One record of 22 fields and about 1.1 kB."""
    at = f"2026-01-{1 + number // 86400 % 28:02d}T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
    return {
        "id": f"alert-{number:09d}", "created_at": at, "updated_at": at, "title": f"Suspicious process on host {number % 997}", "severity": number % 100,
        "source_ip": f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}", "host": f"host-{number % 9973}.example", "status": "new", "category": "execution",
        "vendor": "acme", "product": "edr", "description": "A process was started that is seldom seen here. " * 6, "user": f"user{number % 311}",
        "process": {"name": "powershell.exe", "pid": number % 65536, "path": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0"}, "tactic": "TA0002",
        "technique": "T1059.001", "confidence": 80, "tenant": "north", "site": "hq", "tags": ["windows", "workstation"], "assignee": None, "raw_size": 4096,
    }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """One endpoint with a cursor; pages repeat with new ids written into them, so that serving costs little."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each reply waits 40 ms for an acknowledgement
    wbufsize = -1
    """Head and body leave together."""
    total = 0
    pages: tuple[bytes, ...] = ()

    def do_GET(self) -> None:
        """One page."""
        query = parse_qs(urlsplit(self.path).query)
        page = int(query.get("cursor", ["0"])[0])
        more = (page + 1) * PAGE < self.total
        body = self.pages[page % DISTINCT_PAGES].replace(b"alert-0", b"alert-%d" % (page // DISTINCT_PAGES))
        tail = json.dumps({"next_cursor": str(page + 1) if more else None})[1:].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + len(tail)))
        self.end_headers()
        self.wfile.write(body + tail)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def main() -> None:
    """Serve until standard input closes."""
    Handler.total = int(sys.argv[1])
    Handler.pages = tuple(
        b'{"data":['
        + b",".join(
            json.dumps(alert(number), separators=(",", ":")).encode()
            for number in range(page * PAGE, (page + 1) * PAGE)
        )
        + b"],"
        for page in range(min(DISTINCT_PAGES, -(-Handler.total // PAGE)))
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    import threading

    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
