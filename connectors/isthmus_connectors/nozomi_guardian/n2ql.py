"""The part of the Nozomi query language (N2QL) that is used here: written by the connector, evaluated by the simulator.

A query is a source and commands separated by ``|``::

    alerts | where record_created_at >= 1747398906110 OR closed_time >= 1747398906110 | where id > 6d | sort id | head 9

Operators of ``where``: ``== != < > <= >= in? include? exclude? start_with? end_with?``, clauses joined by ``OR``;
successive ``where`` commands all have to hold. (Vendor documentation: N2OS, "Queries", commands reference.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_.\-]+")
_COMPARE = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_CLAUSE = re.compile(r"(\S+)\s+(==|!=|<=|>=|<|>|in\?|include\?|exclude\?|start_with\?|end_with\?)\s+(.+)", re.DOTALL)


class QueryError(ValueError):
    """The query cannot be understood; the message is what the appliance puts into ``error``."""


def literal(value: str | int | float) -> str:
    """A value as it stands in a query. Raises :class:`QueryError` for text that could end the literal."""
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    if any(character in text for character in '"|\\') or not text.isprintable() or not text:
        raise QueryError(f"{text!r} cannot be written in a query")
    return f'"{text}"'


def where(*clauses: tuple[str, str, str | int | float]) -> str:
    """``| where a >= 1 OR b >= 1``."""
    return " | where " + " OR ".join(f"{field} {operator} {literal(value)}" for field, operator, value in clauses)


def evaluate(query: str, tables: Mapping[str, Callable[[], Sequence[Mapping[str, Any]]]]) -> list[Mapping[str, Any]]:
    """Run a query over ``tables`` (source name -> function that gives its rows). Raises :class:`QueryError`."""
    source, *commands = [part.strip() for part in _split(query, "|")]
    if source not in tables:
        raise QueryError(f"Unknown data source '{source}'")
    rows = list(tables[source]())
    fields = {name for row in rows for name in row}
    for command in commands:
        name, _, rest = command.partition(" ")
        if name == "where":
            test = _test(rest.strip(), fields)
            rows = [row for row in rows if test(row)]
        elif name == "sort":
            rows = _sort(rows, rest.strip(), fields)
        elif name == "head":
            if not rest.strip().isdigit():
                raise QueryError(f"head: '{rest.strip()}' is no number")
            rows = rows[: int(rest)]
        elif name == "count":
            rows = [{"count": len(rows)}]
        else:
            raise QueryError(f"Unknown command '{name}'")
    return rows


def _split(text: str, separator: str) -> list[str]:
    """Split outside double quotes; the separator may be a word between spaces."""
    parts, start, quoted, position = [], 0, False, 0
    while position < len(text):
        if text[position] == '"':
            quoted = not quoted
        elif not quoted and text.startswith(separator, position):
            parts.append(text[start:position])
            start = position + len(separator)
            position = start - 1
        position += 1
    if quoted:
        raise QueryError("unterminated string")
    return [*parts, text[start:]]


def _test(clauses: str, fields: set[str]) -> Callable[[Mapping[str, Any]], bool]:
    tests = []
    for text in _split(clauses, " OR "):
        match = _CLAUSE.fullmatch(text.strip())
        if match is None:
            raise QueryError(f"cannot parse '{text.strip()}'")
        field, operator, wanted = match.groups()
        if fields and field not in fields:
            raise QueryError(f"Unknown field '{field}'")
        tests.append((field, operator, _value(wanted)))
    return lambda row: any(_holds(row.get(field), operator, wanted) for field, operator, wanted in tests)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _holds(found: Any, operator: str, wanted: Any) -> bool:
    if operator in ("include?", "exclude?"):
        inside = wanted in found if isinstance(found, list) else str(wanted) in str(found)
        return inside is (operator == "include?")
    if operator == "in?":
        return isinstance(wanted, list) and found in wanted
    if operator in ("start_with?", "end_with?"):
        text, part = str(found), str(wanted)
        return text.startswith(part) if operator == "start_with?" else text.endswith(part)
    if found is None:
        return operator == "!="
    left, right = _comparable(found, wanted)
    return bool(_COMPARE[operator](left, right))


def _comparable(found: Any, wanted: Any) -> tuple[Any, Any]:
    """As numbers where both are numbers (rows hold them as text too), else as text."""
    try:
        return float(found), float(wanted)
    except (TypeError, ValueError):
        return str(found), str(wanted)


def _sort(rows: list[Mapping[str, Any]], order: str, fields: set[str]) -> list[Mapping[str, Any]]:
    for part in reversed(order.split(",")):
        field, _, direction = part.strip().partition(" ")
        if fields and field not in fields:
            raise QueryError(f"Unknown field '{field}'")
        if direction.strip() not in ("", "asc", "desc"):
            raise QueryError(f"sort: '{direction.strip()}' is neither asc nor desc")
        rows = sorted(rows, key=lambda row: _rank(row.get(field)), reverse=direction.strip() == "desc")
    return rows


def _rank(value: Any) -> tuple[int, Any]:
    try:
        return (0, float(value))
    except (TypeError, ValueError):
        return (1, str(value))
