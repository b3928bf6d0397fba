"""Our side: pages of records to checked, encoded objects, as a worker makes them.

``isthmus_side.py CONNECTOR STREAM FILE PAGE [memory]``: prints ``{"cpu", "records", "objects", "own", "ids", "peak"}``. Pages are read
one by one and their objects let go, as in use; ``own`` is a digest of the vendor's own ids that came out in objects of alerts
and events, ``ids`` one of every object's id, ``peak`` the memory of the process in MB; with ``memory``
no ids are kept, which no worker does: those of 50,000 records of Nozomi take more than its pages.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from isthmus_sdk import stix
from isthmus_sdk.engine import Outcome, PageMapper
from isthmus_sdk.loader import find, load
from isthmus_sdk.page import Page
from isthmus_sdk.stix import Builder
from isthmus_sdk.worker import collect_seldom

AT = "2026-02-01T00:00:00.000Z"


def pages(file: str, size: int) -> Iterator[list[bytes]]:
    """Lines of the file, so many at once."""
    with Path(file).open("rb") as lines:
        while page := [line.rstrip(b"\n") for line in islice(lines, size)]:
            yield page


def own_ids(outcome: Outcome) -> set[str]:
    """The vendor's own ids in the objects of a page."""
    found = set()
    for obj, _ in outcome.objects.values():
        known = stix.facts(obj, stix.ALERT) or {}
        references = (each.get("external_id") for each in obj.get("external_references", ()))
        found |= {str(each) for each in (known.get("native_id"), *references) if each}
    return found


def digest(values: set[str]) -> str:
    """One text for a set of texts."""
    return blake2b("\n".join(sorted(values)).encode(), digest_size=16).hexdigest()


def main(connector: str, stream: str, file: str, size: int, keep: bool) -> None:
    """Map every page; the first counts twice, and its first time not."""
    made = load(find(connector).value)

    def build(observed_at: str) -> Builder:
        return Builder(source_id="benchmark", connector=connector, observed_at=observed_at, scope=lambda *_a, **_n: "s")

    mapper = PageMapper(made.streams[stream], build, tlp="amber", settings=_settings(made))
    collect_seldom()
    mapper.map(Page(records=next(pages(file, size)), observed_at=AT))
    own: set[str] = set()
    ids: set[str] = set()
    records, spent = 0, 0.0
    for raws in pages(file, size):
        began = time.process_time()
        outcome = mapper.map(Page(records=raws, observed_at=AT))
        spent += time.process_time() - began
        records += outcome.mapped
        if keep:
            own |= own_ids(outcome)
            ids |= set(outcome.objects)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))
    report = {"cpu": spent, "records": records, "objects": len(ids), "ids": digest(ids), "peak": peak}
    print(json.dumps({**report, "own": sorted(own)}))


def _settings(connector: Any) -> Any:
    """Settings that let a mapping run: what must be given is made up."""
    from isthmus_sdk.testing._kit import open_bench

    with open_bench(connector, write=False) as bench:
        return bench.settings


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), keep="memory" not in sys.argv[5:])
