"""`Builder`: the one object a mapping makes STIX with."""

from __future__ import annotations

from isthmus_sdk.stix._shapes.alerts import AlertShapes
from isthmus_sdk.stix._shapes.assets import AssetShapes
from isthmus_sdk.stix._shapes.coverage import CoverageShapes
from isthmus_sdk.stix._shapes.evidence import EvidenceShapes
from isthmus_sdk.stix._shapes.exposures import ExposureShapes
from isthmus_sdk.stix._shapes.observables import ObservableShapes
from isthmus_sdk.stix._shapes.people import PeopleShapes
from isthmus_sdk.stix._shapes.threats import ThreatShapes
from isthmus_sdk.stix._shapes.traffic import TrafficShapes


class Builder(
    AssetShapes,
    TrafficShapes,
    AlertShapes,
    ExposureShapes,
    CoverageShapes,
    PeopleShapes,
    ThreatShapes,
    ObservableShapes,
    EvidenceShapes,
):
    """Makes STIX objects for one source, from one observation.

    Every constructor returns a `Shape`: plain dicts, referents first. Ids are deterministic, times come from the source
    or from ``observed_at``, never from a clock; the same input gives the same objects.
    """
