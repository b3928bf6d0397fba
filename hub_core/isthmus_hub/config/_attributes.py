"""Which source is believed about which attribute of an asset or a vulnerability."""

from __future__ import annotations

from isthmus_hub.config._kinds import File, Section, Text

Sources = tuple[Text, ...]


class AttributesConfig(Section):
    """``[attributes]``: whom to believe about an attribute, the most believed first: instances, connectors, areas of
    connectors (`"ot"`, `"endpoint"`, …). Without it: what looks at the device itself, before what is told of it."""

    vendor: Sources | None = None
    """Maker."""
    model: Sources | None = None
    """Product name."""
    serial: Sources | None = None
    """Serial number."""
    firmware: Sources | None = None
    """Version of the firmware."""
    operating_system: Sources | None = None
    """Name and version of the operating system."""
    hostname: Sources | None = None
    """Host name."""
    asset_class: Sources | None = None
    """Class; a telling one stands before a generic one whoever gives it."""
    technology: Sources | None = None
    """`ot`, `it`, `iot` or `iomt`."""
    purdue_level: Sources | None = None
    """Purdue level, with who says it; a declared one stands before an inferred one."""
    zone: Sources | None = None
    """Zone, where none is declared."""
    site: Sources | None = None
    """Site."""
    criticality: Sources | None = None
    """How much depends on it."""
    description: Sources | None = None
    """Description of a vulnerability; by default that of who scans for it."""
    cvss: Sources | None = None
    """CVSS score of a vulnerability, with its vector; by default that of who scans for it."""
    epss: Sources | None = None
    """EPSS score of a vulnerability; by default that of the feed, `epss`."""
    kev: Sources | None = None
    """Whether a vulnerability is known to be exploited, since when and until when to act; by default CISA's catalogue, `cisa-kev`."""
    fix: Sources | None = None
    """What repairs a vulnerability; by default what who scans for it says."""


class AssetsConfig(Section):
    """``[assets]``: how records are divided into devices."""

    model: File | None = None
    """File of a model that `isthmus assets fit` wrote; without it the one that is shipped. A change divides the whole inventory
    anew at the next sync or reload; what people decided stays."""


__all__ = ["AssetsConfig", "AttributesConfig"]
