"""What a reply's status means: an error of the tree, another try, or nothing. Messages say what to do and hold no
secret.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from isthmus_sdk.errors import (
    AuthenticationError,
    IsthmusError,
    PermissionDenied,
    RateLimited,
    ServerFault,
    TooLarge,
    UnexpectedReply,
)
from isthmus_sdk.http._auth import Meaning
from isthmus_sdk.http._message import Request, Response
from isthmus_sdk.http._policy import Retry
from isthmus_sdk.http._retry import Again, asked_wait

_TRANSIENT = frozenset({408, 425, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 525, 527, 529, 530})
_QUERY = re.compile(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_WORDS = (
    "errordescription",
    "message",
    "detail",
    "errormessage",
    "errorsummary",
    "title",
    "description",
    "reason",
    "error",
    "errors",
)
"""Where vendors put their words, whatever they do with capitals and underscores (``Message``, ``errorSummary``)."""
_ADVICE = {
    400: "the request is not understood; check the stream's parameters and the product version",
    404: "check the base URL and the product version",
    405: "check the base URL and the product version",
    410: "what was asked for is gone",
}


Scrub = Callable[[str], str]


class Scrubber:
    """Replaces known secrets, in the forms they take on the way, by ``***``."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) < 4:  # masking by value must not garble every line
                continue
            forms |= {
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                base64.b64encode(secret.encode()).decode("ascii"),
            }
            forms.add(msgspec.json.encode(secret)[1:-1].decode())
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "***")
        return text


def judge(
    request: Request,
    reply: Response,
    *,
    scrub: Scrub,
    retry: Retry,
    accept: Collection[int] = (),
    meaning: Meaning | None = None,
) -> None:
    """Return for 2xx and what is accepted; raise the error the status stands for, or ``meaning`` where the credential's kind
    has a word for it; wrapped in ``Again`` where another try is safe and may help.
    """
    limited = meaning == "limited" or (retry.limited is not None and retry.limited(reply))
    if not limited and (reply.ok or reply.status in accept):
        return
    what = f"{request.method} {reply.url.without_query}"
    words = vendor_words(reply, scrub)
    said = f" ({words})" if words else ""
    status = reply.status
    wait = asked_wait(reply.headers)
    if wait is None and retry.hint is not None:
        wait = retry.hint(reply)
    if status == 429 or limited:
        raise Again(
            RateLimited(
                f"{what}: the vendor limits the rate ({status}){said}; it will be asked again later", not_before=wait
            ),
            after=wait,
        )
    if meaning == "refused" or meaning == "denied":
        raise _final(what, 401 if meaning == "refused" else 403, said, login=request.login, told=status)
    if status in _TRANSIENT:
        error = ServerFault(
            f"{what}: the server failed ({status}){said}; it will be asked again later", not_before=wait
        )
        raise Again(error, after=wait) if request.repeatable else error
    raise _final(what, status, said, login=request.login)


def _final(what: str, status: int, said: str, *, login: bool, told: int | None = None) -> IsthmusError:
    """The error of a status; ``told`` is the one on the wire where another stands for what it means."""
    shown = status if told is None else told
    if status == 401 or (login and status in (400, 403)):
        return AuthenticationError(
            f"{what}: the credential is not accepted ({shown}){said}; renew it or check which account it belongs to"
        )
    if login and status < 500:
        return UnexpectedReply(f"{what}: no login there (status {status}){said}; check the login URL and the tenant")
    if status == 403:
        return PermissionDenied(
            f"{what}: the credential lacks a permission ({shown}){said}; grant the right that this stream needs"
        )
    if status == 407:
        return AuthenticationError(
            f"{what}: the proxy asks for a credential (407); add user and password to the proxy setting"
        )
    if status in (413, 414):
        part = "a body" if status == 413 else "an address"
        return TooLarge(f"{what}: the far side refuses {part} of this size ({status}){said}; send smaller batches")
    if status >= 500:
        return ServerFault(f"{what}: the server cannot do this ({status}){said}; check the product version")
    return UnexpectedReply(
        f"{what}: unexpected status {status}{said}; {_ADVICE.get(status, 'check the settings of this instance')}"
    )


def vendor_words(reply: Response, scrub: Scrub) -> str:
    """The vendor's own explanation, one short printable line: often it is the only hint at what to fix. Never a web
    page.
    """
    if not reply.body or "html" in reply.content_type or reply.body.lstrip()[:1] == b"<":
        return ""
    try:
        text = _words(msgspec.json.decode(reply.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = reply.text if reply.content_type == "text/plain" else ""
    return tidy(text, scrub)


def tidy(text: str, scrub: Scrub, *, longest: int = 200) -> str:
    """Foreign text made fit for a message: no secrets, no queries, no control or bidi characters, bounded."""
    text = _UNPRINTABLE.sub(" ", _QUERY.sub(r"\1", scrub(text[:10_000]))).strip()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _words(document: Any, depth: int = 0) -> str:
    if isinstance(document, str):
        return document
    if depth > 3:
        return ""
    if isinstance(document, list):
        return next((words for item in document[:5] if (words := _words(item, depth + 1))), "")
    if isinstance(document, dict):
        told = {str(name).lower().replace("_", ""): value for name, value in document.items()}
        return next((words for name in _WORDS if name in told and (words := _words(told[name], depth + 1))), "")
    return ""


__all__ = ["Scrubber", "judge", "tidy", "vendor_words"]
