"""What the hub really starts: the worker's process gives up its powers here, and only then meets what a connector brings.

::

    python -I [-S] launch.py REACH SITE FD MODULE ARGUMENT...

``REACH`` is `isthmus_sdk.confine.Reach` as text, ``SITE`` a JSON list of folders to import from. What holds the process is
said on ``FD``, then ``MODULE.main`` is called with the arguments, for a worker `isthmus_sdk.worker`. With ``-S`` no start-up
file (``.pth``) of any environment has run before; none runs after. This file and its two neighbours are the hub's own,
whatever SDK lies in the connector's environment, so the first frame, `confined`, can be believed.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path

_OWN = "isthmus_sdk"
_LONGEST = 255
_CHILD_SUBREAPER = 36


def main(arguments: Sequence[str]) -> int:
    """Confine this process, say so, and become what was asked for."""
    reach, site, descriptor, module, *rest = arguments
    from_hub = _own_modules()
    _adopt()
    folders = json.loads(site)
    # Folders to import from are read by the worker as Python's own are.
    found = from_hub.confine.confine(_with_folders(from_hub.confine.Reach.parse(reach), folders))
    _say(int(descriptor), found.level, found.network, found.reason)
    for name in [name for name in sys.modules if name.partition(".")[0] == _OWN]:
        del sys.modules[name]
    sys.path[:0] = folders
    return int(importlib.import_module(module).main(rest))


def _adopt() -> None:
    """Orphans among what this process starts become its own children, so that its hub sees them (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _own_modules() -> types.ModuleType:
    """Our neighbours, without the package's own start-up and whatever else is called like them."""
    package = types.ModuleType(_OWN)
    package.__path__ = [str(Path(__file__).resolve().parent)]
    sys.modules[_OWN] = package
    importlib.import_module(f"{_OWN}.confine")
    return package


def _with_folders(reach: object, folders: Sequence[str]) -> object:
    import dataclasses

    return dataclasses.replace(reach, read=(*reach.read, *folders))  # type: ignore[type-var, attr-defined]


def _say(descriptor: int, level: str, network: str, reason: str) -> None:
    """The frame `confined`, written by hand: nothing that could encode it is loaded yet."""
    words = {"type": "confined", "level": level, "network": network, "reason": reason}
    body = bytes((0x80 | len(words),)) + b"".join(_text(word) for pair in words.items() for word in pair)
    os.write(descriptor, len(body).to_bytes(4, "big") + body)


def _text(value: str) -> bytes:
    data = value.encode("ascii", "replace")[:_LONGEST]
    return bytes((0xD9, len(data))) + data


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
