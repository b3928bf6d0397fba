"""Words: text without surrounding space, and the many ways in which vendors write "nothing"."""

from __future__ import annotations

import re
from typing import Final

from isthmus_sdk.errors import RecordError

_UNKNOWNS = (
    "unknown none null nil n/a n.a. na #n/a nan undefined unspecified unset unassigned unavailable (unknown) <unknown> [unknown] (none) "
    "<none> [none] (null) <null> [null] (empty) <empty> (blank) (undefined) <undefined> not_available - -- --- ? ?? ???"
)
SAYS_NOTHING: Final = frozenset(
    [*_UNKNOWNS.split(), "not available", "not applicable", "not specified", "not set", "not known", "no value", "(not set)", ""]
)  # fmt: skip
"""Texts that say nothing, in lower case."""
SUSPECT: Final = frozenset(start for word in SAYS_NOTHING for start in (word[:1], word[:1].upper()))
"""First characters of words that say nothing: any other text need not be looked up."""

_SERIAL_PLACEHOLDERS = frozenset(
    {
        "to be filled by o.e.m.", "to be filled by oem", "tobefilledbyo.e.m.", "o.e.m.", "oem", "default string",
        "system serial number", "chassis serial number", "base board serial number", "serial number", "serialnumber",
        "serial", "invalid", "empty", "not present", "no asset tag", "asset tag", "system product name", "none provided", "not assigned",
        "default",
    }
)  # fmt: skip
"""What boards and virtual machines report whose maker filled nothing in: the same on thousands of machines."""
_ONE_CHARACTER = re.compile(r"([0fFxX.*#-])\1*")
_FORMS = "ag|se|gmbh|kg|inc|incorporated|corp|corporation|co|company|ltd|limited|llc|llp|plc|sa|sas|spa|s\\.p\\.a|bv|nv|ab|as|asa|oy|oyj|kk|pty|pte"
_LEGAL_FORM = re.compile(rf"(?:(?:, *| +)(?:{_FORMS})\.?| *&| *,)$", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


def shown(value: object) -> str:
    """A value for a message: in quotes, at most 80 characters, whatever it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= 80 else value[:79] + "…")
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of more than 77 digits"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    return f"a {type(value).__name__}"


def says_nothing(value: object) -> bool:
    """Whether a vendor's value is one of the many ways to write "unknown"."""
    return value is None or (isinstance(value, str) and value.strip().lower() in SAYS_NOTHING)


def text(value: object) -> str | None:
    """``value`` as text without surrounding space; ``None`` where it says nothing.

    Numbers become their decimal text. Raises `RecordError` for what is no text, and for halves of surrogate pairs,
    which no JSON can hold.
    """
    if type(value) is str:
        bare = value.strip()
        if bare[:1] in SUSPECT and bare.lower() in SAYS_NOTHING:
            return None
        if not bare.isascii():
            try:
                bare.encode()
            except UnicodeEncodeError:
                raise RecordError("the text holds half of a surrogate pair, which is no character") from None
        return bare
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int) and value.bit_length() > 256:
        raise RecordError(f"expected text, found {shown(value)}")
    if isinstance(value, (int, float)):
        return None if value != value else str(value)
    if isinstance(value, str):
        return text("".join(value))  # a subclass, as plain text
    raise RecordError(f"expected text, found {type(value).__name__}")


def serial(value: object) -> str | None:
    """A serial number; ``None`` for what is the same on every device whose maker filled nothing in.

    ``To be filled by O.E.M.``, ``Default string``, all zeros. A row of digits may be real and stays.
    """
    said = text(value)
    if said is None or said.lower() in _SERIAL_PLACEHOLDERS or _ONE_CHARACTER.fullmatch(said):
        return None
    return said


def vendor(value: object) -> str | None:
    """A maker's name in one spelling: single spaces, no legal form ("Siemens AG", "Cisco Systems, Inc." lose theirs)."""
    said = text(value)
    if said is None or len(said) > 256:
        return said
    name = _SPACES.sub(" ", said)
    while (shorter := _LEGAL_FORM.sub("", name)) and shorter != name:
        name = shorter
    return text(name)
