"""Lists of ids, which the API gives before the alerts themselves, as records."""

from __future__ import annotations

import re

_ID = re.compile(rb'"[0-9A-Fa-f]{32}:[^"\\\s]{1,900}"')
"""A composite id: the customer, and what is unique with it."""


def as_record(raw: bytes) -> bytes:
    """An alert as it is; an id of one as a record that says nothing else."""
    return b'{"composite_id":' + raw + b"}" if _ID.fullmatch(raw.strip()) else raw
