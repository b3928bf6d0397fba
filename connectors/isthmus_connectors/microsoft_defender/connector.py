"""Microsoft Defender for Endpoint: machines, alerts, vulnerabilities of machines, software, and what is known of the CVEs.

How each stream finds what is new is said at the stream. (Vendor documentation: "Supported Microsoft Defender for
Endpoint APIs", learn.microsoft.com/defender-endpoint/api.)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from pydantic import Field

from isthmus_connectors.microsoft_defender import mapping
from isthmus_connectors.microsoft_defender.models import (
    Alert,
    KnownVulnerability,
    Machine,
    MachineSoftware,
    MachineVulnerability,
)
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.context import format_time
from isthmus_sdk.http import NextLink, OAuth2ClientCredentials, Offset, Rate
from isthmus_sdk.readable import readable

EXPORTS = "/api/machines/Software"
"""How the paths of all exports begin: they have a stricter limit of their own."""
VULNERABILITIES = "/api/machines/SoftwareVulnerabilitiesByMachine"
CHANGES = "/api/machines/SoftwareVulnerabilityChangesByMachine"
SOFTWARE = "/api/machines/SoftwareInventoryByMachine"
CVES = "/api/vulnerabilities"
CVES_PAGE = 8000
"""Most that the list of CVEs gives at once."""
REACH = timedelta(days=14) - timedelta(hours=1)
"""How far back changes can be asked for: 14 days, less the time that clocks may differ and the request takes."""


EXPORTED = NextLink(size="pageSize")
"""Paging of the exports: with ``$top`` they would give no link to the next page."""


class DefenderSettings(Settings):
    """What an operator sets."""

    tenant_id: str = Field(description="Directory (tenant) id", pattern=r"^[A-Za-z0-9.-]+$")
    client_id: str = Field(description="Application (client) id of the app registration")
    client_secret: Secret = Field(description="Its client secret")
    base_url: Url = Field(
        Url("https://api.securitycenter.microsoft.com"),
        description="API endpoint; regional and government tenants have their own",
    )
    login_url: Url = Field(Url("https://login.microsoftonline.com"), description="Sign-in host of the cloud in use")
    scope: str = Field(
        "https://api.securitycenter.microsoft.com/.default",
        description="Scope of the token; government clouds have their own",
    )
    page_size: int = Field(1000, ge=1, le=10_000, description="Rows per request of machines and alerts")
    export_page_size: int = Field(
        10_000, ge=1, le=50_000, description="Rows per request of the exports (vulnerabilities, software), 1 kB each"
    )


defender = Connector(
    __package__,
    settings=DefenderSettings,
    auth=lambda s: OAuth2ClientCredentials(
        s.login_url / f"{s.tenant_id}/oauth2/v2.0/token", s.client_id, s.client_secret, scope=s.scope
    ),
    origins=lambda s: [s.login_url],
    # 100 calls a minute and 1,500 an hour; exports 30 and 1,000. Burst and steady pace together stay below both.
    http={
        "rate": Rate(requests=1450, per=3600, burst=50),
        "rates": {EXPORTS: Rate(requests=985, per=3600, burst=12)},
    },
)


@defender.stream("machines", model=Machine, snapshot=True, items="value")
def machines(ctx: Context[DefenderSettings]) -> Iterable[Page]:
    """Machines with addresses, system, health and onboarding state; the complete set in each run"""
    return ctx.pages("/api/machines", next=Offset("$skip", "$top", overlap=1), limit=ctx.settings.page_size)


@defender.stream("alerts", model=Alert, cursor="updated", lookback="10m", ordered=False, items="value")
def alerts(ctx: Context[DefenderSettings]) -> Iterable[Page]:
    """Alerts with their evidence, new and changed since the last run

    The service gives the newest first and an update moves an alert within the list while it is read: the mark moves at
    the end of the walk, and ten minutes are read again.
    """
    return ctx.pages(
        "/api/alerts",
        next=Offset("$skip", "$top", overlap=1),
        params={"$expand": "evidence"},
        since=lambda time: {"$filter": f"lastUpdateTime ge {time}"},
        limit=ctx.settings.page_size,
    )


@defender.stream(
    "vulnerabilities",
    model=MachineVulnerability,
    cursor="changed",
    lookback="12h",
    ordered=False,
    items="value",
)
def vulnerabilities(ctx: Context[DefenderSettings]) -> Iterable[Page]:
    """CVEs per machine and product: all of them at first, then what is new, changed or fixed since the last run

    The service looks every six hours, and gives what it had when it last looked: two looks are read again. Rows of the whole
    export tell no time of change, so the time of the reply is their mark. Changes are kept for 14 days; after a longer pause
    everything is read anew, and the changes that are left, for only they tell what was fixed.
    """
    since, limit = ctx.since("datetime"), ctx.settings.export_page_size
    kept = datetime.now(UTC) - REACH
    if isinstance(since, datetime) and since >= kept:
        yield from ctx.pages(CHANGES, next=EXPORTED, since="sinceTime", limit=limit)
        return
    yield from ctx.pages(VULNERABILITIES, next=EXPORTED, limit=limit, mark="Date")
    if since is not None:
        yield from ctx.pages(CHANGES, next=EXPORTED, params={"sinceTime": format_time(kept, "iso")}, limit=limit)


@defender.stream(
    "software",
    model=MachineSoftware,
    key=None,
    snapshot=True,
    items="value",
    default=False,
)
def software(ctx: Context[DefenderSettings]) -> Iterable[Page]:
    """Products installed per machine, with the end of their support; the complete set in each run, large, so off"""
    return ctx.pages(SOFTWARE, next=EXPORTED, limit=ctx.settings.export_page_size)


@defender.stream("cves", model=KnownVulnerability, snapshot=True, items="value", default=False)
def cves(ctx: Context[DefenderSettings]) -> Iterable[Page]:
    """What the service knows of the CVEs that its machines have: scores, vector, exploits; the complete set in each run, so off

    A CVE that machines come to have changes no time of its own, so nothing less than the whole list would do.
    """
    return ctx.pages(CVES, next=Offset("$skip", "$top", overlap=1), limit=CVES_PAGE)


machines.maps(mapping.machine_to_stix)
alerts.maps(mapping.alert_to_stix)
vulnerabilities.maps(mapping.vulnerability_to_stix)
software.maps(mapping.software_to_stix)
cves.maps(mapping.known_vulnerability_to_stix)


@defender.check
def check(ctx: Context[DefenderSettings]) -> list[str]:
    """One row of each list: a permission that the app registration lacks is named."""
    return [
        readable(
            path,
            partial(ctx.http.get, path, params={one: 1}),
            *streams,
            lacks=f"the app registration lacks the application permission {permission}",
        )
        for path, permission, one, streams in (
            ("/api/machines", "Machine.Read.All", "$top", ("machines",)),
            ("/api/alerts", "Alert.Read.All", "$top", ("alerts",)),
            (VULNERABILITIES, "Vulnerability.Read.All", "pageSize", ("vulnerabilities", "cves")),
            (SOFTWARE, "Software.Read.All", "pageSize", ("software",)),
        )
    ]
