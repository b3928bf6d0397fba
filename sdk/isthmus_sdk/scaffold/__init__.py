"""A new connector: five files, fewer than 120 lines, green at once. Behind ``isthmus-sdk new``."""

from __future__ import annotations

from isthmus_sdk.scaffold._choices import AUTH, PAGING
from isthmus_sdk.scaffold._project import check_name, files, write

__all__ = ["AUTH", "PAGING", "check_name", "files", "write"]
