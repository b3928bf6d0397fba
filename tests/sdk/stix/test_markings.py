"""TLP: the published ids, the most restrictive wins, version 1 is understood."""

from __future__ import annotations

import pytest
import stix2

from isthmus_sdk.stix import TLP, TLP_ORDER, tlp_object, tlp_of
from isthmus_sdk.stix._markings import TLP_1, tlp1_object


def test_ids_are_those_that_oasis_published() -> None:
    assert dict(TLP) == {
        "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
        "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
        "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
    }
    assert tuple(TLP) == TLP_ORDER
    for name, known in {
        "white": stix2.TLP_WHITE,
        "green": stix2.TLP_GREEN,
        "amber": stix2.TLP_AMBER,
        "red": stix2.TLP_RED,
    }.items():
        assert tlp1_object(name) == dict(known) | {"created": tlp1_object(name)["created"], "definition": {"tlp": name}}
        assert TLP_1[name] == known.id


def test_the_most_restrictive_marking_counts_even_when_it_binds_a_part() -> None:
    assert tlp_of({}) is None
    assert tlp_of({"object_marking_refs": ["marking-definition--unknown"]}) is None
    assert tlp_of({"object_marking_refs": [TLP["clear"], TLP["amber"]]}) == "amber"
    partly = {
        "object_marking_refs": [TLP["green"]],
        "granular_markings": [{"marking_ref": TLP["red"], "selectors": ["name"]}],
    }
    assert tlp_of(partly) == "red"
    assert tlp_of({"object_marking_refs": [TLP["amber"], TLP["amber+strict"]]}) == "amber+strict"


@pytest.mark.parametrize(("old", "level"), [("white", "clear"), ("green", "green"), ("amber", "amber"), ("red", "red")])
def test_version_1_markings_are_understood(old: str, level: str) -> None:
    assert tlp_of({"object_marking_refs": [TLP_1[old]]}) == level
    assert tlp_of(tlp1_object(old)) == level


def test_a_marking_carries_its_own_level() -> None:
    assert [tlp_of(tlp_object(name)) for name in TLP_ORDER] == list(TLP_ORDER)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="not one of"):
        tlp_object("white")


@pytest.mark.parametrize(
    "broken", [{"object_marking_refs": "x"}, {"object_marking_refs": [5]}, {"granular_markings": [5, {}]}]
)
def test_broken_markings_say_nothing(broken: dict[str, object]) -> None:
    assert tlp_of(broken) is None
