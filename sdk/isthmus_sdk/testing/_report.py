"""The result of a run of the kit: as text, as JSON, as one line for a README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["bronze", "silver", "gold"]
Status = Literal["done", "exempt", "todo"]
LEVELS: tuple[Level, ...] = ("bronze", "silver", "gold")
PARTIAL = 4
_SHOWN = 6
"""Findings of one rule that the text lists; the JSON has all."""
_COLOURS = {"done": "32", "exempt": "33", "todo": "31"}


@dataclass(frozen=True, slots=True)
class Result:
    """One rule, or one fault of the catalogue, and how the connector stands to it."""

    rule: str
    level: Level
    title: str
    status: Status
    findings: Sequence[str] = ()
    """Why it is ``todo``."""
    reason: str = ""
    """Why it is ``exempt``, in the author's words."""
    note: str = ""
    """What else is worth saying."""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """``{"rule", "level", "title", "status", "findings", "reason", "note", "seconds"}``."""
        return {
            "rule": self.rule,
            "level": self.level,
            "title": self.title,
            "status": self.status,
            "findings": list(self.findings),
            "reason": self.reason,
            "note": self.note,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All results up to the level that was asked for."""

    connector: str
    version: str
    asked: Level
    results: Sequence[Result]
    selected: bool = False
    """Only some rules were looked at, so nothing is known of the levels."""

    @property
    def level(self) -> Level | None:
        """The highest level whose rules, and those of the levels below, are all done or exempt; ``None``: not bronze.

        Levels above the one that was asked for were not looked at.
        """
        reached: Level | None = None
        if self.selected:
            return None
        for level in LEVELS[: LEVELS.index(self.asked) + 1]:
            if any(result.level == level and result.status == "todo" for result in self.results):
                break
            reached = level
        return reached

    @property
    def counts(self) -> Counter[str]:
        """Results by status."""
        return Counter(result.status for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 where the level is reached, 4 where something is left to do."""
        return PARTIAL if self.counts["todo"] else 0

    def badge(self) -> str:
        """One line for a README."""
        counts = self.counts
        level = "some rules" if self.selected else self.level or "none"
        return (
            f"isthmus conformance: {self.connector} {self.version} · {level} · "
            f"{counts['done']} done, {counts['exempt']} exempt, {counts['todo']} todo"
        )

    def as_json(self) -> dict[str, Any]:
        """``{"connector", "version", "asked", "level", "counts", "badge", "rules": [...]}``."""
        counts = self.counts
        return {
            "connector": self.connector,
            "version": self.version,
            "asked": self.asked,
            "level": self.level,
            "counts": {status: counts[status] for status in ("done", "exempt", "todo")},
            "badge": self.badge(),
            "rules": [result.as_json() for result in self.results],
        }

    def text(self, *, colour: bool = False) -> str:
        """Level by level; faults that were survived are counted, those that were not are listed."""
        lines: list[str] = []
        for level in LEVELS:
            if not any(result.level == level for result in self.results):
                continue
            lines.append(level)
            faults = [r for r in self.results if r.level == level and r.rule.startswith("fault.")]
            for result in self.results:
                if result.level == level and (result not in faults or result.status != "done"):
                    lines += _lines(result, colour)
            survived = sum(result.status == "done" for result in faults)
            if faults:
                mark = _mark("done" if survived == len(faults) else "todo", colour)
                lines.append(f"  {mark} faults: {survived} of {len(faults)} survived")
        return "\n".join([*lines, self.badge()])


def _lines(result: Result, colour: bool) -> list[str]:
    said = _printable(result.reason or result.note)
    lines = [f"  {_mark(result.status, colour)} {result.rule}: {result.title}" + (f" ({said})" if said else "")]
    lines += [f"           {_printable(finding)}" for finding in result.findings[:_SHOWN]]
    if len(result.findings) > _SHOWN:
        lines.append(f"           and {len(result.findings) - _SHOWN} more; --json lists all")
    return lines


def _printable(text: str) -> str:
    """Findings quote vendors and connectors: what a terminal would obey is shown, not sent."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _mark(status: Status, colour: bool) -> str:
    word = f"{status:<6}"
    return f"\x1b[{_COLOURS[status]}m{word}\x1b[0m" if colour else word


__all__ = ["LEVELS", "Level", "Report", "Result", "Status"]
