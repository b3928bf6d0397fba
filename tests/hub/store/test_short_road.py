"""What one source repeats or renews is decided in short; the outcome is that of the long road."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.store.objects import JUNE_1, JUNE_2, JUNE_3, asset, incoming, put
from tests.hub.store.test_merge import statements

from isthmus_hub.store import Incoming, Store
from isthmus_hub.store._alone import Alone


def rows(store: Store) -> list[Any]:
    return [
        store._writer.execute(sql).fetchall()
        for sql in (
            "SELECT object, source, modified, observed, hash, first_observed, last_observed, first_offset, markings, "
            "capped FROM provenance",
            "SELECT id, type, created, links FROM ident",
            "SELECT * FROM value",
            "SELECT * FROM edge",
            "SELECT object, source, modified, observed, until FROM former ORDER BY object, source, until, modified",
        )
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(statements(), min_size=1, max_size=6), min_size=1, max_size=8))
def test_the_short_road_leads_where_the_long_one_leads(batches: list[list[Incoming]]) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        outcomes = []
        for road in ("short", "long"):
            if road == "long":
                patch.setattr(Alone, "take", lambda self, items, changes: list(range(len(items))))
            with Store.open(Path(directory) / f"{road}.sqlite", hub="h") as store:
                changes = []
                for batch in batches:
                    with store.transaction() as tx:
                        changes.append(tx.put(batch))
                assert store.check() == []
                outcomes.append((changes, list(store.iterate()), rows(store)))
        assert outcomes[0] == outcomes[1]


def test_words_said_again_take_the_short_road(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [incoming(asset(f"plc-{n}", serial=f"S{n}"), offset=n) for n in range(20)]
    put(store, *first)
    monkeypatch.setattr("isthmus_hub.store._observe.Observing._merged", None)
    again = [incoming(asset(f"plc-{n}", serial=f"S{n}"), offset=n, observed_at=JUNE_2) for n in range(20)]
    newer = [
        incoming(asset(f"plc-{n}", serial=f"S{n}", modified=JUNE_2, vendor="Siemens"), offset=n, observed_at=JUNE_3)
        for n in range(20)
    ]
    assert put(store, *first) == put(store, *again) == ["unchanged"] * 20
    assert put(store, *newer) == ["changed"] * 20
    assert put(store, *newer) == ["unchanged"] * 20
    assert put(store, incoming(asset("plc-0", serial="S0", modified=JUNE_3, vendor="Siemens"), observed_at=JUNE_3)) == [
        "unchanged"
    ]
    stored = store.get(asset("plc-0")["id"])
    assert stored is not None
    assert stored.body["modified"] == JUNE_3
    assert stored.provenance[0].first_observed == JUNE_1
