"""What Armis' types of devices are in the words of the asset facts."""

from __future__ import annotations

_CLASSES = {
    "laptop": "laptop", "desktop": "workstation", "personal computer": "workstation", "workstation": "workstation",
    "computer": "workstation", "thin client": "workstation", "engineering workstation": "engineering-workstation",
    "engineering station": "engineering-workstation", "server": "server", "virtual machine": "virtual-machine",
    "hypervisor": "hypervisor", "container": "container", "domain controller": "domain-controller",
    "mobile phone": "mobile", "smartphone": "mobile", "phone": "mobile", "tablet": "mobile", "handheld": "mobile",
    "switch": "switch", "industrial switch": "switch", "router": "router", "firewall": "firewall",
    "access point": "access-point", "wireless access point": "access-point", "access point interface": "access-point", "wlan controller": "network-device",
    "network equipment": "network-device", "vpn server": "vpn-server", "load balancer": "network-device",
    "ip camera": "camera", "camera": "camera", "printer": "printer", "multifunction printer": "printer",
    "ip phone": "voip", "voip": "voip", "voip phone": "voip", "nas": "storage", "storage": "storage",
    "plc": "plc", "programmable logic controller": "plc", "rtu": "rtu", "remote terminal unit": "rtu", "ied": "ied",
    "hmi": "hmi", "human machine interface": "hmi", "historian": "historian", "scada server": "control-server",
    "scada": "control-server", "opc server": "data-gateway", "industrial gateway": "data-gateway",
    "protocol gateway": "data-gateway", "dcs": "dcs-controller", "dcs controller": "dcs-controller",
    "safety controller": "safety-controller", "safety instrumented system": "safety-controller",
    "io module": "field-io", "i/o module": "field-io", "remote io": "field-io", "controller": "controller",
    "industrial controller": "controller", "drive": "drive", "vfd": "drive", "variable frequency drive": "drive",
    "sensor": "sensor", "meter": "meter", "robot": "robot", "industrial robot": "robot", "hvac": "building-automation",
    "building automation": "building-automation", "building management system": "building-automation",
    "infusion pump": "medical", "patient monitor": "medical", "medical device": "medical", "ct": "medical",
    "mri": "medical", "ultrasound": "medical", "x ray": "medical", "x ray machine": "medical", "pacs": "medical", "ventilator": "medical",
}  # fmt: skip
_OT = frozenset(
    {
        "plc", "rtu", "ied", "hmi", "historian", "control-server", "dcs-controller", "safety-controller", "field-io",
        "controller", "drive", "meter", "robot", "engineering-workstation", "data-gateway",
    }
)  # fmt: skip
_CATEGORIES = (
    ("medical", "iomt"), ("healthcare", "iomt"), ("clinical", "iomt"), ("industrial", "ot"), ("manufacturing", "ot"),
    ("operational", "ot"), ("ot ", "ot"), ("building", "ot"), ("computer", "it"), ("handheld", "it"), ("network", "it"),
    ("server", "it"), ("storage", "it"), ("virtual", "it"), ("imaging", "iot"), ("multimedia", "iot"), ("smart", "iot"),
    ("iot", "iot"), ("automation", "iot"), ("wearable", "iot"), ("gaming", "iot"), ("camera", "iot"),
)  # fmt: skip


def asset_class(type_enum: str | None, type: str | None) -> str | None:
    """The class of a device; a type that is not among ours stays as Armis writes it."""
    for text in (type_enum, type):
        word = " ".join((text or "").lower().replace("_", " ").replace("-", " ").split())
        for form in (word, word.removesuffix("s"), word.removesuffix("es"), f"{word.removesuffix('ies')}y"):
            if form in _CLASSES:
                return _CLASSES[form]
    return type or type_enum


def technology(category: str | None, type_enum: str | None, type: str | None) -> str | None:
    """ot, it, iot or iomt, where type or category leave no doubt."""
    if asset_class(type_enum, type) in _OT:
        return "ot"
    word = f"{category or ''} ".lower()
    return next((found for part, found in _CATEGORIES if part in word), None)
