"""Coverage: what a product can see, of which assets, and how well."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._extensions import COVERAGE
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.core import Shape, given
from isthmus_sdk.stix._shapes.general import GeneralShapes
from isthmus_sdk.stix._shapes.reading import listed, one_of, said, whole, words
from isthmus_sdk.stix._time import both_ends

FUNCTIONS = ("identify", "protect", "detect", "respond", "recover")


class Capability(msgspec.Struct, frozen=True):
    """What a product does: a function of the NIST framework, with data components of ATT&CK, for classes of assets.

    ``fidelity``: 0 (none) to 4 (everything); ``evidence``: how that is known.
    """

    function: str
    data_components: Iterable[str] = ()
    asset_classes: Iterable[str] = ()
    fidelity: int | None = None
    evidence: str | None = None


class CoverageShapes(GeneralShapes):
    """Products as sensors."""

    def coverage(
        self,
        name: str,
        capabilities: Iterable[Capability],
        *,
        native_id: object = None,
        first_seen: object = None,
        last_seen: object = None,
    ) -> Shape:
        """The `system` of that name with what it covers. Raises `RecordError` for an unknown function."""
        first, last = both_ends(self.time(first_seen), self.time(last_seen))
        known = given(
            capabilities=[_capability(each) for each in listed("capabilities", capabilities)],
            first_seen=first,
            last_seen=last,
        )
        made = self.system(name, native_id=native_id).object
        made["extensions"] = {COVERAGE: {"extension_type": "property-extension", **known}}
        return Shape(made)


def _capability(capability: Capability) -> Json:
    if not isinstance(capability, Capability):
        raise RecordError(f"capabilities: expected a Capability, found {shown(capability)}")
    return given(
        function=one_of("function", capability.function, FUNCTIONS),
        data_components=words(capability.data_components, "data_components"),
        asset_classes=words(capability.asset_classes, "asset_classes"),
        fidelity=whole("fidelity", capability.fidelity, 0, 4),
        evidence=said("evidence", capability.evidence),
    )
