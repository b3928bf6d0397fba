"""The far side is a file that only grows: each call is one write, which survives the death of the sender."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isthmus_sdk import stix
from isthmus_sdk.platform import ACCEPTED, Encoded, Platform, PlatformContext, Profile, Verdict
from isthmus_sdk.settings import Settings


class CountingSettings(Settings):
    """``received`` is the file."""

    received: Path


counting = Platform(
    __package__, settings=CountingSettings, profile=Profile(max_records=25, grade="recorded shape", key="none")
)


@counting.encodes
def as_it_is(obj: dict[str, Any], ctx: PlatformContext) -> Encoded:
    """The object itself."""
    return Encoded(obj["id"], stix.encode(obj), version=obj.get("modified", ""))


@counting.sends
def write_down(batch: Sequence[Encoded], ctx: PlatformContext) -> list[Verdict]:
    """Take everything, whatever was there before."""
    lines = b"".join(record.body + b"\n" for record in batch)
    descriptor = os.open(ctx.settings.received, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        assert os.write(descriptor, lines) == len(lines)
    finally:
        os.close(descriptor)
    return [ACCEPTED] * len(batch)
