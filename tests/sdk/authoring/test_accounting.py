"""One page through model and mapping: every record is accounted for, all of its objects or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from isthmus_sdk import Builder, Connector, Ignored, Page, RecordError, Settings, stix
from isthmus_sdk.engine import NOTHING, Outcome, PageMapper
from isthmus_sdk.errors import ManifestError, SourceError

AT = "2026-05-01T12:00:00.000Z"


class Thing(BaseModel):
    id: str | None
    name: str
    size: int = 0


class ThingStruct(msgspec.Struct):
    id: str | None
    name: str
    size: int = 0


def to_stix(thing: Any, builder: Builder) -> Iterator[Any]:
    if thing.name == "ignored":
        raise Ignored("of no interest")
    yield builder.asset(thing.id, name=thing.name, modified="2026-05-01T00:00:00Z")
    if thing.name == "raises":
        raise KeyError("lost")
    if thing.name == "refuses":
        raise RecordError("no", path="name")
    if thing.name == "invalid":
        yield {"type": "infrastructure", "spec_version": "2.1", "id": "infrastructure--1"}
    if thing.name == "foreign":
        yield 5
    if thing.name == "deep":
        yield deep()


def deep() -> Any:
    return deep()


def mapper(
    model: type[Any] = Thing, mapping: Callable[..., Any] = to_stix, tlp: str | None = None, **options: Any
) -> PageMapper:
    connector = Connector("made.up", settings=Settings)
    stream = connector.stream("things", model=model, **options)(lambda ctx: ctx.pages())
    stream.maps(mapping)
    return PageMapper(stream, lambda at: Builder(source_id="s", connector="c", observed_at=at), tlp=tlp)


def page(*records: Any, **fields: Any) -> Page:
    raws = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    return Page(records=raws, observed_at=AT, **fields)


def adds_up(outcome: Outcome) -> bool:
    return outcome.records == outcome.mapped + sum(outcome.ignored.values()) + len(outcome.quarantined)


GOOD = {"id": "g", "name": "good"}
HOSTILE = {
    "not JSON": b'{"id":"x","name":',
    "two values in one record": b'{"id":"x","name":"a"},{"id":"y","name":"b"}',
    "opens a list": b'{"id":"x","name":"a","l":[1',
    "a scalar": b"5",
    "empty": b"",
    "NaN": b'{"id":"x","name":"a","size":NaN}',
    "infinity in an unused field": b'{"id":"x","name":"a","other":-Infinity}',
    "lone surrogate": b'{"id":"x","name":"\\ud800"}',
    "NUL": b'{"id":"x","name":"a\\u0000"}',
    "NUL in an unused field": b'{"id":"x","name":"a","other":"\\u0000"}',
    "invalid UTF-8": b'{"id":"x","name":"\xff"}',
    "invalid UTF-8 in an unused field": b'{"id":"x","name":"a","other":"\xff"}',
    "depth bomb": b'{"id":"x","name":"a","l":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge integer": b'{"id":"x","name":"a","size":' + b"9" * 5000 + b"}",
    "null id": b'{"id":null,"name":"a"}',
    "empty id": b'{"id":" ","name":"a"}',
    "wrong type": b'{"id":"x","name":["a"]}',
    "mapping raises": b'{"id":"x","name":"raises"}',
    "mapping refuses": b'{"id":"x","name":"refuses"}',
    "invalid object": b'{"id":"x","name":"invalid"}',
    "no object at all": b'{"id":"x","name":"foreign"}',
    "endless recursion": b'{"id":"x","name":"deep"}',
}


@pytest.mark.parametrize("model", [Thing, ThingStruct])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_record_is_quarantined_exactly_as_it_came_and_the_page_goes_on(name: str, model: type[Any]) -> None:
    raw = HOSTILE[name]
    outcome = mapper(model).map(page(GOOD, raw, {"id": "h", "name": "good"}))
    assert [(bad.index, bad.raw) for bad in outcome.quarantined] == [(1, raw)]
    assert outcome.quarantined[0].error
    assert outcome.mapped == 2
    assert adds_up(outcome)
    assert {
        stix.facts(o, stix.ASSET)["native_id"] for o, _ in outcome.objects.values() if stix.facts(o, stix.ASSET)
    } == {
        "g",
        "h",
    }


def test_records_that_only_together_are_json_are_not_taken_for_others() -> None:
    # Joined by commas, these three would parse as three records; none of the raw texts is one of them.
    raws = [b'{"id":"1","name":"a"},{"id":"2","name":"b"}', b'{"id":"3","name":"c","l":[{}', b"{}]}"]
    outcome = mapper().map(page(*raws))
    assert [bad.raw for bad in outcome.quarantined] == raws
    assert outcome.mapped == 0


def test_quarantine_names_the_vendors_id_the_path_and_the_stage() -> None:
    class Inner(BaseModel):
        ports: list[int]

    class Outer(BaseModel):
        id: int
        net: Inner

    outcome = mapper(Outer, lambda record, builder: None).map(page({"id": 7, "net": {"ports": [1, "x"]}}))
    bad = outcome.quarantined[0]
    assert (bad.native_id, bad.path, bad.stage) == ("7", "net.ports[1]", "validate")
    assert mapper().map(page({"id": "x", "name": "refuses"})).quarantined[0].stage == "map"
    assert mapper().map(page({"id": "x", "name": "invalid"})).quarantined[0].stage == "check"


@pytest.mark.parametrize("identifier", [None, "", "  "])
def test_a_record_without_its_own_id_is_not_mapped_even_if_the_mapping_would(identifier: str | None) -> None:
    outcome = mapper(mapping=lambda thing, builder: builder.domain("x.example")).map(
        page({"id": identifier, "name": "a"})
    )
    assert [(bad.path, bad.stage) for bad in outcome.quarantined] == [("id", "validate")]


def test_a_validation_error_does_not_repeat_the_value() -> None:
    bad = mapper().map(page({"id": "x", "name": "a", "size": "hunter2-hunter2"})).quarantined[0]
    assert "hunter2" not in bad.error


def test_an_ignored_record_is_counted_by_its_reason_and_so_is_a_mapping_that_yields_nothing() -> None:
    outcome = mapper().map(page({"id": "x", "name": "ignored"}, {"id": "y", "name": "ignored"}))
    assert outcome.ignored == {"of no interest": 2}
    nothing = mapper(mapping=lambda record, builder: None).map(page(GOOD))
    assert nothing.ignored == {NOTHING: 1}
    assert adds_up(outcome)
    assert adds_up(nothing)


def test_ignoring_after_the_first_object_keeps_none_of_the_records_objects() -> None:
    def mapping(thing: Thing, builder: Builder) -> Iterator[Any]:
        yield builder.asset(thing.id, name=thing.name)
        raise Ignored("on second thoughts")

    outcome = mapper(mapping=mapping).map(page(GOOD))
    assert not outcome.objects
    assert outcome.ignored == {"on second thoughts": 1}


def test_duplicate_records_become_one_object_and_count_twice() -> None:
    once, twice = mapper().map(page(GOOD)), mapper().map(page(GOOD, GOOD))
    assert twice.mapped == 2
    assert twice.encoded() == once.encoded()


def test_the_order_of_the_records_of_a_page_does_not_change_its_objects() -> None:
    records = [{"id": "a", "name": "first"}, {"id": "a", "name": "second"}, {"id": "b", "name": "third"}]
    forward, backward = mapper().map(page(*records)), mapper().map(page(*reversed(records)))
    assert sorted(forward.encoded()) == sorted(backward.encoded())


def test_unmarked_objects_get_the_default_marking_and_marked_ones_keep_theirs() -> None:
    def mapping(thing: Thing, builder: Builder) -> Iterator[Any]:
        shape = builder.domain("plain.example")
        yield shape
        yield {**builder.domain("marked.example").object, "object_marking_refs": [stix.TLP["red"]]}

    outcome = mapper(mapping=mapping, tlp="amber").map(page(GOOD))
    marks = {obj["value"]: obj["object_marking_refs"] for obj, _ in outcome.objects.values() if "value" in obj}
    assert marks == {"plain.example": [stix.TLP["amber"]], "marked.example": [stix.TLP["red"]]}


def test_objects_of_stix2_are_taken() -> None:
    stix2 = pytest.importorskip("stix2")
    outcome = mapper(mapping=lambda thing, builder: [stix2.IPv4Address(value="10.0.0.1")]).map(page(GOOD))
    assert [obj["value"] for obj, _ in outcome.objects.values()] == ["10.0.0.1"]


def test_an_envelope_is_taken_off_and_the_quarantined_record_keeps_it() -> None:
    def unwrap(raw: bytes) -> bytes:
        return json.dumps(json.loads(raw)["event"]).encode()

    good, bad = b'{"event":{"id":"e","name":"good"}}', b'{"event":{"id":"e"}}'
    outcome = mapper(unwrap=unwrap).map(page(good, bad, b'{"no":"envelope"}'))
    assert outcome.mapped == 1
    assert [(r.raw, r.stage) for r in outcome.quarantined] == [(bad, "validate"), (b'{"no":"envelope"}', "read")]


def test_what_the_transport_could_not_read_is_quarantined_with_its_reason() -> None:
    outcome = mapper().map(page(GOOD, b"half a rec", unreadable={1: "is cut short"}))
    assert [(bad.error, bad.stage) for bad in outcome.quarantined] == [("is cut short", "read")]
    assert adds_up(outcome)


def test_a_contract_may_quarantine_or_stop_at_a_field_the_model_does_not_name() -> None:
    new = {"id": "n", "name": "good", "colour": "blue"}
    outcome = mapper(contract="quarantine_record").map(page(GOOD, new))
    assert [bad.path for bad in outcome.quarantined] == ["colour"]
    with pytest.raises(SourceError, match="colour"):
        mapper(contract="freeze").map(page(GOOD, new))
    assert mapper(contract="evolve").map(page(GOOD, new)).mapped == 2


def test_a_key_that_the_model_does_not_have_is_refused_when_the_stream_is_built() -> None:
    with pytest.raises(ManifestError, match="uid"):
        mapper(key="uid")


RECORD = st.one_of(
    st.fixed_dictionaries(
        {
            "id": st.one_of(st.none(), st.text(max_size=3)),
            "name": st.sampled_from(["good", "ignored", "raises", "refuses", "invalid", "x\u0000"]),
        }
    ).map(lambda record: json.dumps(record).encode()),
    st.binary(max_size=30),
    st.sampled_from(sorted(HOSTILE.values(), key=len)[:-2]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(RECORD, max_size=8))
def test_whatever_a_page_holds_the_counts_add_up_and_raw_bytes_are_kept(raws: list[bytes]) -> None:
    outcome = mapper().map(Page(records=raws, observed_at=AT))
    assert adds_up(outcome)
    assert all(raws[bad.index] == bad.raw for bad in outcome.quarantined)
    assert outcome.raw_bytes == sum(map(len, raws))
    for encoded in outcome.encoded():
        stix.check(stix.decode(encoded))


def test_a_mapping_that_asks_for_the_settings_is_given_them() -> None:
    class Named(Settings):
        site: str

    connector = Connector("made.up", settings=Named)
    stream = connector.stream("things", model=Thing)(lambda ctx: ctx.pages())

    @stream.maps
    def placed(thing: Thing, builder: Builder, settings: Named) -> Any:
        return builder.asset(thing.id, name=thing.name, site=settings.site)

    made = PageMapper(
        stream, lambda at: Builder(source_id="s", connector="c", observed_at=at), settings=Named(site="north")
    )
    out = made.map(Page(records=[b'{"id": "1", "name": "a"}'], observed_at=AT))
    (asset,) = [obj for obj, _ in out.objects.values() if stix.facts(obj, stix.ASSET) and "native_id" in str(obj)][:1]
    assert stix.facts(asset, stix.ASSET)["site"] == "north"
