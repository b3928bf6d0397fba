"""Bodies, inflated as they arrive and never beyond their caps.

Only encodings that can be capped while streaming are asked for, so an unasked one is refused. Layers of a nested
encoding are capped one by one: a bomb may sit in an inner layer.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from isthmus_sdk.errors import TooLarge, UnexpectedReply
from isthmus_sdk.http._policy import MIB, Limits

ACCEPT_ENCODING = "gzip, deflate"
_CHUNK = 64 * 1024
_RATIO_FROM = 16 * MIB
_LAYERS = 3
_MEMBERS = 4096  # of one gzip body; blocked gzip needs one for 64 kB
_WBITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class Truncated(Exception):
    """A compressed body stops before its end mark."""


class Body:
    """Collects one body: feed what arrives, then take ``finish()``."""

    def __init__(self, encoding: str, limits: Limits, what: str) -> None:
        names = [
            name for name in (part.strip().lower() for part in encoding.split(",")) if name not in ("", "identity")
        ]
        unknown = [name for name in names if name not in _WBITS]
        if unknown or len(names) > _LAYERS:
            raise UnexpectedReply(
                f"{what} has the content encoding {encoding[:80]!r}; only {ACCEPT_ENCODING} were asked for"
            )
        self._limits = limits
        self._what = what
        self._layers = [_Layer(name, limits, what) for name in reversed(names)]
        self._chunks: list[bytes] = []
        self._received = 0
        self._most = limits.wire if self._layers else min(limits.wire, limits.decoded)

    @property
    def received(self) -> int:
        """Bytes that came over the wire so far."""
        return self._received

    def feed(self, data: bytes) -> None:
        """Raises ``TooLarge`` at the first byte above a cap, ``UnexpectedReply`` for corrupt data."""
        self._received += len(data)
        if self._received > self._most:
            raise TooLarge(f"{self._what} is larger than {self._most} bytes; ask for smaller pages or raise the limit")
        self._chunks.extend(self._through(data, 0))

    def finish(self) -> bytes:
        """The whole body; raises ``Truncated`` if a layer has not seen its end."""
        if self._received and not all(layer.complete for layer in self._layers):
            raise Truncated
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _through(self, data: bytes, depth: int) -> Iterator[bytes]:
        if depth == len(self._layers):
            yield data
            return
        layer = self._layers[depth]
        for chunk in layer.inflate(data):
            if layer.produced > _RATIO_FROM and layer.produced > self._limits.ratio * self._received:
                raise TooLarge(
                    f"{self._what} inflates more than {self._limits.ratio} times, from {self._received} bytes"
                )
            yield from self._through(chunk, depth + 1)


class _Layer:
    def __init__(self, name: str, limits: Limits, what: str) -> None:
        self._gzip = name != "deflate"
        self._wbits = _WBITS[name]
        self._inflater = zlib.decompressobj(self._wbits)
        self._limits = limits
        self._what = what
        self._head = b""
        self._known = self._gzip
        self._members = 1
        self.complete = False
        self.produced = 0

    def inflate(self, data: bytes) -> Iterator[bytes]:
        if not self._known:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            self._recognise(data)
        while data or not self.complete:
            if self.complete:
                data = self._next_member(data)
                if not data:
                    return
            chunk = self._step(data)
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            self.complete = self._inflater.eof
            if chunk:
                self.produced += len(chunk)
                if self.produced > self._limits.decoded:
                    raise TooLarge(
                        f"{self._what} inflates to more than {self._limits.decoded} bytes; ask for smaller pages"
                    )
                yield chunk
            if not data and len(chunk) < _CHUNK:
                return

    def _next_member(self, data: bytes) -> bytes:
        """gzip allows several members one after the other (RFC 1952 section 2.2); zero padding may follow the last."""
        data = data.lstrip(b"\0")
        if data and not self._gzip:
            raise UnexpectedReply(f"{self._what} has data after the end of its compressed body")
        if data:
            self._members += 1
            if self._members > _MEMBERS:
                raise TooLarge(f"{self._what} is compressed in more than {_MEMBERS} parts")
            self._inflater = zlib.decompressobj(self._wbits)
            self.complete = False
        return data

    def _recognise(self, data: bytes) -> None:
        """ "deflate" means the zlib format (RFC 9110 section 8.4.1.2), but some servers send the bare stream."""
        zlib_header = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0  # RFC 1950 section 2.2
        if not zlib_header:
            self._inflater = zlib.decompressobj(-15)
        self._known = True

    def _step(self, data: bytes) -> bytes:
        try:
            return self._inflater.decompress(data, _CHUNK)
        except zlib.error:
            raise UnexpectedReply(f"{self._what} has a corrupt compressed body") from None


__all__ = ["ACCEPT_ENCODING", "Body", "Truncated"]
