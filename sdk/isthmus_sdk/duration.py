"""Lengths of time as people write them: ``90``, ``"30s"``, ``"10m"``, ``"1h30m"``, ``"7d"``."""

from __future__ import annotations

import re

from isthmus_sdk.errors import ConfigurationError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def seconds(value: str | float, *, name: str = "duration") -> float:
    """Seconds of a duration. A bare number is seconds. Raises ``ConfigurationError`` that names ``name``."""
    if isinstance(value, bool):
        raise ConfigurationError(f"{name}: {value!r} is not a duration; write 30s, 10m, 1h or 7d")
    if isinstance(value, int | float):
        if value < 0:
            raise ConfigurationError(f"{name}: a duration cannot be negative")
        return float(value)
    text = value.strip().replace(" ", "")
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ConfigurationError(f"{name}: {value!r} is not a duration; write 30s, 10m, 1h or 7d")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def shown(duration: float) -> str:
    """Seconds as people write them: ``600`` is ``10m``."""
    for unit in ("w", "d", "h", "m", "s"):
        count = duration / _UNITS[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{duration:g}s"


__all__ = ["seconds", "shown"]
