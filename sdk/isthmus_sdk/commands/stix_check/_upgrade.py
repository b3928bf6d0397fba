"""``stix upgrade``: the objects of STIX 2.0 files as STIX 2.1, one a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from isthmus_sdk.commands.stix_check._decoding import decoded_value
from isthmus_sdk.commands.stix_check._reading import expanded, opened
from isthmus_sdk.commands.stix_check._splitter import Envelope, Piece, Splitter
from isthmus_sdk.errors import RecordError, SourceError
from isthmus_sdk.stix import encode, interop


def upgraded(names: Sequence[str], *, standard_input: BinaryIO, problem: Callable[[str], None]) -> Iterator[bytes]:
    """Canonical JSON of each object of the files, STIX 2.0 upgraded, 2.1 as it is; observables before what holds them.

    What cannot be read or upgraded goes to ``problem`` with file and line, and the rest goes on. Raises ``OSError``
    for a file that cannot be opened.
    """
    for name in expanded(names):
        with opened(name, standard_input) as read:
            splitter = Splitter(read)
            try:
                for found in splitter.found():
                    if isinstance(found, Piece):
                        yield from _of(found, lambda line, text, name=name: problem(f"{name}:{line}: {text}"))  # type: ignore[misc]
                    elif not isinstance(found, Envelope):
                        problem(f"{name}:{found.line}: {found.message}")
            except SourceError as error:
                problem(f"{name}:{splitter.line}: {str(error).removeprefix(f'{name}: ')}")


def _of(piece: Piece, problem: Callable[[int, str], None]) -> Iterator[bytes]:
    value, trouble = decoded_value(piece.data, piece.value)
    if trouble is not None or not isinstance(value, dict):
        problem(piece.line, trouble.message if trouble else "an object is expected")
        return
    if value.get("type") == "bundle" and not piece.inside:
        return
    try:
        yield from [encode(obj) for obj in interop.upgrade(value)]
    except RecordError as error:
        problem(piece.line, str(error))


__all__ = ["upgraded"]
