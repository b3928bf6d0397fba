"""Run by the interpreter that has the Airbyte CDK: ``airbyte_source.py URL FOLDER``; records and state as a platform keeps them."""

import json
import logging
import pathlib
import sys

from airbyte_cdk.models import (
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
    Type,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "updated_at": {"type": "string"},
        "title": {"type": "string"},
        "severity": {"type": "integer"},
    },
}
MANIFEST = {
    "version": "6.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["alerts"]},
    "streams": [
        {
            "type": "DeclarativeStream",
            "name": "alerts",
            "primary_key": ["id"],
            "schema_loader": {"type": "InlineSchemaLoader", "schema": SCHEMA},
            "retriever": {
                "type": "SimpleRetriever",
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
                },
                "paginator": {
                    "type": "DefaultPaginator",
                    "page_token_option": {
                        "type": "RequestOption",
                        "inject_into": "request_parameter",
                        "field_name": "cursor",
                    },
                    "pagination_strategy": {
                        "type": "CursorPagination",
                        "cursor_value": "{{ response.get('next_cursor') }}",
                        "stop_condition": "{{ not response.get('next_cursor') }}",
                    },
                },
                "requester": {
                    "type": "HttpRequester",
                    "url_base": url,
                    "path": "/v1/alerts",
                    "http_method": "GET",
                    "authenticator": {
                        "type": "OAuthAuthenticator",
                        "token_refresh_endpoint": f"{url}/oauth/token",
                        "client_id": "hub",
                        "client_secret": "secret",
                        "grant_type": "client_credentials",
                    },
                },
            },
            "incremental_sync": {
                "type": "DatetimeBasedCursor",
                "cursor_field": "updated_at",
                "datetime_format": "%Y-%m-%dT%H:%M:%S.%fZ",
                "cursor_datetime_formats": ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S.000Z"],
                "start_datetime": "2020-01-01T00:00:00.000000Z",
                "start_time_option": {
                    "type": "RequestOption",
                    "inject_into": "request_parameter",
                    "field_name": "since",
                },
            },
        }
    ],
    "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
}
catalog = ConfiguredAirbyteCatalogSerializer.load(
    {
        "streams": [
            {
                "stream": {
                    "name": "alerts",
                    "json_schema": SCHEMA,
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental",
                "destination_sync_mode": "append",
            }
        ]
    }
)
kept, saved = folder / "records", folder / "state.json"
state = [AirbyteStateMessageSerializer.load(json.loads(saved.read_text()))] if saved.exists() else []
config = {"__injected_declarative_manifest": MANIFEST}
error = ""
try:
    source = ConcurrentDeclarativeSource(catalog=catalog, config=config, state=state, source_config=MANIFEST)
    with kept.open("a") as file:
        for message in source.read(logging.getLogger("airbyte"), config, catalog, state):
            if message.type == Type.RECORD:
                file.write(json.dumps({"id": message.record.data["id"]}) + "\n")
                file.flush()
            elif message.type == Type.STATE:
                saved.write_text(json.dumps(AirbyteStateMessageSerializer.dump(message.state)))
except Exception as failure:
    error = type(failure).__name__
ids = [json.loads(line)["id"] for line in kept.read_text().splitlines()] if kept.exists() else []
print(json.dumps({"ids": ids, "error": error, "aside": 0}))
