"""What a rule is: a name, a level, and a look at the connector that gives findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus_sdk.testing._report import Level

if TYPE_CHECKING:
    from isthmus_sdk.testing._bench import Bench


class Note(str):
    """Said beside the result; no finding."""

    __slots__ = ()


Check = Callable[["Bench"], Iterable[str]]
"""Findings of a rule; none where it is done."""
Applies = Callable[["Bench"], bool]


def always(_bench: Bench) -> bool:
    """Rules for every connector."""
    return True


def over_the_network(bench: Bench) -> bool:
    """Rules for connectors that call an API."""
    return not bench.over_files


def over_files(bench: Bench) -> bool:
    """Rules for streams that read files alone: all of a connector without an API, or those that only files or receivers give."""
    return bool(bench.file_streams)


def received_somewhere(bench: Bench) -> bool:
    """Rules for connectors with a stream that the vendor can push."""
    return any(stream.push is not None for stream in bench.connector.streams.values())


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, or one fault of the catalogue."""

    name: str
    level: Level
    title: str
    check: Check
    applies: Applies = always


class Book:
    """Rules in the order in which they are looked at."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def rule(self, name: str, level: Level, title: str, applies: Applies = always) -> Callable[[Check], Check]:
        """Enter the decorated check."""

        def enter(check: Check) -> Check:
            self.rules.append(Rule(name, level, title, check, applies))
            return check

        return enter


__all__ = ["Applies", "Book", "Check", "Note", "Rule", "always", "over_files", "over_the_network", "received_somewhere"]
