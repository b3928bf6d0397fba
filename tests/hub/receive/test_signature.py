"""Who a webhook comes from: every scheme accepts what is genuine and nothing else, whatever is changed on the way."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from isthmus_hub.receive._signature import refusal
from isthmus_sdk.push import BasicPassword, ClientCertificate, Hmac, TimedHmac, Token

NOW = 1_770_000_000.0
BODY = b'{"id": "1", "text": "\xc3\xa4"}'
OLD, NEW = b"old-secret", b"new-secret"


def digest(text: bytes, key: bytes = OLD, algorithm: str = "sha256") -> bytes:
    return hmac.digest(key, text, algorithm)


def stamped(at: float = NOW, key: bytes = OLD, text: bytes = BODY) -> str:
    stamp = str(int(at))
    return f"t={stamp},v1={digest(stamp.encode() + b'.' + text, key).hex()},v0=00"


KEY = base64.b64encode(OLD)
PLAIN = Hmac("X-Sig", prefix="sha256=")
CODED = Hmac("X-Sig", encoding="base64", algorithm="sha512")
CHATTED = Hmac("X-Sig", prefix="v0=", signed="v0:{timestamp}:{body}", timestamp="X-Time")
STANDARD = Hmac(
    "webhook-signature",
    encoding="base64",
    prefix="v1,",
    key="base64",
    signed="{id}.{timestamp}.{body}",
    timestamp="webhook-timestamp",
    id="webhook-id",
)
STAMP = str(int(NOW)).encode()
GENUINE = {
    "hex": (PLAIN, {"x-sig": "sha256=" + digest(BODY).hex()}, OLD),
    "base64": (CODED, {"x-sig": base64.b64encode(digest(BODY, algorithm="sha512")).decode()}, OLD),
    "time": (CHATTED, {"x-time": STAMP.decode(), "x-sig": "v0=" + digest(b"v0:" + STAMP + b":" + BODY).hex()}, OLD),
    "t=,v1=": (TimedHmac("X-Sig"), {"x-sig": stamped()}, OLD),
    "basic": (BasicPassword(), {"authorization": "Basic " + base64.b64encode(b"user:pa:ss").decode()}, b"user:pa:ss"),
    "token": (Token(), {"authorization": "Bearer " + OLD.decode()}, OLD),
    "own header": (Token("X-Token", prefix=""), {"x-token": OLD.decode()}, OLD),
}


@pytest.mark.parametrize("name", GENUINE)
def test_what_is_genuine_is_taken_with_either_of_two_live_secrets(name: str) -> None:
    scheme, headers, secret = GENUINE[name]
    assert refusal(scheme, headers, BODY, [secret], NOW) == ""
    assert refusal(scheme, headers, BODY, [NEW, secret], NOW) == ""


@pytest.mark.parametrize("name", GENUINE)
def test_another_secret_none_or_no_header_is_refused(name: str) -> None:
    scheme, headers, _ = GENUINE[name]
    assert refusal(scheme, headers, BODY, [NEW], NOW) == "wrong signature"
    assert refusal(scheme, headers, BODY, [], NOW) == "wrong signature"
    assert refusal(scheme, headers, BODY, [b""], NOW) == "wrong signature"
    assert refusal(scheme, {}, BODY, [OLD], NOW) == "not signed"


@pytest.mark.parametrize("name", ["hex", "base64", "time", "t=,v1="])
def test_any_changed_byte_of_body_or_signature_is_refused(name: str) -> None:
    scheme, headers, secret = GENUINE[name]
    for at in range(len(BODY)):
        changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        assert refusal(scheme, headers, changed, [secret], NOW) == "wrong signature"
    assert refusal(scheme, headers, BODY + b" ", [secret], NOW) == "wrong signature"
    for sent in ("", "sha256=", "sha256=zz", "é", "sha256=" + "0" * 64, "t=,v1=", "t=1,t=2,v1=00", "=" * 4000):
        assert refusal(scheme, {**headers, "x-sig": sent}, BODY, [secret], NOW)


@pytest.mark.parametrize("apart", [299, -299])
def test_a_clock_that_is_a_little_off_is_no_reason(apart: float) -> None:
    assert refusal(TimedHmac("X-Sig"), {"x-sig": stamped()}, BODY, [OLD], NOW + apart) == ""


@pytest.mark.parametrize("apart", [302, -302, 1e9])
def test_a_replay_is_refused_in_both_directions(apart: float) -> None:
    late = "sent too long ago, or the clocks differ"
    assert refusal(TimedHmac("X-Sig"), {"x-sig": stamped()}, BODY, [OLD], NOW + apart) == late
    scheme, headers, secret = GENUINE["time"]
    assert refusal(scheme, headers, BODY, [secret], NOW + apart) == late


def test_a_time_that_was_not_signed_does_not_help() -> None:
    scheme, headers, secret = GENUINE["time"]
    assert refusal(scheme, {**headers, "x-time": str(int(NOW) + 1)}, BODY, [secret], NOW) == "wrong signature"
    for time in ("", "nan", "inf", "-1", "1e9", "0x10", "٣"):
        assert refusal(scheme, {**headers, "x-time": time}, BODY, [secret], NOW)


def test_an_id_is_part_of_what_is_signed_and_the_key_may_be_base64() -> None:
    text = b"msg_1." + STAMP + b"." + BODY
    sent = "v1," + base64.b64encode(hmac.new(OLD, text, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": STAMP.decode(), "webhook-signature": sent}
    assert refusal(STANDARD, headers, BODY, [b"whsec_" + KEY], NOW) == ""
    assert refusal(STANDARD, {**headers, "webhook-id": "msg_2"}, BODY, [b"whsec_" + KEY], NOW) == "wrong signature"
    assert refusal(STANDARD, headers, BODY, [b"whsec_no base64"], NOW) == "wrong signature"


def test_while_the_sender_rotates_any_of_its_signatures_will_do() -> None:
    both = f"sha256={digest(BODY, b'gone').hex()}, sha256={digest(BODY).hex()}"
    assert refusal(PLAIN, {"x-sig": both}, BODY, [OLD], NOW) == ""


def test_a_client_certificate_was_checked_when_the_connection_was_made() -> None:
    assert refusal(ClientCertificate(), {}, BODY, [], NOW) == ""


def test_secrets_are_compared_in_constant_time_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append(one) or real(one, other))
    for scheme, headers, secret in GENUINE.values():
        compared.clear()
        assert refusal(scheme, headers, BODY, [secret, NEW], NOW) == ""
        assert len(compared) >= 2
