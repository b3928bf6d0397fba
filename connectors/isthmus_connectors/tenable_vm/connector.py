"""Tenable Vulnerability Management: assets and findings, each by an export that the vendor prepares.

How each stream finds what is new is said at the stream. (Vendor documentation: developer.tenable.com, "Export assets" and "Export
vulnerabilities"; paths, filters and the conflict reply as pytenable has them.)
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from pydantic import Field

from isthmus_connectors.tenable_vm import mapping
from isthmus_connectors.tenable_vm.models import Asset, Finding
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.http import ApiKey, Export, Rate
from isthmus_sdk.readable import readable


class TenableSettings(Settings):
    """What an operator sets."""

    base_url: Url = Field(
        Url("https://cloud.tenable.com"), description="Address of the service; https://fedcloud.tenable.com for FedRAMP"
    )
    access_key: Secret = Field(description="Access key: My Account > API Keys, of a user who may export")
    secret_key: Secret = Field(description="Secret key that belongs to it, shown once")
    informational: bool = Field(
        True,
        description="Whether informational findings are fetched, to be counted and left aside. Without them exports are "
        "smaller, and a finding that somebody recasts to informational keeps the state it had",
    )


def _prepared(kind: str) -> Export:
    """How an export is waited for and fetched. A second one over the same filter is refused and names the first."""
    return Export(
        job="export_uuid",
        running="active_job_id",
        status=f"/{kind}/export/{{job}}/status",
        chunks="chunks_available",
        chunk=f"/{kind}/export/{{job}}/chunks/{{chunk}}",
    )


tenable_vm = Connector(
    __package__,
    settings=TenableSettings,
    auth=lambda s: ApiKey("X-ApiKeys", f"accessKey={s.access_key.reveal()};secretKey={s.secret_key.reveal()}"),
    # The service names no number of requests; it answers 429 with Retry-After, which is kept to.
    http={"rate": Rate(requests=120, per=60, burst=20, concurrency=2)},
)


@tenable_vm.stream("assets", model=Asset, snapshot=True, items="")
def assets(ctx: Context[TenableSettings]) -> Iterable[Page]:
    """Assets with their interfaces, software and tags; the complete set in each run, deleted and terminated ones left aside"""
    return ctx.pages("/assets/export", method="POST", json={"chunk_size": 1000}, next=_prepared("assets"))


@tenable_vm.stream(
    "vulnerabilities",
    model=Finding,
    cursor="changed",
    key=("asset.uuid", "plugin.id"),
    lookback="1d",
    ordered=False,
    items="",
)
def vulnerabilities(ctx: Context[TenableSettings]) -> Iterable[Page]:
    """Findings per asset and plugin: what is open at first, then what was found again or fixed since

    A scan's findings bear the time at which they were seen and come when the scan is done: a day is read again. Chunks come in no
    order, so the mark moves at the end of the walk.
    """
    since = ctx.since("s")
    states = ["OPEN", "REOPENED", *(["FIXED"] if since else [])]
    filters: dict[str, Any] = {"state": states, **({"since": since} if since else {})}
    if not ctx.settings.informational:
        filters["severity"] = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    return ctx.pages(
        "/vulns/export",
        method="POST",
        json={
            "num_assets": 1000,
            "include_unlicensed": True,
            "include_plugin_output": False,
            "filters": filters,
        },
        next=_prepared("vulns"),
    )


assets.maps(mapping.asset_to_stix)
vulnerabilities.maps(mapping.finding_to_stix)


@tenable_vm.check
def check(ctx: Context[TenableSettings]) -> list[str]:
    """The list of recent exports of each kind, which nobody sees who may not export."""
    return [
        readable(
            path,
            partial(ctx.http.get, path),
            stream,
            lacks="the owner of the keys may not export; give the user the role Administrator, or a custom role "
            "with the privilege to export and Can View on all assets",
        )
        for path, stream in (("/assets/export/status", "assets"), ("/vulns/export/status", "vulnerabilities"))
    ]
