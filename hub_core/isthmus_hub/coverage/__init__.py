"""Who could watch, who does, and what nobody watches."""

from __future__ import annotations

from isthmus_hub.coverage._additions import Addition, Additions, additions
from isthmus_hub.coverage._blind import blind_cells, blind_needs, closed_by
from isthmus_hub.coverage._collect import collectable
from isthmus_hub.coverage._compare import Standing, standing
from isthmus_hub.coverage._exposures import exposures
from isthmus_hub.coverage._fleet import Fleet
from isthmus_hub.coverage._gaps import CAUSES, KINDS, Gap, gaps
from isthmus_hub.coverage._gaps import as_json as gaps_json
from isthmus_hub.coverage._matrix import Cell, cells, matrix
from isthmus_hub.coverage._matrix import as_json as matrix_json
from isthmus_hub.coverage._model import (
    FUNCTIONS,
    HOST_COMPONENTS,
    WIRE_COMPONENTS,
    Capability,
    Product,
    Rules,
    Source,
    capability,
)
from isthmus_hub.coverage._primaries import Primary, catalogue, read_primary
from isthmus_hub.coverage._rollup import rollups
from isthmus_hub.coverage._techniques import summary as technique_summary
from isthmus_hub.coverage._techniques import techniques

__all__ = [
    "CAUSES",
    "FUNCTIONS",
    "HOST_COMPONENTS",
    "KINDS",
    "WIRE_COMPONENTS",
    "Addition",
    "Additions",
    "Capability",
    "Cell",
    "Fleet",
    "Gap",
    "Primary",
    "Product",
    "Rules",
    "Source",
    "Standing",
    "additions",
    "blind_cells",
    "blind_needs",
    "capability",
    "catalogue",
    "cells",
    "closed_by",
    "collectable",
    "exposures",
    "gaps",
    "gaps_json",
    "matrix",
    "matrix_json",
    "read_primary",
    "rollups",
    "standing",
    "technique_summary",
    "techniques",
]
