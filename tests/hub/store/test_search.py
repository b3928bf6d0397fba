"""Words are found in what the hub publishes; the index follows with an offset of its own and can always be made anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hub.store.objects import JUNE_2, address, asset, incoming, put, relation

from isthmus_hub.hub import Hub
from isthmus_hub.store import SearchIndex
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError


def found(index: SearchIndex, words: str) -> list[str]:
    return [hit.name for hit in index.find(words)]


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    index = SearchIndex(tmp_path / "search.sqlite")
    index.take(
        [
            stix.encode(asset("Abfüllanlage 7", vendor="Siemens", model="S7-1500")),
            stix.encode(asset("boiler", vendor="Schneider Electric", interfaces=[{"ips": ["10.0.0.1"]}])),
            stix.encode(address("10.0.0.1")),
            b"no object",
        ],
        last=4,
    )
    return index


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("siemens", ["Abfüllanlage 7"]),
        ("ABFULL", ["Abfüllanlage 7"]),
        ("s7-1500", ["Abfüllanlage 7"]),
        ("siemens boiler", []),
        ("elec schn", ["boiler"]),
        ("10.0.0.1", ["10.0.0.1", "boiler"]),
        ('" OR boiler*', []),
        ("infrastructure", []),
        ("", []),
        ("NEAR(", []),
    ],
)
def test_all_words_or_their_beginnings_have_to_occur(index: SearchIndex, words: str, names: list[str]) -> None:
    assert sorted(found(index, words)) == names


def test_a_new_version_replaces_and_a_revoked_one_is_gone(index: SearchIndex) -> None:
    index.take([stix.encode(asset("boiler", modified=JUNE_2, vendor="ABB"))], last=5)
    assert (found(index, "schneider"), found(index, "abb")) == ([], ["boiler"])
    index.take([stix.encode(asset("boiler") | {"revoked": True})], last=6)
    assert found(index, "abb") == []
    assert index.offset == 6


def test_taking_in_is_all_or_nothing(index: SearchIndex, tmp_path: Path) -> None:
    def broken():
        yield stix.encode(asset("half"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        index.take(broken(), last=9)
    assert (found(index, "half"), index.offset) == ([], 4)
    index.close()
    with SearchIndex(tmp_path / "search.sqlite") as again:
        assert found(again, "siemens") == ["Abfüllanlage 7"]


def test_the_hub_answers_from_what_it_published_and_makes_the_index_anew(tmp_path: Path) -> None:
    plc, ip = asset("plc", serial="S1", hostname="mixer"), address("10.0.0.1")
    with Hub.open(tmp_path / "state") as hub:
        put(hub.store, *map(incoming, (plc, ip, relation(plc, "consists-of", ip))))
        with hub.store.transaction() as tx:
            tx.assign(plc["id"], plc["id"])
            tx.emit_all([plc])
        assert hub.store_search("mixer")["found"] == []
        hub.resolve()
        assert [row["name"] for row in hub.store_search("mixer")["found"]] == ["plc"]
        with SearchIndex(tmp_path / "state" / "search.sqlite") as index:
            index.take([], last=99)
        assert [row["name"] for row in hub.store_search("mixer")["found"]] == ["plc"]
        (row,) = hub.store_find("s1")["found"]
        assert (row["kind"], row["name"], row["asset"]) == ("serial", "plc", plc["id"])
        assert row["sources"] == [{"instance": "guardian", "stream": "assets"}]
        (path,) = hub.store_paths("mixer", "10.0.0.1")["paths"]
        assert path["ids"] == [plc["id"], ip["id"]]
        assert path["edges"][0]["kind"] == "consists-of"
        (said,) = hub.store_show(plc["id"], at="2024-06-01T00:00:00.000Z")["statements"]
        assert said["body"] == plc
        with pytest.raises(ConfigurationError, match="nothing carries it"):
            hub.store_paths("nobody", "10.0.0.1")
