"""What can be collected on an asset class at all: an agent does not run on a controller, however often a brochure says so.

Two tables of MITRE's, and nothing else, decide:

* on what an asset class runs: ``x_mitre_platforms`` of the assets of ATT&CK for ICS 18.1; classes that ATT&CK does not have are
  placed beside their nearest relative, and marked so;
* where a data component is collected: ``x_mitre_collection_layers`` and ``x_mitre_platforms`` of ATT&CK's data sources (last in
  version 17; 18 keeps them as deprecated objects). Collected on the host alone means that something of the sensor runs there.

A class that is in neither table (``unknown``, a vendor's own word) rules nothing out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from isthmus_sdk.stix import ASSET_CLASSES

EMBEDDED, NETWORK, HOST, SERVICE = "embedded", "network", "host", "service"

_BY_ATTACK: Final = {
    "A0001": {HOST}, "A0002": {HOST}, "A0003": {EMBEDDED}, "A0004": {HOST, EMBEDDED}, "A0005": {EMBEDDED},
    "A0006": {HOST, EMBEDDED}, "A0007": {HOST, EMBEDDED}, "A0008": {HOST}, "A0009": {HOST, EMBEDDED, NETWORK},
    "A0010": {EMBEDDED}, "A0011": {HOST, EMBEDDED}, "A0012": {HOST, EMBEDDED}, "A0013": {EMBEDDED},
    "A0014": {EMBEDDED, NETWORK}, "A0015": {EMBEDDED, NETWORK}, "A0016": {HOST, EMBEDDED, NETWORK}, "A0017": {EMBEDDED},
    "A0018": {EMBEDDED},
}  # fmt: skip
"""``x_mitre_platforms`` of ATT&CK for ICS 18.1; Windows and Linux are a host."""

_RELATIVES: Final = {
    **{
        name: {EMBEDDED}
        for name in ("controller", "drive", "sensor", "actuator", "meter", "robot", "building-automation")
    },
    **{name: {HOST} for name in ("endpoint", "laptop", "server", "domain-controller", "virtual-machine", "mobile")},
    **{name: {HOST} for name in ("hypervisor", "container", "cloud-workload")},
    **{name: {EMBEDDED, NETWORK} for name in ("access-point", "network-device")},
    **{name: {EMBEDDED} for name in ("printer", "camera", "iot", "voip")},
    **{name: {HOST, EMBEDDED} for name in ("storage", "medical")},
    "saas": {SERVICE},
}
"""Classes that ATT&CK for ICS does not have, beside their nearest relative: our judgement, no statement of MITRE's."""

PLATFORMS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {name: frozenset(_BY_ATTACK[id]) for name, (_, id) in ASSET_CLASSES.items() if id}
    | {name: frozenset(kinds) for name, kinds in _RELATIVES.items()}
)
"""Asset class to what it runs on. Not in it: anything may be collected."""

ON: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("process creation", "process termination", "process metadata", "process access", "process modification", "os api",
             "module", "script", "drive", "windows registry", "service", "scheduled job", "network share", "driver", "named pipe", "wmi"),
            frozenset({HOST}),
        ),
        **dict.fromkeys(("command", "file"), frozenset({HOST, NETWORK})),
        "process history": frozenset({HOST, EMBEDDED}),
        "process/event alarm": frozenset({HOST, EMBEDDED}),
        "device alarm": frozenset({HOST, EMBEDDED, NETWORK}),
    }
)  # fmt: skip
"""First words of data components to the platforms they can be collected on; those not named can be collected of any: traffic is
heard beside the device, accounts and applications write logs, an inventory and its software can be asked for, firmware compared."""


def collectable(component: str, asset_class: str) -> bool:
    """Whether a data component (by name) can be collected on an asset class (by its normal name, ``plc``)."""
    runs_on = PLATFORMS.get(asset_class)
    if runs_on is None:
        return True
    needs = next((kinds for words, kinds in ON.items() if component.casefold().startswith(words)), None)
    return needs is None or not needs.isdisjoint(runs_on)


def collected(components: Iterable[str], asset_class: str) -> tuple[str, ...]:
    """Those data components that can be collected on an asset class."""
    return tuple(each for each in components if collectable(each, asset_class))


__all__ = ["EMBEDDED", "HOST", "NETWORK", "ON", "PLATFORMS", "SERVICE", "collectable", "collected"]
