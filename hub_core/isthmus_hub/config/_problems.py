"""What is wrong with a configuration, each with its place, its key and the fix. Never holds a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from isthmus_sdk.errors import ConfigurationError, SettingsError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend."""

    place: str
    """``isthmus.toml:14``, or ``environment variable ISTHMUS__HUB__NAME``."""
    key: str
    """Dotted key, ``connector.guardian-north.every``; empty for the file as a whole."""
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.message) if part)


class InvalidConfiguration(ConfigurationError):
    """The configuration has problems; all of them are listed, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InvalidSettings(InvalidConfiguration, SettingsError):
    """Settings do not fit the manifest of the connector or platform they are for."""


def dotted(path: Iterable[str | int]) -> str:
    """``("scope", 0, "when")`` as ``scope[0].when``; keys that TOML would quote are quoted."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        else:
            bare = step.replace("-", "").replace("_", "")
            word = step if bare.isalnum() and bare.isascii() else '"' + step.encode("unicode_escape").decode() + '"'
            out += f".{word}" if out else word
    return out


__all__ = ["InvalidConfiguration", "InvalidSettings", "Problem", "dotted"]
