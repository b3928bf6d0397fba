"""AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from isthmus_sdk.http._auth import Auth, Flow, Meaning, reveal
from isthmus_sdk.http._message import Request, Response
from isthmus_sdk.url import Url

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_BODY_IN_HEADER: Final = frozenset({"s3", "aoss"})
"""Services that want the digest of the body in a header as well."""
_ON_TIME: Final = 60.0
_WRONG_TIME: Final = (
    b"RequestTimeTooSkewed",
    b"RequestExpired",
    b"Signature expired",
    b"Signature not yet current",
    b"InvalidSignatureException",
)
_MEANINGS: Final[dict[str, Meaning]] = {
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded", "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
            "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown", "ThrottledException",
            "Throttling", "ThrottlingException", "TooManyRequestsException", "TransactionInProgressException",
        ),
        "limited",
    ),
    **dict.fromkeys(
        (
            "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "IncompleteSignatureException",
            "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationToken",
            "MissingAuthenticationTokenException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        "refused",
    ),
    **dict.fromkeys(
        (
            "AccessDenied", "AccessDeniedException", "InvalidAccessException", "NotAuthorized", "OptInRequired",
            "SubscriptionRequiredException", "UnauthorizedOperation",
        ),
        "denied",
    ),
}  # fmt: skip
"""Common errors (docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html), those that botocore tries again for, and
Security Hub's word for an account that never enabled it.
"""
_CODE: Final = re.compile(rb"<Code>([A-Za-z.]+)</Code>")


def error_type(reply: Response) -> str:
    """The type of an error in any of AWS's protocols: of a header (rest-json), of the body (JSON 1.x), of XML."""
    named = reply.headers.get("x-amzn-errortype", "")
    if not named and (found := _CODE.search(reply.body[:4096])):
        named = found[1].decode()
    if not named:
        try:
            body = msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = None
        words = [body.get(name) for name in ("__type", "Code", "code")] if isinstance(body, dict) else []
        named = next((word for word in words if isinstance(word, str)), "")
    return named.partition(":")[0].rpartition("#")[2].strip()


class AwsSignature(Auth):
    """Requests signed with an access key, for ``service`` in ``region`` (``securityhub``, ``eu-central-1``).

    ``service`` may be a function of the URL, for a product behind several of them.
    ``session_token`` goes along with temporary keys. Where AWS refuses a signature because the clock here is wrong, its own
    time is taken and the request is signed once more.
    """

    def __init__(
        self,
        access_key: Any,
        secret_key: Any,
        *,
        region: str,
        service: str | Callable[[Url], str],
        session_token: Any = None,
        clock: Callable[[], float] = time.time,
        origins: Iterable[str] | None = None,
    ) -> None:
        self._access_key, self._secret = reveal(access_key), reveal(secret_key)
        self._token = reveal(session_token) if session_token is not None else None
        self._region, self._clock = region, clock
        self._service_of = service if callable(service) else lambda _url: service
        self._offset = 0.0
        self.origins = None if origins is None else tuple(Url(origin) for origin in origins)

    def flow(self, request: Request) -> Flow:
        reply = yield self.signed(request, self._clock() + self._offset)
        offset = self._corrected(reply)
        if offset is not None:
            self._offset = offset
            yield self.signed(request, self._clock() + offset)

    def signed(self, request: Request, now: float) -> Request:
        """``request`` with the headers that prove it at ``now``, seconds since 1970."""
        at = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(request.content or b"").hexdigest()
        added = {"X-Amz-Date": at}
        if self._token is not None:
            added["X-Amz-Security-Token"] = self._token
        service = self._service_of(request.url)
        if service in _BODY_IN_HEADER:
            added["X-Amz-Content-SHA256"] = digest
        request = request.with_headers(added)
        fields = {"host": request.url.origin.authority}
        for name, value in request.headers.items():
            if name == "content-type" or name.startswith("x-amz-"):
                fields[name] = " ".join(value.split())
        names = ";".join(sorted(fields))
        canonical = "\n".join(
            (
                request.method,
                _path(request.url, service),
                _query(request.url),
                *(f"{name}:{fields[name]}" for name in sorted(fields)),
                "",
                names,
                digest,
            )
        )
        scope = f"{at[:8]}/{self._region}/{service}/aws4_request"
        text = "\n".join((_ALGORITHM, at, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        signature = hmac.new(self._key(at[:8], service), text.encode(), "sha256").hexdigest()
        proof = f"{_ALGORITHM} Credential={self._access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return request.with_headers({"Authorization": proof})

    def meaning(self, reply: Response) -> Meaning | None:
        """Of the errors all services have in common, whose status differs by service: a rate is refused with 400, 429 or 503."""
        return _MEANINGS.get(error_type(reply)) if reply.status >= 400 else None

    def secrets(self) -> Iterable[str]:
        return (self._secret,) if self._token is None else (self._secret, self._token)

    def _key(self, day: str, service: str) -> bytes:
        key = b"AWS4" + self._secret.encode()
        for part in (day, self._region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key

    def _corrected(self, reply: Response) -> float | None:
        """By how much the clock here is behind, where that is why AWS refused."""
        if reply.status not in (400, 401, 403) or not any(word in reply.body[:4096] for word in _WRONG_TIME):
            return None
        try:
            theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        offset = theirs - self._clock()
        return offset if abs(offset - self._offset) > _ON_TIME else None


def _path(url: Url, service: str) -> str:
    """The path as sent for S3, encoded once more for all others."""
    path = url.path or "/"
    return path if service == "s3" else quote(path, safe="/~")


def _query(url: Url) -> str:
    """Parameters encoded in the one way that signatures know, sorted by name and then by value."""
    pairs = []
    for part in filter(None, url.query.split("&")):
        name, _, value = part.partition("=")
        pairs.append((quote(unquote(name), safe="~"), quote(unquote(value), safe="~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


__all__ = ["AwsSignature"]
