"""Which distributions an environment takes: those that were given, and of the hub's own the SDK with what it needs.

So a partner's wheel and its hash are enough on a machine without a network; whatever else it needs has to be given, with
hashes of its own.
"""

from __future__ import annotations

import importlib.metadata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from isthmus_hub.runtime.environments._wheel import Wheel
from isthmus_sdk.errors import ConfigurationError

SDK = "isthmus-sdk"


@dataclass(frozen=True, slots=True)
class _Ask:
    requirement: Requirement
    by: str
    extra: str = ""


def from_hub(wheels: Sequence[Wheel]) -> list[str]:
    """Names of the hub's own distributions that the wheels need. Raises :class:`ConfigurationError` for what is missing."""
    given = {wheel.name: wheel for wheel in wheels}
    offered = _sdk_closure()
    taken: dict[str, None] = {}
    problems: list[str] = []
    seen: set[tuple[str, str]] = set()
    asks = deque([_Ask(Requirement(SDK), "every connector")])
    asks += [_Ask(requirement, wheel.name) for wheel in wheels for requirement in wheel.requires]
    while asks:
        ask = asks.popleft()
        if not _applies(ask):
            continue
        wanted, name = ask.requirement, canonicalize_name(ask.requirement.name)
        version, requires = _offer(name, given, offered)
        if version is None:
            problems.append(f"{wanted.name}{wanted.specifier} (needed by {ask.by}) is not there")
        elif not wanted.specifier.contains(version, prereleases=True):
            source = "was given" if name in given else "is the hub's own"
            problems.append(f"{wanted.name}{wanted.specifier} (needed by {ask.by}): {version} {source}")
        else:
            if name not in given:
                taken[name] = None
            for extra in ("", *sorted(wanted.extras)):
                if (name, extra) not in seen:
                    seen.add((name, extra))
                    asks += [_Ask(requirement, name, extra) for requirement in requires]
    if problems:
        raise ConfigurationError(
            "what the connector needs is not complete: "
            + "; ".join(dict.fromkeys(problems))
            + ". Give wheels of it with hashes: --requirements LOCK, and --wheels DIR where they lie on this machine"
        )
    return sorted(taken)


def version_of(name: str) -> str:
    """Version of one of the hub's own distributions."""
    return importlib.metadata.version(name)


def _applies(ask: _Ask) -> bool:
    marker = ask.requirement.marker
    return marker is None or marker.evaluate({"extra": ask.extra})


def _offer(
    name: str, given: Mapping[str, Wheel], offered: Mapping[str, tuple[str, tuple[Requirement, ...]]]
) -> tuple[str | None, tuple[Requirement, ...]]:
    if name in given:
        return given[name].version, given[name].requires
    return offered.get(name, (None, ()))


@cache
def _sdk_closure() -> dict[str, tuple[str, tuple[Requirement, ...]]]:
    """The SDK of this hub and all it needs: version and requirements by name."""
    out: dict[str, tuple[str, tuple[Requirement, ...]]] = {}
    waiting = [SDK]
    while waiting:
        name = waiting.pop()
        if name in out:
            continue
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        requires = tuple(_plain(found))
        out[name] = (found.version, requires)
        waiting += [canonicalize_name(requirement.name) for requirement in requires]
    return out


def _plain(found: importlib.metadata.Distribution) -> Iterator[Requirement]:
    """Requirements that hold here without any extra."""
    for text in found.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


__all__ = ["SDK", "from_hub", "version_of"]
