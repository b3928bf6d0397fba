"""The reference of the SDK, written from its docstrings: ``python -m isthmus_sdk.reference > docs/sdk.md``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

MODULES = {
    "isthmus_sdk": "what a connector is made of",
    "isthmus_sdk.http": "authentication, paging, limits",
    "isthmus_sdk.stix": "ids, times, shapes and checks of STIX",
    "isthmus_sdk.fields": "types for what vendors write in many ways",
    "isthmus_sdk.files": "files as input",
    "isthmus_sdk.push": "records that the vendor sends",
    "isthmus_sdk.summarise": "logs to communications",
    "isthmus_sdk.readable": "what a check finds that cannot be read",
    "isthmus_sdk.errors": "the tree of errors",
    "isthmus_sdk.testing": "the conformance kit",
    "isthmus_sdk.platform": "where a hub delivers",
}
"""Public modules: every name in their ``__all__`` is the SDK's promise."""


def page() -> str:
    """The page as Markdown."""
    lines = [
        "# Reference of the SDK",
        "",
        "Written from the code by `python -m isthmus_sdk.reference`. Every name here is public: what is deprecated stays for two minor",
        "versions of `sdk_api`. The whole text of each is its docstring, which your editor shows.",
        "",
    ]
    for module, what in MODULES.items():
        lines += [f"## `{module}`: {what}", "", "| name | what it is |", "|---|---|"]
        lines += [f"| `{name}` | {first_line(value)} |" for name, value in public(module)]
        lines.append("")
    return "\n".join(lines)


def public(module: str) -> Iterator[tuple[str, Any]]:
    """Names and values that a module exports, sorted."""
    made = importlib.import_module(module)
    for name in sorted(made.__all__, key=str.lower):
        yield name, getattr(made, name)


def first_line(value: Any) -> str:
    """The first sentence of a docstring; for a constant, its type."""
    if not (inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)):
        return f"constant ({type(value).__name__})"
    text = " ".join((inspect.getdoc(value) or "").split("\n\n", 1)[0].split())
    return text.replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    print(page(), end="")
