"""What xDome's types of devices are in the words of the asset facts."""

from __future__ import annotations

_CLASSES = {
    "plc": "plc", "programmable logic controller": "plc", "rtu": "rtu", "ied": "ied", "protection relay": "ied",
    "controller": "controller", "hmi": "hmi", "engineering station": "engineering-workstation",
    "engineering workstation": "engineering-workstation", "operator station": "hmi", "historian": "historian",
    "scada server": "control-server", "scada client": "hmi", "dcs": "dcs-controller", "dcs controller": "dcs-controller",
    "dcs server": "control-server", "opc server": "data-gateway", "ot gateway": "data-gateway",
    "protocol converter": "data-gateway", "serial to ethernet converter": "data-gateway", "remote i/o": "field-io",
    "remote io": "field-io", "i/o module": "field-io", "io module": "field-io", "safety controller": "safety-controller",
    "sis": "safety-controller", "drive": "drive", "variable frequency drive": "drive", "robot": "robot",
    "industrial robot": "robot", "sensor": "sensor", "power meter": "meter", "meter": "meter",
    "building automation controller": "building-automation", "hvac": "building-automation",
    "hvac controller": "building-automation", "elevator": "building-automation", "workstation": "workstation",
    "desktop": "workstation", "computer": "workstation", "thin client": "workstation", "laptop": "laptop",
    "server": "server", "domain controller": "domain-controller", "virtual machine": "virtual-machine",
    "hypervisor": "hypervisor", "nas": "storage", "storage": "storage", "mobile phone": "mobile", "tablet": "mobile",
    "smartphone": "mobile", "switch": "switch", "industrial switch": "switch", "router": "router", "firewall": "firewall",
    "access point": "access-point", "wireless access point": "access-point", "vpn gateway": "vpn-server",
    "printer": "printer", "mobile printer": "printer", "label printer": "printer", "ip camera": "camera",
    "camera": "camera", "security camera": "camera", "ip phone": "voip", "voip phone": "voip", "jump server": "jump-host",
}  # fmt: skip
_TECHNOLOGIES = {"ot": "ot", "it": "it", "iot": "iot", "medical": "iomt", "iomt": "iomt", "healthcare": "iomt"}
_RUN_SOFTWARE = frozenset(
    {"workstation", "laptop", "server", "control-server", "historian", "hmi", "engineering-workstation", "jump-host",
     "domain-controller", "virtual-machine", "hypervisor"}
)  # fmt: skip


def asset_class(category: str | None, kind: str | None, family: str | None) -> str | None:
    """The class of a device; a type that is not among ours stays as xDome writes it, but for medical devices."""
    for text in (kind, family):
        found = _CLASSES.get(" ".join((text or "").lower().replace("-", " ").split()))
        if found:
            return found
    return "medical" if technology(category) == "iomt" else kind or family


def technology(category: str | None) -> str | None:
    """ot, it, iot or iomt."""
    return _TECHNOLOGIES.get((category or "").lower())


def runs_software(kind: str | None) -> bool:
    """Whether the version that xDome calls "software or firmware" is that of an application: the system has its own."""
    return kind in _RUN_SOFTWARE


__all__ = ["asset_class", "runs_software", "technology"]
