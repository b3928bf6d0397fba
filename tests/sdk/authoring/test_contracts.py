"""Contracts: what becomes of a record that differs from the model, and the drift report that says how it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
from pydantic import AliasChoices, BaseModel, Field

from isthmus_sdk import Builder, Connector, Settings
from isthmus_sdk.connector import CONTRACTS
from isthmus_sdk.drift import PATHS, SAMPLE
from isthmus_sdk.engine import Outcome, PageMapper
from isthmus_sdk.errors import SourceError
from isthmus_sdk.page import Page

AT = "2026-05-01T12:00:00.000Z"


class Card(BaseModel):
    mac: str
    speed: int | None = None


class Thing(BaseModel):
    id: str
    changed: datetime
    name: str
    floor: int | None = None
    risk: int | None = Field(default=None, le=100)
    owner: str | None = Field(default=None, validation_alias=AliasChoices("owner", "owned_by"))
    tags: list[str] = []
    cards: list[Card] = []


class Struct(msgspec.Struct):
    id: str
    changed: str
    name: str
    floor: int | None = None
    tags: list[str] = []


GOOD = {
    "id": "a",
    "changed": AT,
    "name": "press",
    "floor": 2,
    "risk": 10,
    "owner": "ann",
    "tags": ["x"],
    "cards": [{"mac": "m", "speed": 1}],
}
NEW = {**GOOD, "id": "new", "colour": "blue"}
LACKS = {key: value for key, value in GOOD.items() if key != "name"} | {"id": "lacks"}
KIND = {**GOOD, "id": "kind", "floor": ["second"]}
VALUE = {**GOOD, "id": "value", "risk": 900}


def mapper(model: Any = Thing, **options: Any) -> PageMapper:
    seen: list[Any] = []
    stream = Connector("made.up", settings=Settings).stream(
        "things", model=model, cursor="changed", **{k: options.pop(k) for k in ("contract",) if k in options}
    )(lambda ctx: ctx.pages())

    @stream.maps
    def mapping(thing: Any, stix: Builder) -> Iterator[Any]:
        seen.append(thing)
        yield stix.asset(thing.id, name=thing.name)

    made = PageMapper(
        stream,
        lambda at: Builder(source_id="s", connector="c", observed_at=at),
        contract=options.pop("chosen", None),
        **options,
    )
    made.mapped_records = seen  # type: ignore[attr-defined]
    return made


def page(*records: Any) -> Page:
    return Page(records=[json.dumps(record).encode() for record in records], observed_at=AT)


def quarantined(outcome: Outcome) -> list[str]:
    return [bad.native_id for bad in outcome.quarantined]


@pytest.mark.parametrize(
    ("contract", "record", "becomes"),
    [
        ("evolve", NEW, "mapped"),
        ("evolve", LACKS, "quarantined"),
        ("evolve", KIND, "quarantined"),
        ("evolve", VALUE, "quarantined"),
        ("drop_field", NEW, "mapped"),
        ("drop_field", LACKS, "quarantined"),
        ("drop_field", KIND, "mapped"),
        ("drop_field", VALUE, "mapped"),
        ("quarantine_record", NEW, "quarantined"),
        ("quarantine_record", LACKS, "quarantined"),
        ("quarantine_record", KIND, "quarantined"),
        ("quarantine_record", VALUE, "quarantined"),
        ("freeze", NEW, "the run ends"),
        ("freeze", LACKS, "the run ends"),
        ("freeze", KIND, "the run ends"),
        ("freeze", VALUE, "quarantined"),
    ],
)
@pytest.mark.parametrize("chosen_by", ["author", "operator"])
def test_the_table_of_contracts(contract: Any, record: dict[str, Any], becomes: str, chosen_by: str) -> None:
    made = mapper(contract=contract) if chosen_by == "author" else mapper(contract="evolve", chosen=contract)
    if becomes == "the run ends":
        with pytest.raises(SourceError, match=r"stream things: .*contract is freeze.*contracts = \{ things"):
            made.map(page(GOOD, record))
        return
    outcome = made.map(page(GOOD, record))
    assert quarantined(outcome) == ([record["id"]] if becomes == "quarantined" else [])
    assert outcome.mapped == (1 if becomes == "quarantined" else 2)


def test_every_contract_is_in_the_table() -> None:
    assert set(CONTRACTS) == {"evolve", "freeze", "quarantine_record", "drop_field"}


def test_dropping_a_field_leaves_the_rest_of_the_record_as_it_was() -> None:
    made = mapper(contract="drop_field")
    made.map(page({**KIND, "tags": ["x", 1, "y", None, "z"], "cards": [{"mac": "m", "speed": "fast"}, {"speed": 1}]}))
    (thing,) = made.mapped_records  # type: ignore[attr-defined]
    assert (thing.floor, thing.owner, thing.risk) == (None, "ann", 10)
    assert thing.tags == ["x", "y", "z"]
    assert thing.cards == [Card(mac="m")]
    dropped = made.drift.as_json()["dropped"]
    assert dropped == {"cards[]": 1, "cards[].speed": 1, "floor": 1, "tags[]": 2}


@pytest.mark.parametrize("field", ["id", "changed", "name"])
def test_the_id_the_cursor_and_what_is_required_are_never_dropped(field: str) -> None:
    outcome = mapper(contract="drop_field").map(page({**GOOD, field: {"not": "text"}}))
    assert (outcome.mapped, [bad.path for bad in outcome.quarantined]) == (0, [field])
    assert outcome.quarantined[0].raw == json.dumps({**GOOD, field: {"not": "text"}}).encode()


@pytest.mark.parametrize(
    "hostile", [b"[]", b"7", b"nonsense", b'{"id":', b"[" * 5000 + b"]" * 5000, b'{"id":"\\ud800"}']
)
def test_what_is_no_record_at_all_is_quarantined_under_every_contract_but_freeze(hostile: bytes) -> None:
    for contract in ("evolve", "quarantine_record", "drop_field"):
        outcome = mapper(contract=contract).map(Page(records=[hostile], observed_at=AT))
        assert [bad.raw for bad in outcome.quarantined] == [hostile]


def test_structs_follow_the_same_table() -> None:
    wrong = {"id": "a", "changed": AT, "name": "n", "floor": "second", "tags": [1]}
    made = mapper(Struct, contract="drop_field")
    assert made.map(page(wrong)).mapped == 1
    assert made.mapped_records[0].floor is None  # type: ignore[attr-defined]
    assert made.drift.as_json()["dropped"] == {"floor": 1, "tags": 1}
    assert mapper(Struct).map(page(wrong)).mapped == 0
    with pytest.raises(SourceError, match="name"):
        mapper(Struct, contract="freeze").map(page({"id": "a", "changed": AT}))


def test_the_drift_report_names_what_is_new_missing_and_of_another_kind() -> None:
    made = mapper()
    made.map(page(NEW, NEW, LACKS, KIND, VALUE))
    assert made.drift.as_json() == {"new": {"colour": 2}, "missing": {"name": 1}, "changed": {"floor": 1}}


def test_a_field_that_no_record_has_is_missing_even_where_the_model_can_do_without() -> None:
    made = mapper()
    bare = {key: value for key, value in GOOD.items() if key != "floor"}
    made.map(page(bare, bare))
    assert made.drift.as_json() == {"missing": {"floor": 2}}


def test_a_field_under_another_of_its_names_is_not_missing() -> None:
    made = mapper()
    made.map(page({**{k: v for k, v in GOOD.items() if k != "owner"}, "owned_by": "ann"}))
    assert made.drift.as_json() == {}


def test_records_as_the_model_expects_them_show_no_drift() -> None:
    made = mapper()
    made.map(page(GOOD, GOOD))
    assert made.drift.as_json() == {}


def test_a_long_run_is_looked_at_in_samples_and_a_strict_contract_at_every_record() -> None:
    many = page(*[{**GOOD, "id": str(number)} for number in range(100)])
    made, strict = mapper(), mapper(contract="quarantine_record")
    for _ in range(9):
        made.map(many)
        strict.map(many)
    assert made.drift.sampled == 4 * SAMPLE  # pages 1, 2, 4 and 8
    assert strict.drift.sampled == 900


def test_a_vendor_that_uses_values_as_names_does_not_make_the_report_grow() -> None:
    made = mapper(look_at_all=True)
    made.map(page(*[{**GOOD, f"key-{number}": 1} for number in range(3 * PATHS)]))
    assert len(made.drift.as_json()["new"]) == PATHS
