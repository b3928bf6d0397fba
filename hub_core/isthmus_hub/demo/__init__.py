"""The demonstration: a seeded, simulated site, read through the simulated APIs of its vendors."""

from __future__ import annotations

from isthmus_hub.demo._plant import plant
from isthmus_hub.demo._run import run_demo
from isthmus_hub.demo._site import Site, make, serving

__all__ = ["Site", "make", "plant", "run_demo", "serving"]
