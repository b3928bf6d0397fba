"""Rules about runs against a vendor that plays the recorded pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from isthmus_sdk import stix
from isthmus_sdk.errors import AuthenticationError, IsthmusError
from isthmus_sdk.http import Rate
from isthmus_sdk.masking import forms
from isthmus_sdk.settings import is_secret
from isthmus_sdk.testing._bench import Bench, Ran
from isthmus_sdk.testing._material import earlier, later
from isthmus_sdk.testing._rules import Book, over_the_network

if TYPE_CHECKING:
    from isthmus_sdk.connector import Stream

book = Book()
_SECRET_FIELD = re.compile(r"password|passwd|secret|token|api_?key|private_?key|passphrase|credential", re.IGNORECASE)
_NOT_SECRET = re.compile(r"(?:url|uri|path|file|name|id|lifetime|ttl|endpoint|header|expiry)$", re.IGNORECASE)
_TRIES = 16
"""Recorded records that are looked at for one that can be given a mark."""


@book.rule("secrets", "bronze", "credentials are typed as Secret, and unknown settings are refused")
def secrets(bench: Bench) -> Iterator[str]:
    """What is typed so is given by reference and appears in no message."""
    model = bench.connector.settings
    for name, field in model.model_fields.items():
        if not is_secret(field) and _SECRET_FIELD.search(name) and not _NOT_SECRET.search(name):
            yield f"setting {name}: looks like a credential; give it the type Secret"
    if model.model_config.get("extra") != "forbid":
        yield f"{model.__name__}: takes unknown settings; derive it from isthmus_sdk.Settings"


@book.rule("manifest", "bronze", "manifest and code agree")
def manifest(bench: Bench) -> Iterator[str]:
    """Settings, secrets and streams, as `isthmus-sdk manifest --check` compares them."""
    from isthmus_sdk.commands.manifest import drift

    yield from drift(bench.connector)
    if not bench.connector.manifest.capabilities:
        yield "there is no [[capability]]: say what of an environment the product can see"


@book.rule("reads", "bronze", "a run reads every page to the end, and each record is accounted for", over_the_network)
def reads(bench: Bench) -> Iterator[str]:
    """Nothing is passed over, nothing is asked for twice without need."""
    if bench.unplayable:
        yield bench.unplayable
        return
    for name in bench.by_hand:
        yield (
            f"stream {name}: its pages cannot be played (they are made by hand); "
            "use ctx.pages with a pager, or exempt the rule with the tests that stand in for it"
        )
    for stream in bench.network_streams:
        strays = len(bench.vendor.strays)
        ran = bench.clean(stream.name)
        held = len(bench.renew(stream.name))
        if ran.problem:
            yield f"stream {stream.name}: {ran.problem}"
        elif not ran.totals.complete:
            yield f"stream {stream.name}: the run did not come to its end"
        elif ran.totals.records < held:
            yield f"stream {stream.name}: {held - ran.totals.records} of {held} records that the vendor holds were not read"
        yield from (f"stream {stream.name}: asked for {stray}" for stray in bench.vendor.strays[strays:])


@book.rule(
    "credentials",
    "bronze",
    "a credential that is refused ends in a clear error, and nothing is stored",
    over_the_network,
)
def credentials(bench: Bench) -> Iterator[str]:
    """Sign-in and every request are answered with 401."""
    for stream in bench.network_streams:
        bench.renew(stream.name)
        bench.vendor.refusing = True
        try:
            ran = bench.run(stream.name)
        finally:
            bench.vendor.refusing = False
        if not isinstance(ran.error, AuthenticationError):
            yield f"stream {stream.name}: expected an AuthenticationError, got {ran.problem or 'a run without an error'}"
        if ran.totals.complete or any(block.objects for block in ran.blocks):
            yield f"stream {stream.name}: the run counts as complete although nothing could be read"
    if bench.connector.checker is not None and bench.network_streams:
        bench.vendor.refusing = True
        try:
            said = bench.check()
        except AuthenticationError:
            return
        except IsthmusError as error:
            yield f"check: expected an AuthenticationError, got {type(error).__name__}: {error}"
        else:
            yield f"check: says {said} although the credential is refused"
        finally:
            bench.vendor.refusing = False


@book.rule("origins", "bronze", "requests go to the configured addresses and nowhere else", over_the_network)
def origins(bench: Bench) -> Iterator[str]:
    """Whatever library makes them."""
    own = ("127.0.0.1", bench.server.port)
    for stream in bench.network_streams:
        bench.renew(stream.name)
        del bench.watch.connected[:]
        bench.run(stream.name)
        for address in sorted(set(bench.watch.connected) - {own}):
            yield f"stream {stream.name}: connected to {address[0]}:{address[1]}, which no setting names"
    connector = bench.connector
    listed = " ".join(map(str, connector.manifest.origins.values()))
    for origin in connector.origins(bench.settings) if connector.origins else ():
        if not str(origin).startswith(bench.server.url) and str(origin) not in listed:
            yield f"origin {origin}: comes from no setting and is not in [origins] of the manifest"


@book.rule("again", "silver", "a second run over unchanged data brings nothing new", over_the_network)
def again(bench: Bench) -> Iterator[str]:
    """Incremental streams send nothing; snapshots send the same bytes, which a hub counts as unchanged."""
    for stream in bench.network_streams:
        first = bench.clean(stream.name)
        if first.problem:
            yield f"stream {stream.name}: {first.problem}"
            continue
        bench.renew(stream.name)
        second = bench.run(stream.name, cursors=first.cursors)
        if second.problem:
            yield f"stream {stream.name}: the second run failed: {second.problem}"
        elif stream.cursor and second.objects:
            yield f"stream {stream.name}: the second run sent {len(second.objects)} objects again"
        elif changed := {i for i, encoded in second.objects.items() if first.objects.get(i) != encoded}:
            yield f"stream {stream.name}: {len(changed)} objects changed although no record did, as {sorted(changed)[0]}"


@book.rule(
    "border", "silver", "records that come late, at the very time where the last run ended, are read", over_the_network
)
def border(bench: Bench) -> Iterator[str]:
    """Equal times at the border of two runs, and the oldest time that the lookback covers."""
    for stream in bench.network_streams:
        if stream.cursor is None:
            continue
        copies = bench.vendor.tables[stream.name].copies
        records = bench.renew(stream.name)
        first = bench.clean(stream.name)
        marks: list[Any] = [mark for raw in records if (mark := copies.mark(raw)) is not None]
        if first.problem or not marks:
            yield f"stream {stream.name}: {first.problem or f'no record has a value of {stream.cursor}'}"
            continue
        top = max(marks)
        wanted = {"the time of the last record": top, "a later time": later(top, 60)}
        if stream.lookback and isinstance(top, datetime):
            wanted["the last time less the lookback"] = earlier(top, stream.lookback)
        late = {}
        for number, (what, mark) in enumerate(wanted.items()):
            # Some recorded records may bear no mark at all, as rows of a full list beside those of a list of changes.
            tried = (copies.copy(len(records) + 40 + number + turn * len(wanted)) for turn in range(_TRIES))
            raw = next((made for each in tried if (made := copies.at(each, mark)) is not None), None)
            if raw is None:
                yield (
                    f"stream {stream.name}: no record can be made with another {stream.cursor}; name the raw fields in "
                    f"[stream.{stream.name}] cursor_fields of conformance.toml"
                )
                break
            late[what] = raw
        bench.vendor.hold(stream.name, sorted([*records, *late.values()], key=lambda raw: _order(copies.mark(raw))))
        second = bench.run(stream.name, cursors=first.cursors)
        if second.problem:
            yield f"stream {stream.name}: {second.problem}"
            continue
        for what, raw in late.items():
            if _ids(bench, stream, raw) - second.objects.keys() - first.objects.keys():
                yield f"stream {stream.name}: a new record with {what} was not read; ask from since on, inclusive"
        bench.renew(stream.name)


@book.rule("resume", "silver", "a run that is interrupted after any page goes on without losing one", over_the_network)
def resume(bench: Bench) -> Iterator[str]:
    """The cursor of each block belongs to what is stored with it, not to what was only asked for."""
    for stream in bench.network_streams:
        whole = bench.clean(stream.name)
        if whole.problem:
            yield f"stream {stream.name}: {whole.problem}"
            continue
        bench.renew(stream.name)
        for pages in range(1, max(whole.totals.pages, 2)):
            first = bench.run(stream.name, pages=pages)
            second = bench.run(stream.name, cursors=first.cursors)
            lost = whole.objects.keys() - first.objects.keys() - second.objects.keys()
            if second.problem or lost:
                yield f"stream {stream.name}: interrupted after page {pages}: {second.problem or f'{len(lost)} objects were lost'}"
                break


@book.rule("pagewise", "silver", "pages are sent one by one, not collected", over_the_network)
def pagewise(bench: Bench) -> Iterator[str]:
    """The first block leaves before the whole list was read."""
    for stream in bench.network_streams:
        ran = bench.clean(stream.name)
        if ran.totals.pages > 3 and ran.ahead > 2:
            yield (
                f"stream {stream.name}: {ran.ahead} pages had been asked for when the first one was sent; yield pages as they come"
            )


@book.rule("rate", "silver", "requests keep to the declared rate", over_the_network)
def rate(bench: Bench) -> Iterator[str]:
    """On the clock that the client waits by; its waits pass at once."""
    options = bench.connector.http
    declared = (options(bench.settings) if callable(options) else options or {}).get("rate")
    if not isinstance(declared, Rate):
        yield "no rate is declared: give Connector(..., http={'rate': Rate(requests=…, per=…)}) what the vendor allows"
        return
    for stream in bench.network_streams:
        bench.renew(stream.name)
        begin = len(bench.vendor.asked)
        for _ in range(4):
            bench.run(stream.name)
        times = [asked.at for asked in bench.vendor.asked[begin:] if not asked.login]
        per_run = max(len(times) // 4, 1)
        worst = _excess(times[:per_run], declared)
        if worst > 0:
            yield f"stream {stream.name}: {worst} requests more than {declared} allows"
        yield from _crowded(bench, stream, declared)


def _crowded(bench: Bench, stream: Stream[Any, Any], declared: Rate) -> Iterator[str]:
    """One run over so many pages that the burst is used up."""
    copies = bench.vendor.tables[stream.name].copies
    wanted = min(declared.burst + 10, 70)
    from isthmus_sdk.testing._vendor import PAGE

    bench.vendor.hold(stream.name, copies.many(wanted * PAGE))
    begin = len(bench.vendor.asked)
    bench.run(stream.name)
    times = [asked.at for asked in bench.vendor.asked[begin:] if not asked.login]
    if (worst := _excess(times, declared)) > 0:
        yield f"stream {stream.name}: {worst} requests more than {declared} allows, over {len(times)} pages"
    bench.renew(stream.name)


def _excess(times: list[float], declared: Rate) -> int:
    """Requests above what a bucket of the declared size and flow lets through, in the worst stretch."""
    per_second = declared.requests / declared.per
    worst = 0.0
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = declared.burst + (times[last] - times[first]) * per_second + 1
            worst = max(worst, last - first + 1 - allowed)
    return int(worst)


@book.rule("markings", "silver", "no object is marked lower than the instance says")
def markings(bench: Bench) -> Iterator[str]:
    """The operator's marking holds for all that is not marked by the vendor itself."""
    from isthmus_sdk.page import Page
    from isthmus_sdk.testing._bench import OBSERVED

    red = stix.TLP["red"]
    if not bench.connector.manifest.tlp:
        yield "the manifest has no tlp: say how the vendor's data is marked where the operator says nothing"
    for stream in bench.streams:
        if stream.mapping is None:
            continue
        outcome = bench.mapper(stream, "red").map(Page(records=bench.recorded(stream), observed_at=OBSERVED))
        for obj, _ in outcome.objects.values():
            if obj["type"] in ("marking-definition", "extension-definition"):
                continue
            if red not in obj.get("object_marking_refs", ()):
                yield (
                    f"stream {stream.name}: {obj['id']} is marked {obj.get('object_marking_refs')} in an instance that is red; "
                    "leave object_marking_refs to the SDK"
                )
                break


