"""Looking at what a stream gives without keeping it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from isthmus_hub.runtime._plan import Plan
from isthmus_hub.runtime._reports import Failure
from isthmus_sdk.errors import IsthmusError

SECONDS = 120.0
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


def preview(plan: Plan, stream: str, limit: int) -> list[dict[str, Any]]:
    """The first ``limit`` raw records of a stream with their objects. Raises what the connector or its vendor reported."""
    configure = plan.configure
    request = {
        "entry": plan.entry,
        "stream": stream,
        "limit": limit,
        "settings": configure.settings,
        "secrets": configure.secrets,
        "tls": configure.tls,
        "proxy": configure.proxy,
        "source_id": plan.source_id,
        "files": configure.files.get(stream) if configure.files is not None else None,
    }
    try:
        done = subprocess.run(
            [str(plan.python), "-I", "-m", "isthmus_sdk.commands.preview_process"],
            input=json.dumps(request).encode(),
            capture_output=True,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            timeout=SECONDS,
            check=False,
        )
        reply = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise IsthmusError(f"{plan.instance}/{stream}: nothing came within {SECONDS:.0f} s") from None
    except ValueError:
        raise IsthmusError(
            f"{plan.instance}/{stream}: the preview process ended with exit code {done.returncode}"
        ) from None
    if problem := reply.get("error"):
        raise Failure(problem["kind"], problem["group"], problem["message"]).as_error()
    return list(reply["records"])
