"""One webhook request, as bytes and headers, to its answer. Sockets and HTTP are elsewhere."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from isthmus_hub.receive._receiver import Receiver, SpoolFull
from isthmus_hub.receive._signature import Headers, refusal
from isthmus_sdk.push import Challenge, Webhook

RETRY_SECONDS = 30
LONGEST_ID = 512
LONGEST_CHALLENGE = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. ``close``: the rest of the request is not read."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False


def before_body(receiver: Receiver, method: str, target: str, headers: Headers, host: str) -> Answer | None:
    """The answer that can be given without reading a body; ``None``: read it."""
    push = receiver.push
    assert isinstance(push, Webhook)
    if not receiver.allows(host):
        receiver.refuse("sender not allowed")
        return Answer(403, close=True)
    if push.challenge is not None and (answer := _challenged(receiver, push.challenge, method, target, headers)):
        return answer
    if method != "POST":
        receiver.refuse("wrong method")
        return Answer(405, headers={"allow": "POST"}, close=True)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in push.content_types or headers.get("content-encoding", "identity").lower() != "identity":
        receiver.refuse("wrong content type")
        return Answer(415, headers={"accept-post": ", ".join(push.content_types)}, close=True)
    length = headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > receiver.max_bytes:
        return too_large(receiver)
    return None


def too_large(receiver: Receiver) -> Answer:
    """The body is above the cap."""
    receiver.refuse("too large")
    return Answer(413, close=True)


def posted(receiver: Receiver, headers: Headers, body: bytes, host: str) -> Answer:
    """Check who sent it, make it durable, and only then say yes."""
    push = receiver.push
    assert isinstance(push, Webhook)
    if reason := refusal(push.signature, headers, body, receiver.secrets, receiver.clock()):
        receiver.refuse(reason)
        return Answer(401, headers={"www-authenticate": "Basic"} if reason == "not signed" else {})
    delivery = headers.get(push.delivery.lower(), "") if push.delivery else ""
    if len(delivery) > LONGEST_ID:
        receiver.refuse("delivery id too long")
        return Answer(400)
    try:
        receiver.take([receiver.message(body, host, delivery=delivery)])
    except SpoolFull:
        receiver.refuse("spool full")
        return Answer(503, headers={"retry-after": str(RETRY_SECONDS)})
    return Answer(200, b"{}", {"content-type": "application/json"})


def _challenged(receiver: Receiver, challenge: Challenge, method: str, target: str, headers: Headers) -> Answer | None:
    """The answer to the vendor's question whether the address is ours."""
    if method != challenge.method:
        return None
    try:
        query = parse_qs(urlsplit(target).query, max_num_fields=32)
    except ValueError:
        query = {}
    asked = headers.get(challenge.header.lower(), "") if challenge.header else query.get(challenge.query, [""])[0]
    if not asked:
        return None
    if len(asked) > LONGEST_CHALLENGE or not asked.isprintable():
        receiver.refuse("wrong challenge")
        return Answer(400, close=True)
    if challenge.token:
        sent = query.get(challenge.token, [""])[0].encode()
        if not [one for one in receiver.secrets if hmac.compare_digest(one, sent)]:
            receiver.refuse("wrong signature")
            return Answer(403, close=True)
    safe = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'"}
    if challenge.answer:
        text, kind = json.dumps({challenge.answer: asked}), "application/json"
    else:
        text, kind = asked, "text/plain; charset=utf-8"
    return Answer(200, text.encode(), {"content-type": kind, **safe}, close=True)


__all__ = ["Answer", "before_body", "posted", "too_large"]
