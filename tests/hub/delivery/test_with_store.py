"""From the store's outbox over the bus to a platform: the parts as a hub puts them together."""

from __future__ import annotations

import pytest
from tests.hub.delivery.doubles import Toy, asset, link

from isthmus_hub.bus import SqliteBus
from isthmus_hub.delivery import Deliverer, Ledger
from isthmus_hub.store import Store, relay
from isthmus_sdk import stix


class Hub:
    def __init__(self, path):
        self.store = Store.open(path / "store.sqlite", hub="north-works")
        self.bus = SqliteBus(path / "bus")
        self.ledger = Ledger.open(path / "delivery.sqlite")
        self.toy = Toy()
        self.deliverer = self.platform("toy", self.toy)

    def platform(self, name, toy):
        return Deliverer(toy.platform().open(name, {}), store=self.store, bus=self.bus, ledger=self.ledger)

    def emit(self, *objects):
        with self.store.transaction() as transaction:
            transaction.emit_all([dict(obj) for obj in objects])

    def deliver(self):
        relay(self.store, self.bus)
        return self.deliverer.run_once()

    def close(self):
        self.store.close()
        self.bus.close()
        self.ledger.close()


@pytest.fixture
def hub(tmp_path):
    made = Hub(tmp_path)
    yield made
    made.close()


def test_what_the_store_emits_arrives_after_the_hub_that_says_it(hub):
    hub.emit(asset(1), asset(2))
    report = hub.deliver()
    assert (report.accepted, report.referents) == (3, 1)
    assert hub.toy.order[0] == hub.store.author
    assert hub.toy.bodies[asset(1)["id"]]["created_by_ref"] == hub.store.author


def test_unchanged_objects_are_not_delivered_again_and_changed_ones_are(hub):
    hub.emit(asset(1), asset(2))
    hub.deliver()
    hub.emit(asset(1), {**asset(2), "name": "renamed"})
    report = hub.deliver()
    assert (report.incoming, report.accepted) == (1, 1)
    assert hub.toy.bodies[asset(2)["id"]]["name"] == "renamed"
    assert len(hub.toy.holds[asset(2)["id"]]) == 2


def test_a_merge_rewrites_edges_and_revokes_the_retired_asset(hub):
    one, two, edge = asset(1), asset(2), link(1, asset(2)["id"], asset(3)["id"])
    hub.emit(one, two, asset(3), edge)
    hub.deliver()
    with hub.store.transaction() as transaction:
        transaction.alias(two["id"], one["id"])
        transaction.retire(two["id"])
        transaction.emit_all([edge], again=True)
    report = hub.deliver()
    assert report.accepted == 2
    assert hub.toy.bodies[edge["id"]]["source_ref"] == one["id"]
    assert hub.toy.bodies[two["id"]]["revoked"] is True


def test_references_to_observed_things_become_references_to_assets(hub):
    hub.emit(asset(1), asset(3), link(1, asset(9)["id"], asset(3)["id"]))
    with hub.store.transaction() as transaction:
        transaction.assign(asset(9)["id"], asset(1)["id"])
    hub.deliver()
    assert hub.toy.bodies[link(1, "", "")["id"]]["source_ref"] == asset(1)["id"]


def test_a_new_platform_gets_everything_from_the_store_although_the_stream_is_gone(hub):
    hub.emit(*(asset(n) for n in range(50)))
    hub.deliver()
    hub.bus.retain("resolved", max_bytes=0)
    late = Toy()
    platform = hub.platform("late", late)
    report = platform.run_once()
    assert report.accepted == 51
    assert set(late.holds) == set(hub.toy.holds)


def test_a_marked_object_stays_within_the_ceiling_whatever_its_new_version(hub):
    hub.emit({**asset(1), "object_marking_refs": [stix.TLP["amber"]]}, asset(2))
    report = hub.deliver()
    assert dict(report.dropped) == {"tlp": 1}
    assert asset(1)["id"] not in hub.toy.holds


def test_two_platforms_deliver_at_their_own_pace_from_one_ledger(hub):
    def away(batch):
        from isthmus_sdk.errors import Unreachable

        raise Unreachable("away")

    slow = Toy(behave=away)
    second = hub.platform("slow", slow)
    hub.emit(asset(1), asset(2))
    assert hub.deliver().accepted == 3
    assert second.run_once().pending >= 2
    slow.behave = None
    assert second.run_once().accepted == 3
    assert hub.ledger.platforms() == ["slow", "toy"]
    assert hub.ledger.totals("toy").balanced
    assert hub.ledger.totals("slow").balanced
