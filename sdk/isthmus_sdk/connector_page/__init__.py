"""The page of documentation of a connector, written from manifest, code and recorded pages: ``isthmus-sdk docs NAME``.

No running connector loads this.
"""

from __future__ import annotations

from isthmus_sdk.connector_page._flows import Flow, flows
from isthmus_sdk.connector_page._page import index, render

__all__ = ["Flow", "flows", "index", "render"]
