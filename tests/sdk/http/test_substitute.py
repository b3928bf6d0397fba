"""An httpx transport can stand in for the network."""

from __future__ import annotations

import gzip

import httpx
import pytest

from isthmus_sdk.errors import OriginRefused, Unreachable
from isthmus_sdk.http import Basic, Http, NextLink, Retry, pages


def test_a_mock_transport_takes_the_place_of_the_network() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"].startswith("Basic ")
        if request.url.query == b"$skip=1":
            return httpx.Response(200, json={"value": [{"id": 2}]})
        body = b'{"value": [{"id": 1}], "@odata.nextLink": "https://vendor.example/x?$skip=1"}'
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(gzip.compress(body)))

    http = Http(base_url="https://vendor.example", auth=Basic("hub", "secret"), transport=httpx.MockTransport(handler))
    found = [record for page in pages(http, "x", items="value", next=NextLink()) for record in page.records]
    assert found == [b'{"id": 1}', b'{"id":2}']


def test_its_faults_are_ours() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    http = Http(
        base_url="https://vendor.example", retry=Retry(attempts=2, first=0), transport=httpx.MockTransport(handler)
    )
    with pytest.raises(Unreachable, match="no route"):
        http.get("x")
    with pytest.raises(OriginRefused):
        http.get("https://other.example/")
