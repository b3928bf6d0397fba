"""A delivery room whose platform is a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.hub.delivery.doubles import Room

from isthmus_hub.delivery import Deliverer, Patience
from isthmus_sdk.platform import Platform


class RealRoom(Room):
    """``platform`` with ``settings`` and ``secrets`` in place of the toy; both may be changed before a restart."""

    def __init__(
        self, path: Path, platform: Platform, settings: dict[str, Any], secrets: dict[str, str], **options: Any
    ) -> None:
        self.platform = platform
        self.settings = settings
        self.secrets = secrets
        super().__init__(path, **options)

    def start(self) -> Deliverer:
        session = self.platform.open("real", self.settings, self.secrets, hub="north-works")
        options = {"patience": Patience(sleep=self.waits.append), **self.options}
        self.deliverer = Deliverer(session, store=self.store, bus=self.bus, ledger=self.ledger, **options)
        return self.deliverer
