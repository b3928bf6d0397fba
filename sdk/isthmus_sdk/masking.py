"""Secrets as software writes them down, and a mask that keeps those of one instance out of all that leaves its worker."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "[masked]"
SHORTEST = 6
"""Characters of a value, or of one of its forms, below which it is not looked for: it would garble every line."""
SHORTEST_LINE = 16
"""Characters of one line of a many-line secret (a PEM key) from which it is looked for by itself."""


class Masking:
    """Replaces each secret, and the forms in which it travels, by ``[masked]``. ``names``: users that go with them."""

    def __init__(self, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        people = [name for name in names if name]
        known: set[str] = set()
        for secret in secrets:
            if len(secret) >= SHORTEST:
                known |= forms(secret).union(*(forms(f"{name}:{secret}") for name in people))
        # The longest first: a form that contains another one is masked as a whole.
        self._forms = sorted(known, key=len, reverse=True)

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def data(self, raw: bytes) -> bytes:
        """``raw`` without secrets; the very same bytes where there are none."""
        for form in self._forms:
            encoded = form.encode("utf-8", "surrogatepass")
            if encoded in raw:
                raw = raw.replace(encoded, MASK.encode())
        return raw

    def value(self, value: Any, depth: int = 4) -> Any:
        """Plain data without secrets, fit for a frame: deep or foreign values become text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping) and depth:
            return {self.text(str(name)): self.value(inner, depth - 1) for name, inner in value.items()}
        if isinstance(value, list | tuple) and depth:
            return [self.value(inner, depth - 1) for inner in value[:100]]
        return self.text(str(value)[:2000])


def forms(value: str) -> set[str]:
    """The ways in which ``value`` may be written down, without those too short to look for."""
    out = _written(value)
    lines = value.splitlines()
    if len(lines) > 1:
        for line in lines:
            if len(line) >= SHORTEST_LINE:
                out |= _written(line)
    return {form for form in out if len(form) >= SHORTEST}


def _written(value: str) -> set[str]:
    if len(value) < SHORTEST:
        return set()
    raw = value.encode("utf-8", "surrogatepass")
    in_json = json.dumps(value)[1:-1]
    in_utf8_json = json.dumps(value, ensure_ascii=False)[1:-1]
    out = {
        value,
        in_json,
        in_utf8_json,
        in_json.replace("/", "\\/"),
        json.dumps(in_json)[1:-1],
        json.dumps(in_utf8_json, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        repr(raw)[2:-1],
        value.encode("unicode_escape", "surrogatepass").decode("ascii") if value.isprintable() else in_json,
        html.escape(value),
        html.escape(value, quote=False),
        raw.hex(),
        raw.hex().upper(),
    }
    for written in (quote(raw, safe=""), quote(raw, safe="/"), quote_plus(raw), quote(raw, safe=_UNRESERVED)):
        out |= {written, re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), written)}
    for encoded in {raw, *(form.encode("utf-8", "surrogatepass") for form in (in_json, in_utf8_json))}:
        out |= set(_base64_cores(encoded))
    return out


_UNRESERVED = "!$&'()*+,;=:@/?"
"""What RFC 3986 allows unencoded in a query or in user information, beyond letters, digits and ``-._~``."""


def _base64_cores(raw: bytes) -> Iterable[str]:
    """The characters that stand for ``raw`` in base64 whatever is around it: three alignments, two alphabets.

    A character at the border also carries bits of the neighbour, so it is left out.
    """
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode("ascii").rstrip("=")
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        core = text[first:last]
        yield core
        yield core.replace("+", "-").replace("/", "_")


__all__ = ["MASK", "SHORTEST", "SHORTEST_LINE", "Masking", "forms"]
