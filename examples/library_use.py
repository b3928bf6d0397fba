"""Isthmus as a library: one pass, then what the hub knows, then what is new on the resolved stream.

    python examples/library_use.py isthmus.toml state

Run it again: the subscription goes on after the last entry that was committed, so only what is new is printed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from isthmus_hub import Hub
from isthmus_sdk import stix

GROUP = "library-example"
"""A named group has its own position, and keeps the bus from removing what it has not read."""


def new_objects(hub: Hub) -> list[dict[str, Any]]:
    """Resolved objects since the last call, oldest first."""
    found: list[dict[str, Any]] = []
    with hub.subscribe("resolved", GROUP) as subscription:
        while blocks := subscription.poll(timeout=0):
            for block in blocks:
                found += [stix.decode(entry) for entry in block.entries]
            subscription.commit(blocks[-1].last)  # after the work is done: what is not committed comes again
    return found


def main(config: Path, state: Path) -> int:
    """Sync once and print what came of it. Returns the number of runs that failed."""
    with Hub.open(state, config) as hub:
        report = hub.sync()
        for run in report["runs"]:
            print(f"{run['instance']} {run['stream']}: {run['records']} records, {run['quarantined']} quarantined")
        for delivery in report["deliveries"]:
            print(f"{delivery['platform']}: {delivery['accepted']} of {delivery['in']} accepted")
        for asset in hub.assets()["assets"]:
            sources = sorted({member["instance"] for member in asset["members"]})
            print(f"asset {asset['name']} ({asset['class']}), seen by {', '.join(sources)}")
        print(f"{len(new_objects(hub))} new objects on the resolved stream")
        return sum(run["error"] is not None for run in report["runs"])


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]), Path(sys.argv[2])) else 0)
