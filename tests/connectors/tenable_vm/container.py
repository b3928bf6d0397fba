"""A plant as the scanner sees it, and the service that exports it."""

from __future__ import annotations

from typing import Any

from isthmus_connectors.simulation import Plant
from isthmus_connectors.tenable_vm.simulator import PRODUCT, TenableCloud

SECRETS = {"access_key": "tenable-access", "secret_key": "tenable-secret"}


def plant(assets: int = 7, **changes: Any) -> dict[str, Any]:
    """Assets in number, each with one vulnerability."""
    made: dict[str, Any] = {
        "name": "north-works",
        "devices": [
            {
                "id": f"h{n}", "hostname": f"host-{n}", "class": "workstation", "os": "Windows 10",
                "interfaces": [{"mac": f"00:00:5e:00:53:{n:02x}", "ips": [f"192.0.2.{n + 1}"]}],
                "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-05-04T05:58:16Z",
            }
            for n in range(assets)
        ],
        "vulnerabilities": [
            {
                "id": f"v{n}", "device": f"h{n}", "cve": f"CVE-2026-{1000 + n}", "cvss": 7.5, "fix": "Update it",
                "first_seen": "2026-03-01T00:00:00Z", "last_seen": f"2026-05-0{1 + n % 7}T00:00:00Z",
            }
            for n in range(assets)
        ],
    }  # fmt: skip
    return {**made, **changes}


def container(data: dict[str, Any] | None = None, **options: Any) -> TenableCloud:
    return TenableCloud(Plant(plant() if data is None else data, PRODUCT), **{"rows": 3, **options})


def settings(url: str) -> dict[str, Any]:
    return {"base_url": url}
