"""What a primary platform covers by itself, what with today's partners, and what remains.

A pair is one asset and one function. *Own* counts pairs that its manifest declares and that can be collected on the class: what
it could watch once it is deployed everywhere. *Partners* counts pairs that configured instances really observe. Own sensors
that are configured here already (``covers_by``, or ``sensors`` of the manifest) are counted apart, as observed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from isthmus_hub.coverage._fleet import Fleet
from isthmus_hub.coverage._model import FUNCTIONS, Capability, Source
from isthmus_hub.coverage._techniques import attack_class, held
from isthmus_hub.coverage.attack import Attack


@dataclass(frozen=True, slots=True)
class Standing:
    """One primary platform, measured on the assets there are."""

    pairs: int
    own: int
    own_observed: int
    with_partners: int
    functions: dict[str, dict[str, int]]
    """By function: assets, own, own_observed, with_partners."""
    remains: tuple[tuple[str, str, int], ...]
    """Asset class, function, assets: what neither it nor a partner covers; most assets first."""
    techniques: dict[str, int]
    """ATT&CK for ICS over the classes there are: how many there are, seen in part by itself, with the partners."""

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "pairs": self.pairs,
            "own": self.own,
            "own_observed": self.own_observed,
            "with_partners": self.with_partners,
            "functions": self.functions,
            "remains": [
                {"asset_class": name, "function": function, "assets": count} for name, function, count in self.remains
            ],
            "techniques": self.techniques,
        }


def standing(fleet: Fleet, capabilities: Sequence[Capability], attack: Attack, *, own: Iterable[str] = ()) -> Standing:
    """How a platform with such capabilities stands. ``own``: instances that read its own sensors."""
    sensors = frozenset(own)
    counts: dict[str, Counter[str]] = {function: Counter() for function in FUNCTIONS}
    remains: Counter[tuple[str, str]] = Counter()
    by_class = _by_class(fleet)
    covered = {
        (*kind, function): any(item.function == function and item.applies_to(*kind) for item in capabilities)
        for kind in {(each.asset_class, each.technology) for each in fleet.assets}
        for function in FUNCTIONS
    }  # of an unknown class nothing is credited but what is claimed for every class: it is a promise, no evidence
    for each in fleet.assets:
        fresh = {name for name, when in each.seen.items() if fleet.fresh(when)}
        for function in FUNCTIONS:
            key = (each.asset_class, each.technology, function)
            could, seeing = covered[key], fresh & by_class[key]
            count = counts[function]
            count["assets"] += 1
            count["own"] += could
            count["own_observed"] += bool(seeing & sensors)
            count["with_partners"] += could or bool(seeing)
            if not (could or seeing):
                remains[each.asset_class, function] += 1
    names = ("assets", "own", "own_observed", "with_partners")
    total = {name: sum(count[name] for count in counts.values()) for name in names}
    return Standing(
        total["assets"], total["own"], total["own_observed"], total["with_partners"],
        {function: {name: count[name] for name in names} for function, count in counts.items()},
        tuple((name, function, count) for (name, function), count in sorted(remains.items(), key=lambda one: (-one[1], one[0]))),
        _techniques(fleet, capabilities, attack),
    )  # fmt: skip


def _by_class(fleet: Fleet) -> dict[tuple[str, str, str], frozenset[str]]:
    """Instances that perform a function on a class."""
    out: dict[tuple[str, str, str], frozenset[str]] = defaultdict(frozenset)
    for kind in {(each.asset_class, each.technology) for each in fleet.assets}:
        for function in FUNCTIONS:
            able = fleet.able(lambda item, _, wanted=function: item.function == wanted, *kind)  # type: ignore[misc]
            out[*kind, function] = frozenset(source.instance for source in able if source.instance)
    return out


def _techniques(fleet: Fleet, capabilities: Sequence[Capability], attack: Attack) -> dict[str, int]:
    """Techniques that target a class there is: all, those seen by the platform alone, those seen with configured partners.

    Counted once, however many classes a technique targets; on each class only what can be collected there counts.
    """
    alone = [Source("", tuple(capabilities))]
    partners = [source for source in fleet.sources if source.instance]
    targeted: set[str] = set()
    own: set[str] = set()
    together: set[str] = set()
    for name in fleet.by_class:
        if id := attack_class(name):
            targeted |= {each.id for each in attack.targeting(id)}
            own |= attack.seen(held(attack, alone, name), id).part
            together |= attack.seen(held(attack, [*alone, *partners], name), id).part
    return {"targeted": len(targeted), "own": len(own), "with_partners": len(together)}
