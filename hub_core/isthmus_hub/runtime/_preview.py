"""Looking at what a stream gives without keeping it, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

from isthmus_hub.runtime._bounds import Bounds
from isthmus_hub.runtime._plan import Plan
from isthmus_hub.runtime._process import KEPT, heard, launch_line
from isthmus_hub.runtime._reports import Failure
from isthmus_hub.runtime._session import require
from isthmus_sdk.errors import ConfigurationError, IsthmusError

SECONDS = 120.0


def preview(plan: Plan, stream: str, limit: int) -> list[dict[str, Any]]:
    """The first ``limit`` raw records of a stream with their objects. Raises what the connector or its vendor reported."""
    configure = plan.configure
    if plan.brokered is not None:
        raise ConfigurationError(
            f"{plan.instance}: at isolation networked-off there is no preview over the network; run it over recorded pages "
            "(`isthmus map`), or preview it at isolation confined"
        )
    request = {
        "entry": plan.entry,
        "stream": stream,
        "limit": limit,
        "settings": configure.settings,
        "settings_version": configure.settings_version,
        "secrets": configure.secrets,
        "tls": configure.tls,
        "proxy": configure.proxy,
        "source_id": plan.source_id,
        "files": configure.files.get(stream) if configure.files is not None else None,
    }
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            launch_line(
                plan.python,
                "isthmus_sdk.commands.preview_process",
                (),
                said_on=writing,
                path=plan.path,
                reach=plan.reach,
                bare=plan.bare,
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(writing,),
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            start_new_session=True,
        )
        os.close(writing)
        writing = -1
        Bounds().hold(process.pid)
        try:
            require(plan, heard(reading))
            out, _ = process.communicate(json.dumps(request).encode(), timeout=SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        reply = json.loads(out)
    except subprocess.TimeoutExpired:
        raise IsthmusError(f"{plan.instance}/{stream}: nothing came within {SECONDS:.0f} s") from None
    except ValueError:
        raise IsthmusError(
            f"{plan.instance}/{stream}: the preview process ended with exit code {process.returncode}"
        ) from None
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if problem := reply.get("error"):
        raise Failure(problem["kind"], problem["group"], problem["message"]).as_error()
    return list(reply["records"])
