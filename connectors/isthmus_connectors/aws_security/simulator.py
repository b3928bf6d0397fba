"""Security Hub, GuardDuty and AWS Config of one account and region, simulated.

``python -m isthmus_connectors.aws_security.simulator --data plant.json --port 0`` serves on one address what the connector's
streams ask for: ``POST /findings`` (Security Hub), ``GET /detector``, ``POST /detector/{id}/findings`` and ``…/get``
(GuardDuty), ``SelectResourceConfig`` and ``SelectAggregateResourceConfig`` (AWS Config). The file's format is told in
``isthmus_connectors/simulation/_plant.py``; the product name in ``seen_by`` is ``aws-security``. Tables for ``native`` rows:
``findings`` (ASFF), ``guardduty``, ``instances`` (rows of Config as objects).

It has the services' habits: every request must carry a signature for that service and region, made with the secret key within
five minutes; what is wrong is said in the service's protocol (type in a header, or ``__type`` with status 400). A finding of
GuardDuty is also in Security Hub, under its ARN; vulnerabilities are Inspector's findings there. Tokens of pages belong to the
request that began them. Rows of Config are JSON in texts, and instances that are gone are not among them.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from isthmus_connectors.aws_security import simulated_rows
from isthmus_connectors.aws_security.simulated_rows import PRODUCT, Account
from isthmus_connectors.simulation import (
    Key,
    Plant,
    Refusal,
    Reply,
    Request,
    add_secret,
    given_secret,
    run,
    verify,
)

ACTIONS = {
    "GetFindings": "securityhub:GetFindings",
    "ListDetectors": "guardduty:ListDetectors",
    "ListFindings": "guardduty:ListFindings",
    "GetDetectorFindings": "guardduty:GetFindings",
    "SelectResourceConfig": "config:SelectResourceConfig",
    "SelectAggregateResourceConfig": "config:SelectAggregateResourceConfig",
}
_MINUTE = timedelta(minutes=1)
_QUERY = re.compile(r"\s*SELECT\s+(.+?)\s+WHERE\s+resourceType\s*=\s*'([^']+)'\s*", re.IGNORECASE | re.DOTALL)
_COLUMNS = {
    "resourceId", "resourceName", "resourceType", "accountId", "awsRegion", "arn", "availabilityZone", "tags",
    "resourceCreationTime", "configurationItemCaptureTime", "configurationItemStatus", "configuration",
}  # fmt: skip
_TEXTS = {"Id": "Id", "ProductName": "ProductName", "RecordState": "RecordState", "AwsAccountId": "AwsAccountId",
          "GeneratorId": "GeneratorId", "SeverityLabel": "Severity.Label", "WorkflowStatus": "Workflow.Status",
          "ComplianceStatus": "Compliance.Status", "ProductArn": "ProductArn", "Title": "Title"}  # fmt: skip
_TIMES = ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt")


class Wrong(Exception):
    """Answered with an error: its type, its message and the status where it is not 400."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, status


