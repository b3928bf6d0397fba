"""What goes wrong with single requests: refusals, broken bodies, bombs, silence, cut connections."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import (
    AuthenticationError,
    DeadlineExceeded,
    OriginRefused,
    PermissionDenied,
    RateLimited,
    RetriableError,
    ServerFault,
    SourceError,
    TooLarge,
    UnexpectedReply,
    Unreachable,
)
from isthmus_sdk.testing._bench import Bench
from isthmus_sdk.testing._faults import Fault, at, at_position, instead
from isthmus_sdk.testing._server import Answer, Exchange, head
from isthmus_sdk.testing._vendor import Twist

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

_MIB = 1 << 20
_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body><form method=post></form></body></html>"
_SLOW: dict[str, Any] = {"idle": 0.4, "request": 1.0}


def _signs_in(bench: Bench, _stream: Stream[Any, Any]) -> bool:
    return bool(bench.http.auth.logins)


def _has_fixed_credential(bench: Bench, _stream: Stream[Any, Any]) -> bool:
    return not bench.http.auth.logins


def _follows_links(bench: Bench, stream: Stream[Any, Any]) -> bool:
    from isthmus_sdk import http

    plan = next(plan for plan in bench.vendor.plans if plan.stream == stream.name)
    return isinstance(plan.request.next, http.NextLink | http.LinkHeader)


def squeezed(data: bytes, wbits: int) -> bytes:
    """Compressed: 31 for gzip, 15 for deflate."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return squeeze.compress(data) + squeeze.flush()


