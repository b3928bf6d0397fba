"""What is costly to import is imported by its first use."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "costly"),
    [
        ("isthmus_hub.secrets", ["keyring", "cryptography"]),
        ("isthmus_hub.telemetry", ["structlog", "prometheus_client", "rich"]),
        ("isthmus_hub.config", ["httpx", "stix2", "keyring", "structlog"]),
    ],
)
def test_a_room_loads_without_its_costly_parts(module, costly):
    check = f"import sys, {module}; print([name for name in {costly} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["isthmus_hub.secrets", "isthmus_hub.telemetry", "isthmus_hub.config"])
def test_every_public_name_is_there(module):
    import importlib

    room = importlib.import_module(module)
    assert all(getattr(room, name) is not None for name in room.__all__)
    with pytest.raises(AttributeError):
        room.nothing_of_this_name  # noqa: B018
