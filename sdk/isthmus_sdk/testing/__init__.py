"""The conformance kit: a connector against a vendor that plays its recorded pages, well and badly.

In pytest one line::

    test_conformance = conformance_tests("acme_connector.connector:acme", level="gold")

On the command line ``isthmus-sdk test acme --level gold``. Nothing here is imported by a running connector.
"""

from __future__ import annotations

from isthmus_sdk.testing._case import Case, find_folder, read_case
from isthmus_sdk.testing._kit import conformance, conformance_tests, rules
from isthmus_sdk.testing._report import LEVELS, Level, Report, Result
from isthmus_sdk.testing._rules import Rule
from isthmus_sdk.testing._unjustified import unjustified

__all__ = [
    "LEVELS",
    "Case",
    "Level",
    "Report",
    "Result",
    "Rule",
    "conformance",
    "conformance_tests",
    "find_folder",
    "read_case",
    "rules",
    "unjustified",
]
