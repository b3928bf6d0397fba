"""ATT&CK for ICS 18.1 as it ships: the counts that MITRE's own bundle gives, and what known sensors see of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from isthmus_hub.coverage.attack import Attack, ics, read_bundle, read_table, write_table

FLOW, CREATION, CONTENT = "Network Traffic Flow", "Network Connection Creation", "Network Traffic Content"
INVENTORY, SOFTWARE = "Asset Inventory", "Software"
TARGETING = {
    "A0001": 43, "A0002": 48, "A0003": 48, "A0004": 36, "A0005": 39, "A0006": 39, "A0007": 45, "A0008": 35, "A0009": 41,
    "A0010": 47, "A0011": 30, "A0012": 38, "A0013": 23, "A0014": 12, "A0015": 32, "A0016": 32, "A0017": 50, "A0018": 47,
}  # fmt: skip


@pytest.fixture(scope="module")
def attack() -> Attack:
    return ics()


def test_the_table_has_every_live_technique_and_link(attack: Attack) -> None:
    assert (attack.domain, attack.version) == ("ics-attack", "18.1")
    assert len(attack.techniques) == 83
    assert len(attack.tactics) == 12
    assert len(attack.components) == 36
    assert sum(len(each.assets) for each in attack.techniques.values()) == 685
    assert {id: len(attack.targeting(id)) for id in attack.assets} == TARGETING


def test_thirteen_techniques_cannot_be_seen_by_anybody(attack: Attack) -> None:
    everything = attack.seen(attack.components)
    assert len(attack.visible) == 70
    assert everything.part == everything.full == attack.visible
    assert attack.seen(()).part == frozenset()


@pytest.mark.parametrize(
    ("names", "part", "full", "plc"),
    [
        ((FLOW,), 23, 1, None),
        ((FLOW, CREATION), 25, 1, 16),
        ((FLOW, CREATION, CONTENT), 44, 5, 32),
        ((FLOW, CREATION, CONTENT, INVENTORY, SOFTWARE), 47, 7, 35),
    ],
)
def test_what_sensors_see_is_counted_exactly(
    attack: Attack, names: tuple[str, ...], part: int, full: int, plc: int | None
) -> None:
    held = attack.component_ids(names)
    seen = attack.seen(held)
    assert (len(seen.part), len(seen.full)) == (part, full)
    assert seen.full <= seen.part <= attack.visible
    if plc is not None:
        assert len(attack.seen(held, "A0003").part) == plc


def test_components_go_by_name_or_id_in_any_case(attack: Attack) -> None:
    (id,) = attack.component_ids([FLOW.upper()])
    assert attack.component_ids([id.lower(), "nothing of that name"]) == {id}


def test_the_notice_of_mitre_goes_with_the_table(attack: Attack) -> None:
    assert "The MITRE Corporation" in attack.notice
    package = Path(sys.modules["isthmus_hub.coverage.attack"].__file__ or "").parent
    assert "reproduced and distributed with the permission" in (package / "LICENSE.mitre-attack.txt").read_text()


def test_the_table_is_what_the_bundle_gives(samples: Path, attack: Attack, tmp_path: Path) -> None:
    bundle = samples / "attack" / "ics_attack_18.1.json"
    assert read_bundle(bundle) == attack
    table = tmp_path / "table.json"
    subprocess.run([sys.executable, "-m", "isthmus_hub.coverage.attack", bundle, table], check=True)
    assert table.read_bytes() == write_table(attack)
    assert read_table(table) == attack
