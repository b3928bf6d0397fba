"""Whether identifiers are well formed (section 2.9): one, or a column of them in a handful of C calls.

Both look at the end of an identifier, ``--`` and a UUID; the type in front is the caller's, who mostly knows it already.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from operator import itemgetter

from isthmus_sdk.stix import _grammar as grammar

UUID_LENGTH = 36
END_LENGTH = UUID_LENGTH + 2

_END = re.compile(f"--{grammar._UUID}").fullmatch
_end = itemgetter(slice(-END_LENGTH, None))
_HEX = b"0123456789abcdefABCDEF"
_DASHES = tuple(at for at, char in enumerate("--00000000-0000-0000-0000-000000000000") if char == "-")
_VERSION, _VARIANT = 16, 21


def ends_in_uuid(identifier: str) -> bool:
    """Whether the last 38 characters are ``--`` and an RFC 4122 UUID."""
    return _END(identifier, len(identifier) - END_LENGTH) is not None


def all_end_in_uuid(column: Collection[str]) -> bool:
    """`ends_in_uuid` of all. Raises ``TypeError`` where one is no text."""
    ends = "".join(map(_end, column))
    count = len(column)
    if len(ends) != count * END_LENGTH or not ends.isascii():
        return False
    # The ends in one text: seen with a stride of their length, it shows the same place of each of them.
    octets, dashes = ends.encode(), b"-" * count
    return (
        octets.translate(None, _HEX) == dashes * len(_DASHES)
        and all(octets[at::END_LENGTH] == dashes for at in _DASHES)
        and not octets[_VERSION::END_LENGTH].translate(None, b"12345")
        and not octets[_VARIANT::END_LENGTH].translate(None, b"89abAB")
    )


def is_identifier(text: str) -> bool:
    """`_grammar.is_identifier`, quicker where the type was met before."""
    kind = text[:-END_LENGTH]
    if kind in _kinds:
        return ends_in_uuid(text)
    if not grammar.is_identifier(text):
        return False
    if len(_kinds) < _KINDS_HELD:
        _kinds.add(kind)
    return True


_KINDS_HELD = 512
_kinds: set[str] = set()
"""Types that were found sound."""
