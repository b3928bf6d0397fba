"""Syslog messages in a byte stream: octet counting and lines (RFC 6587), side by side as senders mix them."""

from __future__ import annotations

import re
from typing import NamedTuple

_COUNT = re.compile(rb"([1-9]\d{0,8}) ")
_COUNTING = re.compile(rb"[1-9]\d{0,8}\Z")
_ENDS = re.compile(rb"[\n\0]")


class Framed(NamedTuple):
    """A message; ``whole``: bytes it had where it was above the cap, -1 where it broke off."""

    body: bytes
    whole: int | None = None


class Frames:
    """Cuts a stream into messages. It never holds more than one message of the largest size and one piece."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = b""
        self._skip = 0
        """Bytes still to pass over of a counted message that is too large."""
        self._line = 0
        """Bytes seen of a line that is too large."""
        self._excerpt = b""

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer or self._skip or self._line)

    def feed(self, data: bytes) -> list[Framed]:
        """Messages that are complete with this piece."""
        self._buffer += data
        out: list[Framed] = []
        while self._step(out):
            pass
        return out

    def close(self) -> list[Framed]:
        """What is left when the sender is gone: a last line needs no end, a counted message does."""
        if self._skip or self._line:
            return [Framed(self._excerpt, -1)]
        rest = self._buffer.strip(b"\r\n\0 ")
        if not rest:
            return []
        return [Framed(rest, -1) if _COUNT.match(rest) or _COUNTING.match(rest) else Framed(rest)]

    def _step(self, out: list[Framed]) -> bool:
        """One more message; false where more bytes are needed."""
        if self._skip:
            passed = min(self._skip, len(self._buffer))
            self._buffer, self._skip = self._buffer[passed:], self._skip - passed
            if not self._skip:
                out.append(Framed(self._excerpt, self._line))
                self._line = 0
            return bool(self._buffer) and not self._skip
        if self._line:
            return self._long_line(out)
        self._buffer = self._buffer.lstrip(b"\r\n\0")
        if not self._buffer or _COUNTING.match(self._buffer):
            return False
        counted = _COUNT.match(self._buffer)
        if counted is not None:
            return self._counted(counted, out)
        return self._long_line(out)

    def _counted(self, counted: re.Match[bytes], out: list[Framed]) -> bool:
        length, start = int(counted[1]), counted.end()
        if len(self._buffer) >= start + length and length <= self._largest:
            out.append(Framed(self._buffer[start : start + length]))
            self._buffer = self._buffer[start + length :]
            return True
        if length <= self._largest:
            return False
        if len(self._buffer) < start + self._largest:
            return False
        self._excerpt = self._buffer[start : start + self._largest]
        self._buffer = self._buffer[start + self._largest :]
        self._skip, self._line = length - self._largest, length
        return True

    def _long_line(self, out: list[Framed]) -> bool:
        """A line; of one above the cap the beginning."""
        end = _ENDS.search(self._buffer)
        if end is None and len(self._buffer) <= self._largest and not self._line:
            return False
        length = end.start() if end is not None else len(self._buffer)
        if not self._line and length <= self._largest:
            out.append(Framed(self._buffer[:length].rstrip(b"\r")))
        elif not self._line:
            self._excerpt, self._line = self._buffer[: self._largest], length
        else:
            self._line += length
        self._buffer = self._buffer[length + 1 :] if end is not None else b""
        if end is not None and self._line:
            out.append(Framed(self._excerpt, self._line))
            self._line = 0
        return end is not None and bool(self._buffer)


__all__ = ["Framed", "Frames"]
