"""A made-up site with known truth: devices, and what several products say of them, with every trap that real ones set."""

from tests.hub.assets.site.measure import Measured, measure
from tests.hub.assets.site.sources import Record, observed
from tests.hub.assets.site.world import Device, Site, build

__all__ = ["Device", "Measured", "Record", "Site", "build", "measure", "observed"]
