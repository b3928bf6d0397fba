"""Who could watch, who does, and what nobody watches."""

from __future__ import annotations

from isthmus_hub.coverage._gaps import CAUSES, KINDS, Gap, gaps
from isthmus_hub.coverage._gaps import as_json as gaps_json
from isthmus_hub.coverage._matrix import Cell, matrix
from isthmus_hub.coverage._matrix import as_json as matrix_json
from isthmus_hub.coverage._model import FUNCTIONS, HOST_COMPONENTS, WIRE_COMPONENTS, Capability, Source, capability

__all__ = [
    "CAUSES",
    "FUNCTIONS",
    "HOST_COMPONENTS",
    "KINDS",
    "WIRE_COMPONENTS",
    "Capability",
    "Cell",
    "Gap",
    "Source",
    "capability",
    "gaps",
    "gaps_json",
    "matrix",
    "matrix_json",
]
