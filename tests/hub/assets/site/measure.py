"""How good a division of records into assets is, against the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.hub.assets.site.sources import Record
from tests.hub.assets.site.world import DAYS, Site


@dataclass(frozen=True)
class Measured:
    """Shares from 0 to 1, and the blind spots that the division invents or hides."""

    precision: float
    recall: float
    b_cubed: float
    clusters: int
    false_gaps: tuple[str, ...]
    """Devices with an agent of which an asset without one is listed."""
    missed_gaps: tuple[str, ...]
    """Devices without an agent that are only part of assets with one."""
    without_agent: int

    @property
    def f1(self) -> float:
        """Harmonic mean of pairwise precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.precision else 0.0


def measure(site: Site, records: Sequence[Record], clusters: Iterable[Iterable[str]]) -> Measured:
    """Pairwise and B-cubed figures over all records, and the list "no agent on it" against the truth."""
    truth = {record.id: record.truth for record in records}
    parts = [list(cluster) for cluster in clusters]
    together = wanted = right = 0
    sizes = Counter(truth.values())
    b_precision = b_recall = 0.0
    for part in parts:
        counts = Counter(truth[id] for id in part)
        together += _pairs(len(part))
        right += sum(map(_pairs, counts.values()))
        for device, number in counts.items():
            b_precision += number * number / len(part)
            b_recall += number * number / sizes[device]
    wanted = sum(map(_pairs, sizes.values()))
    precision, recall = right / together if together else 1.0, right / wanted
    p, r = b_precision / len(records), b_recall / len(records)
    false, missed, without = _gaps(site, {record.id: record for record in records}, parts)
    return Measured(precision, recall, 2 * p * r / (p + r), len(parts), false, missed, without)


def _pairs(number: int) -> int:
    return number * (number - 1) // 2


def _gaps(
    site: Site, records: Mapping[str, Record], parts: Sequence[Sequence[str]]
) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Of present devices that an agent could run on. What shows no more than an address is no device that lacks one."""
    able = {
        device.key: device for device in site.devices if device.os and device.role != "phone" and device.died > DAYS
    }
    agents: dict[str, list[bool]] = defaultdict(list)
    for part in parts:
        devices = [records[id] for id in part if records[id].facts["kind"] != "endpoint"]
        if any(_identified(record, site) for record in devices):
            agent = any(record.source == "edr" for record in devices)
            for key in {record.truth for record in devices} & able.keys():
                agents[key].append(agent)
    false = sorted(key for key, found in agents.items() if able[key].edr and not all(found))
    missed = sorted(key for key, found in agents.items() if not able[key].edr and all(found))
    return tuple(false), tuple(missed), sum(not device.edr for device in able.values())


def _identified(record: Record, site: Site) -> bool:
    facts = record.facts
    own = {card["mac"] for card in facts["interfaces"] if card.get("mac")} - set(site.gateways.values())
    return bool(facts.get("hostname") or facts.get("serial") or own)
