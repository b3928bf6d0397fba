"""A plant as Falcon sees it, and the cloud that serves it."""

from __future__ import annotations

from typing import Any

from isthmus_connectors.crowdstrike_falcon.simulator import PRODUCT, FalconCloud
from isthmus_connectors.simulation import Plant

SECRETS = {"client_secret": "falcon-secret"}


def plant(hosts: int = 7, **changes: Any) -> dict[str, Any]:
    """Hosts in number, an alert and a vulnerability on each."""
    made: dict[str, Any] = {
        "name": "north-works",
        "devices": [
            {
                "id": f"h{n}", "hostname": f"host-{n}", "class": "workstation", "os": "Windows 10", "os_build": 19045,
                "interfaces": [{"mac": f"00:00:5e:00:53:{n:02x}", "ips": [f"192.0.2.{n + 1}"]}],
                "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-05-04T05:58:16Z",
            }
            for n in range(hosts)
        ],
        "alerts": [
            {
                "id": f"a{n}", "title": f"Alert {n}", "severity": 50, "device": f"h{n}", "techniques": ["T1059.001"],
                "first_seen": "2026-05-04T05:20:00Z", "created": f"2026-05-04T05:2{n}:00.5Z",
            }
            for n in range(min(hosts, 7))
        ],
        "vulnerabilities": [
            {
                "id": f"v{n}", "device": f"h{n}", "cve": f"CVE-2026-{1000 + n}", "cvss": 7.5, "fix": "Update it",
                "product": {"vendor": "Acme", "name": "Reader", "version": f"1.{n}"},
                "first_seen": "2026-03-01T00:00:00Z", "last_seen": f"2026-05-0{1 + n % 7}T00:00:00Z",
            }
            for n in range(min(hosts, 7))
        ],
    }  # fmt: skip
    return {**made, **changes}


def cloud(data: dict[str, Any] | None = None, **options: Any) -> FalconCloud:
    return FalconCloud(Plant(plant() if data is None else data, PRODUCT), **options)


def settings(url: str) -> dict[str, Any]:
    return {"base_url": url, "client_id": "falcon-client"}
