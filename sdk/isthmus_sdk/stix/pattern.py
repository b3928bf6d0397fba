"""STIX patterns written from a tree, with escaping in one place, and brought into the form that identifiers are made of.

::

    observation(compare("ipv4-addr", "value", value="10.0.0.5"), compare("ipv4-addr", "value", value="10.0.0.6"), joined="OR")
    followed_by(observation(compare("file", "hashes", "SHA-256", value=digest)), observation(compare("process", "pid", operator=">", value=4)))

Whatever a value or a step holds, it stays a value or a step: the text that was made is read again and compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._pattern import LONGEST, Token, read_pattern, tokens
from isthmus_sdk.stix._time import shortened

Value = str | int | float | bool
_PLAIN_STEP = re.compile("[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_EQUAL = ("=", "!=", "<", "<=", ">", ">=")
_ON_TEXT = ("LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET")
_SPELLED: Final = {"==": "=", "<>": "!="}
_WORDS: Final = {"AND", "OR", "NOT", "FOLLOWEDBY", "LIKE", "MATCHES", "ISSUPERSET", "ISSUBSET", "EXISTS", "IN", "START", "STOP", "SECONDS",
                 "WITHIN", "REPEATS", "TIMES", "true", "false"}  # fmt: skip


def compare(type: str, *path: str | int, operator: str = "=", value: Value | Iterable[Value] = "") -> str:
    """One comparison. ``path``: property names, list indexes, ``"*"`` for any index; with ``IN``, ``value`` is several."""
    if not path or not isinstance(path[0], str):
        raise RecordError("the path of a comparison begins with a property")
    negated = operator.startswith("NOT ")
    bare = operator.removeprefix("NOT ")
    if bare == "IN":
        if isinstance(value, (str, int, float)):
            raise RecordError("IN takes several values")
        right = f"({', '.join(map(literal, value))})"
    elif bare in _EQUAL or bare in _ON_TEXT:
        if not isinstance(value, (str, int, float)):
            raise RecordError(f"{bare} takes one value")
        if bare in _ON_TEXT and not isinstance(value, str):
            raise RecordError(f"{bare} takes text")
        right = literal(value)
    else:
        raise RecordError(f"{operator!r} is not an operator of patterns")
    made = f"{type}:{''.join(_steps(path))} {'NOT ' if negated else ''}{bare} {right}"
    _sound(f"[{made}]", 1, type)
    return made


def observation(*comparisons: str, joined: Literal["AND", "OR"] = "AND") -> str:
    """Comparisons about one observed object or alternatives of it, in brackets."""
    made = f"[{f' {joined} '.join(comparisons)}]"
    _sound(made, len(comparisons))
    return made


def followed_by(*observations: str, within: int | None = None) -> str:
    """Observations in this order, all ``within`` so many seconds if given."""
    made = " FOLLOWEDBY ".join(observations)
    if within is not None:
        made = f"({made}) WITHIN {int(within)} SECONDS"
    _sound(made)
    return made


def equals(type: str, path: str, values: Iterable[str]) -> str:
    """The pattern that one of ``values`` is seen at ``type:path``."""
    return observation(*(compare(type, path, value=value) for value in values), joined="OR")


def literal(value: Value) -> str:
    """A constant of the pattern language. Raises `RecordError` for numbers that it cannot write."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = f"{value:.17f}".rstrip("0")
        if not abs(value) <= 1e15 or float(text + "0") != value:
            raise RecordError(f"{value} cannot be written in a pattern without loss")
        return f"{text}0" if text.endswith(".") else text
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@lru_cache(maxsize=1_024)
def _canonical(text: str) -> str:
    if read_pattern(text).error:
        return text
    made: list[str] = []
    before: Token | None = None
    for token in tokens(text):
        if before is not None and _apart(before, token):
            made.append(" ")
        made.append(_written(token, before))
        before = token
    return "".join(made)


def canonical(text: str) -> str:
    """The form of a pattern that identifiers are made of (``docs/identifiers.md``); a text that is no pattern stays."""
    return _canonical(text) if len(text) <= LONGEST else text


def _apart(before: Token, token: Token) -> bool:
    """Whether a space stands between two tokens."""
    if before.text in ("[", "(", ":", ".") and before.kind == "mark":
        return False
    if token.kind == "mark":
        return token.text == "(" or (token.text == "[" and before.kind == "keyword") or token.text == "*"
    return True


def _written(token: Token, before: Token | None) -> str:
    if token.kind == "operator":
        return _SPELLED.get(token.text, token.text)
    if token.kind == "special" and token.text[0] == "t":
        return f"t'{shortened(token.text[2:-1])}'"
    step = before is not None and before.kind == "mark" and before.text in (":", ".")
    plain = token.text[1:-1]
    if token.kind == "string" and step and _PLAIN_STEP.fullmatch(plain) and plain not in _WORDS:
        return plain
    return token.text


def _steps(path: Iterable[str | int]) -> Iterable[str]:
    for at, step in enumerate(path):
        if step == "*" or isinstance(step, int):
            yield f"[{step}]"
        else:
            plain = _PLAIN_STEP.fullmatch(step) and step not in _WORDS
            yield f"{'.' if at else ''}{step if plain else literal(step)}"


def _sound(made: str, comparisons: int | None = None, type: str | None = None) -> None:
    """Refuse what is not read again as it was meant."""
    reading = read_pattern(made)
    if reading.error:
        raise RecordError(f"not a STIX pattern: {reading.error}")
    if comparisons is not None and (reading.comparisons != comparisons or len(reading.observations) != 1):
        raise RecordError("a part of the pattern holds more than one part")
    if type is not None and reading.observations[0][0].type != type:
        raise RecordError(f"{type!r} is not the name of a type")


__all__ = ["canonical", "compare", "equals", "followed_by", "literal", "observation"]
