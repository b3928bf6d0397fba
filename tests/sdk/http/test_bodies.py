"""Bodies are whole, within their caps, and what they claim to be."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.http.server import Behaviour, HostileServer, chunked, drip, gzip_bomb, json_page, login_page, raw, status

from isthmus_sdk.errors import SourceError, TooLarge, UnexpectedReply, Unreachable
from isthmus_sdk.http import Http, Limits
from isthmus_sdk.http._inflate import Body, Truncated

Make = Callable[..., Http]
TEXT = b'{"value": [1, 2, 3]}'


def deflate_raw(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


ENCODED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "GZIP": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    " deflate ": deflate_raw(TEXT),
    "identity": TEXT,
    "gzip, gzip": gzip.compress(gzip.compress(TEXT)),
    "deflate, gzip": gzip.compress(zlib.compress(TEXT)),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings_are_undone(vendor: HostileServer, client: Make, encoding: str) -> None:
    vendor.on("/x", status(200, ENCODED[encoding], {"Content-Encoding": encoding}))
    assert client(vendor.url).get("x").json() == {"value": [1, 2, 3]}
    assert vendor.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip, gzip, gzip"])
def test_encodings_nobody_asked_for_are_refused(vendor: HostileServer, client: Make, encoding: str) -> None:
    vendor.on("/x", status(200, b"\x1b\x00", {"Content-Encoding": encoding}))
    with pytest.raises(UnexpectedReply, match="content encoding"):
        client(vendor.url).get("x")


@given(
    st.binary(max_size=3000),
    st.lists(st.integers(1, 500), min_size=1, max_size=20),
    st.sampled_from(["gzip", "deflate", "raw"]),
)
def test_a_body_may_arrive_in_any_pieces(data: bytes, sizes: list[int], form: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": deflate_raw}[form](data)
    body = Body("gzip" if form == "gzip" else "deflate", Limits(), "it")
    position = 0
    while position < len(packed):
        size = sizes[position % len(sizes)]
        body.feed(packed[position : position + size])
        position += size
    assert body.finish() == data


def test_gzip_may_have_members_and_padding() -> None:
    body = Body("gzip", Limits(), "it")
    body.feed(gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + b"\0" * 7)
    assert body.finish() == b"one two"


@pytest.mark.parametrize("cut", [1, 5, 12, 20])
def test_a_compressed_body_cut_short_is_noticed(cut: int) -> None:
    packed = gzip.compress(TEXT * 10)
    body = Body("gzip", Limits(), "it")
    body.feed(packed[:-cut])
    with pytest.raises(Truncated):
        body.finish()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"junk"),
        ("deflate", b"\xff\xff\xff"),
        ("deflate", zlib.compress(TEXT) + b"x"),
    ],
)
def test_a_corrupt_compressed_body_is_named(encoding: str, data: bytes) -> None:
    body = Body(encoding, Limits(), "it")
    with pytest.raises(UnexpectedReply, match="compressed body"):
        body.feed(data)


BOMBS: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip_bomb(512)),
    "bomb in a bomb": ("gzip, gzip", gzip_bomb(512, layers=2)),
    "three layers": ("gzip, gzip, gzip", gzip_bomb(512, layers=3)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_stopped_in_little_memory(vendor: HostileServer, client: Make, name: str) -> None:
    encoding, data = BOMBS[name]
    vendor.on("/x", status(200, data, {"Content-Encoding": encoding}))
    http = client(vendor.url)
    tracemalloc.start()
    with pytest.raises(TooLarge, match="inflates"):
        http.get("x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 << 20
    vendor.on("/x", json_page({"ok": True}))
    assert http.get("x").json() == {"ok": True}


def test_a_bomb_in_an_outer_layer_that_comes_to_nothing_is_stopped(vendor: HostileServer, client: Make) -> None:
    named = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * (3 << 20) + b"\0"  # a gzip header with a name of three megabytes
    packed = zlib.compressobj(wbits=-15)
    inner = named + packed.compress(b"{}") + packed.flush() + zlib.crc32(b"{}").to_bytes(4, "little") + b"\2\0\0\0"
    vendor.on("/x", status(200, gzip.compress(inner), {"Content-Encoding": "gzip, gzip"}))
    assert client(vendor.url).get("x").body == b"{}"
    with pytest.raises(TooLarge, match="1048576"):
        client(vendor.url, limits=Limits(decoded=1 << 20)).get("x")


def test_a_swarm_of_empty_parts_is_stopped(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(200, gzip.compress(b"") * 100_000, {"Content-Encoding": "gzip"}))
    with pytest.raises(TooLarge, match="4096 parts"):
        client(vendor.url).get("x")


def test_the_ratio_stops_a_bomb_that_the_size_would_let_pass(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(200, BOMBS["gzip"][1], {"Content-Encoding": "gzip"}))
    with pytest.raises(TooLarge, match="more than 200 times"):
        client(vendor.url, limits=Limits(decoded=1 << 30)).get("x")


def test_the_decoded_cap_holds_for_plain_bodies_too(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(200, b"x" * 2000))
    with pytest.raises(TooLarge):
        client(vendor.url, limits=Limits(decoded=1000)).get("x")


def test_a_small_repetitive_page_passes(vendor: HostileServer, client: Make) -> None:
    page = b'{"value": "' + b"A" * 10_000_000 + b'"}'
    vendor.on("/x", status(200, gzip.compress(page), {"Content-Encoding": "gzip"}))
    assert len(client(vendor.url).get("x").json()["value"]) == 10_000_000


def test_a_plain_body_above_the_cap_is_given_up_early(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536, every=0))
    with pytest.raises(TooLarge, match="larger than 1048576 bytes"):
        client(vendor.url, limits=Limits(wire=1 << 20)).get("x")


def test_a_lying_length_is_no_reason_to_believe_it(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}garbage"))
    assert client(vendor.url).get("x").body == b"{}"


def test_a_chunked_body_is_put_together(vendor: HostileServer, client: Make) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    vendor.on("/x", raw(head + chunked([TEXT[:3], TEXT[3:4], TEXT[4:]])))
    assert client(vendor.url).get("x").body == TEXT


def test_too_many_header_fields_are_refused(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(200, b"{}", {f"X-{number}": "1" for number in range(300)}))
    with pytest.raises(UnexpectedReply, match="256 header fields"):
        client(vendor.url).get("x")


def test_a_flood_of_headers_is_given_up_at_once(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", raw(b"HTTP/1.1 200 OK\r\n", *[b"X-%d: aaaaaaaaaaaaaaaa\r\n" % number for number in range(200_000)]))
    with pytest.raises(Unreachable, match="headers are larger"):
        client(vendor.url).get("x")
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("code", [200, 203])
def test_a_login_page_is_no_reply(vendor: HostileServer, client: Make, code: int) -> None:
    vendor.on("/x", login_page())
    with pytest.raises(UnexpectedReply, match="login"):
        client(vendor.url).get("x").json()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b'{"looks": "like JSON"}'),
        ("application/json", b"<html><body>Sign in</body></html>"),
        ("text/plain", b"\xef\xbb\xbf <!DOCTYPE html>"),
        ("application/xml", b"<x/>"),
        ("image/png", b"\x89PNG"),
        ("application/octet-stream", b"{}"),
        ("text/csv", b"a,b"),
        ("application/json", b""),
        ("application/json", b"   "),
        ("application/json", b'{"a": [1, 2'),
        ("application/json", b'{"a": 1} trailing'),
        ("application/json", b'{"a": NaN}'),
        ("application/json", b'{"a": "\xff"}'),
        ("application/json", b"[" * 1_000_000 + b"]" * 1_000_000),
        ("application/json", b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000),
        ("application/json; charset=utf-16", b"{}x"),
        ("application/json; charset=klingon", b"{}"),
    ],
    ids=range(17),
)
def test_what_is_no_json_is_named(vendor: HostileServer, client: Make, kind: str, body: bytes) -> None:
    vendor.on("/x", status(200, body, {"Content-Type": kind}))
    reply = client(vendor.url).get("x", params={"q": "hidden"})
    with pytest.raises(UnexpectedReply) as caught:
        reply.json()
    assert f"GET {vendor.url}/x" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json; charset=UTF-8", TEXT),
        ("application/vnd.api+json", TEXT),
        ("application/taxii+json;version=2.1", TEXT),
        ("application/x-amz-json-1.1", TEXT),
        ("text/json; charset=utf-8", TEXT),
        ("text/plain", TEXT),
        ("application/json", b"\xef\xbb\xbf" + TEXT),
        ('application/json; charset="utf-16"', TEXT.decode().encode("utf-16")),
        ("application/json; charset=iso-8859-1", TEXT),
    ],
)
def test_json_is_known_under_its_names(vendor: HostileServer, client: Make, kind: str, body: bytes) -> None:
    vendor.on("/x", status(200, body, {"Content-Type": kind}))
    assert client(vendor.url).get("x").json() == {"value": [1, 2, 3]}


def test_big_numbers_keep_all_their_digits(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", json_page(b'{"id": 36893488147419103233}'))
    assert client(vendor.url).get("x").json() == {"id": 36893488147419103233}


def test_replies_without_a_body_are_empty(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", raw(b"HTTP/1.1 204 No Content\r\n\r\n", then_close=False))
    http = client(vendor.url)
    assert http.get("x").body == b""
    vendor.on("/y", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", then_close=False))
    assert http.request("HEAD", "y").body == b""


def test_an_error_with_a_hopeless_body_keeps_its_status(vendor: HostileServer, client: Make) -> None:
    hopeless: list[Behaviour] = [
        status(403, gzip_bomb(64), {"Content-Encoding": "gzip"}),
        status(403, b"x", {"Content-Encoding": "br"}),
        status(403, b"not gzip", {"Content-Encoding": "gzip"}),
        status(403, b"[" * 100_000),
        status(403, b"\xff\xfe", {"Content-Type": "text/plain"}),
        status(403, b"no", {"Content-Type": "text/plain; charset=klingon"}),
    ]
    for behaviour in hopeless:
        vendor.on("/x", behaviour)
        with pytest.raises(SourceError.__base__, match="lacks a permission"):  # type: ignore[arg-type]
            client(vendor.url).get("x")
