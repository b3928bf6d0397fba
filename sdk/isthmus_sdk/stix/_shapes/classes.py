"""Classes of assets: one vocabulary for all connectors.

Each class has the infrastructure type that STIX knows and, for OT, the asset of ATT&CK for ICS (A0001 to A0018).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ASSET_CLASSES: Final[Mapping[str, tuple[str, str | None]]] = MappingProxyType(
    {
        "workstation": ("workstation", "A0001"),
        "hmi": ("control-system", "A0002"),
        "plc": ("control-system", "A0003"),
        "rtu": ("control-system", "A0004"),
        "ied": ("control-system", "A0005"),
        "historian": ("control-system", "A0006"),
        "control-server": ("control-system", "A0007"),
        "application-server": ("workstation", "A0008"),
        "data-gateway": ("control-system", "A0009"),
        "safety-controller": ("control-system", "A0010"),
        "vpn-server": ("routers-switches", "A0011"),
        "jump-host": ("workstation", "A0012"),
        "field-io": ("control-system", "A0013"),
        "router": ("routers-switches", "A0014"),
        "switch": ("routers-switches", "A0015"),
        "firewall": ("firewall", "A0016"),
        "dcs-controller": ("control-system", "A0017"),
        "pac": ("control-system", "A0018"),
        "engineering-workstation": ("workstation", "A0001"),
        "controller": ("control-system", None),
        "drive": ("control-system", None),
        "sensor": ("control-system", None),
        "actuator": ("control-system", None),
        "meter": ("control-system", None),
        "robot": ("control-system", None),
        "building-automation": ("control-system", None),
        "endpoint": ("workstation", None),
        "laptop": ("workstation", None),
        "server": ("workstation", None),
        "domain-controller": ("workstation", None),
        "virtual-machine": ("workstation", None),
        "hypervisor": ("workstation", None),
        "container": ("workstation", None),
        "cloud-workload": ("workstation", None),
        "mobile": ("workstation", None),
        "access-point": ("routers-switches", None),
        "network-device": ("routers-switches", None),
        "printer": ("unknown", None),
        "camera": ("unknown", None),
        "storage": ("unknown", None),
        "iot": ("unknown", None),
        "medical": ("unknown", None),
        "voip": ("unknown", None),
        "saas": ("unknown", None),
        "external": ("unknown", None),
        "broadcast": ("unknown", None),
        "multicast": ("unknown", None),
        "unknown": ("unknown", None),
    }
)
"""(infrastructure type, ATT&CK for ICS asset) by class."""
