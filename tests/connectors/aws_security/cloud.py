"""A plant as AWS sees it, and the cloud that serves it."""

from __future__ import annotations

from typing import Any

from isthmus_connectors.aws_security.simulated_rows import PRODUCT
from isthmus_connectors.aws_security.simulator import AwsCloud
from isthmus_connectors.simulation import Plant

REGION = "eu-central-1"
SECRETS = {"secret_access_key": "secret-key"}


def plant(number: int = 3, **changes: Any) -> dict[str, Any]:
    """Instances in number, on each a finding of GuardDuty and one of Inspector."""
    made: dict[str, Any] = {
        "name": "north-cloud",
        "devices": [
            {
                "id": f"h{n}", "name": f"history-{n}", "hostname": f"ip-10-0-{n // 250}-{n % 250 + 1}.ec2.internal",
                "zone": "north", "os": "Linux/UNIX", "external_ip": "198.51.100.7" if n == 0 else None,
                "interfaces": [
                    {"mac": f"02:00:5e:00:{n // 256:02x}:{n % 256:02x}", "ips": [f"10.0.{n // 250}.{n % 250 + 1}"]},
                    {"mac": f"02:00:5f:00:{n // 256:02x}:{n % 256:02x}", "ips": [f"10.1.{n // 250}.{n % 250 + 1}"]},
                ],
                "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-05-04T05:58:16Z",
            }
            for n in range(number)
        ],
        "alerts": [
            {
                "id": f"a{n}", "title": f"SSH brute force {n}", "severity": 50, "target": f"h{n}", "port": 22,
                "source": {"ip": "203.0.113.7"}, "source_port": 40000 + n, "category": "UnauthorizedAccess:EC2/SSHBruteForce",
                "first_seen": "2026-05-04T05:20:00Z", "created": f"2026-05-04T05:{n // 60 + 20}:{n % 60:02d}.5Z",
            }
            for n in range(number)
        ],
        "vulnerabilities": [
            {
                "id": f"v{n}", "device": f"h{n}", "cve": f"CVE-2026-{1000 + n}", "cvss": 7.5, "epss": 0.25, "fix": "1.3",
                "product": {"name": "openssl", "version": "1.2"},
                "first_seen": "2026-03-01T00:00:00Z", "last_seen": f"2026-05-03T05:{n // 60:02d}:{n % 60:02d}Z",
            }
            for n in range(number)
        ],
    }  # fmt: skip
    return {**made, **changes}


def cloud(data: dict[str, Any] | None = None, **options: Any) -> AwsCloud:
    return AwsCloud(Plant(plant() if data is None else data, PRODUCT), **options)


def settings(url: str, **more: str) -> dict[str, Any]:
    return {"region": REGION, "access_key_id": "AKIDEXAMPLE", "endpoint": url, **more}
