"""The demonstration: a seeded, simulated site through three vendors' APIs."""

from __future__ import annotations

from isthmus_hub.demo._plant import plant
from isthmus_hub.demo._run import run_demo
from isthmus_hub.demo._site import Site, make, serving

__all__ = ["Site", "make", "plant", "run_demo", "serving"]
