"""The report for people: one HTML file with what there is, who sees it, what nobody watches, and the ways across."""

from __future__ import annotations

from isthmus_hub.report._exposures import exploited
from isthmus_hub.report._findings import Findings
from isthmus_hub.report._page import page

__all__ = ["Findings", "exploited", "page"]
