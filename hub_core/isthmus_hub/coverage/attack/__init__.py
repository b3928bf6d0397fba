"""MITRE ATT&CK as coverage needs it: which technique is seen through which data components, on which assets.

ATT&CK for ICS ships as a compact table made from MITRE's bundle; other domains are read from a bundle that the user has.
"""

from __future__ import annotations

from isthmus_hub.coverage.attack._bundle import read_bundle
from isthmus_hub.coverage.attack._model import Attack, Seen, Technique
from isthmus_hub.coverage.attack._table import ics, read_table, write_table

__all__ = ["Attack", "Seen", "Technique", "ics", "read_bundle", "read_table", "write_table"]
