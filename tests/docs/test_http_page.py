"""`docs/http.md` is complete and true: every kind is in it, every example is one, every test it names exists."""

from __future__ import annotations

import dataclasses
import inspect
import re
from types import SimpleNamespace
from typing import Any

import pytest

from isthmus_sdk import http
from isthmus_sdk.http import Limits, Rate, Retry
from isthmus_sdk.url import Url

from .pages import ROOT, blocks

PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
SETTINGS = SimpleNamespace(
    base_url=Url("https://vendor.example"),
    **{name: f"{name}-value" for name in ("token", "key_id", "key", "user", "password", "client_id", "client_secret")},
)
ROW = re.compile(r"^\| (?P<shape>[^|]+) \|(?P<at>[^|]*)\| `(?P<written>.+)` \| `(?P<test>[^`]+)` \|$", re.MULTILINE)


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def examples(title: str) -> list[tuple[str, str]]:
    return [(row["shape"], row["written"].replace(r"\|", "|")) for row in ROW.finditer(section(title))]


AUTH = examples("How requests prove who sends them")
PAGING = examples("How lists are cut into pages")


def made(written: str) -> Any:
    return eval(written, {name: getattr(http, name) for name in http.__all__}, {"s": SETTINGS})


def public(test: Any) -> set[str]:
    return {name for name in http.__all__ if inspect.isclass(getattr(http, name)) and test(getattr(http, name))}


@pytest.mark.parametrize(("shape", "written"), AUTH)
def test_every_auth_example_is_one(shape: str, written: str) -> None:
    assert isinstance(made(written), http.Auth)


@pytest.mark.parametrize(("shape", "written"), PAGING)
def test_every_paging_example_is_one(shape: str, written: str) -> None:
    example = made(written)
    assert (
        example is None or isinstance(example, http.Export) or (hasattr(example, "ask") and hasattr(example, "after"))
    )


def test_every_kind_of_auth_has_a_row() -> None:
    kinds = public(lambda kind: issubclass(kind, http.Auth)) - {"Auth", "TokenAuth"}
    assert {written.partition("(")[0] for _, written in AUTH} == kinds


def test_every_kind_of_paging_has_a_row() -> None:
    kinds = public(lambda kind: hasattr(kind, "ask") and kind is not http.Pager) | {"Export"}
    assert {re.split(r"[(.]", written)[0] for _, written in PAGING} - {"None"} == kinds
    assert "`then=`" in PAGE
    assert "Entities(" in PAGE


@pytest.mark.parametrize(("name", "kind"), [("devices", http.Entities), ("groups", http.Sublist)])
def test_the_functions_of_the_page_read_what_they_are_shown_for(name: str, kind: type) -> None:
    from isthmus_sdk import Context, Settings

    names: dict[str, Any] = {}
    for block in blocks(ROOT / "docs" / "http.md"):
        if block.how == "function":
            exec(block.text, names)
    asked: list[Any] = []
    transport = SimpleNamespace(pages=lambda request, resume: asked.append(request) or iter(()))
    assert list(names[name](Context(Settings(), transport=transport))) == []
    assert isinstance(asked[0].then, kind)


def test_the_twelve_and_the_ten_are_there() -> None:
    assert len(AUTH) >= 12
    assert len(PAGING) >= 10


def test_every_named_test_exists() -> None:
    named = re.findall(r"`((?:authoring/)?test_\w+\.py)::(\w+)`", PAGE)
    assert len(named) > 60
    for file, test in named:
        path = ROOT / "tests" / "sdk" / (file if "/" in file else f"http/{file}")
        assert re.search(rf"^def {test}\(", path.read_text(encoding="utf-8"), re.MULTILINE), f"{file}::{test}"


@pytest.mark.parametrize("kind", [Rate, Retry, Limits])
def test_every_limit_is_told_with_its_default(kind: Any) -> None:
    table = PAGE.partition(f"| `{kind.__name__}` | default | |\n")[2].partition("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \|(?: `([^|`]*)`)? \|", table, re.MULTILINE))
    missing = dataclasses.MISSING
    assert told == {
        field.name: "" if field.default is missing else str(field.default) for field in dataclasses.fields(kind)
    }


@pytest.mark.parametrize(
    "fault",
    [
        *("429", "503", "401", "403", "404", "410", "204", "wrong content type", "login page", "truncated JSON"),
        *(
            "truncated chunks",
            "wrong length",
            "gzip",
            "deflate",
            "br, zstd",
            "bomb in a bomb",
            "slow headers",
            "slow body",
        ),
        *(
            "never-ending",
            "200,000 headers",
            "redirect loop",
            "another host",
            "redirect to http",
            "expired",
            "self-signed",
        ),
        *("TLS cut", "does not resolve", "rebound", "reset in the body", "kept connection", "proxy down"),
        *("next is the same", "cycle", "new but empty", "duplicate page", "insertion", "deletion", "total changes"),
        *("cursor", "equal times", "clock"),
    ],
)
def test_every_fault_of_the_catalogue_is_in_the_table(fault: str) -> None:
    rows = [line.split(" | ")[0] for line in section("What servers do, and what becomes of it").splitlines()]
    assert any(fault in row for row in rows)
