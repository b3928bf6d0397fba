"""Ways between two objects: the shortest, whatever stands between, and honest where a cap ended the search."""

from __future__ import annotations

import random
from collections import deque
from itertools import pairwise

import pytest
from tests.hub.store.objects import address, asset, incoming, made_id, put, relation

from isthmus_hub.store import Path, Store


def ids(*names: str) -> list[str]:
    return [made_id("infrastructure", name) for name in names]


def connect(store: Store, pairs: list[tuple[str, str]], kind: str = "communicates-with") -> None:
    names = sorted({name for pair in pairs for name in pair})
    put(
        store,
        *(incoming(asset(name)) for name in names),
        *(incoming(relation(asset(a), kind, asset(b))) for a, b in pairs),
    )


def joined(path: Path) -> bool:
    return all(
        {first, second} == {edge.source, edge.target}
        for (first, second), edge in zip(pairwise(path.ids), path.edges, strict=True)
    )


def distances(pairs: list[tuple[str, str]], start: str) -> dict[str, int]:
    near: dict[str, set[str]] = {}
    for a, b in pairs:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    found, queue = {start: 0}, deque([start])
    while queue:
        node = queue.popleft()
        for other in near.get(node, ()):
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


def test_a_path_follows_edges_in_either_direction_and_names_them(store: Store) -> None:
    connect(store, [("a", "b"), ("c", "b"), ("c", "d")])
    found = store.paths(*ids("a", "d"))
    assert found.complete
    (path,) = found.paths
    assert path.ids == tuple(ids("a", "b", "c", "d"))
    assert [edge.kind for edge in path.edges] == ["communicates-with"] * 3
    assert path.edges[1].source == made_id("infrastructure", "c")
    assert path.edges[0].via == relation(asset("a"), "communicates-with", asset("b"))["id"]


def test_all_shortest_ways_are_given_up_to_the_limit(store: Store) -> None:
    connect(
        store,
        [("a", f"m{n}") for n in range(5)] + [(f"m{n}", "z") for n in range(5)] + [("a", "x"), ("x", "y"), ("y", "z")],
    )
    assert len(store.paths(*ids("a", "z"), limit=10).paths) == 5
    assert len(store.paths(*ids("a", "z"), limit=2).paths) == 2


def test_a_way_to_itself_a_missing_one_and_one_that_is_too_long(store: Store) -> None:
    connect(store, [("a", "b"), ("b", "c"), ("c", "d"), ("x", "y")])
    assert store.paths(*ids("a", "a")).paths == (Path(tuple(ids("a")), ()),)
    for answer in (
        store.paths(*ids("a", "x")),
        store.paths(*ids("a", "nobody")),
        store.paths(*ids("a", "d"), max_length=2),
    ):
        assert answer.paths == ()
        assert answer.complete
    assert store.paths(*ids("a", "d"), max_length=3).paths[0].length == 3


def test_kinds_of_edges_restrict_the_search(store: Store) -> None:
    connect(store, [("a", "z")], "related-to")
    connect(store, [("a", "b"), ("b", "z")], "controls")
    assert store.paths(*ids("a", "z")).paths[0].length == 1
    assert store.paths(*ids("a", "z"), types={"controls"}).paths[0].length == 2
    assert store.paths(*ids("a", "z"), types={"uses"}).paths == ()


def test_a_shared_address_joins_nothing_but_may_be_an_end(store: Store) -> None:
    ip = address("192.168.1.10")
    put(store, incoming(ip), *(incoming(asset(name, interfaces=[{"ip_refs": [ip["id"]]}])) for name in "ab"))
    assert store.paths(*ids("a", "b")).paths == ()
    assert store.paths(ids("a")[0], ip["id"]).paths[0].length == 1
    assert store.paths(*ids("a", "b"), not_through=()).paths[0].length == 2


@pytest.mark.parametrize("seed", range(6))
def test_hubs_change_the_price_and_not_the_answer(store: Store, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Random graphs with objects of many neighbours, against a plain search; few neighbours are called many here."""
    monkeypatch.setattr("isthmus_hub.store._paths.HUB", 6)
    generator = random.Random(seed)
    names = [f"n{number}" for number in range(120)]
    pairs = {(hub, name) for hub in names[:4] for name in generator.sample(names[4:], 12)}
    pairs |= {(a, b) for a, b in (generator.sample(names, 2) for _ in range(90))}
    connect(store, sorted(pairs))
    names = sorted({name for pair in pairs for name in pair})
    for start in generator.sample(names, 12) + names[:2]:
        real = distances(sorted(pairs), start)
        for end in generator.sample(names, 20) + names[:4]:
            answer = store.paths(*ids(start, end))
            length = answer.paths[0].length if answer.paths else None
            expected = real.get(end, 99)
            assert all(map(joined, answer.paths))
            if answer.complete:
                assert length == (expected if expected <= 6 else None), (start, end)
            elif length is not None:
                assert length >= expected


def test_a_search_that_a_cap_ended_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [(f"n{number}", f"n{number + 1}") for number in range(6)]
    connect(store, chain + [(f"n{end}", f"leaf{end}-{number}") for end in (0, 6) for number in range(20)])
    assert store.paths(*ids("n0", "n6")).complete
    monkeypatch.setattr("isthmus_hub.store._paths.MOST_READ", 15)
    cut = store.paths(*ids("n0", "n6"))
    assert (cut.paths, cut.complete) == ((), False)
    assert "15 connections" in cut.cut
