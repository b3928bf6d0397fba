"""``preview`` in a process of its own, for a hub: connector code and its secrets stay out of the hub.

Started by way of :mod:`isthmus_sdk.launch`, it reads one JSON object on standard input (``entry``, ``stream``,
``limit``, ``settings``, ``secrets``, ``tls``, ``proxy``, ``source_id``, ``files``) and writes ``{"records": [...]}`` or
``{"error": {"kind", "group", "message"}}``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from isthmus_sdk.commands.preview import preview
from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.masking import Masking


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request."""
    from isthmus_sdk import loader
    from isthmus_sdk.commands.connectors import stream_of
    from isthmus_sdk.migrations import migrate

    masking = Masking(list(request.get("secrets", {}).values()))
    patterns = request.get("files")
    try:
        connector = loader.load(request["entry"])
        settings, version = request["settings"], request.get("settings_version")
        if version is not None:
            settings = migrate(connector.settings_migrations, settings, version)
        records = preview(
            connector,
            stream_of(connector, request["stream"]),
            files=_found(patterns or ()),
            limit=request["limit"],
            settings=settings,
            secrets=request["secrets"],
            tls=request.get("tls"),
            proxy=request.get("proxy"),
            source_id=request["source_id"],
        )
        return {"records": [masking.value(record) for record in records]}
    except IsthmusError as error:
        return {"error": {"kind": type(error).__name__, "group": error.group, "message": masking.text(str(error))}}


def _found(patterns: Iterable[str]) -> list[str]:
    """Files that absolute globs name, in order."""
    return [str(path) for pattern in patterns for path in sorted(Path("/").glob(pattern.lstrip("/")))]


def main(arguments: Sequence[str] = ()) -> int:
    """One request, one answer."""
    json.dump(answer(json.load(sys.stdin)), sys.stdout, default=str)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
