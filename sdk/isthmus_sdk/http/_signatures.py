"""Proofs made anew for each request: a digest or signature over the request, the time and a secret that never travels."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from isthmus_sdk.http._auth import Auth, Flow, reveal
from isthmus_sdk.http._message import Request
from isthmus_sdk.url import Url


class Signed(Auth):
    """A signature over the final request, as the vendor defines it.

    ``sign(request, secret, now)`` returns the headers to add; ``now`` is seconds since 1970. It sees the request as it
    goes out, parameters in their order, and is asked again for every attempt and redirect::

        def darktrace(request, secret, now): ...
        auth = Signed(s.private_token, darktrace)
    """

    def __init__(
        self,
        secret: Any,
        sign: Callable[[Request, bytes, float], Mapping[str, str]],
        *,
        clock: Callable[[], float] = time.time,
        origins: Iterable[str] | None = None,
    ) -> None:
        self._secret = reveal(secret)
        self._sign, self._clock = sign, clock
        self.origins = None if origins is None else tuple(Url(origin) for origin in origins)

    def flow(self, request: Request) -> Flow:
        yield request.with_headers(self._sign(request, self._secret.encode(), self._clock()))

    def secrets(self) -> Iterable[str]:
        return (self._secret,)


class HmacSignature(Signed):
    """An HMAC over path and query, public key and date, in three headers (Darktrace's shape and others like it).

    ``message`` lays out what is signed from the fields ``{target}`` (path and query as sent), ``{key}``, ``{date}``,
    ``{method}`` and ``{body}`` (hex SHA-256). ``date`` is a `strftime` format in UTC.
    """

    def __init__(
        self,
        key: Any,
        secret: Any,
        *,
        headers: tuple[str, str, str] = ("DTAPI-Token", "DTAPI-Date", "DTAPI-Signature"),
        message: str = "{target}\n{key}\n{date}",
        date: str = "%Y%m%dT%H%M%S",
        digest: str = "sha1",
        clock: Callable[[], float] = time.time,
        origins: Iterable[str] | None = None,
    ) -> None:
        super().__init__(secret, self._headers_for, clock=clock, origins=origins)
        self._key, self._names = reveal(key), headers
        self._message, self._date, self._digest = message, date, digest

    def _headers_for(self, request: Request, secret: bytes, now: float) -> Mapping[str, str]:
        date = datetime.fromtimestamp(now, UTC).strftime(self._date)
        message = self._message.format(
            target=request.url.target,
            key=self._key,
            date=date,
            method=request.method,
            body=hashlib.sha256(request.content or b"").hexdigest(),
        )
        signature = hmac.new(secret, message.encode(), self._digest).hexdigest()
        return dict(zip(self._names, (self._key, date, signature), strict=True))


class NonceDigest(Signed):
    """A digest over key, nonce and time in milliseconds (the "advanced" keys of Cortex XDR)."""

    def __init__(
        self,
        key_id: Any,
        key: Any,
        *,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: secrets.token_hex(32),
        origins: Iterable[str] | None = None,
    ) -> None:
        super().__init__(key, self._headers_for, clock=clock, origins=origins)
        self._key_id, self._nonce = reveal(key_id), nonce

    def _headers_for(self, request: Request, secret: bytes, now: float) -> Mapping[str, str]:
        nonce, at = self._nonce(), str(int(now * 1000))
        return {
            "x-xdr-auth-id": self._key_id,
            "x-xdr-nonce": nonce,
            "x-xdr-timestamp": at,
            "Authorization": hashlib.sha256(secret + nonce.encode() + at.encode()).hexdigest(),
        }


__all__ = ["HmacSignature", "NonceDigest", "Signed"]
