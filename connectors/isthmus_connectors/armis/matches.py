"""The walk over vulnerabilities: a page of CVEs, then the devices that each of them was found on.

``in:vulnerabilities`` has one row per CVE; on which devices it was found says ``vulnerability-match`` for a list of CVEs,
in pages of its own and in another envelope (``data.sample`` and ``data.paging``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from isthmus_sdk.errors import CursorExpired, UnexpectedReply
from isthmus_sdk.http import Cursor, PageRequest, Reply

SEARCH = "/api/v1/search/"
MATCH = "/api/v1/vulnerability-match/"
_BATCH = 50
"""CVE ids in one request: they travel in the query, and Armis answers long ones with 414."""
_MOST_CHARACTERS = 850


class _Named(msgspec.Struct):
    cveUid: str | None = None


@dataclass(frozen=True, slots=True)
class VulnerabilitiesWithMatches(Cursor):
    """Pages of vulnerabilities; after each of them the pages of matches of the CVEs that it named.

    A position is that of the list, or says which CVEs are still to be matched (``ids``), where in the first batch of
    them (``from``), and where the list goes on afterwards (``then``).
    """

    path: str = "data.next"
    param: str = "from"
    size: str | None = "length"

    def ask(self, start: PageRequest, position: Any, limit: int | None) -> PageRequest:
        """The page of the list, or of the matches, at the position."""
        ids = _ids(position)
        if not ids:
            return Cursor.ask(self, start, position, limit)
        place = {} if position.get("from") is None else {"from": position["from"]}
        asked = {"vulnerability_ids": ",".join(_batch(ids)), "length": limit, **place}
        return PageRequest(MATCH, {name: value for name, value in asked.items() if value is not None})

    def after(self, position: Any, reply: Reply, limit: int | None) -> Any:
        """More matches of these CVEs, those of the next ones, or the list's next page."""
        ids = _ids(position)
        if not ids:
            return _matching(_cves(reply.records), None, Cursor.after(self, None, reply, limit))
        paging = reply.document.get("data", {}).get("paging") if isinstance(reply.document, dict) else None
        following = paging.get("next") if isinstance(paging, dict) else None
        if following is None or following == "":
            return _matching(ids[len(_batch(ids)) :], None, position.get("then"))
        if isinstance(following, bool) or not isinstance(following, int | str):
            raise UnexpectedReply("data.paging.next is neither a number nor text")
        return _matching(ids, following, position.get("then"))


def _matching(ids: Sequence[str], place: Any, then: Any) -> Any:
    return {"ids": list(ids), "from": place, "then": then} if ids else then


def _batch(ids: Sequence[str]) -> Sequence[str]:
    """The ids of one request: so many, and no more than a query can hold."""
    held = 0
    for number, name in enumerate(ids[:_BATCH]):
        held += len(name) + 1
        if held > _MOST_CHARACTERS and number:
            return ids[:number]
    return ids[:_BATCH]


def _ids(position: Any) -> list[str]:
    ids = position.get("ids") if isinstance(position, dict) else None
    if ids is None:
        return []
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise CursorExpired("the saved position belongs to another way of paging; the walk starts anew")
    return ids


def _cves(records: Sequence[bytes]) -> list[str]:
    """The CVEs that a page names, each once; a record that names none is judged by the model, not here."""
    found: dict[str, None] = {}
    for raw in records:
        try:
            name = msgspec.json.decode(raw, type=_Named).cveUid
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            continue
        if name and name.strip() and "," not in name:
            found[name.strip()] = None
    return list(found)
