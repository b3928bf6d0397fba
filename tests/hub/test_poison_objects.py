"""A publisher of somebody else's puts what nobody can use on ``observed``: recorded with offset and reason, and the rest goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.faults.test_store_rebuild import publish
from tests.hub.store.objects import JUNE_1, JUNE_2, address, asset, relation

from isthmus_hub.bus import OBSERVED
from isthmus_hub.hub import Hub
from isthmus_sdk import stix

FUTURE = "2999-01-01T00:00:00.000Z"


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


def deep(levels: int) -> bytes:
    return b'{"type":"ipv4-addr","value":"10.0.0.9","x_deep":' + b"[" * levels + b"]" * levels + b"}"


GOOD = address("10.7.7.7")
UNUSABLE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b'{"type": "ipv4-addr"',
    "no UTF-8": b'{"type":"ipv4-addr","value":"\xff\xfe"}',
    "a lone surrogate": b'{"type":"domain-name","id":"domain-name--11111111-1111-4111-8111-111111111111","spec_version":"2.1","value":"\\ud800"}',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "not STIX": text({"hello": "world"}),
    "no id": text({"type": "ipv4-addr", "value": "10.0.0.9"}),
    "a type that is no text": text({**GOOD, "type": 7}),
    "an id that is no text": text({**GOOD, "id": {"a": 1}}),
    "the id of another type": text({**GOOD, "id": "indicator--11111111-1111-4111-8111-111111111111"}),
    "too deep": deep(5_000),
    "NUL in its id": text({**GOOD, "id": GOOD["id"][:-1] + "\x00"}),
    "a time that is none": text({**asset("p-1"), "modified": "yesterday"}),
    "a time that is a number": text({**asset("p-2"), "modified": 12}),
    "refs that are a number": text({**relation(asset("p-3"), "consists-of", GOOD), "target_ref": 3}),
}
BEARABLE: dict[str, bytes] = {
    "8 MB": text({**asset("big-1"), "description": "x" * 8_000_000}),
    "the far future": text(asset("future-1", modified=FUTURE)),
    "NUL in a text": text({**asset("nul-1"), "description": "a\x00b"}),
    "a huge number": text({**asset("number-1"), "x_number": 10**400}),
    "extensions of another shape": text(
        {**asset("odd-1"), "extensions": {"extension-definition--aaaaaaaa-1111-4111-8111-111111111111": 5}}
    ),
}
"""Strange, and for the hub to take or to reject, as long as it says which."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    file = tmp_path / "isthmus.toml"
    file.write_text(
        '[hub]\nname = "h"\n[platform.out]\nuse = "file"\nmax_tlp = "red"\nsettings = { directory = "out" }\n'
    )
    with Hub.open(tmp_path / "state", file) as hub:
        yield hub


def foreign(hub: Hub, name: str, entries: list[bytes], meta: bytes | None = None) -> int:
    """A block as another program writes it; the offset of its first entry."""
    told = {"instance": "foreign", "stream": "things", "source_id": "foreign", "observed_at": JUNE_1, "cursor": b""}
    return hub.bus.publish(
        OBSERVED,
        tuple(entries),
        block_id=name.encode(),
        key="foreign",
        meta=msgspec.msgpack.encode(told) if meta is None else meta,
    ).first


def ours(hub: Hub, number: int, time: str = JUNE_1) -> dict[str, Any]:
    plc = asset(f"ours-{number}", modified=time, serial=f"S-{number}")
    publish(hub, number, [plc], time)
    return plc


def delivered(hub: Hub, tmp_path: Path) -> set[str]:
    assert [(row["error"], row["rejected"]) for row in hub.deliver_all()] == [(None, 0)]
    return {obj["id"] for path in (tmp_path / "out").rglob("*.json") for obj in json.loads(path.read_text())["objects"]}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_no_object_is_rejected_with_its_offset_and_a_reason(hub: Hub, tmp_path: Path, name: str) -> None:
    before = ours(hub, 1)
    offset = (
        foreign(hub, name, [stix.encode(address("10.8.8.1")), UNUSABLE[name], stix.encode(address("10.8.8.2"))]) + 1
    )
    after = ours(hub, 2)
    hub.resolve()
    (rejected,) = hub.store.rejected()
    assert rejected.offset == offset
    assert rejected.reason
    assert len(rejected.reason) < 2_000
    held = {stored.body["id"] for stored in hub.store.iterate()}
    assert {before["id"], after["id"], address("10.8.8.1")["id"], address("10.8.8.2")["id"]} <= held
    assert {address("10.8.8.1")["id"], address("10.8.8.2")["id"]} <= delivered(hub, tmp_path)
    assert hub.store_check()["ok"]
    assert hub.bus_check()["ok"]


