"""Files as transport: a reply, a list, one row or one row a line give the same objects as the API would."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from isthmus_connectors.microsoft_defender.connector import defender
from isthmus_connectors.nozomi_guardian.connector import nozomi
from isthmus_sdk import Connector
from isthmus_sdk.commands.map import MapOptions, map_files

ROWS = [{"id": "a-1", "name": "one"}, {"id": "a-2", "name": "two"}]
FORMS = {
    "reply": lambda envelope, rows: json.dumps({envelope: rows, "total": len(rows)}).encode(),
    "list": lambda _, rows: json.dumps(rows).encode(),
    "lines": lambda _, rows: b"".join(json.dumps(row).encode() + b"\n" for row in rows),
    "lines.gz": lambda _, rows: gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows), mtime=0),
}
CASES: list[tuple[Connector[Any], str, str]] = [(nozomi, "assets", "result"), (defender, "machines", "value")]


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize(("connector", "stream", "envelope"), CASES, ids=["nozomi", "defender"])
def test_every_form_of_file_gives_the_same_objects(
    connector: Connector[Any], stream: str, envelope: str, form: str, tmp_path: Path
) -> None:
    options = MapOptions(observed_at="2026-05-04T06:00:00.000Z")
    given, plain = tmp_path / f"given.json{'.gz' if form.endswith('gz') else ''}", tmp_path / "plain.json"
    given.write_bytes(FORMS[form](envelope, ROWS))
    plain.write_bytes(FORMS["list"](envelope, ROWS))
    mapped = map_files(connector, connector.streams[stream], [given], options)
    assert mapped.problem is None
    assert (mapped.report["records"], mapped.report["mapped"]) == (2, 2)
    assert mapped.objects == map_files(connector, connector.streams[stream], [plain], options).objects


@pytest.mark.parametrize(("connector", "stream", "envelope"), CASES, ids=["nozomi", "defender"])
def test_an_empty_reply_has_no_records(connector: Connector[Any], stream: str, envelope: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_bytes(FORMS["reply"](envelope, []))
    mapped = map_files(connector, connector.streams[stream], [path])
    assert mapped.report["records"] == 0
    assert mapped.exit_code == 0
