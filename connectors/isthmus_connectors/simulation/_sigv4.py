"""AWS Signature Version 4, verified as the services do (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

The far side of what clients sign: the canonical request is made anew of what arrived, and the signature of it is compared.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from isthmus_connectors.simulation._server import Request

TOLERANCE = timedelta(minutes=5)
"""How far the time of a request may be from the service's own."""
_ALGORITHM = "AWS4-HMAC-SHA256"
_PROOF = re.compile(rf"{_ALGORITHM}\s+(.*)")
_FORM = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Key:
    """An access key. One with a ``session_token`` is temporary and works until ``expires``."""

    secret: str
    session_token: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """Why a signature is not accepted, in the services' words."""

    kind: str
    message: str


def verify(request: Request, keys: Mapping[str, Key], *, service: str, region: str, now: datetime) -> str:
    """The access key id that signed ``request`` for ``service`` in ``region``. Raises :class:`Refusal`."""
    key_id, scope, names, signature = _parts(request.headers.get("authorization"))
    at = request.headers.get("x-amz-date", "")
    _scoped(scope, at, service, region)
    key = keys.get(key_id)
    token = request.headers.get("x-amz-security-token")
    if key is None or key.session_token != token:
        raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    _timely(at, now)
    if key.expires is not None and key.expires <= now:
        raise Refusal("ExpiredTokenException", "The security token included in the request is expired")
    for name in ("host", "x-amz-date", *(name for name in request.headers if name.startswith("x-amz-"))):
        if name not in names:
            raise Refusal("InvalidSignatureException", f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    text = "\n".join((_ALGORITHM, at, "/".join(scope), hashlib.sha256(_canonical(request, names)).hexdigest()))
    if not hmac.compare_digest(_signed(key.secret, scope, text), signature):
        raise Refusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
            "and signing method. Consult the service documentation for details.",
        )
    return key_id


def _parts(header: str | None) -> tuple[str, list[str], list[str], str]:
    """Access key id, scope, names of signed headers and signature."""
    if not header:
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = _PROOF.fullmatch(header.strip())
    told = dict(part.strip().partition("=")[::2] for part in found[1].split(",")) if found else {}
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not told.get(name)]
    if missing:
        lacking = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise Refusal("IncompleteSignatureException", f"{lacking} Authorization={header}")
    key_id, *scope = told["Credential"].split("/")
    if len(scope) != 4:
        raise Refusal(
            "IncompleteSignatureException", f"Credential must have exactly 5 slash-delimited elements: {key_id}"
        )
    return key_id, scope, told["SignedHeaders"].split(";"), told["Signature"]


def _scoped(scope: list[str], at: str, service: str, region: str) -> None:
    day, place, named, end = scope
    if place != region:
        raise Refusal("InvalidSignatureException", f"Credential should be scoped to a valid Region, not '{place}'. ")
    if named != service:
        raise Refusal("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'. ")
    if end != "aws4_request":
        raise Refusal(
            "InvalidSignatureException", "Credential should be scoped with a valid terminator: 'aws4_request'."
        )
    if day != at[:8]:
        raise Refusal(
            "InvalidSignatureException",
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{at[:8]}'",
        )


def _timely(at: str, now: datetime) -> None:
    try:
        moment = datetime.strptime(at, _FORM).replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("IncompleteSignatureException", f"Date must be in ISO-8601 'basic format'. Got '{at}'.") from None
    for edge, wrong, words in (
        (now - TOLERANCE, moment < now - TOLERANCE, "Signature expired: {} is now earlier than {} ({} - 5 min.)"),
        (
            now + TOLERANCE,
            moment > now + TOLERANCE,
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
        ),
    ):
        if wrong:
            raise Refusal("InvalidSignatureException", words.format(at, edge.strftime(_FORM), now.strftime(_FORM)))


def _canonical(request: Request, names: list[str]) -> bytes:
    query = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in request.query.items())
    digest = hashlib.sha256(request.body).hexdigest()
    lines = (
        request.method,
        quote(request.path or "/", safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in query),
        *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
        "",
        ";".join(names),
        digest,
    )
    return "\n".join(lines).encode()


def _signed(secret: str, scope: list[str], text: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()
