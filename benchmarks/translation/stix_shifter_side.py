"""stix-shifter's side, in an environment of its own: pages of results to the text of STIX 2.1 bundles, as its command
writes them (here without indentation).

``stix_shifter_side.py MODULE FILE PAGE``: prints ``{"cpu", "records", "objects"}``.
"""

import json
import sys
import time
from pathlib import Path

from stix_shifter.stix_translation import stix_translation

SOURCE = {
    "type": "identity", "id": "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", "name": "benchmark",
    "identity_class": "events", "spec_version": "2.1", "created": "2026-01-01T00:00:00.000Z",
    "modified": "2026-01-01T00:00:00.000Z",
}  # fmt: skip


def main(module: str, file: str, size: int) -> None:
    """Translate every page; the first counts twice, and its first time not."""
    records = Path(file).read_text(encoding="utf-8").splitlines()
    pages = ["[" + ",".join(records[at : at + size]) + "]" for at in range(0, len(records), size)]
    translation = stix_translation.StixTranslation()
    translation.translate(module, "results", dict(SOURCE), json.loads(pages[0]), {"stix_2.1": True})
    objects = 0
    began = time.process_time()
    for page in pages:
        bundle = translation.translate(module, "results", dict(SOURCE), json.loads(page), {"stix_2.1": True})
        if "objects" not in bundle:
            raise SystemExit(f"not translated: {bundle.get('error')}")
        json.dumps(bundle, default=str)
        objects += len(bundle["objects"]) - 1
    print(json.dumps({"cpu": time.process_time() - began, "records": len(records), "objects": objects}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
