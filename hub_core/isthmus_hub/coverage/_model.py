"""What coverage is computed from: who is configured, what each declares, which assets there are.

Assets and communications come in the shapes of ``isthmus assets --json``, so that everything here is a pure function of
plain data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from isthmus_hub.coverage._collect import collected
from isthmus_sdk.stix import ASSET_CLASSES

FUNCTIONS = ("identify", "protect", "detect", "respond", "recover")
"""Functions of the NIST Cybersecurity Framework, as in the Cyber Defense Matrix."""

EVERY = frozenset({"*", "any", "all"})
UNKNOWN = "unknown"

WIRE_COMPONENTS = ("network traffic",)
HOST_COMPONENTS = (
    "process creation",
    "process termination",
    "process metadata",
    "process access",
    "process modification",
    "os api",
    "command",
    "module",
    "script",
    "file",
    "driver",
    "windows registry",
    "service",
)
"""First words of what tells an endpoint sensor: something of it runs on the host. ``Process History`` and ``Process/Event Alarm``
are of the plant, and who logged on is also told by directories and by logs."""
WEAKNESS_COMPONENTS = ("software", "vulnerability")
"""What a source must enumerate to know an asset's weaknesses; ATT&CK has no component of its own for them."""


SOME_HOST = "endpoint"
"""A host of which nobody says more (a CMDB's computer, a device of a directory)."""
KINDS_OF_HOST = ("workstation", "laptop", "server")
"""What it may be: who can watch one of these may be asked to watch it. Not a virtual machine: who watches those alone needs them in
its own cloud."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A function performed on asset classes by collecting data components (ATT&CK names)."""

    function: str
    data_components: tuple[str, ...]
    asset_classes: tuple[str, ...]
    evidence: str = ""
    streams: tuple[str, ...] = ()
    """Streams that carry it; empty: whatever is read."""

    def applies_to(self, asset_class: str, technology: str = "") -> bool:
        """Whether the capability can be exercised on that class of asset (by name, ATT&CK id, or ``ot``, ``it``, ``iot``).

        Claimed is not enough: of the data components it names at least one must be collectable on the class.
        """
        if not _claimed(self.asset_classes, asset_class, technology):
            return False
        return not self.data_components or bool(self.held(asset_class))

    def held(self, asset_class: str) -> tuple[str, ...]:
        """Its data components that can be collected on a class."""
        return collected(self.data_components, class_name(asset_class))

    def collects(self, components: Sequence[str]) -> bool:
        """Whether one of its data components begins with one of these words."""
        return _collects(self.data_components, tuple(components))

    def collects_on(self, asset_class: str, components: Sequence[str]) -> bool:
        """Whether one that can be collected on the class begins with one of these words."""
        return _collects(self.held(asset_class), tuple(components))


@dataclass(frozen=True, slots=True)
class Source:
    """A connector, and the instance of it that is configured (``instance`` empty: installed, not configured)."""

    connector: str
    capabilities: tuple[Capability, ...]
    instance: str = ""
    primary: bool = False
    """The chosen primary platform is also this source (``covers_by``)."""
    last_success: str = ""
    idle: tuple[Capability, ...] = ()
    """What the connector could do as well, and this instance does not: none of the streams that carry it runs."""

    @classmethod
    def running(
        cls, connector: str, declared: Iterable[Capability], instance: str, streams: Collection[str], *, primary: bool
    ) -> Source:
        """An instance that runs these streams: what none of them carries is idle."""
        runs: list[Capability] = []
        idle: list[Capability] = []
        for each in declared:
            (runs if not each.streams or set(each.streams) & set(streams) else idle).append(each)
        return cls(connector, tuple(runs), instance, primary=primary, idle=tuple(idle))


@dataclass(frozen=True, slots=True)
class Product:
    """Something on the market with what it can do: other tools name it in ``monitored_by``."""

    names: tuple[str, ...]
    """How it is called: vendor, product, names of connectors."""
    capabilities: tuple[Capability, ...]

    def is_meant(self, word: str) -> bool:
        """Whether a vendor's word for another tool means this one: one has all the words of the other."""
        said = _words(word)
        return any(said and (known := _words(name)) and (said <= known or known <= said) for name in self.names)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is decided by an organisation, not by data."""

    stale_after: timedelta = timedelta(days=7)
    """Evidence that is older is stale."""
    unscanned_after: timedelta = timedelta(days=30)
    """Whose weaknesses nobody looked at for so long is unscanned."""
    crown_jewel: int = 75
    """Criticality (0 to 100) from which an asset is a crown jewel; so is what has ``crown-jewel`` as a label or role."""

    def precious(self, asset: Mapping[str, Any]) -> bool:
        """Whether an asset is a crown jewel."""
        words = {class_name(str(word)) for name in ("labels", "roles") for word in asset.get(name) or ()}
        return (asset.get("criticality") or 0) >= self.crown_jewel or "crown-jewel" in words


DEFAULT_RULES = Rules()


def class_name(text: str) -> str:
    """One spelling of an asset class: lower case, hyphens."""
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def class_of(asset: Mapping[str, Any]) -> str:
    """The class of an asset; ``unknown`` where nobody says."""
    return class_name(str(asset.get("class") or UNKNOWN))


def capability(declared: Mapping[str, Any]) -> Capability:
    """From a manifest's ``[[capability]]``."""
    return Capability(
        function=str(declared.get("function", "")).lower(),
        data_components=tuple(declared.get("data_components", ())),
        asset_classes=tuple(declared.get("asset_classes", ())),
        evidence=str(declared.get("evidence") or declared.get("source") or ""),
        streams=tuple(declared.get("streams") or ()),
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


def told_by_others(asset: Mapping[str, Any], products: Iterable[Product]) -> list[Product]:
    """Products that vendors say watch an asset: hearsay, a weaker witness than any record of the product's own."""
    words = [str(word) for word in asset.get("monitored_by") or ()]
    return [each for each in products if any(each.is_meant(word) for word in words)] if words else []


@lru_cache(maxsize=65_536)
def _claimed(claimed: tuple[str, ...], asset_class: str, technology: str) -> bool:
    name = class_name(asset_class)
    attack = ASSET_CLASSES.get(name, ("", None))[1]
    kinds = KINDS_OF_HOST if name == SOME_HOST else ()
    return not {class_name(item) for item in claimed}.isdisjoint(
        {*EVERY, name, technology, (attack or name).lower(), *kinds}
    )


@lru_cache(maxsize=16_384)
def _collects(have: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return any(each.lower().startswith(wanted) for each in have)


_SAYS_NOTHING = frozenset(
    {
        "the", "for", "and", "of", "agent", "client", "cloud", "edr", "endpoint", "enterprise", "network", "networks", "platform",
        "security", "sensor", "server", "siem", "system", "xdr", "google", "ibm", "microsoft",
    }
)  # fmt: skip
"""Words that many products share, and makers of so many that their name alone means none of them."""


@lru_cache(maxsize=16_384)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", text.lower())) - _SAYS_NOTHING