@lru_cache(maxsize=4)
def bomb(megabytes: int, wbits: int) -> bytes:
    """Zeros, compressed, without ever holding them."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, wbits)
    block = bytes(_MIB)
    return b"".join(squeeze.compress(block) for _ in range(megabytes)) + squeeze.flush()


def _encoded(encoding: str, change: Callable[[bytes], bytes]) -> Callable[[Exchange, Answer], Answer]:
    return lambda _exchange, answer: Answer(200, change(answer.body), {**answer.headers, "Content-Encoding": encoding})


def _redirect(target: Callable[[Bench, Exchange], str]) -> Callable[[Bench], Twist]:
    def make(bench: Bench) -> Twist:
        return at(2, lambda exchange, _answer: Answer(302, b"", {"Location": target(bench, exchange)}), 0)(bench)

    return make


def _revoked(bench: Bench) -> Twist:
    """The token is revoked before the third page, so that the vendor itself refuses it."""

    def twist(_exchange: Exchange, answer: Answer, number: int) -> Answer:
        if number == 2:
            bench.vendor.revoke()
        return answer

    return twist


def _linked_elsewhere(bench: Bench) -> Twist:
    def twist(_exchange: Exchange, answer: Answer, number: int) -> Answer:
        if number != 1:
            return answer
        here, there = bench.server.url, bench.other.url
        headers = {name: value.replace(here, there) for name, value in answer.headers.items()}
        return Answer(200, answer.body.replace(here.encode(), there.encode()), headers)

    return twist


def _cut_body(exchange: Exchange, answer: Answer) -> None:
    exchange.send(head(answer, len(answer.body)) + answer.body[: len(answer.body) // 2])
    exchange.reset()


def _cut_chunked(exchange: Exchange, answer: Answer) -> None:
    half = answer.body[: len(answer.body) // 2]
    headers = {**answer.headers, "Transfer-Encoding": "chunked"}
    exchange.send(head(Answer(200, b"", headers), None) + b"%x\r\n%b\r\n" % (len(half), half))
    exchange.close()


def _promised_more(exchange: Exchange, answer: Answer) -> None:
    exchange.reply(answer, length=len(answer.body) + 100)
    exchange.close()


def _promised_less(exchange: Exchange, answer: Answer) -> None:
    exchange.reply(answer, length=len(answer.body) // 2)
    exchange.close()


def _dropped_before(exchange: Exchange, _answer: Answer) -> None:
    exchange.reset()


def _dropped_after(exchange: Exchange, answer: Answer) -> None:
    exchange.reply(answer)
    exchange.close()


def _silent(exchange: Exchange, _answer: Answer) -> None:
    exchange.server.stopping.wait(4)
    exchange.close()


def _dripping(exchange: Exchange, answer: Answer) -> None:
    exchange.send(head(answer, len(answer.body) + 10_000) + answer.body[:10])
    for _ in range(200):
        if exchange.server.stopping.wait(0.02):
            break
        exchange.send(b" ")
    exchange.close()


def _dripping_headers(exchange: Exchange, _answer: Answer) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(200):
        if exchange.server.stopping.wait(0.02):
            break
        exchange.send(b"X-Slow-%d: 1\r\n" % number)
    exchange.close()


def _endless(exchange: Exchange, answer: Answer) -> None:
    exchange.send(head(Answer(200, b"", {**answer.headers, "Transfer-Encoding": "chunked"}), None))
    block = b"%x\r\n%b\r\n" % (_MIB, b" " * _MIB)
    for _ in range(256):
        exchange.send(block)
    exchange.close()


def _many_headers(exchange: Exchange, answer: Answer) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    for first in range(0, 200_000, 1000):
        exchange.send(b"".join(b"X-%d: 1\r\n" % number for number in range(first, first + 1000)))
    exchange.send(b"Content-Length: %d\r\n\r\n" % len(answer.body) + answer.body)


def _garbage(exchange: Exchange, _answer: Answer) -> None:
    exchange.send(b"\x16\x03\x01\x02\x00\x01\x00SSH-2.0-OpenSSH_9.9\r\n\x00\x00\r\n\r\n")
    exchange.close()


def _bare(exchange: Exchange, answer: Answer) -> Answer:
    del exchange
    return Answer(429, b"", {})


def _dated(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


_REFUSALS = [
    Fault(name="429-seconds", title="429 with Retry-After in seconds, once", level="silver", expects="whole",
          twist=at(2, instead(429, b"{}", Retry_After="3"))),
    Fault(name="429-date", title="429 with Retry-After as a date, once", level="silver", expects="whole",
          twist=at(2, lambda _e, _a: Answer(429, b"{}", {"Retry-After": _dated(5)}))),
    Fault(name="429-bare", title="429 that names no time, twice", level="silver", expects="whole",
          twist=at(2, _bare, 2)),
    Fault(name="429-first", title="429 at the very first page", expects="whole", twist=at(1, instead(429, Retry_After="1"))),
    Fault(name="429-nonsense", title="429 with a Retry-After that is no time", expects="whole",
          twist=at(2, instead(429, b"{}", Retry_After="soon, -5, 1e400"))),
    Fault(name="429-negative", title="429 with a Retry-After in the past", expects="whole",
          twist=at(2, instead(429, b"{}", Retry_After="-30"))),
    Fault(name="429-for-years", title="429 with a Retry-After of three thousand years", expects="error",
          errors=(RateLimited,), twist=at(2, instead(429, b"{}", Retry_After="99999999999"))),
    Fault(name="429-for-ever", title="429 to every further page", expects="error", errors=(RateLimited,),
          twist=at(2, instead(429, b"{}"), 0)),
    Fault(name="503-once", title="503 with Retry-After, once", level="silver", expects="whole",
          twist=at(2, instead(503, b"{}", Retry_After="2"))),
    Fault(name="503-page", title="503 with a web page, twice", expects="whole",
          twist=at(2, instead(503, _PAGE, Content_Type="text/html"), 2)),
    Fault(name="502-once", title="502 of a proxy, once", expects="whole", twist=at(2, instead(502, _PAGE, Content_Type="text/html"))),
    Fault(name="504-once", title="504, once", expects="whole", twist=at(2, instead(504))),
    Fault(name="500-once", title="500, once", level="silver", expects="whole", twist=at(2, instead(500, b"{}"))),
    Fault(name="500-for-ever", title="the third page is always 500", level="silver", expects="error", errors=(ServerFault,),
          twist=at(3, instead(500, b"{}"), 0)),
    Fault(name="token-revoked", title="the token is revoked between two pages", level="silver", expects="whole",
          applies=_signs_in, twist=_revoked),
    Fault(name="401-for-ever", title="401 to every further page", level="silver", expects="error",
          errors=(AuthenticationError,), twist=at(3, instead(401, b"{}"), 0)),
    Fault(name="401-once", title="401 in the middle of a walk, once", expects="either", applies=_has_fixed_credential,
          twist=at(2, instead(401, b"{}"))),
    Fault(name="403", title="403 in the middle of a walk", level="silver", expects="error", errors=(PermissionDenied,),
          twist=at(2, instead(403, b"{}"), 0)),
    Fault(name="400", title="400 in the middle of a walk", expects="error", errors=(SourceError,),
          twist=at(1, instead(400, b'{"error":"bad request"}'), 0)),
    Fault(name="404-vanished", title="the next page has vanished (404), once", expects="either",
          twist=at(2, instead(404, b"{}"))),
    Fault(name="410-cursor-expired", title="the position has expired (410), once", level="silver", expects="whole",
          twist=at_position(3, instead(410, b"{}"))),
    Fault(name="400-cursor-expired", title="the position is refused (400), once", expects="whole",
          twist=at_position(3, instead(400, b'{"error":"invalid cursor"}'))),
    Fault(name="204", title="204 without a body in place of a page", expects="either",
          twist=at(2, instead(204))),
    Fault(name="304", title="304 although nothing was asked conditionally", expects="either", twist=at(2, instead(304))),
]  # fmt: skip

_BODIES = [
    Fault(name="html-login", title="a sign-in page with status 200", level="silver", expects="error",
          errors=(SourceError, AuthenticationError), twist=at(2, instead(200, _PAGE, Content_Type="text/html"), 0)),
    Fault(name="html-as-json", title="a sign-in page that says it is JSON", expects="error",
          errors=(SourceError, AuthenticationError), twist=at(2, instead(200, _PAGE), 0)),
    Fault(name="wrong-type", title="XML in place of JSON", expects="error", errors=(UnexpectedReply,),
          twist=at(2, instead(200, b"<records/>", Content_Type="application/xml"), 0)),
    Fault(name="error-in-200", title="an error document with status 200", level="silver", expects="error",
          errors=(SourceError, AuthenticationError), twist=at(2, instead(200, b'{"error":{"code":"busy","message":"later"}}'), 0)),
    Fault(name="bare-text", title="a JSON text in place of the document", expects="error", errors=(SourceError,),
          twist=at(2, instead(200, b'"maintenance"'), 0)),
    Fault(name="truncated-json", title="a document cut in half, its length right, once", level="silver", expects="whole",
          twist=at(2, lambda _e, a: Answer(200, a.body[: len(a.body) // 2], a.headers))),
    Fault(name="truncated-for-ever", title="documents always cut in half", expects="error", errors=(SourceError, RetriableError),
          twist=at(2, lambda _e, a: Answer(200, a.body[: len(a.body) // 2], a.headers), 0)),
    Fault(name="empty-body", title="status 200 without a body, once", expects="either", twist=at(2, instead(200))),
    Fault(name="truncated-chunked", title="a chunked body that breaks off, once", level="silver", expects="whole",
          twist=at(2, _cut_chunked)),
    Fault(name="length-too-long", title="a Content-Length beyond the body, once", expects="whole", twist=at(2, _promised_more)),
    Fault(name="length-too-short", title="a Content-Length within the body, once", expects="whole", twist=at(2, _promised_less)),
    Fault(name="gzip", title="a body compressed with gzip", expects="whole",
          twist=at(1, _encoded("gzip", lambda body: squeezed(body, 31)), 0)),
    Fault(name="gzip-truncated", title="a gzip body that breaks off, once", expects="whole",
          twist=at(2, _encoded("gzip", lambda body: squeezed(body, 31)[:-9]))),
    Fault(name="gzip-corrupt", title="a gzip body with a flipped byte", expects="either",
          twist=at(2, _encoded("gzip", lambda body: (z := squeezed(body, 31))[:20] + bytes([z[20] ^ 255]) + z[21:]))),
    Fault(name="gzip-bomb", title="128 MiB of zeros as gzip", expects="error", errors=(TooLarge,),
          twist=at(2, _encoded("gzip", lambda _body: bomb(128, 31)), 0)),
    Fault(name="deflate-bomb", title="128 MiB of zeros as deflate", expects="error", errors=(TooLarge,),
          twist=at(2, _encoded("deflate", lambda _body: bomb(128, 15)), 0)),
    Fault(name="bomb-in-bomb", title="gzip within gzip", expects="error", errors=(TooLarge, UnexpectedReply),
          twist=at(2, _encoded("gzip, gzip", lambda _body: squeezed(bomb(128, 31), 31)), 0)),
    Fault(name="brotli-unasked", title="brotli, which was not asked for", expects="error", errors=(SourceError,),
          twist=at(2, _encoded("br", lambda body: b"\x0b" + body), 0)),
    Fault(name="zstd-unasked", title="a zstd bomb, which was not asked for", expects="error", errors=(SourceError,),
          twist=at(2, _encoded("zstd", lambda body: b"\x28\xb5\x2f\xfd" + body), 0)),
    Fault(name="bom", title="a byte order mark before the document", expects="whole",
          twist=at(1, lambda _e, a: Answer(200, b"\xef\xbb\xbf" + a.body, a.headers), 0)),
    Fault(name="endless-body", title="a body without an end", expects="error", errors=(TooLarge, DeadlineExceeded),
          twist=at(2, _endless, 0), limits={"wire": 8 * _MIB, "decoded": 8 * _MIB}),
]  # fmt: skip

_CONNECTIONS = [
    Fault(name="reset-mid-body", title="the connection is reset in the middle of a body, once", level="silver",
          expects="whole", twist=at(2, _cut_body)),
    Fault(name="reset-before-reply", title="the connection is reset before a reply, once", level="silver", expects="whole",
          twist=at(2, _dropped_before)),
    Fault(name="reset-for-ever", title="every further connection is reset", expects="error", errors=(Unreachable,),
          twist=at(2, _dropped_before, 0)),
    Fault(name="keep-alive-dropped", title="connections are closed after each reply, unannounced", expects="whole",
          twist=at(1, _dropped_after, 0)),
    Fault(name="no-http", title="bytes that are no HTTP", expects="error", errors=(RetriableError, SourceError),
          twist=at(2, _garbage, 0)),
    Fault(name="slow-headers", title="header lines that drip", expects="error", errors=(RetriableError, SourceError),
          twist=at(2, _dripping_headers, 0), limits=_SLOW, attempts=2),
    Fault(name="silence", title="no reply at all", expects="error", errors=(RetriableError,), twist=at(2, _silent, 0),
          limits=_SLOW, attempts=2),
    Fault(name="slow-body", title="a body that drips", expects="error", errors=(RetriableError, SourceError),
          twist=at(2, _dripping, 0), limits=_SLOW, attempts=2),
    Fault(name="many-headers", title="two hundred thousand header lines", expects="error",
          errors=(SourceError, RetriableError), twist=at(2, _many_headers, 0), attempts=2),
    Fault(name="huge-header", title="a header line of a megabyte", expects="either",
          twist=at(2, lambda _e, a: Answer(200, a.body, {**a.headers, "X-Long": "x" * _MIB}), 0), attempts=2),
    Fault(name="redirect-loop", title="a redirect to itself", expects="error", errors=(SourceError,),
          twist=_redirect(lambda bench, exchange: bench.server.url + exchange.target)),
    Fault(name="redirect-elsewhere", title="a redirect to another host", level="silver", expects="error",
          errors=(OriginRefused,), twist=_redirect(lambda bench, exchange: bench.other.url + exchange.target)),
    Fault(name="redirect-metadata", title="a redirect to a cloud's metadata service", expects="error",
          errors=(OriginRefused,), twist=_redirect(lambda _bench, _exchange: "http://169.254.169.254/latest/meta-data/")),
    Fault(name="redirect-file", title="a redirect to a file", expects="error", errors=(SourceError,),
          twist=_redirect(lambda _bench, _exchange: "file:///etc/passwd")),
    Fault(name="link-elsewhere", title="a next link to another host", level="silver", expects="error", errors=(OriginRefused,),
          applies=_follows_links, twist=_linked_elsewhere),
]  # fmt: skip

FAULTS = [*_REFUSALS, *_BODIES, *_CONNECTIONS]

__all__ = ["FAULTS"]
