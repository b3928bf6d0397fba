"""The report for people: one HTML page with a topology picture and the coverage matrix."""

from __future__ import annotations

from isthmus_hub.report._page import page
from isthmus_hub.report._picture import picture, witness

__all__ = ["page", "picture", "witness"]
