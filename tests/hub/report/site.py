"""Findings of made-up sites of any size, computed by the same functions that answer for a real hub."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tests.hub.coverage.builders import SOURCES

from isthmus_hub import coverage, zones
from isthmus_hub.coverage.attack import ics
from isthmus_hub.report import Findings
from isthmus_hub.zones import Conditions, ConduitRule, Model, ZoneRule

NOW = datetime(2026, 5, 31, tzinfo=UTC)
SEEN = "2026-05-30T12:00:00.000Z"
NO_MODEL = Model()
HOST, WIRE = frozenset({"edr"}), frozenset({"guardian", "wire"})
CLASSES = (
    ("workstation", "4", 0.5),
    ("server", "3.5", 0.1),
    ("hmi", "2", 0.1),
    ("plc", "1", 0.2),
    ("field-io", "0", 0.1),
)


def asset(name: str, kind: str, *instances: str, **facts: Any) -> dict[str, Any]:
    """One placed asset in the shape of ``assets --json``."""
    members = [{"instance": instance, "stream": "s", "native_id": name, "last_seen": SEEN} for instance in instances]
    return {
        "id": f"infrastructure--{name}", "name": name, "class": kind, "members": members, "scopes": ["default"], "addresses": [],
        "bindings": [], "zone": None, "zones": [], "level": None, "technology": None, "owner": None, "vendor": None, "model": None,
        "last_seen": SEEN, "external": False, **facts,
    }  # fmt: skip


def link(source: dict[str, Any], target: dict[str, Any], protocol: str = "modbus", port: int = 502) -> dict[str, Any]:
    """One communication that the wire saw."""
    return {
        "source": source["id"], "target": target["id"], "services": [{"protocol": protocol, "transport": "tcp", "port": port}],
        "instances": ["wire"], "external": None, "peer": None, "first_seen": SEEN, "last_seen": SEEN,
    }  # fmt: skip


def exposure(asset: dict[str, Any], name: str, priority: float, **facts: Any) -> dict[str, Any]:
    """One row of ``exposures --json``."""
    return {
        "asset": asset["id"], "asset_name": asset["name"], "vulnerability": f"vulnerability--{name}", "name": name,
        "priority": priority, "kev": False, "epss": None, "reach": "own_zone", "criticality": None, "crown_jewel": False,
        "cvss": None, "likelihood": None, "zone": asset["zone"], "owner": None, "fix": None, "instances": ["scanner"],
        "disagreeing": [], **facts,
    }  # fmt: skip


def findings(
    assets: Sequence[dict[str, Any]], links: Sequence[dict[str, Any]] = (), *, model: Model = NO_MODEL, **more: Any
) -> Findings:
    """The answers about these assets; the sources are those of the coverage tests."""
    fleet = coverage.Fleet(assets, SOURCES, now=NOW)
    rows = list(coverage.techniques(fleet, ics()))
    spots = dict(coverage.blind_needs(fleet))
    gaps = coverage.gaps_json(coverage.gaps(assets, links, SOURCES, now=NOW))
    given: dict[str, Any] = {
        "hub": "north",
        "primary": "soc",
        "assets": assets,
        "zones": zones.overview(assets, links, model),
        "coverage": {
            "cells": coverage.matrix_json(coverage.cells(fleet)),
            "techniques": {"ics-attack": coverage.technique_summary(rows)},
            "technique_rows": [row.as_json() for row in rows],
        },
        "gaps": {
            "gaps": [{**gap, "closed_by": coverage.closed_by(gap["kind"], gap["assets"], spots)} for gap in gaps],
            "additions": coverage.additions(spots.items()).as_json(),
        },
        "unseen": unseen(fleet),
        "deliveries": [],
        "host": HOST,
        "wire": WIRE,
        "as_of": SEEN,
    }
    return Findings(**{**given, **more})


def unseen(fleet: coverage.Fleet) -> dict[tuple[str, str], list[str]]:
    """Behind each cell of the matrix the assets without fresh evidence."""
    classes = {each.id: each.asset_class for each in fleet.assets}
    found: dict[tuple[str, str], list[str]] = {}
    for (id, function), _ in coverage.blind_cells(fleet):
        found.setdefault((classes[id], function), []).append(id)
    return found


def plant(size: int, *, zones_per_level: int = 4, seed: int = 1) -> Findings:
    """A site of so many assets with zones on five levels, cells that talk upwards, and a few ways past the DMZ."""
    chance = random.Random(seed)
    made: list[dict[str, Any]] = []
    for number in range(size):
        kind, level, _ = chance.choices(CLASSES, [share for *_, share in CLASSES])[0]
        zone = f"{kind} zone {chance.randrange(zones_per_level) + 1}"
        instances = [name for name in ("edr", "guardian", "wire", "cmdb", "scanner") if chance.random() < 0.35]
        made.append(
            asset(
                f"{kind}-{number}", kind, *instances, zone=zone, zones=[zone], level=level, vendor="Acme", model=f"M{number % 9}",
                technology="ot" if level in ("0", "1", "2") else "it", addresses=[f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"],
            )
        )  # fmt: skip
    pairs = (chance.sample(made, 2) for _ in range(min(size, 2000) if size > 1 else 0))
    links = [link(one, other) for one, other in pairs]
    names = sorted({(one["zone"], one["level"]) for one in made})
    model = Model(
        tuple(ZoneRule(name, Conditions.parse({"zone": [name]}), level=level) for name, level in names),
        tuple(ConduitRule(one, other) for (one, _), (other, _) in pairwise(names)),
    )
    return findings(made, links, model=model)
