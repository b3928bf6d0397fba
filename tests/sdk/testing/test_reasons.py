"""Reasons for fields that no mapping uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from isthmus_sdk.cli import main
from isthmus_sdk.commands.connectors import load_connector
from isthmus_sdk.reasons import Reasons, outermost, reasons_of
from isthmus_sdk.testing import conformance, unjustified

Heron = Callable[[], tuple[str, Path]]


class Port(BaseModel):
    number: int


class Device(BaseModel):
    id: str
    address: str = Field(alias="id.orig_h")
    ports: list[Port] = []


def test_a_pattern_names_a_field_with_everything_below_it() -> None:
    reasons = Reasons({"owner": "who"})
    assert reasons.of("owner") == reasons.of("owner.name") == reasons.of("owner[]") == reasons.of("owner[].a") == "who"
    assert reasons.of("ownership") is reasons.of("the.owner") is None


def test_brackets_are_what_they_are_and_stars_any_text() -> None:
    reasons = Reasons({"a[].b[].c": "one", "*:info": "two", "x?": "three"})
    assert reasons.of("a[].b[].c") == "one"
    assert reasons.of("a].b[.c") is reasons.of("a.b.c") is None
    assert reasons.of("level:info") == reasons.of("level:info.source") == "two"
    assert (reasons.of("x1"), reasons.of("x")) == ("three", None)


def test_a_streams_own_reason_comes_before_the_one_for_every_stream() -> None:
    tables = {"*": {"note": "all", "owner": "all"}, "alerts": {"n*": "own"}}
    assert [reasons_of(tables, "alerts").of(path) for path in ("note", "owner", "x")] == ["own", "all", None]
    assert reasons_of(tables, "devices").of("note") == "all"


def test_one_line_can_give_the_reason_for_a_whole_object_but_not_for_what_the_model_names() -> None:
    paths = ["owner.name", "owner.mail", "ports[].speed", "ports[].peer.id", "id.orig_p", "tags[]"]
    assert outermost(Device, paths) == ["owner", "ports[].speed", "ports[].peer", "id.orig_p", "tags"]


def _with_a_note(folder: Path) -> Path:
    page = folder / "pages" / "detections.json"
    document = json.loads(page.read_text())
    records = next(value for value in document.values() if isinstance(value, list))
    records[0]["remark"] = {"text": "x", "by": "y"}
    page.write_text(json.dumps(document))
    return page


def _reason(folder: Path, line: str) -> None:
    """One more line of ``[unused.detections]``, with which the reference's file ends."""
    with (folder / "conformance.toml").open("a") as file:
        file.write(f"{line}\n")


def test_a_field_without_a_reason_is_left_to_do_and_the_finding_is_the_line_to_add(heron: Heron) -> None:
    value, folder = heron()
    _with_a_note(folder)
    (result,) = conformance(value, only=["loss"], write=False).results
    assert [finding.partition("conformance.toml: ")[2] for finding in result.findings] == [
        '[unused.detections] "remark" = "..."'
    ]
    table, line = result.findings[0].partition("conformance.toml: ")[2].split(" ", 1)
    assert table == "[unused.detections]"
    _reason(folder, line.replace("...", "a remark"))
    assert conformance(value, only=["loss"], write=False).results[0].status == "done"


def test_a_field_that_the_model_names_is_not_called_unused(heron: Heron) -> None:
    value, folder = heron()
    _reason(folder, '"title" = "is not mapped"')
    (result,) = conformance(value, only=["loss"], write=False).results
    assert "title is called unused" in result.findings[0]


def test_the_loss_report_shows_the_reason_beside_the_field(heron: Heron, capsys: pytest.CaptureFixture[str]) -> None:
    value, folder = heron()
    page = _with_a_note(folder)
    _reason(folder, '"remark.text" = "free text"')
    main(["map", value, "detections", str(page), "--loss"])
    told = capsys.readouterr().err.splitlines()
    assert "  unused remark.by: 1" in told
    assert "  unused remark.text: 1 (free text)" in told


def test_other_payloads_than_the_recorded_are_asked_about(heron: Heron) -> None:
    value, folder = heron()
    _reason(folder, '"remark" = "free text"')
    connector = load_connector(value)
    records = [{"remark": {"a": 1}, "other": {"b": [1], "c": 2}}, b'{"more": null, "last": 0}', b"no JSON"]
    assert unjustified(connector, "detections", records) == ["last", "other"]
