"""AWS signatures: the published examples, and botocore's own signer as the judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.sdk.http.server import Exchange, HostileServer, json_page, status

from isthmus_sdk.errors import AuthenticationError, PermissionDenied, RateLimited, UnexpectedReply
from isthmus_sdk.http import AwsSignature, Cursor, Headers, Http, Request, pages
from isthmus_sdk.url import Url

Make = Callable[..., Http]
KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
THEN = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()


def signed(
    method: str, url: str, headers: dict[str, str] | None = None, content: bytes | None = None, **options: Any
) -> Headers:
    auth = AwsSignature(KEY, SecretStr(SECRET), **{"region": "us-east-1", "service": "service", **options})
    return auth.signed(Request(method, Url(url), Headers(headers or {}), content), THEN).headers


@pytest.mark.parametrize(
    ("url", "options", "headers", "signature"),
    [
        # From AWS's test suite: get-vanilla, get-vanilla-query-order-key-case.
        ("https://example.amazonaws.com/", {}, {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            {},
            {},
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        # From the user guide: ListUsers of IAM.
        (
            "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            {"service": "iam"},
            {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ],
)
def test_the_published_examples_are_met(
    url: str, options: dict[str, str], headers: dict[str, str], signature: str
) -> None:
    assert signed("GET", url, headers, **options)["authorization"].endswith(f"Signature={signature}")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    segments=st.lists(TEXTS.filter(lambda text: text not in (".", "..")), max_size=3),
    params=st.dictionaries(TEXTS, TEXTS, max_size=4),
    body=st.binary(max_size=40),
    token=st.none() | st.just("a/session+token=="),
    service=st.sampled_from(["securityhub", "guardduty", "s3"]),
    port=st.sampled_from(["", ":8443", ":443"]),
)
def test_botocore_signs_alike(
    method: str,
    segments: list[str],
    params: dict[str, str],
    body: bytes,
    token: str | None,
    service: str,
    port: str,
) -> None:
    pytest.importorskip("botocore", reason="NOT RUN: botocore, the judge, is not installed")
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    base = Url(f"https://{service}.eu-central-1.amazonaws.com{port}/")
    url = Url(f"{base / '/'.join(_quoted(segment) for segment in segments)}").with_params(params)
    headers = {"Content-Type": "application/json"}
    ours = AwsSignature(KEY, SECRET, region="eu-central-1", service=service, session_token=token)
    mine = ours.signed(Request(method, url, Headers(headers), body), THEN).headers

    judge = AWSRequest(method, f"{base.origin}{url.path}", headers={**headers}, data=body, params=params)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(KEY, SECRET, token), service, "eu-central-1")
    judge.context["timestamp"] = mine["x-amz-date"]
    if service == "s3":
        judge.headers["X-Amz-Content-SHA256"] = mine["x-amz-content-sha256"]
    if token:
        judge.headers["X-Amz-Security-Token"] = token
    judge.headers["X-Amz-Date"] = mine["x-amz-date"]
    # The prepared request has the query as botocore sends it.
    canonical = signer.canonical_request(judge)
    scope = mine["authorization"].partition("Signature=")[2]
    text = signer.string_to_sign(judge, canonical)
    assert signer.signature(text, judge) == scope, (canonical, urlencode(params))


def _quoted(segment: str) -> str:
    from urllib.parse import quote

    return quote(segment, safe="-._~")


def test_a_session_token_goes_along_and_is_a_secret(vendor: HostileServer, client: Make) -> None:
    vendor.on("/findings", json_page({"Findings": []}))
    auth = AwsSignature(KEY, SecretStr(SECRET), region="r", service="s", session_token=SecretStr("t0ken-of-session"))
    client(vendor.url, auth=auth).post("findings", json={"MaxResults": 100})
    headers = vendor.requests[0].headers
    assert headers["x-amz-security-token"] == "t0ken-of-session"
    assert "x-amz-security-token" in headers["authorization"]
    assert set(auth.secrets()) == {SECRET, "t0ken-of-session"}
    assert SECRET not in repr(auth)


def test_every_attempt_is_signed_anew_and_next_token_pages(vendor: HostileServer, client: Make) -> None:
    seen: list[str] = []
    times = iter(range(100))

    def behave(exchange: Exchange) -> None:
        seen.append(exchange.headers["x-amz-date"])
        if len(seen) == 2:
            status(503)(exchange)
        else:
            more = {"NextToken": "more"} if len(seen) == 1 else {}
            json_page({"Findings": [{"Id": len(seen)}], **more})(exchange)

    vendor.on("/findings", behave)
    auth = AwsSignature(KEY, SECRET, region="r", service="securityhub", clock=lambda: THEN + next(times))
    pager = Cursor("NextToken", "NextToken", size="MaxResults")
    found = pages(
        client(vendor.url, auth=auth), "findings", items="Findings", next=pager, method="POST", json={}, limit=100
    )
    assert [record for page in found for record in page.records] == [b'{"Id": 1}', b'{"Id": 3}']
    assert len(set(seen)) == 3


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_wrong_by_a_day_is_put_right_once(vendor: HostileServer, client: Make, days: int) -> None:
    real = datetime.now(UTC)

    def behave(exchange: Exchange) -> None:
        sent = datetime.strptime(exchange.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(sent - real) < timedelta(minutes=5):
            json_page({})(exchange)
        else:
            error = b'{"__type": "InvalidSignatureException", "message": "Signature expired"}'
            status(403, error, {"Date": format_datetime(real, usegmt=True)})(exchange)

    vendor.on("/x", behave)
    auth = AwsSignature(KEY, SECRET, region="r", service="s", clock=lambda: real.timestamp() + days * 86_400)
    http = client(vendor.url, auth=auth)
    assert http.get("x").ok
    assert http.get("x").ok
    assert len(vendor.requests) == 3


def test_a_wrong_key_is_no_matter_of_the_clock(vendor: HostileServer, client: Make) -> None:
    vendor.on("/x", status(403, b'{"__type": "InvalidSignatureException", "message": "does not match"}'))
    with pytest.raises(AuthenticationError, match=r"not accepted \(403\) \(does not match\)"):
        client(vendor.url, auth=AwsSignature(KEY, SECRET, region="r", service="s")).get("x")
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("code", "body", "headers", "error", "said"),
    [
        (400, b'{"__type": "com.amazon.coral#ThrottlingException", "message": "Rate"}', {}, RateLimited, "Rate"),
        (
            503,
            b"<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>",
            {},
            RateLimited,
            "503",
        ),
        (400, b'{"message": "slow"}', {"X-Amzn-ErrorType": "TooManyRequestsException:http://a/"}, RateLimited, "slow"),
        (400, b'{"__type": "ExpiredTokenException", "message": "expired"}', {}, AuthenticationError, "expired"),
        (403, b'{"Message": "who"}', {"X-Amzn-ErrorType": "UnrecognizedClientException"}, AuthenticationError, "who"),
        (
            400,
            b'{"__type": "AccessDeniedException", "Message": "not authorized"}',
            {},
            PermissionDenied,
            "not authorized",
        ),
        (400, b'{"__type": "InvalidExpressionException", "message": "no"}', {}, UnexpectedReply, "no"),
        (403, b"[1]", {}, PermissionDenied, "403"),
        (403, b'{"__type": 5}', {}, PermissionDenied, "403"),
    ],
)
def test_errors_of_aws_mean_what_their_type_says_whatever_their_status(
    vendor: HostileServer,
    client: Make,
    code: int,
    body: bytes,
    headers: dict[str, str],
    error: type[Exception],
    said: str,
) -> None:
    vendor.on("/x", status(code, body, headers))
    http = client(vendor.url, auth=AwsSignature(KEY, SECRET, region="r", service="s"))
    with pytest.raises(error, match=said) as caught:
        http.get("x")
    assert type(caught.value) is error


def test_one_credential_signs_for_the_service_behind_each_path():
    auth = AwsSignature(
        "AKIDEXAMPLE",
        "secret",
        region="eu-central-1",
        service=lambda url: "guardduty" if url.path.startswith("/detector") else "securityhub",
    )
    for path, service in (("/detector", "guardduty"), ("/findings", "securityhub")):
        signed = auth.signed(Request("POST", Url(f"https://aws.example{path}")), 1_700_000_000)
        assert f"/eu-central-1/{service}/aws4_request" in signed.headers["authorization"]
