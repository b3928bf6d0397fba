"""What findings were seen with: addresses, names, files, connections. Pure; what is none of these says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import Builder, Shape

_TECHNIQUE = re.compile(r"\bT[0-9]{4}(?:\.[0-9]{3})?\b")
_HASHES = {32: "MD5", 40: "SHA-1", 64: "SHA-256", 128: "SHA-512"}
_HEX = re.compile(r"[0-9A-Fa-f]+")


def addresses_and_names(stix: Builder, values: Iterable[str | None]) -> Iterator[Shape]:
    """Addresses and domain names; what is neither (``111.11.000.1`` of a sample finding) is left out."""
    for value in values:
        if not value:
            continue
        try:
            yield stix.domain(value) if _is_name(value) else stix.ip(value)
        except RecordError:
            continue


def connection(
    stix: Builder,
    source: str | None,
    target: str | None,
    protocol: str | None = None,
    *,
    source_port: int | None = None,
    target_port: int | None = None,
) -> Iterator[Shape]:
    """One connection, where both of its ends are addresses."""
    ends = [made for made in addresses_and_names(stix, (source, target)) if made.object["type"] != "domain-name"]
    if len(ends) == 2:
        spoken = (protocol or "").lower()
        protocols = [ends[0].object["type"].removesuffix("-addr"), *([spoken] if spoken.isalnum() else [])]
        yield stix.traffic(
            ends[0], ends[1], protocols, source_port=source_port or None, target_port=target_port or None
        )


def file(stix: Builder, path: str | None, digest: str | None = None, *, name: str | None = None) -> Shape | None:
    """A file by its path and the hash of its content, the algorithm of which its length tells."""
    kind = _HASHES.get(len(digest or "")) if digest and _HEX.fullmatch(digest) else None
    folder, _, last = (path or "").replace("\\", "/").rpartition("/")
    folder = (path or "")[: len(folder)]
    title = name or last
    if not title and not kind:
        return None
    return stix.file(title or None, hashes={kind: digest} if kind else None, directory=folder or None)


def each_once(shapes: Iterable[Shape | None]) -> list[Shape]:
    """Without repetition, in order of appearance."""
    found: dict[str, Shape] = {}
    for shape in shapes:
        if shape is not None:
            found.setdefault(shape.id, shape)
    return list(found.values())


def techniques(texts: Iterable[str]) -> list[str]:
    """Ids of ATT&CK techniques in texts."""
    return sorted({code for text in texts for code in _TECHNIQUE.findall(text)})


def _is_name(value: str) -> bool:
    return ":" not in value and bool(re.search(r"[A-Za-z]", value))
