"""Ids before entities, as the vendor plays them: the recorded records are the entities, and the list names their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from isthmus_sdk.testing._material import found

if TYPE_CHECKING:
    from isthmus_sdk.http import Entities, Http
    from isthmus_sdk.testing._server import Exchange


def listed(records: Sequence[bytes], then: Entities) -> list[bytes]:
    """What the list says of records: their ids, alone or where ``Entities.id`` looks for them."""
    from isthmus_sdk.testing._paging import place

    rows = []
    for raw in records:
        own = _own_id(raw, then)
        row: Any = own
        if then.id is not None:
            row = {}
            place(row, then.id, own)
        rows.append(msgspec.json.encode(row))
    return rows


def wanted(exchange: Exchange, then: Entities, http: Http) -> list[str] | None:
    """Ids whose entities a request asks for; ``None`` where it asks for none."""
    if exchange.method != then.method.upper() or exchange.path != urlsplit(str(http.resolve(then.path))).path:
        return None
    if then.method.upper() == "GET":
        given: Any = [value for name, value in exchange.query if name == then.param]
    else:
        try:
            given = found(msgspec.json.decode(exchange.body), tuple(then.param.split(".")))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
    if not given:
        return None
    texts = [str(value) for value in (given if isinstance(given, list) else [given])]
    return texts if then.joined is None else [one for text in texts for one in text.split(then.joined)]


def held(records: Sequence[bytes], then: Entities, ids: Sequence[str]) -> list[bytes]:
    """The records with these ids, in the order asked for; an id that no record has brings none."""
    known = {str(_own_id(raw, then)): raw for raw in records}
    return [known[each] for each in ids if each in known]


def _own_id(raw: bytes, then: Entities) -> Any:
    """A record's own id; what is no record is told by its bytes, so that it is named and can be asked for."""
    from isthmus_sdk.testing._vendor import decoded

    own = found(decoded(raw), tuple(then.key.split(".")))
    usable = isinstance(own, str | int) and not isinstance(own, bool) and own != ""
    return own if usable else f"kit-{hash(raw) & 0xFFFFFFFF:08x}"


__all__ = ["held", "listed", "wanted"]
