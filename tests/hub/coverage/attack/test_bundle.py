"""Reading a bundle of ATT&CK: what counts, what is left out, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from isthmus_hub.coverage.attack import Attack, Technique, read_bundle, read_table
from isthmus_sdk.errors import ConfigurationError

Json = dict[str, Any]


def obj(kind: str, key: str, **more: Any) -> Json:
    reference = {"source_name": "mitre-attack", "external_id": key}
    return {"type": kind, "id": f"{kind}--{key}", "name": key.title(), "external_references": [reference], **more}


def edge(kind: str, source: Json, target: Json, **more: Any) -> Json:
    return {
        "type": "relationship", "id": f"relationship--{source['id']}-{target['id']}", "relationship_type": kind,
        "source_ref": source["id"], "target_ref": target["id"], **more,
    }  # fmt: skip


def analytic(key: str, *components: Json, **more: Any) -> Json:
    sources = [{"x_mitre_data_component_ref": each["id"], "name": "log", "channel": "x"} for each in components]
    return obj("x-mitre-analytic", key, x_mitre_log_source_references=sources, **more)


def strategy(key: str, *analytics: Json, **more: Any) -> Json:
    return obj("x-mitre-detection-strategy", key, x_mitre_analytic_refs=[each["id"] for each in analytics], **more)


TACTIC = obj("x-mitre-tactic", "TA0001", x_mitre_shortname="initial-access")
MATRIX = obj("x-mitre-matrix", "enterprise-attack", tactic_refs=[TACTIC["id"]])
COLLECTION = {"type": "x-mitre-collection", "id": "x-mitre-collection--1", "x_mitre_version": "19.0"}
FLOW, PROCESS = obj("x-mitre-data-component", "DC0078"), obj("x-mitre-data-component", "DC0032")
PHASES = {"kill_chain_phases": [{"kill_chain_name": "mitre-attack", "phase_name": "initial-access"}]}
PHISHING = obj("attack-pattern", "T1566", **PHASES)
SPEAR = obj("attack-pattern", "T1566.001", x_mitre_is_subtechnique=True, **PHASES)
SEES_BOTH, SEES_FLOW = analytic("AN0001", FLOW, PROCESS), analytic("AN0002", FLOW)
STRATEGY = strategy("DET0001", SEES_BOTH, SEES_FLOW)
BASE = (
    COLLECTION, MATRIX, TACTIC, FLOW, PROCESS, PHISHING, SPEAR, SEES_BOTH, SEES_FLOW, STRATEGY,
    edge("detects", STRATEGY, PHISHING),
)  # fmt: skip


def read(folder: Path, objects: Iterable[Json]) -> Attack:
    path = folder / "attack.json"
    path.write_text(json.dumps({"type": "bundle", "id": "bundle--1", "objects": list(objects)}))
    return read_bundle(path)


def test_a_domain_without_assets_is_read_like_one_with_them(tmp_path: Path) -> None:
    found = read(tmp_path, BASE)
    assert (found.domain, found.version, found.assets) == ("enterprise-attack", "19.0", {})
    assert found.techniques["T1566"] == Technique(
        "T1566", "T1566", ("TA0001",), frozenset(), (frozenset({"DC0078", "DC0032"}), frozenset({"DC0078"}))
    )
    assert found.techniques["T1566.001"].analytics == ()
    assert found.visible == {"T1566"}


def test_one_analytic_is_enough_to_see_a_technique_in_full(tmp_path: Path) -> None:
    found = read(tmp_path, BASE)
    assert found.seen({"DC0078"}).full == {"T1566"}
    assert (found.seen({"DC0032"}).part, found.seen({"DC0032"}).full) == ({"T1566"}, frozenset())


@pytest.mark.parametrize("why", ["revoked", "x_mitre_deprecated"])
def test_what_is_revoked_or_deprecated_does_not_count(tmp_path: Path, why: str) -> None:
    for gone, left in ((PHISHING, set()), (STRATEGY, set()), (SEES_FLOW, {"T1566"}), (FLOW, {"T1566"})):
        objects = [{**each, why: True} if each is gone else each for each in BASE]
        if gone is STRATEGY:
            objects.append(strategy("DET0002"))
        assert read(tmp_path, objects).visible == left, gone["id"]
    without_edge = [{**each, why: True} if each["type"] == "relationship" else each for each in BASE]
    assert read(tmp_path, without_edge).visible == frozenset()


def test_the_order_of_a_bundle_does_not_matter(tmp_path: Path) -> None:
    assert read(tmp_path, reversed(BASE)) == read(tmp_path, BASE)


def test_references_to_what_is_not_there_are_passed_over(tmp_path: Path) -> None:
    lost = obj("x-mitre-asset", "A0009")
    dangling = [edge("targets", PHISHING, lost), strategy("DET0003", obj("x-mitre-analytic", "AN0009"))]
    assert read(tmp_path, [*BASE, *dangling]).techniques == read(tmp_path, BASE).techniques


@pytest.mark.parametrize(
    ("objects", "word"),
    [
        ((), "x-mitre-matrix"),
        ([each for each in BASE if each["type"] != "x-mitre-detection-strategy"], "x-mitre-detection-strategy"),
        ([*BASE, {"type": "attack-pattern", "id": "attack-pattern--9", "name": "No id"}], "attack-pattern--9"),
    ],
    ids=["nothing", "older than version 18", "a technique without an id"],
)
def test_another_bundle_is_refused_by_name(tmp_path: Path, objects: list[Json], word: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"attack\.json: is not a bundle of ATT&CK 18 or later: .*{word}"):
        read(tmp_path, objects)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"objects": 3}', "\x00\xff", '{"objects": [1, "x"]}'])
def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "attack.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"attack\.json: is not a"):
        read_bundle(path)
    with pytest.raises(ConfigurationError, match=r"attack\.json: is not a"):
        read_table(path)
    with pytest.raises(ConfigurationError, match=r"attack\.json\.gone: cannot be read"):
        read_bundle(path.with_suffix(".json.gone"))
