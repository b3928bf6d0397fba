"""Taking registered secrets out of everything that leaves the process as text or bytes.

Masking is by value: a secret is looked for in the forms in which software writes it down (as it is, inside JSON, in a
URL, in hexadecimal, in base64 with anything before and after it, in a ``repr``). Values below six characters are not
masked by themselves, since that would garble every line; they are masked as ``user:value`` where the user is known.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from threading import Lock
from typing import Any, TextIO, cast

from isthmus_sdk.masking import SHORTEST, forms

MASK = "***"


class Redactor:
    """Registered secrets, and functions that mask them. Safe for threads; shows only how many it knows."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self._byte_forms: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"Redactor(forms={len(self._forms)})"

    def __reduce__(self) -> Any:
        raise TypeError("a redactor holds secrets and is not copied or stored")

    def register(self, value: str, *, user: str | None = None) -> None:
        """Mask ``value`` from now on, also as ``user:value``. Old values stay masked when a secret is rotated."""
        wanted = forms(value)
        if user:
            wanted |= forms(f"{user}:{value}")
        with self._lock:
            self._known |= wanted
            # Replaced as a whole, so that readers need no lock.
            self._forms = tuple(self._known)
            self._byte_forms = tuple(form.encode("utf-8", "surrogatepass") for form in self._known)

    def text(self, text: str) -> str:
        """``text`` with every form of every secret masked."""
        spans = _spans(text, self._forms)
        if not spans:
            return text
        out, at = [], 0
        for start, end in spans:
            out += [text[at:start], MASK]
            at = end
        return "".join([*out, text[at:]])

    def bytes(self, data: bytes) -> bytes:
        """Like ``text``, for raw bytes of any encoding that contains ASCII."""
        spans = _spans(data, self._byte_forms)
        if not spans:
            return data
        out, at = [], 0
        for start, end in spans:
            out += [data[at:start], MASK.encode()]
            at = end
        return b"".join([*out, data[at:]])

    def data(self, value: Any, *, depth: int = 0) -> Any:
        """Like ``text``, for every text in plain data; an object whose ``repr`` leaks becomes a masked text.

        What is nested deeper than 16 levels, or refers to itself, is written as text from there on.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes | bytearray):
            return self.bytes(bytes(value))
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {self.data(key, depth=depth + 1): self.data(item, depth=depth + 1) for key, item in value.items()}
        if depth < _DEEPEST and type(value) in _PLAIN:
            return type(value)(self.data(item, depth=depth + 1) for item in value)
        if value is None or isinstance(value, bool):
            return value
        shown = repr(value)
        masked = self.text(shown)
        return masked if masked != shown or isinstance(value, _NESTED) else value

    def wrap(self, stream: TextIO) -> TextIO:
        """A text stream that masks whole lines before they reach ``stream``."""
        return cast(TextIO, RedactingStream(stream, self))


_PLAIN = (list, tuple, set, frozenset)
_NESTED = (Mapping, *_PLAIN)
_DEEPEST = 16


def _spans(text: Any, wanted: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Every place where a form stands, overlapping ones joined."""
    found = []
    for form in wanted:
        at = text.find(form)
        while at >= 0:
            found.append((at, at + len(form)))
            at = text.find(form, at + 1)
    if len(found) < 2:
        return found
    found.sort()
    joined = [found[0]]
    for start, end in found[1:]:
        if start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


class RedactingStream(io.TextIOBase):
    """Masks line by line; an unfinished line waits for its end, or for ``flush`` when it grows long.

    A secret written in two pieces of one line is still found.
    """

    _LONGEST = 64 * 1024

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor
        self._rest = ""
        self._lock = Lock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with self._lock:
            whole, newline, self._rest = (self._rest + text).rpartition("\n")
            if newline:
                self._stream.write(self._redactor.text(whole + newline))
            if len(self._rest) > self._LONGEST:
                self._release()
        return len(text)

    def flush(self) -> None:
        with self._lock:
            self._release()
            self._stream.flush()

    def _release(self) -> None:
        if self._rest:
            self._stream.write(self._redactor.text(self._rest))
            self._rest = ""


__all__ = ["MASK", "SHORTEST", "RedactingStream", "Redactor", "forms"]
