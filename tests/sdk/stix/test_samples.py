"""Published bundles:

The examples of the standard and the ATT&CK catalogue are accepted whole and preserved to the byte.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk.stix import check, coalesce, decode, encode, interop, warnings

pytestmark = pytest.mark.samples


def _objects(file: Path) -> list[dict[str, Any]]:
    document = json.loads(file.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document.get("objects", [document])
    return found


@pytest.mark.parametrize("folder", ["stix/oasis_json_schemas_examples", "stix/oasis_documentation_examples", "attack"])
def test_published_objects_are_accepted_and_preserved(samples: Path, folder: str) -> None:
    count = 0
    for file in sorted((samples / folder).glob("*.json")):
        for obj in _objects(file):
            before = copy.deepcopy(obj)
            check(obj)
            assert obj == before
            assert decode(encode(obj)) == obj
            assert coalesce(obj, copy.deepcopy(obj)) == obj
            count += 1
    assert count >= 250


def test_what_is_custom_is_counted_and_never_dropped(samples: Path) -> None:
    counts: Counter[str] = Counter()
    for obj in _objects(samples / "attack/ics_attack_18.1.json"):
        counts.update(warning.rule for warning in warnings(obj))
    assert counts["custom-type"] > 200
    assert counts["custom-property"] > 5_000


def test_stix_2_0_is_refused_by_name_and_taken_once_upgraded(samples: Path) -> None:
    objects = _objects(samples / "stix/stix20_observed_data/bundle_1000_flows.json")
    upgraded = [made for obj in objects for made in interop.upgrade(obj)]
    for obj in upgraded:
        check(obj)
    kinds = Counter(obj["type"] for obj in upgraded)
    assert kinds["observed-data"] == 1_000
    assert kinds["identity"] == 1
    flows = {obj["id"] for obj in upgraded if obj["type"] == "network-traffic"}
    assert len(flows) == len({json.dumps(obj["objects"]["2"], sort_keys=True) + json.dumps([obj["objects"]["0"], obj["objects"]["1"]]) for obj in objects if "objects" in obj})  # fmt: skip
