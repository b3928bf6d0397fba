"""What a check found: counted by rule without limit, listed up to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LIMIT = 10_000
"""Errors, and warnings, that are listed unless said otherwise."""


@dataclass(slots=True)
class Report:
    """Counts of everything and the first ``limit`` errors and warnings (0: all)."""

    limit: int = LIMIT
    objects: int = 0
    valid: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    error_rules: Counter[str] = field(default_factory=Counter)
    warning_rules: Counter[str] = field(default_factory=Counter)
    files: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lists(self, kind: str) -> bool:
        """Whether one more error or warning is listed rather than only counted."""
        return not self.limit or len(self.errors if kind == "error" else self.warnings) < self.limit

    def count(self, kind: str, rule: str) -> None:
        """Count one broken rule."""
        (self.error_rules if kind == "error" else self.warning_rules)[rule] += 1

    def add(self, kind: str, entry: dict[str, Any]) -> None:
        """List one."""
        (self.errors if kind == "error" else self.warnings).append(entry)

    def no_longer_valid(self, objects: Mapping[int, int]) -> None:
        """Objects of each file (its place in ``files``) that are sound alone and not together with others."""
        for turn, count in objects.items():
            self.files[turn]["valid"] -= count
        self.valid -= sum(objects.values())

    def as_json(self) -> dict[str, Any]:
        """The shape that ``stix check --json`` prints."""
        return {
            "objects": self.objects,
            "valid": self.valid,
            "errors": self.errors,
            "warnings": self.warnings,
            "by_rule": {"errors": _by_count(self.error_rules), "warnings": _by_count(self.warning_rules)},
            "not_listed": {
                "errors": self.error_rules.total() - len(self.errors),
                "warnings": self.warning_rules.total() - len(self.warnings),
            },
            "files": self.files,
            "unreadable": self.unreadable,
            "notes": self.notes,
        }

    def exit_code(self, *, pedantic: bool = False) -> int:
        """0, 4 where something is invalid or (``pedantic``) warned of, 1 where no file could be read."""
        if self.unreadable and not self.files:
            return 1
        if self.error_rules or self.unreadable or (pedantic and self.warning_rules):
            return 4
        return 0


def _by_count(rules: Counter[str]) -> dict[str, int]:
    return dict(sorted(rules.items(), key=lambda item: (-item[1], item[0])))


class Rendering:
    """The report as people read it: ``file:line``, id, path, message, rule. Colour only where asked for."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def entry(self, kind: str, entry: dict[str, Any]) -> str:
        """One error or warning on one line."""
        place = f"{entry['file']}:{entry['line']}" if entry["line"] else entry["file"]
        name = self._paint(kind, {"error": "31;1", "warning": "33;1"}[kind])
        subject = ": ".join(printable(part) for part in (entry["id"] or "object", entry["path"]) if part)
        rule = self._paint(f"[{printable(entry['rule'])}]", "2")
        return f"{printable(place)}: {name}: {subject}: {printable(entry['message'])} {rule}"

    def summary(self, report: Report) -> list[str]:
        """Totals, and how often each rule was broken."""
        errors, warnings = report.error_rules.total(), report.warning_rules.total()
        invalid = report.objects - report.valid
        lines = [
            f"{_number(report.objects, 'object')}: {report.valid} valid, {invalid} invalid; "
            f"{_number(errors, 'error')}, {_number(warnings, 'warning')}"
        ]
        for kind, rules in (("error", report.error_rules), ("warning", report.warning_rules)):
            for rule, count in _by_count(rules).items():
                lines.append(
                    f"  {self._paint(kind, '31' if kind == 'error' else '33'):7} {count:>9}  {printable(rule)}"
                )
        unlisted = errors - len(report.errors)
        if unlisted:
            lines.append(f"{unlisted} errors are counted and not listed; --limit 0 lists all")
        lines += [f"{printable(each['file'])}: {printable(each['message'])}" for each in report.unreadable]
        return [*lines, *report.notes]

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def printable(text: str) -> str:
    """``text`` with what a terminal would obey made visible."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


__all__ = ["LIMIT", "Rendering", "Report", "printable"]
