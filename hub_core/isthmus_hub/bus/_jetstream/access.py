"""How to reach a NATS deployment: plain data, so that nothing of NATS is imported where it is not used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus_hub.config import NatsConfig


@dataclass(frozen=True, slots=True)
class NatsAccess:
    """Servers of one deployment, and the credential for them. Secrets are not shown."""

    servers: tuple[str, ...]
    """``nats://host:4222`` or ``tls://host:4222``; one is enough, the others are learned."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    credentials: str | None = field(default=None, repr=False)
    """Text of a ``.creds`` file."""
    nkey: str | None = field(default=None, repr=False)
    """Seed of an NKey user."""
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    """PEM files; ``ca`` instead of the system's authorities."""
    monitors: tuple[str, ...] = ()
    """Monitoring addresses, ``http://host:8222``: one per server, to verify what the servers sync."""
    replicas: int = 1
    prefix: str = "isthmus"
    """Names of streams and subjects begin with it."""
    name: str = "isthmus"
    """How the connection calls itself to the server."""

    @classmethod
    def of(cls, address: str, config: NatsConfig | None, secrets: Mapping[str, str], *, name: str) -> NatsAccess:
        """From ``[hub] bus`` or ``forward``, the table ``[nats]`` and the values of its secrets."""
        servers = tuple(server.strip() for server in address.split(","))
        if config is None:
            return cls(servers, name=name)
        return cls(
            servers,
            username=config.username,
            ca=config.tls.ca,
            cert=config.tls.cert,
            key=config.tls.key,
            monitors=config.monitor,
            replicas=config.replicas,
            prefix=config.prefix,
            name=name,
            **secrets,
        )

    @property
    def where(self) -> str:
        """For messages."""
        return ",".join(self.servers)


__all__ = ["NatsAccess"]
