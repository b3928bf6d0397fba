"""AWS: findings of Security Hub and GuardDuty, and EC2 instances as AWS Config knows them.

EC2's own API speaks XML alone; Config, which Security Hub's controls need anyway, has the same instances as JSON, of one
account and region or of all that an aggregator gathers. (API references of Security Hub, GuardDuty and AWS Config.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
from pydantic import Field

from isthmus_connectors.aws_security import envelopes
from isthmus_connectors.aws_security.instances import instance_to_stix
from isthmus_connectors.aws_security.models import Instance
from isthmus_connectors.aws_security.security_hub import finding_to_stix
from isthmus_connectors.aws_security.security_hub_models import Finding
from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.errors import PermissionDenied, UnexpectedReply
from isthmus_sdk.http import AwsSignature, Cursor, Entities, Rate
from isthmus_sdk.readable import readable

_FUTURE = "2100-01-01T00:00:00.000Z"
"""Security Hub's filter has two ends; findings of the future there are none."""
_JSON = {"Content-Type": "application/x-amz-json-1.1"}
_QUERY = (
    "SELECT resourceId, accountId, awsRegion, arn, resourceCreationTime, configurationItemCaptureTime, configuration, tags "
    "WHERE resourceType = 'AWS::EC2::Instance'"
)

_FEW = "SELECT resourceId WHERE resourceType = 'AWS::EC2::Instance'"


class AwsSettings(Settings):
    """What an operator sets. Keys belong to a user or role with the policies SecurityAudit, or those named in the README."""

    region: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="Region, as eu-central-1")
    access_key_id: str = Field(min_length=1, description="Access key id: IAM > Users > Security credentials")
    secret_access_key: Secret = Field(description="Secret access key that belongs to it")
    session_token: Secret | None = Field(None, description="Session token, where the keys are temporary ones")
    aggregator: str = Field(
        "", max_length=256, description="AWS Config aggregator, for the instances of all its accounts and regions"
    )
    endpoint: Url | None = Field(
        None, description="One address in place of the three services' own (a gateway); mostly unset"
    )

    def host(self, service: str) -> str:
        """Where a service is reached; empty where one address stands for all, below which its paths are."""
        if self.endpoint is not None:
            return ""
        tail = ".cn" if self.region.startswith("cn-") else ""
        return f"https://{service}.{self.region}.amazonaws.com{tail}"


def _service(url: Url) -> str:
    """Which service a request is for: each has paths of its own."""
    if "/detector" in url.path:
        return "guardduty"
    return "securityhub" if url.path.endswith("/findings") else "config"


_SERVICES = ("securityhub", "guardduty", "config")

aws_security = Connector(
    __package__,
    settings=AwsSettings,
    auth=lambda s: AwsSignature(
        s.access_key_id,
        s.secret_access_key,
        region=s.region,
        service=_service,
        session_token=s.session_token,
        origins=[s.host(each) for each in _SERVICES] if s.endpoint is None else None,
    ),
    base_url=lambda s: s.endpoint or s.host("securityhub"),
    origins=lambda s: [host for each in _SERVICES if (host := s.host(each))],
    # Security Hub allows 3 GetFindings a second, with a burst of 6, for the whole account.
    http={"rate": Rate(requests=60, per=60, burst=3, concurrency=1)},
)


@aws_security.stream(
    "findings", model=Finding, cursor="updated_at", lookback="5m", items="Findings|findings", unwrap=envelopes.finding
)
def findings(ctx: Context[AwsSettings]) -> Iterator[Page]:
    """Findings of Security Hub, archived and resolved ones too; updated since the last run"""
    since = ctx.since()
    filters = {"Filters": {"UpdatedAt": [{"Start": since, "End": _FUTURE}]}} if since else {}
    return ctx.pages(
        f"{ctx.settings.host('securityhub')}/findings",
        method="POST",
        json={**filters, "SortCriteria": [{"Field": "UpdatedAt", "SortOrder": "asc"}]},
        next=Cursor("NextToken", "NextToken", size="MaxResults"),
        limit=100,
    )


