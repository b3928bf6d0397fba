"""The command ``isthmus``. Exit codes: 0 ok, 1 fault, 2 configuration, 3 authentication, 4 partial."""

from __future__ import annotations

from isthmus_hub.cli._main import main

__all__ = ["main"]
