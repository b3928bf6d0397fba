"""Why a mapping leaves vendor fields unused, in the author's words: ``[unused.STREAM]`` of ``conformance.toml``.

A pattern names a field, with everything below it, as the loss report writes it: ``owner``, ``nics[].driver``. ``*``
stands for any text and ``?`` for one character; brackets are what they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from isthmus_sdk.unused import Named, named

EVERY = "*"
"""Name of the table that holds for every stream."""


class Reasons:
    """Patterns of fields, each with its reason; the first that fits is the one."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = [(_pattern(text), reason) for text, reason in patterns.items()]

    def of(self, path: str) -> str | None:
        """The reason for a field; ``None`` where nobody gave one."""
        return next((reason for pattern, reason in self._patterns if pattern.fullmatch(path)), None)

    def known(self, paths: Iterable[str]) -> dict[str, str]:
        """``{path: reason}`` of those that have one."""
        return {path: reason for path in paths if (reason := self.of(path)) is not None}


NONE = Reasons({})
"""Nobody gave a reason for anything."""


def reasons_of(tables: Mapping[str, Mapping[str, str]], stream: str) -> Reasons:
    """The reasons that hold for a stream: its own before those for every stream."""
    own = tables.get(stream, {})
    return Reasons({**own, **{pattern: why for pattern, why in tables.get(EVERY, {}).items() if pattern not in own}})


def outermost(model: Any, paths: Iterable[str]) -> list[str]:
    """The same unused fields by the outermost of each that the model does not name: what one line can give a reason for."""
    # A raw name may hold a dot itself (``id.orig_h``), so what lies above a named field counts as named.
    nodes = {above for path in _nodes("", named(model)) for above in _prefixes(path)}
    return list(dict.fromkeys(next(p for p in _prefixes(path) if p not in nodes or p == path) for path in paths))


def mistakes(tables: Mapping[str, Mapping[str, str]], streams: Collection[str]) -> list[str]:
    """What is wrong with the tables, each with its place: unknown streams, empty reasons, patterns that fit everything."""
    found = []
    for stream, table in tables.items():
        if stream != EVERY and stream not in streams:
            found.append(f"unused.{stream}: no such stream; streams: {', '.join(streams) or 'none'}, or * for all")
        for pattern, reason in table.items():
            if not reason.strip():
                found.append(f"unused.{stream}: {pattern!r}: give the reason")
            elif not pattern.strip("*?.[]"):
                found.append(f"unused.{stream}: {pattern!r} fits every field; name those that are meant")
    return found


def contradicted(table: Mapping[str, str], model: Any) -> list[str]:
    """Fields that a table calls unused and the model names."""
    return [name for name in table if name in set(_nodes("", named(model)))]


def _pattern(text: str) -> re.Pattern[str]:
    written = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(rf"(?:{written})(?:(?:\.|\[\]).*)?", re.DOTALL)


def _prefixes(path: str) -> Iterable[str]:
    """``a``, ``a.b``, ``a.b[]``, ``a.b[].c`` of ``a.b[].c``."""
    for match in re.finditer(r"(?=\.|\[\])", path):
        if match.start():
            yield path[: match.start()]
    yield path


def _nodes(path: str, tree: Named) -> Iterable[str]:
    if isinstance(tree, dict):
        for name, inner in tree.items():
            here = f"{path}[]" if name == "[]" else f"{path}.{name}" if path else name
            yield here
            yield from _nodes(here, inner)


__all__ = ["EVERY", "NONE", "Reasons", "contradicted", "mistakes", "outermost", "reasons_of"]
