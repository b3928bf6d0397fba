"""Files as a transport: the pages of a stream from files that somebody drops, or that a sensor keeps writing.

Formats, told by content: a JSON document (envelope, array or one record), NDJSON, CSV with a header (for streams that are not
summarised), tables with Zeek's header (or without one, where the stream names default columns), CEF lines, and syslog messages
as a daemon kept them, where the stream takes such messages; each plain, gzip or zstd. See :func:`pages`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from isthmus_sdk.files._listing import check
from isthmus_sdk.files._position import Position, hold
from isthmus_sdk.files._table import Table
from isthmus_sdk.files._walk import MAX_RECORDS, Walk
from isthmus_sdk.page import Page


def pages(
    globs: Sequence[str],
    *,
    items: str | None = None,
    cursors: Mapping[str, Position] | None = None,
    settle: float = 10.0,
    one_pass: bool = False,
    final: bool = False,
    log: bool = False,
    native: bool = False,
    tables: Sequence[Table] = (),
    max_records: int = MAX_RECORDS,
    now: float | None = None,
    whole: str = "",
    notice: Callable[[str], None] | None = None,
    message: Callable[[bytes], bytes] | None = None,
) -> Iterator[Page]:
    """Pages of every file that matches, in natural order; each page of at most ``max_records`` records and 4 MiB.

    * ``items``: dotted path of the records in a document; ``""``: a bare list; ``None``: the first list of objects.
    * ``cursors``: partition -> position (``Page.after`` of the last page that was stored).
    * ``settle``: seconds that a document or compressed file must have been left alone; ``one_pass`` sets it to 0. Logs
      and NDJSON are read at once, to their last newline.
    * ``final``: nothing will be appended, so a last line needs no newline.
    * ``log``: count each record once whatever rotation does (streams that are summarised); otherwise content that
      changed is read again.
    * ``native``: give table rows as they stand (``Page.table``) instead of as JSON.
    * ``tables``: the logs this stream reads, with the columns of tables without a header; others are refused by name.
    * ``whole``: ``"file"``: a file is given only once it has settled, whatever its form; ``"batch"``: no file is given before
      all that are new have settled, and one that vanishes meanwhile is an error.
    * ``message``: makes a record of one syslog message (``RecordError`` where a line holds none), for streams that take
      such messages: a file may hold what a syslog daemon kept of them, one a line.
    * ``now``: seconds since 1970, for tests. ``notice`` receives remarks, such as copies that are left alone.

    ``Page.observed_at`` is the file's time; ``Page.partition`` names the input file by its beginning. A file that
    cannot be read does not stop the others: what went wrong is raised after the last page, as one ``SourceError`` that
    names every such file.
    """
    walk = Walk(
        globs=globs,
        cursors=cursors or {},
        items=items,
        log=log,
        native=native,
        tables=tables,
        settle=0.0 if one_pass else settle,
        final=final,
        now=time.time() if now is None else now,
        max_records=max_records,
        whole=whole,
        notice=notice or (lambda text: None),
        message=message,
    )
    return walk.pages()


__all__ = ["Position", "Table", "check", "hold", "pages"]
