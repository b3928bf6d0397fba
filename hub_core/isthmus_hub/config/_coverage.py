"""Coverage and gaps: what an organisation decides about evidence, crown jewels and frameworks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from isthmus_hub.config._kinds import Duration, File, Section


class CoverageConfig(Section):
    """``[coverage]``: what counts as covered (`docs/coverage.md`)."""

    stale_after: Annotated[Duration, Field(gt=0)] = 7 * 86_400.0
    """Evidence that is older than this does not count as observed."""
    unscanned_after: Annotated[Duration, Field(gt=0)] = 30 * 86_400.0
    """An asset whose weaknesses no source has looked at for so long is unscanned."""
    crown_jewel: Annotated[int, Field(ge=0, le=100)] = 75
    """Criticality from which an asset is a crown jewel. So is one that has the label or role `crown-jewel`."""
    enterprise: File | None = None
    """MITRE's bundle of ATT&CK Enterprise (`enterprise-attack-18.1.json`), for techniques on IT. ICS comes with the hub."""
    primaries: File | None = None
    """Folder with manifests of primary platforms of your own, one TOML file each; they stand before those that ship."""


__all__ = ["CoverageConfig"]
