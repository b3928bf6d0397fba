"""Identity resolution: what many sources observed, as one inventory."""

from __future__ import annotations

from isthmus_hub.assets._attributes import ORDERS, Orders
from isthmus_hub.assets._beliefs import Beliefs, Place, as_told
from isthmus_hub.assets._believed import believed
from isthmus_hub.assets._evidence import Evidence
from isthmus_hub.assets._exposures import exposures
from isthmus_hub.assets._fit import Estimate, Fitted, fit
from isthmus_hub.assets._identity import Identifier, Observation, Strength, observation
from isthmus_hub.assets._index import IdentityIndex
from isthmus_hub.assets._inventory import communications, inventory
from isthmus_hub.assets._model_file import model_text, read_model
from isthmus_hub.assets._partition import Partition, partition
from isthmus_hub.assets._record import record_facts, record_name
from isthmus_hub.assets._resolver import Resolver, ResolveTotals
from isthmus_hub.assets._rulings import Rulings, in_force, rulings
from isthmus_hub.assets._weights import DEFAULT as DEFAULT_WEIGHTS
from isthmus_hub.assets._weights import Weights
from isthmus_hub.assets._why import identities, why

__all__ = [
    "DEFAULT_WEIGHTS",
    "ORDERS",
    "Beliefs",
    "Estimate",
    "Evidence",
    "Fitted",
    "Identifier",
    "IdentityIndex",
    "Observation",
    "Orders",
    "Partition",
    "Place",
    "ResolveTotals",
    "Resolver",
    "Rulings",
    "Strength",
    "Weights",
    "as_told",
    "believed",
    "communications",
    "exposures",
    "fit",
    "identities",
    "in_force",
    "inventory",
    "model_text",
    "observation",
    "partition",
    "read_model",
    "record_facts",
    "record_name",
    "rulings",
    "why",
]
