"""Whether a webhook comes from who holds the secret: over the raw bytes, before anything is parsed, in constant time. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from isthmus_sdk.push import BasicPassword, ClientCertificate, Hmac, Signature, TimedHmac, Token

Headers = Mapping[str, str]
"""By lower-case name."""
_BETWEEN = re.compile(r"[ ,]+")
_SPACES = re.compile(r" +")
_PLACE = re.compile(r"\{(body|timestamp|id)\}")
_SECONDS = re.compile(r"\d{1,12}(?:\.\d{1,9})?")
_MOST = 8
"""Signatures in one header that are looked at."""


def refusal(signature: Signature | None, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> str:
    """Why a request is refused; empty: it is genuine. ``secrets``: all that hold now. Never names what was expected."""
    match signature:
        case None | ClientCertificate():
            return ""
        case Hmac():
            return _hmac(signature, headers, body, secrets, now)
        case TimedHmac():
            return _timed(signature, headers, body, secrets, now)
        case BasicPassword():
            return _basic(headers, secrets)
        case Token():
            sent = headers.get(signature.header.lower(), "")
            if not sent:
                return "not signed"
            exact = sent.startswith(signature.prefix)
            return "" if _any(secrets, sent.removeprefix(signature.prefix).encode()) and exact else "wrong signature"
    assert_never(signature)


def _hmac(signature: Hmac, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> str:
    sent = headers.get(signature.header.lower(), "")
    if not sent:
        return "not signed"
    values = {"timestamp": headers.get(signature.timestamp.lower(), ""), "id": headers.get(signature.id.lower(), "")}
    if any(f"{{{place}}}" in signature.signed and not value for place, value in values.items()):
        return "not signed"
    if signature.timestamp and (late := _late(values["timestamp"], signature.tolerance, now)):
        return late
    text = b"".join(_signed(signature.signed, values, body))
    right = [hmac.digest(key, text, signature.algorithm) for key in _keys(signature, secrets)]
    found = False
    between = _SPACES if "," in signature.prefix else _BETWEEN
    for one in between.split(sent)[:_MOST]:
        if one.startswith(signature.prefix):
            given = _decoded(one.removeprefix(signature.prefix), signature.encoding)
            found |= _any(right, given)
    return "" if found else "wrong signature"


def _signed(template: str, values: Mapping[str, str], body: bytes) -> Iterator[bytes]:
    at = 0
    for place in _PLACE.finditer(template):
        yield template[at : place.start()].encode()
        yield body if place[1] == "body" else values[place[1]].encode()
        at = place.end()
    yield template[at:].encode()


def _keys(signature: Hmac, secrets: Sequence[bytes]) -> Iterator[bytes]:
    for secret in secrets:
        if signature.key == "text":
            yield secret
            continue
        try:
            yield base64.b64decode(secret.rpartition(b"_")[2], validate=True)
        except binascii.Error:
            continue  # no key at all: nothing is signed with it


def _timed(signature: TimedHmac, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> str:
    sent = headers.get(signature.header.lower(), "")
    if not sent:
        return "not signed"
    pairs = [part.strip().partition("=")[::2] for part in sent.split(",")[:_MOST]]
    times = [value for name, value in pairs if name == "t"]
    if len(times) != 1:
        return "wrong signature"
    if late := _late(times[0], signature.tolerance, now):
        return late
    text = times[0].encode() + b"." + body
    right = [hmac.new(key, text, hashlib.sha256).digest() for key in secrets]
    found = False
    for name, value in pairs:
        if name == signature.version:
            found |= _any(right, _decoded(value, "hex"))
    return "" if found else "wrong signature"


def _basic(headers: Headers, secrets: Sequence[bytes]) -> str:
    scheme, _, sent = headers.get("authorization", "").partition(" ")
    if not sent:
        return "not signed"
    return "" if scheme.lower() == "basic" and _any(secrets, _decoded(sent.strip(), "base64")) else "wrong signature"


def _late(text: str, tolerance: float, now: float) -> str:
    if not _SECONDS.fullmatch(text):
        return "wrong signature"
    return "sent too long ago, or the clocks differ" if abs(now - float(text)) > tolerance else ""


def _decoded(text: str, encoding: str) -> bytes:
    """What was sent; empty where it is none."""
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _any(right: Sequence[bytes], given: bytes) -> bool:
    """Whether it is one of them; every one is compared."""
    found = False
    for one in right:
        found |= bool(one) and hmac.compare_digest(one, given)
    return found


__all__ = ["Headers", "refusal"]
