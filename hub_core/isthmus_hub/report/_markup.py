"""Text as HTML: whatever a vendor wrote is text here, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import msgspec

FEW = 4


def text(value: Any) -> str:
    """A value as text, also within an attribute in quotes."""
    return escape(str("" if value is None else value), quote=True)


def count(number: int, one: str, many: str = "") -> str:
    """A number and its word: "1 asset", "1,200 assets"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(part: int, whole: int) -> str:
    """A share that is never told better than it is: 100% is all of them, 0% is none."""
    if not 0 < part < whole:
        return "100%" if part and part == whole else "0%"
    return f"{100 * part // whole}%" if 100 * part >= whole else "under 1%"


def few(words: Sequence[str], most: int = FEW) -> str:
    """The first words, and how many more there are."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more:,} more" if more > 0 else "")


def counted(counts: Mapping[str, int], most: int = FEW) -> str:
    """Counts by name, the largest first: "40 plc, 2 hmi"."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return few([f"{number:,} {name}" for name, number in ranked], most)


def words(name: str) -> str:
    """A name of the hub's answers for people: "not_in_edr" -> "not in edr"."""
    return name.replace("_", " ")


def minute(timestamp: Any) -> str:
    """A STIX timestamp to the minute."""
    told = str(timestamp or "")
    return told[:16].replace("T", " ") + " UTC" if told[:1].isdigit() else told


def table(heads: Iterable[str], rows: Iterable[str], *, empty: str, kind: str = "") -> str:
    """A table of rows that are markup already. A head that ends in ``#`` is of numbers."""
    titles = [f"<th scope=col class=n>{text(head[:-1])}" if head.endswith("#") else f"<th scope=col>{text(head)}" for head in heads]  # fmt: skip
    body = "".join(f"<tr>{row}</tr>" for row in rows) or f"<tr><td colspan={len(titles)}>{text(empty)}"
    return f"<table class='{kind}'><thead><tr>{''.join(titles)}</tr></thead><tbody>{body}</tbody></table>"


def bar(parts: Sequence[tuple[str, int]], label: str) -> str:
    """Shares of a whole, each in the colour of its class, as a picture without any style of its own."""
    whole = sum(number for _, number in parts) or 1
    at, drawn = 0.0, []
    for name, number in parts:
        width = 100 * number / whole
        drawn.append(f'<rect class="{name}" x="{at:.2f}" width="{width:.2f}" height="10"/>')
        at += width
    return f'<svg class=bar viewBox="0 0 100 10" preserveAspectRatio=none role=img aria-label="{text(label)}">{"".join(drawn)}</svg>'


def data(value: Any) -> str:
    """JSON that can stand inside a script element: nothing in it ends the element or begins a comment."""
    plain = msgspec.json.encode(value).decode()
    for sign in "<>&\u2028\u2029":
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return plain


__all__ = ["bar", "count", "counted", "data", "few", "minute", "percent", "table", "text", "words"]
