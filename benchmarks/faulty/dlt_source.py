"""Run by the interpreter that has dlt: ``dlt_source.py URL FOLDER``; prints how many records the destination holds."""

import gzip
import json
import pathlib
import sys

import dlt
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from dlt.sources.rest_api import rest_api_source

url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
source = rest_api_source(
    {
        "client": {
            "base_url": url,
            "auth": OAuth2ClientCredentials(
                access_token_url=f"{url}/oauth/token", client_id="hub", client_secret="secret"
            ),
            "paginator": {"type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor"},
        },
        "resources": [
            {
                "name": "alerts",
                "primary_key": "id",
                "write_disposition": "append",
                "endpoint": {
                    "path": "v1/alerts",
                    "data_selector": "data",
                    "incremental": {
                        "cursor_path": "updated_at",
                        "initial_value": "2020-01-01T00:00:00.000Z",
                        "start_param": "since",
                    },
                },
            }
        ],
    }
)
pipeline = dlt.pipeline(
    "faulty",
    pipelines_dir=str(folder / "pipelines"),
    destination=dlt.destinations.filesystem(bucket_url=(folder / "out").as_uri()),
    dataset_name="faulty",
)
error = ""
try:
    pipeline.run(source)
except Exception as failure:
    error = type(failure).__name__
ids = []
for path in (folder / "out").rglob("alerts/*.jsonl*"):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    ids += [json.loads(line)["id"] for line in data.splitlines() if line.strip()]
print(json.dumps({"ids": ids, "error": error, "aside": 0}))
