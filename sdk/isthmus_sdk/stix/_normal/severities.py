"""Purdue levels, severities, scores."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._normal.words import SAYS_NOTHING, says_nothing, shown

PURDUE_LEVELS: Final = ("0", "1", "2", "3", "3.5", "4", "5")
_LEVEL = re.compile(r"(?:(?:the|purdue|isa-?95|pera|level|lvl|lv|l|pl)[ _.:#-]*){0,4}([0-9]{1,3}(?:[.,][0-9]{1,6})?)(?:[ _]*[-:(–—|][ _]*(?![ _0-9]).*)?", re.ASCII)  # fmt: skip
_LEVELS_BY_NAME = {
    "dmz": "3.5", "idmz": "3.5", "i-dmz": "3.5", "industrial dmz": "3.5", "industrial demilitarized zone": "3.5",
    "demilitarized zone": "3.5", "ot dmz": "3.5", "physical process": "0", "field devices": "0", "basic control": "1",
    "supervisory control": "2", "area supervisory control": "2", "area control": "2", "site operations": "3",
    "manufacturing operations": "3", "operations management": "3", "site operations and control": "3",
    "site business planning": "4", "site business planning and logistics": "4", "enterprise network": "5",
}  # fmt: skip
"""Names that stand for one level; a number beside them decides."""

_WORDS_BY_SEVERITY = {
    0: "none",
    10: "informational information info informative notice note negligible trivial minimal debug verylow",
    30: "low minor",
    50: "medium moderate warning warn average mid",
    70: "high major important severe serious error elevated",
    90: "critical fatal emergency emerg alert crit urgent catastrophic extreme veryhigh disaster",
}
SEVERITY_WORDS: Final[Mapping[str, int]] = {
    word: level for level, words in _WORDS_BY_SEVERITY.items() for word in words.split()
}
"""What `severity` makes of words, on the scale 0 to 100."""
_DECORATION = re.compile(r"(?<![a-z])(?:severity|sev|risk|priority|level|threat|impact)(?![a-z])")
_NOT_A_LETTER = re.compile(r"[^a-z]+")
_NUMBERED = re.compile(r"[0-9]{1,3} *[-:.) ]+ *(?=[a-z])")
_QUOTIENT = re.compile(r"([+-]?[0-9]{1,9}(?:[.,][0-9]{1,9})?) */ *([0-9]{1,9}(?:[.,][0-9]{1,9})?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:[.,][0-9]{0,20})?(?:e[+-]?[0-9]{1,3})?", re.ASCII)


def purdue_level(value: object) -> str | None:
    """A Purdue level as decimal text, ``"0"`` to ``"5"`` or ``"3.5"``, from numbers, "Level 3", "L2", "DMZ", ["2"].

    ``None`` where several levels are given: then none is known. Raises `RecordError` for what is no level.
    """
    if type(value) is str:
        return _level_of(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        levels = {level for each in value if (level := _level_of_one(each)) is not None}
        return levels.pop() if len(levels) == 1 else None
    return _level_of_one(value)


def _level_of_one(value: object) -> str | None:
    if isinstance(value, str):
        return _level_of(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 100:
        raise RecordError(f"{shown(value)} is not a Purdue level: expected 0 to 5 or 3.5")
    return _level_of(f"{value}")


def _level_of(value: str) -> str | None:
    if len(value) > 128:
        raise RecordError(f"{shown(value)} is not a Purdue level: expected 0 to 5 or 3.5")
    return _purdue_level(value)


@lru_cache(maxsize=256)
def _purdue_level(value: str) -> str | None:
    word = " ".join(value.lower().split())
    if word in SAYS_NOTHING:
        return None
    if (named := _LEVELS_BY_NAME.get(word.replace("_", " "))) is not None:
        return named
    found = _LEVEL.fullmatch(word)
    level = f"{float(found[1].replace(',', '.')):g}" if found else ""
    if level not in PURDUE_LEVELS:
        raise RecordError(f"{shown(value)} is not a Purdue level: expected 0 to 5 or 3.5")
    return level


def severity(value: object, scale: float | tuple[float, float] | Mapping[Any, int] | None = None) -> int | None:
    """Severity on 0 to 100.

    ``scale``: the vendor's largest number (smallest 0), a (mildest, worst) pair, which may fall as (5, 1) does, or a
    mapping of the vendor's words; without one, words follow `SEVERITY_WORDS` and numbers are taken as 0 to 100. Words
    may be dressed up: ``HIGH_SEVERITY``, ``2 - High``, ``Very Low``. ``7.5/10`` and ``75%`` bring their own scale.
    Raises `RecordError` outside the scale, ``ValueError`` for a scale without extent.
    """
    if value is None or value == "":
        return None
    if isinstance(scale, Mapping):
        return _on_words(value, scale)
    low, high = scale if isinstance(scale, tuple) else (0.0, 100.0 if scale is None else scale)
    if low == high:
        raise ValueError(f"the scale {low:g} to {high:g} has no extent")
    if isinstance(value, str):
        if len(value) > 128:
            raise RecordError(f"severity {shown(value)} is neither a number nor a known word")
        word = value.strip().lower()
        if (found := _of_word(word)) is not None:
            return found
        if word in SAYS_NOTHING:
            return None
        value, low, high = _number_of(word, low, high)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise RecordError(f"severity {shown(value)} is not a number")
    if not min(low, high) <= value <= max(low, high):
        raise RecordError(f"severity {shown(value)} is outside {low:g} to {high:g}")
    return round((value - low) / (high - low) * 100)


def _on_words(value: object, scale: Mapping[Any, int]) -> int | None:
    try:
        found = scale.get(value, scale.get(value.strip().lower()) if isinstance(value, str) else None)
    except TypeError:  # a list is nobody's key
        found = None
    if found is None and not says_nothing(value):
        raise RecordError(f"severity {shown(value)} is not on the scale {sorted(map(str, scale))}")
    return found


def _of_word(word: str) -> int | None:
    if (found := SEVERITY_WORDS.get(word)) is not None:
        return found
    bare = _DECORATION.sub("", _NUMBERED.sub("", word.replace("_", " "), count=1))
    return SEVERITY_WORDS.get(_NOT_A_LETTER.sub("", bare)) if not any(map(str.isdigit, bare)) else None


def _number_of(word: str, low: float, high: float) -> tuple[float, float, float]:
    """A number with the scale it is on, which the text may bring itself."""
    if (found := _QUOTIENT.fullmatch(word)) is not None and float(found[2].replace(",", ".")) > 0:
        return float(found[1].replace(",", ".")), 0.0, float(found[2].replace(",", "."))
    if word.endswith("%") and _NUMBER.fullmatch(percent := word[:-1].rstrip()):
        return float(percent.replace(",", ".")), 0.0, 100.0
    if _NUMBER.fullmatch(word):
        return float(word.replace(",", ".")), low, high
    raise RecordError(f"severity {shown(word)} is neither a number nor a known word")


def score(value: object, highest: float) -> float | None:
    """A score from 0 to ``highest`` (CVSS 10, EPSS 1), from a number or its text; ``None`` for nothing.

    Raises `RecordError` outside the range.
    """
    if says_nothing(value):
        return None
    number = value
    if isinstance(value, str):
        found = _NUMBER.fullmatch(word := value.strip().lower()) if len(value) < 64 else None
        number = float(word.replace(",", ".")) if found else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= highest:
        raise RecordError(f"{shown(value)} is not a number from 0 to {highest:g}")
    return number if math.isfinite(number) else None
