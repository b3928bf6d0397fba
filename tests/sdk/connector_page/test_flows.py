"""Where vendor fields go, as changing them shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk.cli import main
from isthmus_sdk.connector_page import Flow, flows, render
from isthmus_sdk.testing._kit import open_bench

CODE = '''
from isthmus_sdk import Connector, Settings, Url
from isthmus_sdk.errors import Ignored
from pydantic import BaseModel, Field


class Own(Settings):
    base_url: Url = Field(description="Where | it is")


class Nic(BaseModel):
    hw: str | None = None


class Thing(BaseModel):
    id: str
    label: str | None = Field(None, alias="display.name")
    fallback: str | None = None
    grade: str | None = None
    nics: list[Nic] = []
    by_key: dict[str, str] = {}
    hidden: bool = False
    idle: str | None = None
    absent: str | None = None


grebe = Connector(__package__, settings=Own)


@grebe.stream("things", model=Thing, snapshot=True, items="")
def things(ctx):
    """Things of all kinds"""
    return ctx.pages("/things", items="")


@things.maps
def thing_to_stix(thing, stix):
    if thing.hidden:
        raise Ignored("it hides")
    from isthmus_sdk.stix import Interface

    return stix.asset(
        thing.id, name=thing.label or thing.fallback or thing.id, criticality={"top": 90}.get(thing.grade or ""),
        interfaces=[Interface(mac=nic.hw) for nic in thing.nics if nic.hw],
        labels=[f"{name}:{value}" for name, value in sorted(thing.by_key.items())],
    )
'''
MANIFEST = """
[connector]
name = "grebe"
version = "1.0.0"
sdk_api = ">=1,<2"

[settings.base_url]
type = "string"
description = "Where | it is"
required = true

[[stream]]
name = "things"
description = "Things of all kinds"
"""
RECORDS: list[dict[str, Any]] = [
    {
        "id": "a-1", "display.name": "Alpha", "fallback": "Beta", "grade": "top", "nics": [{"hw": "00:00:5e:00:53:01", "v": 1}],
        "by_key": {"x": "1", "y": "2"}, "hidden": False, "idle": "nothing", "extra": {"a": 1},
    },
    {"id": "a-2", "nics": [{"hw": "00:00:5e:00:53:02"}, {"hw": "00:00:5e:00:53:03"}]},
]  # fmt: skip


@pytest.fixture
def grebe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with a connector, importable for the time of the test."""
    package = tmp_path / "grebe_connector"
    (package / "conformance" / "pages").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "connector.py").write_text(CODE)
    (package / "connector.toml").write_text(MANIFEST)
    (package / "README.md").write_text("# Grebe\n")
    (package / "conformance" / "conformance.toml").write_text('[unused.things]\n"extra" = "says | nothing"\n')
    (package / "conformance" / "pages" / "things.json").write_text(json.dumps(RECORDS))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "grebe_connector.connector:grebe"
    for name in [name for name in sys.modules if name.startswith("grebe_connector")]:
        del sys.modules[name]


def found(value: str) -> Mapping[str, Flow]:
    with open_bench(value, write=False) as bench:
        return {flow.field: flow for flow in flows(bench, bench.connector.streams["things"])}


def test_a_value_is_followed_through_tables_and_into_other_objects(grebe: str) -> None:
    made = found(grebe)
    assert made["grade"].into == {"asset": ("asset.criticality",)}
    assert made["nics[].hw"].into["mac-addr"] == ("value",)
    assert "asset.interfaces[].mac" in made["nics[].hw"].into["asset"]


def test_an_id_is_followed_although_it_changes_the_ids_of_everything(grebe: str) -> None:
    assert found(grebe)["id"].into == {"asset": ("asset.native_id", "external_references[].external_id", "id", "name")}


def test_what_only_stands_in_for_another_value_is_found(grebe: str) -> None:
    assert found(grebe)["fallback"].into["asset"] == ("name",)
    assert found(grebe)["display.name"].into["asset"] == ("name",)


def test_names_that_a_model_takes_as_they_come_are_one_field(grebe: str) -> None:
    assert found(grebe)["by_key.*"].into == {"asset": ("labels[]",)}
    assert not [name for name in found(grebe) if name.startswith("by_key.x")]


def test_what_decides_whether_a_record_is_used_says_so(grebe: str) -> None:
    assert found(grebe)["hidden"].ignored == ("it hides",)


def test_fields_without_effect_and_without_a_value_are_told_apart(grebe: str) -> None:
    made = found(grebe)
    assert (made["idle"].into, made["idle"].recorded) == ({}, True)
    assert (made["absent"].into, made["absent"].recorded) == ({}, False)
    assert "extra.a" not in made
    assert "nics[].v" not in made


def test_the_page_holds_what_manifest_code_and_records_say(grebe: str, tmp_path: Path) -> None:
    with open_bench(grebe, write=False) as bench:
        page = render(bench, tmp_path / "docs" / "grebe.md")
    assert "[README.md](../grebe_connector/README.md)" in page
    assert "| `base_url` | string | required | Where \\| it is |" in page
    assert "| `things` | Things of all kinds | reads the complete set; what is missing then is absent | `id` |" in page
    assert "| `extra` | says \\| nothing |" in page
    assert "| `nics[].v` |  |" in page
    assert "| `idle` | no effect by itself |" in page


def test_the_command_writes_the_page_once_and_then_says_it_is_up_to_date(
    grebe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.md"
    assert main(["docs", grebe, "--output", str(file)]) == 0
    first = file.read_text()
    assert main(["docs", grebe, "--output", str(file)]) == 0
    assert main(["docs", grebe]) == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == [f"{file}: written", f"{file}: is up to date"]
    assert told.out == first.replace("(grebe_connector/README.md)", "(README.md)")


def test_several_pages_need_a_directory(grebe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", grebe, grebe]) == 2
    assert "give --output DIR" in capsys.readouterr().err
