"""CVEs of assets and nodes as exposures. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isthmus_connectors.nozomi_guardian.models import NodeCve
from isthmus_connectors.nozomi_guardian.places import vantage
from isthmus_sdk import stix as core
from isthmus_sdk.errors import RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Shape, normalise


def node_cve_to_stix(finding: NodeCve, stix: Builder) -> Iterator[Any]:
    """A CVE on an asset, which is known by its id alone: the asset comes with its own stream.

    Older releases name the node alone: the finding is on its endpoint then.
    """
    yield stix.exposure(
        stix.asset_id(finding.asset_id) if finding.asset_id else _node_of(finding, stix),
        finding.cve,
        state=_exposure_state(finding),
        likelihood=_likelihood(finding),
        cvss=finding.cve_score,
        epss=finding.cve_epss_score,
        kev=finding.is_kev,
        first_seen=core.earliest(finding.record_created_at, finding.time),
        last_seen=finding.time,
        description=finding.cve_summary,
        fix=finding.minimum_hotfix,
    )


def _node_of(finding: NodeCve, stix: Builder) -> Shape:
    context, _, tail = (finding.node_id or "").rpartition("/")
    address = says(normalise.ip, tail)
    if address is None:
        raise RecordError("the finding names neither an asset nor a node with an address", path="asset_id")
    zone, sensor = finding.zone, finding.appliance_host
    return stix.endpoint(address, vantage=vantage(sensor, zone, context), zone=zone, sensor=sensor)


def _exposure_state(finding: NodeCve) -> str:
    if not finding.resolved:
        return "open"
    return "accepted" if "accept" in (finding.resolution_reason or "").lower() else "resolved"


def _likelihood(finding: NodeCve) -> str | None:
    word = (finding.probability or "").lower()
    if word in ("confirmed", "likely", "possible"):
        return word
    if finding.likelihood is None:
        return None
    return "confirmed" if finding.likelihood >= 1 else "likely" if finding.likelihood >= 0.5 else "possible"
