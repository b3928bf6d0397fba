"""Rows of comma-separated text with a header (RFC 4180) as JSON objects of texts.

Comments before the header may say of all rows what no row repeats: ``#model_version:v2026.06.15,score_date:2026-05-04`` gives
each row ``model_version`` and ``score_date``.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from itertools import chain

import msgspec

from isthmus_sdk.errors import UnexpectedReply
from isthmus_sdk.files._documents import EXCERPT, Record
from isthmus_sdk.files._sniff import MAX_RECORD
from isthmus_sdk.files._source import CHUNK

_PAIR = re.compile(r"\s*([A-Za-z_]\w*)\s*:\s*(.*?)\s*")


def rows_of(read: Callable[[int], bytes], path: str) -> Iterator[Record]:
    """Every row that ``read(size)`` gives. Raises ``UnexpectedReply`` where the text is no UTF-8 or no rows."""
    told: dict[str, str] = {}
    lines = _lines(read, path)
    first = ""
    for first in lines:
        if first.startswith("#"):
            found = (_PAIR.fullmatch(part) for part in first[1:].strip().split(","))
            told.update({pair[1]: pair[2] for pair in found if pair})
        elif first.strip():
            break
    rows = csv.reader(chain([first], lines))
    try:
        header = [name.strip() for name in next(rows)]
        for row in rows:
            if not row:
                continue
            if len(row) == len(header):
                yield Record(msgspec.json.encode({**told, **dict(zip(header, row, strict=True))}))
            else:
                why = f"has {len(row)} columns where the header names {len(header)}"
                yield Record(",".join(row).encode()[:EXCERPT], why=why)
    except csv.Error as error:
        raise UnexpectedReply(f"{path}: line {rows.line_num}: {error}") from None


def _lines(read: Callable[[int], bytes], path: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    try:
        while data := read(CHUNK):
            *whole, rest = (rest + decoder.decode(data)).split("\n")
            yield from (f"{line}\n" for line in whole)
            if len(rest) > MAX_RECORD:
                raise UnexpectedReply(f"{path}: has a line above {MAX_RECORD} bytes, the largest a record may have")
        rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise UnexpectedReply(f"{path}: is not UTF-8 text ({error.reason})") from None
    if rest:
        yield rest


__all__ = ["rows_of"]
