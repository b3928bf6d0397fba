"""What goes wrong inside records: each fault puts records among the good ones, which must all come through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus_sdk import stix
from isthmus_sdk.testing._bench import Bench, Ran
from isthmus_sdk.testing._faults import sound
from isthmus_sdk.testing._report import Level
from isthmus_sdk.testing._rules import Rule, over_the_network

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

PLACE = 7
"""Index at which the odd records are put: in the second page."""
_MARK = "kit-odd"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFault:
    """Odd records among good ones."""

    name: str
    title: str
    odd: Callable[[Stream[Any, Any], list[bytes]], list[bytes]]
    """Made from spare records of the stream."""
    level: Level = "gold"
    quarantined: bool = False
    """The odd records can be of no use, so each must be in quarantine."""

    def rule(self) -> Rule:
        """The fault as a rule of the kit."""
        return Rule(
            f"fault.{self.name}",
            self.level,
            self.title,
            self._check,
            lambda bench: over_the_network(bench) and bool(bench.network_streams),
        )

    def _check(self, bench: Bench) -> Iterator[str]:
        streams = sound(bench)
        if not streams:
            yield "no stream runs without a fault; see the rule reads"
        for stream in streams:
            clean = bench.clean(stream.name)
            records = bench.renew(stream.name)
            copies = bench.vendor.tables[stream.name].copies
            odd = self.odd(stream, [copies.copy(len(records) + 80 + number) for number in range(12)])
            bench.vendor.hold(stream.name, [*records[:PLACE], *odd, *records[PLACE:]])
            ran = bench.run(stream.name)
            bench.renew(stream.name)
            for finding in self._verdict(clean, ran, odd):
                yield f"stream {stream.name}: {finding}"

    def _verdict(self, clean: Ran, ran: Ran, odd: list[bytes]) -> Iterator[str]:
        if ran.problem:
            yield f"the run ended: {ran.problem}"
            return
        if missing := clean.objects.keys() - ran.objects.keys():
            yield f"{len(missing)} objects of other records are missing"
        totals = ran.totals
        if totals.records != totals.mapped + sum(totals.ignored.values()) + totals.quarantined:
            yield "the counts of the run do not add up"
        if totals.quarantined != len(ran.rejected):
            yield f"{totals.quarantined} records count as quarantined, {len(ran.rejected)} were kept"
        if self.quarantined:
            if len(ran.rejected) != len(odd):
                yield f"{len(odd)} records are of no use, {len(ran.rejected)} are in quarantine"
            for bad in ran.rejected:
                if not bad.error or not bad.stage or bad.raw not in odd:
                    yield "a record in quarantine lacks its raw bytes, stage or reason"
        for encoded in ran.objects.values():
            stix.check(stix.decode(encoded))


def _with(text: str) -> Callable[[Stream[Any, Any], list[bytes]], list[bytes]]:
    """One record with one more member, as JSON text that may be none."""
    return lambda _stream, spare: [spare[0][:-1] + b',"' + _MARK.encode() + b'":' + text.encode("latin-1") + b"}"]


def _each_field(value: Any) -> Callable[[Stream[Any, Any], list[bytes]], list[bytes]]:
    """One record for each of the first fields, which has this value; ``...``: it is missing."""

    def make(_stream: Stream[Any, Any], spare: list[bytes]) -> list[bytes]:
        out: list[bytes] = []
        for name in list(json.loads(spare[0]))[:12]:
            document = json.loads(spare[len(out)])
            if value is ...:
                document.pop(name, None)
            else:
                document[name] = value
            out.append(json.dumps(document).encode())
        return out

    return make


def _texts(
    change: Callable[[str], str], *, ids: bool = False
) -> Callable[[Stream[Any, Any], list[bytes]], list[bytes]]:
    """One record whose texts are changed; its own id only with ``ids``."""

    def make(stream: Stream[Any, Any], spare: list[bytes]) -> list[bytes]:
        keys = {stream.key} if isinstance(stream.key, str) else set(stream.key or ())
        document = json.loads(spare[0])
        for name, value in document.items():
            if isinstance(value, str) and (ids or name not in keys):
                document[name] = change(value)
        return [json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")]

    return make


def _empty_id(stream: Stream[Any, Any], spare: list[bytes]) -> list[bytes]:
    keys = [stream.key] if isinstance(stream.key, str) else list(stream.key or ())
    document = json.loads(spare[0])
    for key in keys:
        if key in document:
            document[key] = ""
    return [json.dumps(document).encode()]


def _other_case(stream: Stream[Any, Any], spare: list[bytes]) -> list[bytes]:
    """Two records whose ids differ in nothing but the case of their letters."""
    keys = [stream.key] if isinstance(stream.key, str) else list(stream.key or ())
    out = []
    for change in (str.lower, str.upper):
        document = json.loads(spare[0])
        for key in keys:
            if isinstance(document.get(key), str):
                document[key] = change(document[key] + "-case")
        out.append(json.dumps(document).encode())
    return out


def _huge_text(stream: Stream[Any, Any], spare: list[bytes]) -> list[bytes]:
    keys = {stream.key} if isinstance(stream.key, str) else set(stream.key or ())
    document = json.loads(spare[0])
    name = next((name for name, value in document.items() if isinstance(value, str) and name not in keys), _MARK)
    document[name] = "x" * (10 << 20)
    return [json.dumps(document).encode()]


FAULTS = [
    DataFault(name="poison-record", title="one record that is no object", level="silver", quarantined=True,
              odd=lambda _stream, _spare: [b'"poison"']),
    DataFault(name="null-record", title="null among the records", quarantined=True, odd=lambda _stream, _spare: [b"null"]),
    DataFault(name="list-record", title="a list among the records", quarantined=True, odd=lambda _stream, _spare: [b"[[1],{}]"]),
    DataFault(name="field-removed", title="records that lack one field each", level="silver", odd=_each_field(...)),
    DataFault(name="null-field", title="records with null for one field each, lists included", level="silver",
              odd=_each_field(None)),
    DataFault(name="type-changed-object", title="records with an object for one field each", level="silver",
              odd=_each_field({"value": [1, None]})),
    DataFault(name="type-changed-list", title="records with a list for one field each", odd=_each_field([{"a": 1}, None])),
    DataFault(name="type-changed-number", title="records with a number for one field each", odd=_each_field(-1.5)),
    DataFault(name="new-word", title="records with a word nobody knows for one field each", odd=_each_field("kit-unheard-of")),
    DataFault(name="ten-megabyte-field", title="a text of ten megabytes", quarantined=True, odd=_huge_text),
    DataFault(name="million-elements", title="a list of a million elements", odd=_with("[" + "0," * 999_999 + "0]")),
    DataFault(name="deep-nesting", title="five thousand levels", odd=_with("[" * 5000 + "]" * 5000)),
    DataFault(name="nan", title="NaN, which JSON does not have", quarantined=True, odd=_with("NaN")),
    DataFault(name="infinity", title="Infinity, which JSON does not have", quarantined=True, odd=_with("-Infinity")),
    DataFault(name="huge-exponent", title="1e999", odd=_with("1e999")),
    DataFault(name="huge-integer", title="integers of 20, 100 and 5000 digits",
              odd=_with("[" + "1" * 20 + "," + "2" * 100 + "," + "3" * 5000 + "]")),
    DataFault(name="lone-surrogate", title="half a surrogate pair", quarantined=True, odd=_with('"\\ud800"')),
    DataFault(name="nul-character", title="a NUL character in a text", quarantined=True, odd=_with('"a\\u0000b"')),
    DataFault(name="broken-utf8", title="bytes that are no UTF-8", quarantined=True, odd=_with('"\xff\xfe"')),
    DataFault(name="duplicate-names", title="a name that stands twice", odd=_with('1,"' + _MARK + '":2')),
    DataFault(name="control-characters", title="texts with control and bidirectional characters",
              odd=_texts(lambda text: "\u202e" + text + "\u2066\x1b[31m\u200b")),
    DataFault(name="markup", title="texts that other languages obey",
              odd=_texts(lambda text: f"=cmd|' /C calc'!A0 {text} <script>${{jndi:x}} '; drop table --")),
    DataFault(name="blank-texts", title="texts of blanks alone", odd=_texts(lambda _text: "   ")),
    DataFault(name="long-texts", title="texts of a hundred thousand characters", odd=_texts(lambda text: text * 5 + "y" * 100_000)),
    DataFault(name="empty-id", title="a record whose own id is empty", odd=_empty_id),
    DataFault(name="ids-in-other-case", title="two records whose ids differ in case alone", odd=_other_case),
]  # fmt: skip

__all__ = ["FAULTS", "DataFault"]
