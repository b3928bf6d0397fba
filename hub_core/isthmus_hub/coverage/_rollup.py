"""The same coverage in the words of three frameworks: Cyber Defense Matrix, NIST CSF 2.0, IEC 62443.

Each row of a table says which capabilities count towards it: by function, by the first words of data components, by asset
classes. The frameworks do not know data components: which row a capability counts towards is our reading, written down here so
that anybody can disagree with it. A row says what could be known or done by tools. It is no statement of conformance.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from isthmus_hub.coverage._collect import EMBEDDED, PLATFORMS
from isthmus_hub.coverage._fleet import Fleet, Watched
from isthmus_hub.coverage._matrix import measure
from isthmus_hub.coverage._model import FUNCTIONS, WEAKNESS_COMPONENTS, WIRE_COMPONENTS, Capability

CDM, CSF, IEC = "cyber-defense-matrix", "nist-csf-2.0", "iec-62443-3-3"
TITLES: Final = {
    CDM: "Cyber Defense Matrix (S. Yu, OWASP), with a row of its own for OT",
    CSF: "NIST Cybersecurity Framework 2.0 (CSWP 29)",
    IEC: "IEC 62443-3-3:2013, foundational requirements (FR) and system requirements (SR)",
}
_NETWORK = ("router", "switch", "firewall", "vpn-server", "access-point", "network-device")
_CLOUD = ("cloud-workload", "container", "saas")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a framework and what counts towards it."""

    framework: str
    id: str
    title: str
    functions: tuple[str, ...]
    components: tuple[str, ...] = ()
    """First words of data components; empty: any capability of the functions."""
    devices: str = ""
    """``ot``, ``network``, ``cloud``, ``device``: which assets it is about; empty: all."""

    def meets(self, item: Capability, asset_class: str) -> bool:
        """Whether a capability, exercised on a class, counts towards it."""
        return item.function in self.functions and (
            not self.components or item.collects_on(asset_class, self.components)
        )


def kind_of(watched: Watched) -> str:
    """The row of the Cyber Defense Matrix an asset belongs to: OT before all, for that is what it needs apart."""
    if watched.asset_class in _NETWORK:
        return "network"
    if watched.asset_class in _CLOUD:
        return "cloud"
    control = PLATFORMS.get(watched.asset_class) == frozenset({EMBEDDED}) and watched.asset_class not in _THINGS
    return "ot" if watched.technology == "ot" or control else "device"


_THINGS = ("printer", "camera", "iot", "voip")
_LOGON = ("logon session", "user account")
_RUNS = ("process creation", "command", "script", "module", "file", "driver", "service", "windows registry")
_ALARMS = ("device alarm", "process/event alarm", "process history")

LINES: Final = (
    *(
        Line(CDM, f"{devices}/{function}", f"{title}: {function}", (function,), (), devices)
        for devices, title in (("device", "Devices"), ("ot", "Devices, OT"), ("network", "Networks"), ("cloud", "Applications, cloud"))
        for function in FUNCTIONS
    ),
    Line(CSF, "ID.AM-01", "Inventories of hardware are maintained", ("identify",), ("asset inventory",)),
    Line(CSF, "ID.AM-02", "Inventories of software and systems are maintained", ("identify",), ("software",)),
    Line(CSF, "ID.AM-03", "Representations of network communication are maintained", ("identify", "detect"), (*WIRE_COMPONENTS, "network connection")),
    Line(CSF, "ID.RA-01", "Vulnerabilities in assets are identified", ("identify",), WEAKNESS_COMPONENTS),
    Line(CSF, "PR.AA", "Identity management, authentication, access control", ("protect",), _LOGON),
    Line(CSF, "PR.DS", "Data security", ("protect",), ("file", "drive", "network share")),
    Line(CSF, "PR.PS", "Platform security", ("protect",)),
    Line(CSF, "PR.IR", "Technology infrastructure resilience", ("protect",), (*WIRE_COMPONENTS, "firewall")),
    Line(CSF, "DE.CM-01", "Networks and network services are monitored", ("detect",), WIRE_COMPONENTS),
    Line(CSF, "DE.CM-03", "Personnel activity and technology usage are monitored", ("detect",), _LOGON),
    Line(CSF, "DE.CM-09", "Computing hardware, software and runtime environments are monitored", ("detect",), (*_RUNS, *_ALARMS, "firmware", "application log")),
    Line(CSF, "DE.AE", "Adverse event analysis", ("detect",)),
    Line(CSF, "RS.MI", "Incident mitigation", ("respond",)),
    Line(CSF, "RC.RP", "Incident recovery plan execution", ("recover",)),
    Line(IEC, "SR 1.1", "FR 1: human user identification and authentication", ("protect", "detect"), _LOGON),
    Line(IEC, "SR 2.8", "FR 2: auditable events", ("detect",), ("application log", *_LOGON)),
    Line(IEC, "SR 3.2", "FR 3: malicious code protection", ("protect", "detect"), ("process creation", "file", "module", "script")),
    Line(IEC, "SR 3.4", "FR 3: software and information integrity", ("protect", "detect"), ("file modification", "file metadata", "firmware", "software")),
    Line(IEC, "SR 4.1", "FR 4: information confidentiality", ("protect",), ("file", "drive", "network traffic")),
    Line(IEC, "SR 5.1", "FR 5: network segmentation", ("protect",), ("firewall", *WIRE_COMPONENTS)),
    Line(IEC, "SR 5.2", "FR 5: zone boundary protection, monitored", ("protect", "detect"), WIRE_COMPONENTS),
    Line(IEC, "SR 6.1", "FR 6: audit log accessibility", ("detect",), ("application log",)),
    Line(IEC, "SR 6.2", "FR 6: continuous monitoring", ("detect",)),
    Line(IEC, "SR 7.3", "FR 7: control system backup", ("recover",)),
    Line(IEC, "SR 7.8", "FR 7: control system component inventory", ("identify",), ("asset inventory",)),
)  # fmt: skip


def rollups(fleet: Fleet) -> dict[str, list[dict[str, Any]]]:
    """Each framework's rows with the three values, over the assets each row is about; rows about none are left out."""
    kinds: dict[str, list[Watched]] = defaultdict(list)
    for each in fleet.assets:
        kinds[kind_of(each)].append(each)
    industrial = [each for each in fleet.assets if _industrial(each)]
    out: dict[str, list[dict[str, Any]]] = {name: [] for name in TITLES}
    for line in LINES:
        about = kinds[line.devices] if line.devices else industrial if line.framework == IEC else fleet.assets
        if about:
            out[line.framework].append(
                {"id": line.id, "title": line.title, **measure(fleet, about, line.meets).as_json()}
            )
    return out


def _industrial(watched: Watched) -> bool:
    """IEC 62443 is about control systems: what is OT by its technology, its class or its level in the Purdue model."""
    level = watched.asset.get("level")
    below = level is not None and str(level).replace(".", "", 1).isdigit() and float(level) <= 3.5
    return watched.technology == "ot" or below or kind_of(watched) == "ot"
