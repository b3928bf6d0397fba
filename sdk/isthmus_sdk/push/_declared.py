"""Declarations of push: plain, checked data that the hub reads from the manifest."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_PLACES = re.compile(r"\{(\w*)\}")


def _header(name: str) -> str:
    if name and not _HEADER.fullmatch(name):
        raise ValueError("is not the name of an HTTP header")
    return name


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, *names: Any, **values: Any) -> None:
        """The first fields may be given by position."""
        fields = [name for name in type(self).model_fields if name not in ("scheme", "kind")]
        super().__init__(**dict(zip(fields, names, strict=False)), **values)


class Hmac(_Declared):
    """A header holds the HMAC of the body, or of a text around it, under the shared secret."""

    header: str
    """Header with the signature. Where it holds several (spaces or commas between), one must fit."""
    scheme: Literal["hmac"] = "hmac"
    algorithm: Literal["sha256", "sha512", "sha384"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    """What stands before the signature in the header, such as ``sha256=``."""
    signed: str = "{body}"
    """The text that is signed: ``{body}``, ``{timestamp}``, ``{id}``, and what stands between, such as ``v0:{timestamp}:{body}``."""
    timestamp: str = ""
    """Header with the time of sending (seconds since 1970), where ``signed`` has ``{timestamp}``."""
    id: str = ""
    """Header that ``{id}`` stands for."""
    key: Literal["text", "base64"] = "text"
    """How the key is written in the secret. ``base64``: a prefix such as ``whsec_`` is left off."""
    tolerance: float = Field(default=300.0, gt=0, le=86_400)
    """Seconds by which the time of sending may differ from ours, in both directions."""

    _names = field_validator("header", "timestamp", "id")(_header)

    @field_validator("signed")
    @classmethod
    def _known_places(cls, value: str) -> str:
        places = _PLACES.findall(value)
        if places.count("body") != 1 or not set(places) <= {"body", "timestamp", "id"}:
            raise ValueError("must hold {body} once, and besides only {timestamp} and {id}")
        return value

    def model_post_init(self, _: Any) -> None:
        """Every place that is signed has a header."""
        for place in ("timestamp", "id"):
            if (f"{{{place}}}" in self.signed) != bool(getattr(self, place)):
                raise ValueError(f"{place}= and {{{place}}} in signed= belong together")


class TimedHmac(_Declared):
    """A header ``t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">``; several ``v1`` while the sender rotates."""

    header: str
    scheme: Literal["timed_hmac"] = "timed_hmac"
    version: str = Field(default="v1", pattern=r"^[A-Za-z0-9]{1,16}$")
    tolerance: float = Field(default=300.0, gt=0, le=86_400)
    """Seconds by which ``t`` may differ from our time, in both directions."""

    _names = field_validator("header")(_header)


class BasicPassword(_Declared):
    """HTTP Basic; the secret is ``user:password``."""

    scheme: Literal["basic"] = "basic"


class Token(_Declared):
    """A header holds the secret itself."""

    header: str = "Authorization"
    scheme: Literal["token"] = "token"
    prefix: str = "Bearer "

    _names = field_validator("header")(_header)


class ClientCertificate(_Declared):
    """The sender proves itself by a client certificate: the receiver listens on ``https`` and names ``ca``."""

    scheme: Literal["client_certificate"] = "client_certificate"


Signature = Annotated[Hmac | TimedHmac | BasicPassword | Token | ClientCertificate, Field(discriminator="scheme")]


class Challenge(_Declared):
    """How a vendor makes sure that the address is ours: it asks, we answer with what it sent. Nothing is stored."""

    method: Literal["GET", "POST"] = "GET"
    header: str = ""
    """Header that holds what is to be sent back, or ..."""
    query: str = ""
    """... the query parameter."""
    answer: str = ""
    """Key of the JSON object that takes it back; empty: as plain text."""
    token: str = ""
    """Query parameter that must hold the secret, where the vendor sends one."""

    _names = field_validator("header")(_header)

    def model_post_init(self, _: Any) -> None:
        """One place."""
        if bool(self.header) == bool(self.query):
            raise ValueError("needs one of header= and query=: where the vendor puts what is to be sent back")


class Webhook(_Declared):
    """The vendor posts JSON to an address of ours."""

    kind: Literal["webhook"] = "webhook"
    signature: Signature | None = None
    """How the sender proves itself; ``None``: it cannot, and the operator must say ``unsigned = true``."""
    delivery: str = ""
    """Header with the id of a delivery, which a repetition bears again."""
    items: str = ""
    """Dotted path of the records in a body; empty: the body is a record, or a list of them."""
    content_types: tuple[str, ...] = Field(default=("application/json",), min_length=1)
    challenge: Challenge | None = None

    _names = field_validator("delivery")(_header)


class Syslog(_Declared):
    """The vendor sends syslog: RFC 3164 or RFC 5424, over UDP, TCP or TLS."""

    kind: Literal["syslog"] = "syslog"
    payload: Literal["text", "cef", "leef", "json"] = "text"
    """What a record is: the syslog message with its parts, or the CEF, LEEF or JSON that it carries."""
    escapes: bool = True
    """Control characters that a relay wrote as ``#012`` are taken back."""


Push = Annotated[Webhook | Syslog, Field(discriminator="kind")]

__all__ = [
    "BasicPassword", "Challenge", "ClientCertificate", "Hmac", "Push", "Signature", "Syslog", "TimedHmac", "Token", "Webhook",
]  # fmt: skip