@pytest.mark.parametrize("name", BEARABLE)
def test_what_is_only_strange_is_taken_or_rejected_and_harms_nobody(hub: Hub, tmp_path: Path, name: str) -> None:
    first = ours(hub, 1)
    offset = foreign(hub, name, [BEARABLE[name]])
    second = ours(hub, 2)
    hub.resolve()
    held = {stored.body["id"] for stored in hub.store.iterate()}
    assert {first["id"], second["id"]} <= held
    taken = len(held) == 3
    assert taken or [row.offset for row in hub.store.rejected()] == [offset]
    delivered(hub, tmp_path)
    assert hub.store_check()["ok"]
    hub.coverage(), hub.gaps(), hub.assets(), hub.report()
    list(hub.export("resolved"))


@pytest.mark.parametrize(
    "meta",
    [
        b"",
        b"\xc1",
        b"no msgpack",
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({"instance": 7, "observed_at": []}),
    ],
)
def test_a_block_whose_meta_is_not_ours_harms_nobody(hub: Hub, tmp_path: Path, meta: bytes) -> None:
    first = ours(hub, 1)
    foreign(hub, "strange", [stix.encode(address("10.8.8.1"))], meta)
    second = ours(hub, 2)
    hub.resolve()
    assert {first["id"], second["id"]} <= {stored.body["id"] for stored in hub.store.iterate()}
    assert hub.resolver.position() == hub.bus.end(OBSERVED)
    delivered(hub, tmp_path)
    hub.status()
    assert hub.store_check()["ok"]


def test_an_empty_block_moves_the_stream_on(hub: Hub) -> None:
    ours(hub, 1)
    foreign(hub, "empty", [])
    second = ours(hub, 2)
    hub.resolve()
    assert second["id"] in {stored.body["id"] for stored in hub.store.iterate()}
    assert hub.store.rejected() == []


def test_a_version_from_the_future_does_not_hold_the_resolved_one_still(hub: Hub) -> None:
    """Somebody's clock is wrong by centuries: what others say later of the same device is told all the same."""
    mine = asset("ours-1", modified=JUNE_1, serial="S-1")
    publish(hub, 1, [mine], JUNE_1)
    foreign(
        hub,
        "future",
        [stix.encode(asset("other-1", modified=FUTURE, serial="S-1", source_id="foreign", connector="foreign"))],
    )
    hub.resolve()
    before = {
        body["id"]: body["modified"]
        for body in map(json.loads, hub.export("resolved"))
        if body["type"] == "infrastructure"
    }
    publish(hub, 2, [asset("ours-1", modified=JUNE_2, serial="S-1", firmware="V2")], JUNE_2)
    hub.resolve()
    after = {body["id"]: body for body in map(json.loads, hub.export("resolved")) if body["type"] == "infrastructure"}
    changed = [id for id, body in after.items() if "V2" in json.dumps(body)]
    assert changed
    assert all(after[id]["modified"] > before.get(id, "") for id in changed)


def test_replaying_the_poison_gives_the_same_store(hub: Hub) -> None:
    for number, (name, entry) in enumerate({**UNUSABLE, **BEARABLE}.items()):
        foreign(hub, name, [entry])
        ours(hub, number)
    hub.resolve()
    digest, rejected = hub.store.digest(), hub.store.rejected()
    hub.store_rebuild()
    assert (hub.store.digest(), hub.store.rejected()) == (digest, rejected)


def test_the_daemons_resolver_goes_on_while_poison_arrives(hub: Hub) -> None:
    from isthmus_hub.daemon import Daemon

    daemon = Daemon(hub, hub.config.file)
    thread = threading.Thread(target=daemon.run, kwargs={"signals": False})
    thread.start()
    try:
        for number, (name, entry) in enumerate({**UNUSABLE, **BEARABLE}.items()):
            foreign(hub, name, [entry])
            last = ours(hub, number)
        hub.bus.wait("resolved", hub.bus.end("resolved"), 0.1)
    finally:
        daemon.stop()
        thread.join(60)
    assert not thread.is_alive()
    assert last["id"] in {stored.body["id"] for stored in hub.store.iterate()}
    assert len(hub.store.rejected()) >= len(UNUSABLE)
