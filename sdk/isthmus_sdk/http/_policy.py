"""What a client may do: how long, how much, how often. Plain values without behaviour; the operator and the connector
set them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isthmus_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from isthmus_sdk.http._message import Response

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one client. Times are seconds on the monotonic clock, sizes are bytes."""

    connect: float = 10.0
    """Name resolution, TCP and TLS of one connection together."""
    idle: float = 60.0
    """Longest silence between two bytes; a vendor that thinks long about a query is silent too."""
    request: float = 120.0
    """One exchange in total, redirects and a token refresh included: where a server that drips bytes ends."""
    run: float | None = None
    """All requests of one run, from ``Http.start_run()`` on."""
    wire: int = 64 * MIB
    """A body as received, before it is inflated."""
    decoded: int = 64 * MIB
    """A body, and each layer of a nested encoding, after it is inflated."""
    ratio: int = 200
    """Inflated to received size; looked at once a body exceeds 16 MiB, so that a small repetitive page passes."""
    headers: int = 256
    """Header fields of one reply."""
    redirects: int = 5
    """Hops followed inside the allowed origins."""
    empty_pages: int = 100
    """Pages without a record in a row, each with a new position, before paging counts as a loop."""
    connections: int = 8
    """Open connections of one client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When to try again. Only what cannot have had an effect twice is repeated: see ``idempotent`` of
    ``Http.request``.
    """

    attempts: int = 5
    """Tries in total."""
    first: float = 0.5
    """Seconds before the second try where the far side names no time; doubles each time, with jitter."""
    most: float = 30.0
    """Longest wait that we choose ourselves."""
    budget: float = 300.0
    """Seconds from the first try to the start of the last one. A longer ``Retry-After`` ends the call at once with
    ``not_before``.
    """
    failures: int = 3
    """Calls to one origin that fail in a row, each with all its tries, before it is left alone."""
    rest: float = 30.0
    """Seconds for which it is; doubles with each further failure."""
    longest_rest: float = 600.0
    hint: Callable[[Response], float | None] | None = field(default=None, repr=False)
    """Reads a vendor's own way of saying how many seconds to wait, for example a sentence in the body."""
    limited: Callable[[Response], bool] | None = field(default=None, repr=False)
    """Recognises a vendor's own way of saying 429: ``ThrottlingException`` under 400 (AWS), an error under 200 (GraphQL)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Requests that one credential may make: ``requests`` in ``per`` seconds, ``burst`` at once, ``concurrency``
    open. The client waits.
    """

    requests: float
    per: float = 1.0
    burst: int = 1
    concurrency: int | None = None

    def __post_init__(self) -> None:
        if (
            self.requests <= 0
            or self.per <= 0
            or self.burst < 1
            or (self.concurrency is not None and self.concurrency < 1)
        ):
            raise ConfigurationError("a rate needs requests > 0, per > 0, burst >= 1 and concurrency >= 1")

    def at_most(self, other: Rate | None) -> Rate:
        """The stricter of two rates in every respect: an operator can lower what a connector declares, never raise
        it.
        """
        if other is None:
            return self
        slower = self if self.requests / self.per <= other.requests / other.per else other
        ceilings = [c for c in (self.concurrency, other.concurrency) if c is not None]
        return Rate(
            requests=slower.requests,
            per=slower.per,
            burst=min(self.burst, other.burst),
            concurrency=min(ceilings) if ceilings else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the server is recognised, and we by it. Nothing here turns verification off: a pin replaces the chain by
    something stricter.

    ``pin`` and the client certificate belong to the base URL's origin alone; other origins are verified against the
    system's authorities (and ``ca``, where given).
    """

    pin: str | Sequence[str] | None = None
    """``sha256:`` and the hex digest of the server's own certificate (DER); several during a renewal. Suits
    self-signed appliances: without ``ca`` the pin alone decides, whatever name or end date the certificate bears;
    with ``ca`` both must hold.
    """
    ca: str | None = None
    """File of PEM authorities that replaces the system's for the base URL."""
    cert: str | None = None
    """File of the client certificate (PEM), with its key or beside ``key``."""
    key: str | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.cert is None:
            raise ConfigurationError("tls.key is given without tls.cert; name the client certificate as well")
        _ = self.digests

    @property
    def digests(self) -> frozenset[bytes]:
        """The pins as 32-byte digests."""
        pins = (self.pin,) if isinstance(self.pin, str) else tuple(self.pin or ())
        return frozenset(_digest(pin) for pin in pins)


def _digest(pin: str) -> bytes:
    text = pin.strip().lower().removeprefix("sha256:").removeprefix("sha256/").replace(":", "")
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise ConfigurationError(
            "tls.pin must be 'sha256:' and 64 hex digits: openssl x509 -in server.pem -outform der | sha256sum"
        )
    return digest


__all__ = ["MIB", "Limits", "Rate", "Retry", "Tls"]
