"""How much each agreement or disagreement says: the frozen model behind the comparison of records.

Fellegi and Sunter's weights: the logarithm (base 2) of how much likelier an agreement is between two records of one device
than between two of different ones. The hub never learns while it runs, so the same input gives the same inventory.
"""

from __future__ import annotations

import msgspec


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bits for or against. Positive ones speak for one device."""

    version: str = "2026-1"
    prior: float = -8.0
    """Two records taken at random: about one pair in 250 of a site of that size is one device."""
    address_at_once: float = 13.0
    """The same address of one scope, at the same time: nearly a proof."""
    address_fixed: float = 12.0
    """... over spans of time that meet, where the address never changed hands."""
    address_leased: float = 4.5
    """... over spans that meet, where it did, or where a holder had others."""
    address_undated_fixed: float = 10.0
    """... told without a time."""
    address_undated_leased: float = 0.0
    address_apart_fixed: float = 3.0
    """... at different times."""
    address_apart_leased: float = -2.0
    address_differs: float = -5.0
    """Different addresses of one scope at the same time, with one adapter each."""
    hostname: float = 7.0
    """A name that stronger identifiers keep apart; one bit less each time the number of its holders doubles."""
    mac: float = 7.0
    local_mac: float = 11.5
    """Made-up hardware addresses repeat more easily than the manufacturers': two bits less for each doubling."""
    serial: float = 9.0
    mac_differs: float = -4.0
    vendor: float = 2.0
    vendor_differs: float = -4.0
    model: float = 3.5
    model_differs: float = -4.0
    system: float = 1.0
    system_differs: float = -4.0
    asset_class: float = 1.5
    asset_class_differs: float = -3.0
    merge: float = 3.0
    """From here on two records are one device."""
    undecided: float = 0.0
    """From here on a person may know better; nothing is merged."""
    margin: float = 2.0
    """A record that fits two devices is given to one only where the other fits so much less."""


DEFAULT = Weights()
