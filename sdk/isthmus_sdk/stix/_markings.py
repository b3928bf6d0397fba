"""Traffic Light Protocol markings, version 2.0 (OASIS extension) to write, both versions to read.

Source: FIRST TLP 2.0; OASIS cti-stix-common-objects, extension-definition-specifications/tlp-2.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

TLP: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
        "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
        "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
    }
)
"""Marking-definition id by TLP 2.0 name."""

TLP_1: Final[Mapping[str, str]] = MappingProxyType(
    {
        "white": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
        "green": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        "amber": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        "red": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    }
)
"""Marking-definition id by TLP 1 name (STIX 2.1 section 7.2.1.4)."""

TLP_ORDER: Final = ("clear", "green", "amber", "amber+strict", "red")
"""From the least to the most restrictive."""

_RANK = {name: rank for rank, name in enumerate(TLP_ORDER)}
_RANK_BY_ID = {**{marking: _RANK[name] for name, marking in TLP.items()},
               **{marking: _RANK["clear" if name == "white" else name] for name, marking in TLP_1.items()}}  # fmt: skip


def tlp_object(name: str) -> dict[str, Any]:
    """The published marking-definition of a TLP 2.0 name. Raises `ValueError` for an unknown name."""
    if name not in TLP:
        raise ValueError(f"TLP {name!r} is not one of {', '.join(TLP_ORDER)}")
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP[name],
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{name.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": name}},
    }


def tlp1_object(name: str) -> dict[str, Any]:
    """The marking-definition of a TLP 1 name, as the standard prints it."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP_1[name],
        "created": "2017-01-20T00:00:00.000Z",
        "definition_type": "tlp",
        "name": f"TLP:{name.upper()}",
        "definition": {"tlp": name},
    }


def tlp_of(obj: Mapping[str, Any]) -> str | None:
    """The most restrictive TLP among the markings of ``obj``, of the whole or of a part; ``None`` where there is none.

    A marking-definition that *is* a TLP marking carries its own level.
    """
    ranks = [_RANK_BY_ID[ref] for ref in _marking_refs(obj) if ref in _RANK_BY_ID]
    return TLP_ORDER[max(ranks)] if ranks else None


def _marking_refs(obj: Mapping[str, Any]) -> Iterator[str]:
    refs = obj.get("object_marking_refs")
    if isinstance(refs, list):
        yield from (ref for ref in refs if isinstance(ref, str))
    granular = obj.get("granular_markings")
    if isinstance(granular, list):
        for marking in granular:
            ref = marking.get("marking_ref") if isinstance(marking, Mapping) else None
            if isinstance(ref, str):
                yield ref
    if obj.get("type") == "marking-definition" and isinstance(obj.get("id"), str):
        yield obj["id"]