@book.rule("silent", "bronze", "no secret is in anything that is logged, printed, raised, sent or asked for")
def silent(bench: Bench) -> Iterator[str]:
    """Looked for in every form in which software writes secrets down, before any masking."""
    known = {name: forms(value) for name, value in bench.secrets.items()}
    if bench.network_streams:
        for stream in bench.network_streams:
            bench.clean(stream.name)
        known["a token"] = {form for token in bench.vendor.tokens() for form in forms(token)}
    said = list(dict.fromkeys(bench.said))
    for name, written in known.items():
        for line in said:
            if any(form in line for form in written):
                yield f"{name}: is in what the connector says: {_masked(line, written)[:160]}"
                break
    for stream in bench.network_streams:
        sent = b"\n".join(encoded for block in bench.clean(stream.name).blocks for encoded in block.objects)
        for name, written in known.items():
            if any(form.encode() in sent for form in written):
                yield f"stream {stream.name}: {name} is in the objects"
    for line in bench.elsewhere:
        if any(form in line for written in known.values() for form in written):
            yield f"a credential was sent to another origin: {line.split(' {')[0][:120]}"


def _masked(line: str, written: set[str]) -> str:
    for form in sorted(written, key=len, reverse=True):
        line = line.replace(form, "[secret]")
    return line


def _ids(bench: Bench, stream: Stream[Any, Any], raw: bytes) -> set[str]:
    """Ids of the objects of one record."""
    from isthmus_sdk.page import Page
    from isthmus_sdk.testing._bench import OBSERVED

    return set(bench.mapper(stream).map(Page(records=[raw], observed_at=OBSERVED)).objects)


def _order(mark: Any) -> Any:
    return (mark is None, mark)


def union(*runs: Ran) -> dict[str, bytes]:
    """Objects of several runs; the later wins."""
    out: dict[str, bytes] = {}
    for ran in runs:
        out |= ran.objects
    return out


__all__ = ["book", "union"]
