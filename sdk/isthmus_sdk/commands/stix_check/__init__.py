"""``stix check``: files of STIX against the rules of the standard, and ``stix upgrade``: STIX 2.0 as 2.1."""

from __future__ import annotations

from isthmus_sdk.commands.stix_check._checker import Checker, CheckOptions, check_files
from isthmus_sdk.commands.stix_check._report import LIMIT, Rendering, Report
from isthmus_sdk.commands.stix_check._upgrade import upgraded

__all__ = ["LIMIT", "CheckOptions", "Checker", "Rendering", "Report", "check_files", "upgraded"]