@aws_security.stream(
    "guardduty",
    model=Finding,
    cursor="updated_at",
    lookback="5m",
    ordered=False,
    items="findings|Findings|findingIds",
    unwrap=envelopes.finding,
)
def guardduty(ctx: Context[AwsSettings]) -> Iterator[Page]:
    """Findings of GuardDuty with what it saw, archived ones too; updated since the last run

    Security Hub has the same findings with less in them, and under the same ids.
    """
    since = ctx.since("ms")
    criteria = {"findingCriteria": {"criterion": {"updatedAt": {"greaterThanOrEqual": since}}}} if since else {}
    for detector in [""] if ctx.files else _detectors(ctx):
        path = f"{ctx.settings.host('guardduty')}/detector/{detector}/findings"
        yield from ctx.pages(
            path,
            method="POST",
            json={**criteria, "sortCriteria": {"attributeName": "updatedAt", "orderBy": "ASC"}},
            next=Cursor("nextToken", "nextToken", size="maxResults"),
            limit=50,
            then=Entities(f"{path}/get", "findingIds", batch=50, items="findings", key="id"),
        )


@aws_security.stream(
    "instances", model=Instance, key="resource_id", snapshot=True, items="Results", unwrap=envelopes.instance
)
def instances(ctx: Context[AwsSettings]) -> Iterator[Page]:
    """EC2 instances with addresses, VPC, type and tags, from AWS Config; the complete set in each run"""
    operation, body = _selection(ctx.settings, _QUERY)
    return ctx.pages(
        f"{ctx.settings.host('config')}/",
        method="POST",
        json=body,
        headers={**_JSON, "X-Amz-Target": f"StarlingDoveService.{operation}"},
        next=Cursor("NextToken", "NextToken", size="Limit"),
        limit=100,
    )


def _selection(settings: AwsSettings, query: str) -> tuple[str, dict[str, Any]]:
    """Operation and body of an advanced query: of this account and region, or of what an aggregator gathers."""
    if settings.aggregator:
        return "SelectAggregateResourceConfig", {
            "Expression": query,
            "ConfigurationAggregatorName": settings.aggregator,
        }
    return "SelectResourceConfig", {"Expression": query}


findings.maps(finding_to_stix)
guardduty.maps(finding_to_stix)
instances.maps(instance_to_stix)


@aws_security.check
def check(ctx: Context[AwsSettings]) -> list[str]:
    """One row of each service: the action that the keys' owner may not do is named."""
    hosts = ctx.settings.host
    operation, selection = _selection(ctx.settings, _FEW)
    asked: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        (
            "securityhub:GetFindings",
            "findings",
            "POST",
            f"{hosts('securityhub')}/findings",
            {"json": {"MaxResults": 1}},
        ),
        ("guardduty:ListDetectors", "guardduty", "GET", f"{hosts('guardduty')}/detector", {}),
        (
            f"config:{operation}",
            "instances",
            "POST",
            f"{hosts('config')}/",
            {
                "json": {**selection, "Limit": 1},
                "headers": {**_JSON, "X-Amz-Target": f"StarlingDoveService.{operation}"},
            },
        ),
    )
    lacks = "not allowed; the policy SecurityAudit, or the list in the connector's README, has it"
    return [
        readable(
            action,
            partial(_refusal, partial(ctx.http.request, method, url, idempotent=True, **options)),
            stream,
            lacks=lacks,
        )
        for action, stream, method, url, options in asked
    ]


def _refusal(ask: Callable[[], object]) -> str | None:
    """Why a service does not answer though the keys may ask: it was never enabled there."""
    try:
        ask()
    except PermissionDenied as error:
        if "not subscribed" in str(error):
            return "Security Hub is not enabled in this account and region: enable it, or leave the stream out of `streams`"
        raise
    return None


def _detectors(ctx: Context[AwsSettings]) -> list[str]:
    """The detectors of the region, of which there is one where GuardDuty is on."""
    reply = ctx.http.get(f"{ctx.settings.host('guardduty')}/detector")
    found = msgspec.json.decode(reply.require_json())
    ids = found.get("detectorIds") if isinstance(found, dict) else None
    if not isinstance(ids, list) or not all(isinstance(each, str) and each.isalnum() for each in ids):
        raise UnexpectedReply(f"{reply.url.without_query}: names no list of detectors")
    return [str(each) for each in ids]
