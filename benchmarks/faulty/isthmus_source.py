"""The same for Isthmus: ``isthmus_source.py URL FOLDER``; a worker process and a hub that stores its blocks durably."""

import json
import pathlib
import subprocess
import sys

from isthmus_sdk import stix
from isthmus_sdk.testing._hub import Log

ROOT = pathlib.Path(__file__).resolve().parents[2]
url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
job = {
    "connector": "benchmarks.faulty.connector:faulty",
    "roots": [str(ROOT)],
    "stream": "alerts",
    "source": "benchmark",
    "configure": {"settings": {"base_url": url, "client_id": "hub"}, "secrets": {"client_secret": "secret-of-the-hub"}},
    "log": str(folder / "log"),
}
(folder / "job.json").write_text(json.dumps(job))
done = subprocess.run(
    [sys.executable, "-m", "isthmus_sdk.testing._hub", str(folder / "job.json")],
    capture_output=True,
    text=True,
    check=False,
)
ended = json.loads(done.stdout.splitlines()[-1])
ids = [
    obj["external_references"][0]["external_id"]
    for block in Log(folder / "log").blocks
    for obj in map(stix.decode, block.objects)
    if obj["type"] == "incident"
]
print(json.dumps({"ids": ids, "error": ended["error"] or "", "aside": ended["quarantined"]}))
