"""Keeps the secrets of one instance out of every text that leaves its worker."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "[masked]"
SHORTEST = 6
"""Shorter secrets are not masked by value: they would garble every line."""


class Masking:
    """Replaces each secret, and the forms in which it travels, by ``[masked]``."""

    def __init__(self, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        people = [name for name in names if name]
        for secret in secrets:
            if len(secret) < SHORTEST:
                continue
            plain = secret.encode("utf-8", "surrogatepass")
            forms |= {secret, quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
            forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
            for data in (plain, *(name.encode() + b":" + plain for name in people)):
                forms |= {b64encode(data).decode(), urlsafe_b64encode(data).decode().rstrip("=")}
        # The longest first: a form that contains another one is masked as a whole.
        self._forms = sorted(forms, key=len, reverse=True)

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


__all__ = ["MASK", "Masking"]
