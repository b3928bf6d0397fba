"""What coverage is computed from: who is configured, what each declares, which assets there are.

Assets and communications come in the shapes of ``isthmus assets --json``, so that everything here is a pure function of
plain data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isthmus_sdk.stix import ASSET_CLASSES

FUNCTIONS = ("identify", "protect", "detect", "respond", "recover")
"""Functions of the NIST Cybersecurity Framework, as in the Cyber Defense Matrix."""

EVERY = frozenset({"*", "any", "all"})
UNKNOWN = "unknown"

WIRE_COMPONENTS = ("network traffic",)
HOST_COMPONENTS = (
    "process",
    "os api",
    "command",
    "module",
    "script",
    "file",
    "logon session",
    "driver",
    "windows registry",
    "service",
)
WEAKNESS_COMPONENTS = ("software", "vulnerability")
"""What a source must enumerate to know an asset's weaknesses; ATT&CK has no component of its own for them."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A function performed on asset classes by collecting data components (ATT&CK names)."""

    function: str
    data_components: tuple[str, ...]
    asset_classes: tuple[str, ...]

    def applies_to(self, asset_class: str, technology: str = "") -> bool:
        """Whether the capability can be exercised on that class of asset (by name, ATT&CK id, or ``ot``, ``it``, ``iot``)."""
        name = class_name(asset_class)
        attack = ASSET_CLASSES.get(name, ("", None))[1]
        return not {class_name(item) for item in self.asset_classes}.isdisjoint(
            {*EVERY, name, technology, (attack or name).lower()}
        )

    def collects(self, components: Sequence[str]) -> bool:
        """Whether one of its data components begins with one of these words."""
        return any(have.lower().startswith(tuple(components)) for have in self.data_components)


@dataclass(frozen=True, slots=True)
class Source:
    """A connector, and the instance of it that is configured (``instance`` empty: installed, not configured)."""

    connector: str
    capabilities: tuple[Capability, ...]
    instance: str = ""
    primary: bool = False
    """The chosen primary platform is also this source (``covers_by``)."""
    last_success: str = ""


def class_name(text: str) -> str:
    """One spelling of an asset class: lower case, hyphens."""
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def capability(declared: Mapping[str, Any]) -> Capability:
    """From a manifest's ``[[capability]]``."""
    return Capability(
        function=str(declared.get("function", "")).lower(),
        data_components=tuple(declared.get("data_components", ())),
        asset_classes=tuple(declared.get("asset_classes", ())),
    )


def seen_by(asset: Mapping[str, Any]) -> dict[str, str]:
    """Instance -> the latest time it saw the asset (ISO 8601, may be empty); not those whose inventories lost it."""
    out: dict[str, str] = {}
    for member in asset.get("members", ()):
        if member.get("absent_since"):
            continue
        name = str(member.get("instance", ""))
        out[name] = max(out.get(name, ""), str(member.get("last_seen") or ""))
    return out
