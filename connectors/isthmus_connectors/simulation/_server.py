"""A loopback HTTP server that answers like a vendor and fails when it is told to."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FAULTS = ("500", "503", "429", "401", "403", "drop", "truncate", "html")
_MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request, decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def form(self) -> dict[str, str]:
        """The body as ``application/x-www-form-urlencoded``."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; ``body`` is written as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """Something that goes wrong at the n-th request whose path starts with ``path``, ``times`` times in a row.

    Kinds: a status (``500 503 429 401 403``), ``drop`` (the connection closes without an answer), ``truncate`` (half of
    the announced body), ``html`` (a sign-in page with status 200).
    """

    kind: str
    nth: int = 1
    times: int = 1
    path: str = ""
    retry_after: str | None = None
    """Value of ``Retry-After``, sent with 429 and 503."""
    _passed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"unknown fault {self.kind!r}: one of {', '.join(FAULTS)}")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """From ``kind[:nth[:times[:path]]]``, as on the command line."""
        kind, *rest = text.split(":", 3)
        counts = [int(part) for part in rest[:2]]
        return cls(kind, *counts, **({"path": rest[2]} if len(rest) > 2 else {}))  # type: ignore[arg-type]

    def strikes(self, request: Request) -> bool:
        """Count a request; true if this one fails."""
        if not request.path.startswith(self.path):
            return False
        self._passed += 1
        return self.nth <= self._passed < self.nth + self.times


class Server:
    """Serves ``answer`` on 127.0.0.1 in background threads; use as a context manager.

    ``requests`` records (request, status) of everything that was asked, in order; status 0 = connection dropped.
    """

    def __init__(self, answer: Callable[[Request], Reply], *, port: int = 0, faults: Sequence[Fault] = ()) -> None:
        self.faults = list(faults)
        self.requests: list[tuple[Request, int]] = []
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(answer, self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT`` without a trailing slash."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def strike(self, request: Request) -> Fault | None:
        """The fault that hits this request, if any. Every fault counts every request."""
        with self._lock:
            struck = [fault for fault in self.faults if fault.strikes(request)]
        return struck[0] if struck else None

    def note(self, request: Request, status: int) -> None:
        """Remember what was asked."""
        with self._lock:
            self.requests.append((request, status))

    def asked(self, path: str) -> list[Request]:
        """Answered requests whose path starts with ``path``."""
        with self._lock:
            return [request for request, status in self.requests if status == 200 and request.path.startswith(path)]

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(answer: Callable[[Request], Reply], server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            length = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
            request = Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length) if length else b"",
            )
            fault = server.strike(request)
            if fault and fault.kind == "drop":
                server.note(request, 0)
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            try:
                reply = _faulty(fault) or answer(request)
            except Exception as error:  # a simulator's own mistake must be seen, not retried away
                reply = Reply(400, {"error": f"simulator: {error!r}"})
            self._write(request, reply, fault)

        do_POST = do_GET
        do_PUT = do_GET

        def _write(self, request: Request, reply: Reply, fault: Fault | None) -> None:
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body, ensure_ascii=False).encode()
            headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
            server.note(request, reply.status)
            if "Date" in headers:  # a service whose clock is not ours
                self.send_response_only(reply.status)
            else:
                self.send_response(reply.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault and fault.kind == "truncate":
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _faulty(fault: Fault | None) -> Reply | None:
    if fault is None or fault.kind == "truncate":
        return None
    if fault.kind == "html":
        page = b"<!doctype html><title>Sign in</title><form action=/users/sign_in></form>"
        return Reply(200, page, {"Content-Type": "text/html"})
    headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
    return Reply(int(fault.kind), {"error": {"code": fault.kind, "message": "simulated"}}, headers)


def run(
    parser: argparse.ArgumentParser,
    build: Callable[[argparse.Namespace], Callable[[Request], Reply]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Command line of a simulator: announce ``{"url": …}`` on standard output, serve until told to stop.

    Stops on SIGTERM, on Ctrl-C, and when standard input closes (so that it never outlives the program that started
    it), unless ``--stay`` is given.
    """
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND[:NTH[:TIMES[:PATH]]]",
                        help=f"fail the n-th request; kinds: {' '.join(FAULTS)}")  # fmt: skip
    parser.add_argument("--stay", action="store_true", help="go on when standard input closes")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Server(build(options), port=options.port, faults=[Fault.parse(text) for text in options.fault]) as server:
        print(json.dumps({"url": server.url}), flush=True)
        if not options.stay:
            threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
        stop.wait()
    return 0


def _until_closed(stop: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    stop.set()