class AwsCloud:
    """One account and region: its keys, its limits and its three services.

    ``rate`` = requests a minute of each service; ``denied`` = actions (``securityhub:GetFindings``) that the keys' owner may not
    do; ``aggregator`` the name of Config's; ``unsubscribed``: Security Hub was never enabled. ``now`` is the services' clock.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        account: Account | None = None,
        keys: Mapping[str, Key] | None = None,
        rate: int | None = None,
        denied: Sequence[str] = (),
        aggregator: str = "everything",
        unsubscribed: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.plant, self.account = plant, account or Account()
        self.keys = dict(keys or {"AKIDEXAMPLE": Key("secret-key")})
        self.rate, self.denied, self.aggregator, self.unsubscribed, self.now = (
            rate,
            denied,
            aggregator,
            unsubscribed,
            now,
        )
        self._calls: dict[str, list[datetime]] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """One request. Raises nothing: every refusal is a reply."""
        service = _service(request)
        try:
            verify(request, self.keys, service=service, region=self.account.region, now=self.now())
            self._allow(service)
            self.plant.refresh()
            body = self._routed(service, request)
            reply = Reply(200, body, _TYPES.get(service, {}))
        except Refusal as error:
            status = 400 if error.kind == "IncompleteSignatureException" else 403
            reply = _error(service, error.kind, error.message, status)
        except Wrong as error:
            reply = _error(service, error.kind, error.message, error.status)
        dated = {"Date": format_datetime(self.now().astimezone(UTC), usegmt=True)}
        return Reply(reply.status, reply.body, {**reply.headers, **dated})

    def _allow(self, service: str) -> None:
        with self._lock:
            now = self.now()
            calls = self._calls[service] = [at for at in self._calls.get(service, ()) if at > now - _MINUTE]
            if self.rate is not None and len(calls) >= self.rate:
                if service == "config":
                    raise Wrong("ThrottlingException", "Rate exceeded")
                raise Wrong("TooManyRequestsException", "Too Many Requests", 429)
            calls.append(now)

    def _routed(self, service: str, request: Request) -> Any:
        body = _json(request, service)
        if service == "config":
            operation = request.headers.get("x-amz-target", "").removeprefix("StarlingDoveService.")
            if request.method != "POST" or operation not in ("SelectResourceConfig", "SelectAggregateResourceConfig"):
                raise Wrong("UnknownOperationException", "")
            self._permit(operation)
            return self._selected(operation, body)
        path = request.path.rstrip("/")
        if service == "securityhub" and request.method == "POST":
            self._permit("GetFindings")
            if self.unsubscribed:
                raise Wrong(
                    "InvalidAccessException", f"Account {self.account.id} is not subscribed to AWS Security Hub", 401
                )
            return self._hub_findings(body)
        if path == "/detector" and request.method == "GET":
            self._permit("ListDetectors")
            return {"detectorIds": [self.account.detector]}
        parts = path.split("/")
        if parts[1:2] == ["detector"] and parts[3:4] == ["findings"] and request.method == "POST":
            listing = len(parts) == 4
            self._permit("ListFindings" if listing else "GetDetectorFindings")
            if parts[2] != self.account.detector:
                raise Wrong(
                    "BadRequestException",
                    "The request is rejected because the input detectorId is not owned by the current account.",
                )
            if listing or parts[4:] == ["get"]:
                return self._finding_ids(body) if listing else self._duty_findings(body)
        raise Wrong("UnknownOperationException", "", 404)

    def _permit(self, operation: str) -> None:
        action = ACTIONS[operation]
        if action in self.denied:
            who = f"arn:aws:iam::{self.account.id}:user/isthmus"
            because = f"because no identity-based policy allows the {action} action"
            status = 400 if action.startswith("config:") else 403
            raise Wrong(
                "AccessDeniedException", f"User: {who} is not authorized to perform: {action} {because}", status
            )

    def _hub_findings(self, body: Mapping[str, Any]) -> dict[str, Any]:
        rows = simulated_rows.hub_findings(self.plant, self.account)
        filters = body.get("Filters") or {}
        rows = [row for row in rows if all(_passes(row, name, asked, self.now()) for name, asked in filters.items())]
        for order in reversed(body.get("SortCriteria") or []):
            field = order.get("Field")
            rows.sort(key=lambda row: str(_at(row, str(field)) or ""), reverse=order.get("SortOrder") == "desc")
        return _cut(rows, body, "Findings", ("NextToken", "MaxResults"), 100, "InvalidInputException")

    def _duty(self) -> list[dict[str, Any]]:
        return simulated_rows.duty_findings(self.plant, self.account)

    def _finding_ids(self, body: Mapping[str, Any]) -> dict[str, Any]:
        rows = self._duty()
        for field, condition in ((body.get("findingCriteria") or {}).get("criterion") or {}).items():
            rows = [row for row in rows if _meets(_at(row, field), condition, field)]
        order = body.get("sortCriteria") or {}
        if field := order.get("attributeName"):
            rows.sort(key=lambda row: str(_at(row, field) or ""), reverse=order.get("orderBy") == "DESC")
        ids = [row["id"] for row in rows]
        page = _cut(ids, body, "findingIds", ("nextToken", "maxResults"), 50, "BadRequestException")
        return {"nextToken": "", **page}

    def _duty_findings(self, body: Mapping[str, Any]) -> dict[str, Any]:
        asked = body.get("findingIds")
        if not isinstance(asked, list) or not 1 <= len(asked) <= 50:
            raise Wrong(
                "BadRequestException", "The request is rejected because the parameter findingIds has an invalid value."
            )
        return {"findings": [row for row in self._duty() if row["id"] in asked]}

    def _selected(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if operation.startswith("SelectAggregate") and body.get("ConfigurationAggregatorName") != self.aggregator:
            raise Wrong(
                "NoSuchConfigurationAggregatorException", "The configuration aggregator does not exist. Check the name."
            )
        found = _QUERY.fullmatch(str(body.get("Expression", "")))
        columns = [column.strip() for column in found[1].split(",")] if found else []
        if found is None or not {column.partition(".")[0] for column in columns} <= _COLUMNS:
            raise Wrong("InvalidExpressionException", "The expression is invalid")
        rows = simulated_rows.config_rows(self.plant, self.account) if found[2] == "AWS::EC2::Instance" else []
        picked = [json.dumps({column: row[column] for column in columns if column in row}) for row in rows]
        wrong = "InvalidNextTokenException"
        page = _cut(picked, body, "Results", ("NextToken", "Limit"), 100, wrong, "InvalidLimitException")
        return {"QueryInfo": {"SelectFields": [{"Name": column} for column in columns]}, **page}


_TYPES = {"config": {"Content-Type": "application/x-amz-json-1.1"}}


def _service(request: Request) -> str:
    """Which of the three a request is for: one address stands for all of them."""
    if request.path.startswith("/detector"):
        return "guardduty"
    return "securityhub" if request.path == "/findings" else "config"


def _json(request: Request, service: str) -> dict[str, Any]:
    if not request.body:
        return {}
    try:
        found = json.loads(request.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Wrong("SerializationException", "the body is no JSON object")
    return found


def _error(service: str, kind: str, message: str, status: int) -> Reply:
    """rest-json tells the type in a header; JSON 1.1 inside the body, and what the client did wrong has status 400."""
    if service == "config":
        body = {"__type": kind, **({"message": message} if message else {})}
        return Reply(min(status, 400), body, _TYPES["config"])
    # Message is the modelled spelling of both; what stands before the service, and refuses signatures, writes it small.
    body = (
        {"Message": message, "Code": kind}
        if kind.startswith(("Invalid", "Limit")) and status != 403
        else {"message": message}
    )
    return Reply(status, body, {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/coral/"})


def _cut(
    rows: list[Any],
    body: Mapping[str, Any],
    name: str,
    words: tuple[str, str],
    most: int,
    wrong: str,
    wrong_size: str | None = None,
) -> dict[str, Any]:
    """The page that ``body`` asks for. A token names the position and the request that it belongs to."""
    token_name, size_name = words
    size = body.get(size_name) or most
    if not isinstance(size, int) or not 1 <= size <= most:
        raise Wrong(wrong_size or wrong, f"{size_name}: must be from 1 to {most}")
    rest = {key: value for key, value in body.items() if key not in words}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]
    begin = 0
    if token := body.get(token_name):
        try:
            made_for, at = base64.urlsafe_b64decode(str(token)).decode().split(":")
            begin = int(at)
        except ValueError:
            made_for = ""
        if made_for != digest:
            raise Wrong(wrong, f"Invalid {token_name}")
    end = begin + size
    page: dict[str, Any] = {name: rows[begin:end]}
    if end < len(rows):
        page[token_name] = base64.urlsafe_b64encode(f"{digest}:{end}".encode()).decode()
    return page


def _at(row: Any, path: str) -> Any:
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _passes(row: Mapping[str, Any], name: str, asked: Any, now: datetime) -> bool:
    """Whether any of the values of one filter of GetFindings lets a finding through."""
    if name in _TIMES and isinstance(asked, list):
        return any(_within(str(row.get(name) or ""), each, now) for each in asked)
    if name in _TEXTS and isinstance(asked, list):
        value = str(_at(row, _TEXTS[name]) or "")
        return any(_compares(value, each) for each in asked)
    raise Wrong("InvalidInputException", f"Invalid parameter: Filters.{name}")


def _within(value: str, asked: Mapping[str, Any], now: datetime) -> bool:
    if days := asked.get("DateRange"):
        begin, end = now - timedelta(days=int(days["Value"])), now
    elif asked.get("Start") and asked.get("End"):
        begin, end = _moment(asked["Start"]), _moment(asked["End"])
    else:
        raise Wrong("InvalidInputException", "A date filter needs Start and End, or DateRange")
    return bool(value) and begin <= _moment(value) <= end


def _moment(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Wrong("InvalidInputException", f"{value!r} is no date in ISO 8601 with a zone")
    return found


def _compares(value: str, asked: Mapping[str, Any]) -> bool:
    word, other = asked.get("Comparison"), str(asked.get("Value", ""))
    known = {"EQUALS": value == other, "NOT_EQUALS": value != other, "PREFIX": value.startswith(other),
             "PREFIX_NOT_EQUALS": not value.startswith(other), "CONTAINS": other in value,
             "NOT_CONTAINS": other not in value}  # fmt: skip
    if word not in known:
        raise Wrong("InvalidInputException", f"Invalid parameter: Comparison {word}")
    return known[word]


def _meets(value: Any, condition: Mapping[str, Any], field: str) -> bool:
    """One criterion of ListFindings. Times are compared in milliseconds since 1970."""
    if field in ("updatedAt", "createdAt", "service.eventFirstSeen", "service.eventLastSeen"):
        value = round(_moment(str(value)).timestamp() * 1000)
    for word, wanted in condition.items():
        match word:
            case "greaterThanOrEqual" | "gte":
                kept = value >= wanted
            case "greaterThan" | "gt":
                kept = value > wanted
            case "lessThanOrEqual" | "lte":
                kept = value <= wanted
            case "lessThan" | "lt":
                kept = value < wanted
            case "equals" | "eq":
                kept = str(value).lower() in [str(each).lower() for each in wanted]
            case "notEquals" | "neq":
                kept = str(value).lower() not in [str(each).lower() for each in wanted]
            case _:
                raise Wrong(
                    "BadRequestException", f"The request is rejected because the criterion {word} is not known."
                )
        if not kept:
            return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see :func:`isthmus_connectors.simulation.run` for the common options."""
    parser = argparse.ArgumentParser(
        prog="aws_security.simulator", description="Security Hub, GuardDuty and AWS Config, simulated."
    )
    parser.add_argument("--data", type=Path, required=True, help="plant file (JSON)")
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--account", default="111122223333")
    parser.add_argument("--access-key-id", default="AKIDEXAMPLE")
    add_secret(parser, "secret-access-key", "secret-key")
    parser.add_argument("--rate", type=int, help="requests a minute of each service before it throttles")

    def build(options: argparse.Namespace) -> Callable[[Request], Reply]:
        secret = given_secret(options, "secret-access-key")
        cloud = AwsCloud(
            Plant(options.data, PRODUCT),
            account=Account(options.account, options.region),
            keys={options.access_key_id: Key(secret)},
            rate=options.rate,
        )
        return cloud.answer

    return run(parser, build, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
