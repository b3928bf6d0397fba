"""No form of a registered secret is left in text, bytes, data or a stream."""

from __future__ import annotations

import base64
import html
import io
import json
import pickle
import re
import threading
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isthmus_hub.telemetry import MASK, Redactor
from isthmus_hub.telemetry._redact import forms

AWKWARD = 'pä"ss/w\\rd+1&<x>\t=%'


@pytest.fixture
def redactor():
    redactor = Redactor()
    redactor.register(AWKWARD)
    return redactor


WAYS = {
    "as it is": lambda s: s,
    "repr": repr,
    "repr of bytes": lambda s: repr(s.encode()),
    "json": json.dumps,
    "json as utf-8": lambda s: json.dumps(s, ensure_ascii=False),
    "json with escaped slashes": lambda s: json.dumps(s).replace("/", "\\/"),
    "json in json": lambda s: json.dumps(json.dumps({"a": s})),
    "url": lambda s: quote(s, safe=""),
    "url path": quote,
    "url in lower case": lambda s: re.sub("%..", lambda code: code[0].lower(), quote(s, safe="")),
    "form": quote_plus,
    "query": lambda s: urlencode({"q": s}),
    "html": html.escape,
    "html text": lambda s: html.escape(s, quote=False),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "basic authentication": lambda s: "Basic " + base64.b64encode(f"hub:{s}".encode()).decode(),
    "basic authentication, other user": lambda s: base64.b64encode(f"administrator:{s}".encode()).decode(),
    "url-safe base64": lambda s: base64.urlsafe_b64encode(f"xy{s}zz".encode()).decode(),
    "json in base64": lambda s: base64.b64encode(json.dumps({"password": s}).encode()).decode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_masked_in_every_way_it_is_written_down(redactor, way):
    written = WAYS[way](AWKWARD)
    masked = redactor.text(f"before {written} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert not any(form in masked for form in forms(AWKWARD))
    in_bytes = redactor.bytes(f"before {written} after".encode())
    assert in_bytes == masked.encode()


def test_the_secret_of_basic_authentication_cannot_be_decoded_from_what_is_left():
    redactor = Redactor()
    redactor.register("correct-horse")
    for user in ("a", "ab", "abc", "abcd"):
        header = base64.b64encode(f"{user}:correct-horse".encode()).decode()
        left = redactor.text(header).split(MASK)
        assert len(left) == 2
        assert b"orrect-hors" not in base64.b64decode(left[0] + "A" * (-len(left[0]) % 4))
        assert len(left[0]) <= len(f"{user}:") * 8 // 6 + 1


@pytest.mark.parametrize("short", ["", "a", "12345", "admin"])
def test_short_values_never_garble_text(short):
    redactor = Redactor()
    redactor.register(short)
    text = "a 12345 admin page of 12345 devices"
    assert redactor.text(text) == text
    assert redactor.bytes(text.encode()) == text.encode()


def test_a_short_password_is_masked_beside_its_user():
    redactor = Redactor()
    redactor.register("pw1", user="guardian")
    assert redactor.text("https://guardian:pw1@10.0.0.5/") == f"https://{MASK}@10.0.0.5/"
    assert "Z3VhcmRpYW46cHcx"[:-2] not in redactor.text(base64.b64encode(b"guardian:pw1").decode())
    assert redactor.text("pw1 guardian") == "pw1 guardian"


def test_overlapping_secrets_leave_no_piece():
    redactor = Redactor()
    redactor.register("abcdefgh")
    redactor.register("efghijkl")
    assert redactor.text("--abcdefghijkl--") == f"--{MASK}--"
    redactor.register("aaaaaa")
    assert redactor.text("aaaaaaaaa") == MASK


def test_a_line_of_a_key_is_masked_by_itself():
    redactor = Redactor()
    pem = "-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nshort\n-----END X-----\n"
    redactor.register(pem)
    assert "MIIEvQ" not in redactor.text("loading MIIEvQIBADANBgkqhkiG9w0BAQ failed")
    assert redactor.text("a short line") == "a short line"
    assert redactor.text(json.dumps({"key": pem})) == '{"key": "***"}'


def test_data_is_masked_through_and_through():
    redactor = Redactor()
    redactor.register("s3cret-value")

    class Shown:
        def __repr__(self):
            return "Shown(s3cret-value)"

    data = {
        "s3cret-value": 1,
        "list": ["x s3cret-value", {"deep": ("s3cret-value",)}],
        "bytes": b"s3cret-value",
        "object": Shown(),
        "set": {"s3cret-value"},
        "number": 5,
        "none": None,
        "flag": True,
    }
    masked = redactor.data(data)
    assert "s3cret-value" not in repr(masked)
    assert masked["number"] == 5
    assert masked["flag"] is True
    assert masked["list"] == ["x ***", {"deep": ("***",)}]


def test_masking_bytes_does_not_need_them_to_be_text():
    redactor = Redactor()
    redactor.register("s3cret-value")
    assert redactor.bytes(b"\xff\x00s3cret-value\xfe") == b"\xff\x00***\xfe"


def test_a_redactor_shows_and_stores_no_secret(redactor):
    assert AWKWARD not in repr(redactor)
    assert "forms=" in repr(redactor)
    with pytest.raises(TypeError):
        pickle.dumps(redactor)


def test_an_old_value_stays_masked_after_rotation():
    redactor = Redactor()
    redactor.register("old-secret")
    redactor.register("new-secret")
    assert redactor.text("old-secret new-secret") == f"{MASK} {MASK}"


def test_secrets_may_be_registered_while_others_write():
    redactor = Redactor()
    failures = []

    def write(number):
        secret = f"secret-number-{number}"
        redactor.register(secret)
        for _ in range(200):
            if secret in redactor.text(f"x {secret} y"):
                failures.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_stream_masks_a_secret_written_in_pieces():
    redactor = Redactor()
    redactor.register("s3cret-value")
    out = io.StringIO()
    stream = redactor.wrap(out)
    for piece in ("the s3cr", "et-val", "ue is out\nnext", " line"):
        stream.write(piece)
    assert out.getvalue() == "the *** is out\n"
    stream.flush()
    assert out.getvalue() == "the *** is out\nnext line"


def test_a_stream_does_not_keep_an_endless_line_forever():
    redactor = Redactor()
    out = io.StringIO()
    stream = redactor.wrap(out)
    for _ in range(200):
        stream.write("x" * 1000)
    assert len(out.getvalue()) > 100_000
    print("kept", file=stream, flush=True)
    assert out.getvalue().endswith("kept\n")


secrets = st.text(st.characters(codec="utf-8"), min_size=6, max_size=24)
around = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.lists(secrets, min_size=1, max_size=3), around, around, st.sampled_from(sorted(WAYS)))
@example(["000000"], "", "", "as it is")
@example(["\n\n\n\n\n\n"], "", "", "repr")
@example(["'\"'\"'\""], "", "", "repr")
def test_no_form_of_any_secret_survives(values, before, after, way):
    redactor = Redactor()
    for value in values:
        redactor.register(value)
    for value in values:
        text = before + WAYS[way](value) + after
        masked = redactor.text(text)
        assert MASK in masked
        assert not any(form in piece for value in values for form in forms(value) for piece in masked.split(MASK))
        assert redactor.bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass") == masked


@given(secrets, st.text(max_size=60))
def test_text_without_a_secret_is_left_as_it_is(value, text):
    redactor = Redactor()
    redactor.register(value)
    if not any(form in text for form in forms(value)):
        assert redactor.text(text) == text
        assert redactor.bytes(text.encode("utf-8", "surrogatepass")) == text.encode("utf-8", "surrogatepass")


@given(st.text(min_size=6, max_size=24), st.binary(max_size=9), st.binary(max_size=9))
def test_base64_is_masked_whatever_is_around_it(value, before, after):
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return
    redactor = Redactor()
    redactor.register(value)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        masked = redactor.text(encode(before + raw + after).decode())
        assert MASK in masked
