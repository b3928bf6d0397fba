"""A URL is parsed once, knows its origin, and hides nothing in its text."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from isthmus_sdk.url import InvalidUrl, Origin, Url


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Vendor.Example", ("https", "vendor.example", 443)),
        ("HTTPS://vendor.example:443/x", ("https", "vendor.example", 443)),
        ("https://vendor.example./x", ("https", "vendor.example", 443)),
        ("http://vendor.example:8080", ("http", "vendor.example", 8080)),
        ("https://[2001:DB8::1]:8443/", ("https", "2001:db8::1", 8443)),
        ("http://127.1/", ("http", "127.0.0.1", 80)),
        ("http://2130706433/", ("http", "127.0.0.1", 80)),
        ("http://0x7f000001/", ("http", "127.0.0.1", 80)),
        ("http://017700000001/", ("http", "127.0.0.1", 80)),
        ("http://0/", ("http", "0.0.0.0", 80)),
        ("https://bücher.example/", ("https", "xn--bcher-kva.example", 443)),
        ("http://１２７.0.0.1/", ("http", "127.0.0.1", 80)),
    ],
)
def test_origins_are_whole_and_in_normal_form(text: str, origin: tuple[str, str, int]) -> None:
    assert Url(text).origin == Origin(*origin)


@pytest.mark.parametrize(
    "text",
    [
        "vendor.example/x",
        "//vendor.example",
        "ftp://vendor.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:hunter2@vendor.example/",
        "https://vendor.example@evil.example/",
        "https://vendor.example\\@evil.example/",
        "https://vendor.example\\.evil.example/",
        "https://vendor.example /",
        "https://vendor.example/a\nb",
        "https://vendor.example/\x00",
        "https://vendor.example:0/",
        "https://vendor.example:65536/",
        "https://vendor.example:80a/",
        "https:///x",
        "https://",
        "https://-a.example",
        "https://a..b",
        "https://[::1",
        "https://[::1]x",
        "https://[fe80::1%25eth0]/",
        "https://1.2.3.4.5/",
        "https://300.1.1.1.1/",
        "https://host_%41/",
        "https://vendor.example/" + "a" * 70_000,
    ],
)
def test_what_is_no_plain_http_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        Url(text)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_either_a_url_in_normal_form_or_refused(text: str) -> None:
    try:
        url = Url(f"https://{text}")
    except InvalidUrl:
        return
    assert url.isascii()
    assert Url(str(url)) == url
    assert Url(str(url)).origin == url.origin


@given(st.text(max_size=40))
def test_any_reference_is_resolved_or_refused(reference: str) -> None:
    try:
        url = Url("https://vendor.example/a/b?c").resolve(reference)
    except InvalidUrl:
        return
    assert Url(str(url)).origin == url.origin


def test_a_slash_joins_a_path_below_the_base() -> None:
    base = Url("https://vendor.example/api/3.0/?x=1")
    assert base / "oauth/token" == "https://vendor.example/api/3.0/oauth/token"
    assert base / "/v1/alerts" == "https://vendor.example/api/3.0/v1/alerts"
    assert Url("https://vendor.example") / "v1" == "https://vendor.example/v1"
    assert base / "sites/" == "https://vendor.example/api/3.0/sites/"


@pytest.mark.parametrize("path", ["../admin", "a/../../b", "a/./b", "%2e%2e/x", "a/%2E./b"])
def test_a_joined_path_cannot_climb(path: str) -> None:
    with pytest.raises(InvalidUrl):
        Url("https://vendor.example/api") / path


def test_parameters_keep_their_order_and_are_encoded() -> None:
    url = Url("https://vendor.example/x?a=1").with_params(
        {"$filter": "time gt 2024-01-01T00:00:00Z", "z": None, "ids": ["1", "2"], "full": True, "q": "a&b=c|d"}
    )
    assert url.query == "a=1&$filter=time%20gt%202024-01-01T00%3A00%3A00Z&ids=1&ids=2&full=true&q=a%26b%3Dc%7Cd"
    assert url.target.startswith("/x?a=1&$filter=")


def test_a_signed_link_is_left_as_the_vendor_wrote_it() -> None:
    text = "https://vendor.example/d?sig=aB%2f%2Bc==&filter[x]=1,2;3&u={a}|b"
    assert str(Url(text)) == text


@pytest.mark.parametrize(
    ("reference", "absolute"),
    [
        ("/y?b=1", "https://vendor.example/y?b=1"),
        ("y", "https://vendor.example/a/y"),
        ("?skip=2", "https://vendor.example/a/x?skip=2"),
        ("//evil.example/y", "https://evil.example/y"),
        ("http://vendor.example/y", "http://vendor.example/y"),
    ],
)
def test_references_are_resolved_and_then_judged_by_their_own_origin(reference: str, absolute: str) -> None:
    assert Url("https://vendor.example/a/x?q=1").resolve(reference) == absolute


@pytest.mark.parametrize(
    "reference", ["/\\evil.example", "\\\\evil.example", "javascript:x", "h\tttp://evil.example", "https:/evil\x7f"]
)
def test_references_that_parsers_disagree_about_are_refused(reference: str) -> None:
    with pytest.raises(InvalidUrl):
        Url("https://vendor.example/a").resolve(reference)


def test_a_url_is_a_pydantic_type_that_hides_what_it_refuses() -> None:
    class Settings(BaseModel):
        base_url: Url

    settings = Settings.model_validate({"base_url": "https://Vendor.example:443/api"})
    assert isinstance(settings.base_url, Url)
    assert settings.model_dump() == {"base_url": "https://vendor.example/api"}
    assert settings.model_dump_json() == '{"base_url":"https://vendor.example/api"}'
    assert Settings.model_json_schema()["properties"]["base_url"] == {
        "title": "Base Url",
        "type": "string",
        "format": "uri",
    }
    with pytest.raises(ValidationError, match="user name or password"):
        Settings.model_validate({"base_url": "https://u:hunter2@vendor.example"})


def test_copies_keep_their_parts() -> None:
    url = Url("https://vendor.example/x?q=1")
    assert pickle.loads(pickle.dumps(url)).origin == url.origin
    assert copy.deepcopy(url).query == "q=1"
    assert url.without_query == "https://vendor.example/x"
