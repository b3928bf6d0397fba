"""Receivers without a hub around them: a configuration in memory, a spool in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isthmus_hub.config import Config, ReceiveConfig
from isthmus_hub.receive import Receivers, Spool
from isthmus_sdk.push import Push
from isthmus_sdk.push._spool import read

SECRET, NEXT = "s3cret-one", "s3cret-two"


class Parts:
    """What receivers need of a hub."""

    def __init__(self, folder: Path, push: Push, secrets: list[str]) -> None:
        self._folder = folder
        self._push = push
        self.secrets = secrets
        self.spools: dict[str, Spool] = {}
        self.config = Config.model_validate({"hub": {"name": "works"}})

    def configure(self, streams: Mapping[str, Mapping[str, Any]]) -> None:
        """Other receivers from now on."""
        self.config = Config.model_validate(
            {
                "hub": {"name": "works"},
                "connector": {
                    "vendor": {"use": "x", "receive": {name: dict(table) for name, table in streams.items()}}
                },
            }
        )

    def spool(self, instance: str, stream: str) -> Spool:
        quota = self.config.connectors[instance].receive[stream].quota
        made = self.spools.setdefault(stream, Spool(self._folder / stream, quota=quota))
        made.quota = quota
        return made

    def push_of(self, instance: str) -> dict[str, Push]:
        return dict.fromkeys(self.config.connectors[instance].receive, self._push)

    def receive_secrets(self, instance: str, stream: str) -> list[str]:
        return self.secrets

    def bodies(self, stream: str = "events", until: int | None = None) -> list[bytes]:
        """What was received."""
        return [found.message.body for found in read(self._folder / stream, 0, until) if found.message is not None]


@contextmanager
def receiving(
    folder: Path, push: Push, table: Mapping[str, Any], *, secrets: list[str] | None = None
) -> Iterator[tuple[Parts, Receivers, int]]:
    """One receiver that listens; its first port."""
    parts = Parts(folder, push, [SECRET, NEXT] if secrets is None else secrets)
    parts.configure({"events": table})
    receivers = Receivers(parts)
    receivers.apply()
    try:
        address = receivers.status("vendor", "events")["listen"][0]
        assert address["listening"], address
        yield parts, receivers, int(address["address"].split("://")[1].partition("/")[0].rpartition(":")[2])
    finally:
        receivers.close()


def refused(receivers: Receivers) -> dict[str, int]:
    """Counts of what was not taken."""
    found: dict[str, int] = receivers.status("vendor", "events")["refused"]
    return found


__all__ = ["NEXT", "SECRET", "Parts", "ReceiveConfig", "receiving", "refused"]
