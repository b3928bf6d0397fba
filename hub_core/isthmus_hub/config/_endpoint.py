"""Addresses that a receiver listens on, and who may send to it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Scheme = Literal["udp", "tcp", "tls", "http", "https"]
_SCHEMES: tuple[Scheme, ...] = ("udp", "tcp", "tls", "http", "https")
ENDPOINT_PATTERN = r"^((udp|tcp|tls)://[^/]+:[0-9]+|https?://[^/]+:[0-9]+/.*)$"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``udp://127.0.0.1:5514`` or ``https://10.0.0.1:8443/hooks/acme``."""

    scheme: Scheme
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: object) -> Endpoint:
        """Raises ``ValueError`` that says what to write."""
        wrong = ValueError(
            'must be an address such as "udp://127.0.0.1:5514", "tcp://…", "tls://…" (syslog) or '
            '"http://127.0.0.1:8088/hooks/acme", "https://…" (webhooks), with the number of an interface and a port'
        )
        if not isinstance(text, str):
            raise wrong
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
            host = str(ip_address(host or "")) if host != "localhost" else "127.0.0.1"
        except ValueError:
            raise wrong from None
        scheme = next((known for known in _SCHEMES if known == parts.scheme), None)
        if scheme is None or port is None or parts.username is not None or parts.query or parts.fragment:
            raise wrong
        posted = scheme in ("http", "https")
        if posted != bool(parts.path) or (posted and not (parts.path.isascii() and parts.path.isprintable())):
            raise wrong
        made = cls(scheme, host, port, parts.path)
        if scheme == "http" and not made.loopback:
            raise ValueError(
                "would receive without TLS from the network: write https:// with `cert` and `key`, or listen on 127.0.0.1 "
                "behind a proxy that has the certificate"
            )
        return made

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ip_address(self.host).is_loopback

    @property
    def webhook(self) -> bool:
        """Whether it takes webhooks; otherwise it takes syslog."""
        return self.scheme in ("http", "https")

    @property
    def socket(self) -> tuple[str, str, int]:
        """What can be bound once: transport, address, port."""
        return ("udp" if self.scheme == "udp" else "tcp", self.host, self.port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def endpoints(value: object) -> tuple[Endpoint, ...]:
    """One address, or a list of them."""
    written = value if isinstance(value, tuple | list) else (value,)
    made = tuple(one if isinstance(one, Endpoint) else Endpoint.parse(one) for one in written)
    if not made:
        raise ValueError('must name at least one address, such as "udp://127.0.0.1:5514"')
    return made


def networks(value: object) -> tuple[Network, ...]:
    """Addresses or networks of senders."""
    written = value if isinstance(value, tuple | list) else (value,)
    try:
        return tuple(one if isinstance(one, Network) else ip_network(str(one)) for one in written)
    except ValueError:
        raise ValueError('must be addresses or networks of senders, such as ["10.20.0.0/24", "10.30.0.7"]') from None


__all__ = ["ENDPOINT_PATTERN", "Endpoint", "Network", "endpoints", "networks"]
