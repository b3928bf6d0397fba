"""Microsoft Defender for Endpoint: machines, alerts, vulnerabilities and software.

How each stream finds what is new is said at the stream. (Vendor documentation: "Supported Microsoft Defender for
Endpoint APIs", learn.microsoft.com/defender-endpoint/api.)
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from isthmus_connectors.microsoft_defender import mapping
from isthmus_connectors.microsoft_defender.models import Alert, Machine, MachineSoftware, MachineVulnerability
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.errors import PermissionDenied
from isthmus_sdk.http import NextLink, OAuth2ClientCredentials, Offset, Rate

VULNERABILITIES = "/api/vulnerabilities/machinesVulnerabilities"
SOFTWARE_PAGE = 5000
SOFTWARE = "/api/machines/SoftwareInventoryByMachine"


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
    page_size: int = Field(1000, ge=1, le=10_000, description="Rows per request")


defender = Connector(
    __package__,
    settings=DefenderSettings,
    auth=lambda s: OAuth2ClientCredentials(
        s.login_url / f"{s.tenant_id}/oauth2/v2.0/token", s.client_id, s.client_secret, scope=s.scope
    ),
    origins=lambda s: [s.login_url],
    # 100 calls a minute and 1500 an hour: the slower one holds over a long walk.
    http={"rate": Rate(requests=1500, per=3600, burst=50)},
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


@defender.stream("vulnerabilities", model=MachineVulnerability, snapshot=True, items="value")
def vulnerabilities(ctx: Context[DefenderSettings]) -> Iterable[Page]:
    """CVEs per machine and product; the complete set in each run, for a fixed one is simply no longer listed"""
    return ctx.pages(VULNERABILITIES, next=NextLink(size=None))


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
    # With $top the service gives no link to the next page; pageSize is its own parameter.
    return ctx.pages(SOFTWARE, next=NextLink(size="pageSize"), limit=SOFTWARE_PAGE)


machines.maps(mapping.machine_to_stix)
alerts.maps(mapping.alert_to_stix)
vulnerabilities.maps(mapping.vulnerability_to_stix)
software.maps(mapping.software_to_stix)


@defender.check
def check(ctx: Context[DefenderSettings]) -> list[str]:
    """One row of each list: a permission that the app registration lacks is named."""
    findings = []
    for path, permission, one in (
        ("/api/machines", "Machine.Read.All", "$top"),
        ("/api/alerts", "Alert.Read.All", "$top"),
        (VULNERABILITIES, "Vulnerability.Read.All", "$top"),
        (SOFTWARE, "Software.Read.All", "pageSize"),
    ):
        try:
            ctx.http.get(path, params={one: 1})
        except PermissionDenied:
            findings.append(f"{path}: the app registration lacks the application permission {permission}")
        else:
            findings.append(f"{path}: readable")
    return findings
