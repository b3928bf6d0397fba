"""Receivers: syslog and webhooks that vendors send by themselves, durable before they are answered. See ``docs/push.md``.

The hub owns the sockets, the secrets and the spool; a run's worker only reads what is durable, and so needs no port.
"""

from __future__ import annotations

from isthmus_hub.receive._receivers import Receivers, check_addresses
from isthmus_hub.receive._spool import Spool, SpoolFull, folder_of

__all__ = ["Receivers", "Spool", "SpoolFull", "check_addresses", "folder_of"]
