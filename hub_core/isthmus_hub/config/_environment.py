"""Overrides from the environment: ``ISTHMUS__SECTION__KEY``.

Names are compared without case and with ``-`` written ``_``; values are TOML. Text that could not be anything else in
TOML (``5m``, ``https://siem:9200``) need not be quoted, since shells and container files take the quotes away.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from isthmus_hub.config._lines import Path
from isthmus_hub.config._problems import Problem
from isthmus_sdk.nearest import did_you_mean

PREFIX = "ISTHMUS__"
SECTIONS = ("hub", "scope", "connector", "platform", "nats", "vault", "telemetry")
NAMED = {"connector", "platform"}
"""Sections whose tables the operator names."""


def apply(document: dict[str, Any], environ: Mapping[str, str], file: str) -> tuple[dict[Path, str], list[Problem]]:
    """Write the overrides into ``document``; returns the variable behind each path it set, and what went wrong."""
    places: dict[Path, str] = {}
    problems: list[Problem] = []
    variables = [name for name in environ if name.upper().startswith(PREFIX)]
    # Whole tables before single keys, so that the more exact variable wins whatever the order of the environment.
    for variable in sorted(variables, key=lambda name: (name.count("__"), name)):
        place = f"environment variable {variable}"
        try:
            path, table = _locate(document, variable[len(PREFIX) :].split("__"), file)
            value = _value(environ[variable])
        except ValueError as error:
            problems.append(Problem(place, "", str(error)))
            continue
        if path in places:
            problems.append(Problem(place, "", f"sets the same key as {places[path]}"))
            continue
        table[path[-1]] = value
        places[path] = place
    return places, problems


def _locate(document: dict[str, Any], segments: list[str], file: str) -> tuple[Path, Any]:
    """The path that ``segments`` mean, and the table its last key goes into (made where it does not exist)."""
    if not all(segments):
        raise ValueError(f"is not of the form {PREFIX}SECTION__KEY")
    section = segments[0].casefold()
    if section not in SECTIONS:
        raise ValueError(f'no section "{section}"{did_you_mean(section, SECTIONS)}')
    node: Any = document
    path: Path = ()
    for depth, segment in enumerate(segments):
        key = _step(node, path, segment, file)
        path = (*path, key)
        if depth == len(segments) - 1:
            return path, node
        if isinstance(node, dict) and key not in node:
            node[key] = {}
        node = node[key]
    raise AssertionError("unreachable: a variable has at least one segment")


def _step(node: Any, path: Path, segment: str, file: str) -> str | int:
    if isinstance(node, list):
        if not segment.isdigit() or int(segment) >= len(node):
            raise ValueError(f'"{segment.casefold()}" is not the number of an entry, 0 to {len(node) - 1}')
        return int(segment)
    if not isinstance(node, dict):
        raise ValueError(  # noqa: TRY004 - the operator's value, not a caller's type
            f'"{path[-1]}" is a single value and has no keys below it'
        )
    folded = _fold(segment)
    found = [key for key in node if _fold(key) == folded]
    if len(found) > 1:
        raise ValueError(f"means {' and '.join(sorted(found))} alike; set it in {file} instead")
    if found:
        return str(found[0])
    if len(path) == 1 and path[0] in NAMED:
        raise ValueError(f'no {path[0]} "{folded}" in {file}, where they are declared{did_you_mean(folded, node)}')
    return folded


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_")


def _value(text: str) -> Any:
    """``text`` as a TOML value; plain words as the text they are. The error never repeats it: it may be a secret."""
    text = text.strip()
    try:
        document = tomllib.loads(f"v = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        document = {}
    if set(document) == {"v"}:
        return document["v"]
    if text and text[0] not in "[{\"'" and text.isprintable():
        return text
    raise ValueError("is not a TOML value; quote text, as in '\"north-works\"'")


__all__ = ["PREFIX", "apply"]
