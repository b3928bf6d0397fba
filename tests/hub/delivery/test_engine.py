"""What a platform receives, and what is counted."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from tests.hub.delivery.doubles import HUB, Toy, asset, link

from isthmus_hub.store import StorageFull
from isthmus_sdk import stix
from isthmus_sdk.errors import AuthenticationError, SettingsError, Unreachable
from isthmus_sdk.platform import ACCEPTED, Encoded, Profile, Verdict

AMBER = {"object_marking_refs": [stix.TLP["amber"]]}
GREEN = {"object_marking_refs": [stix.TLP["green"]]}


def test_everything_published_arrives_once_and_a_second_run_sends_nothing(room):
    here = room()
    here.publish(*(asset(n) for n in range(250)))
    first = here.deliverer.run_once()
    assert (first.incoming, first.accepted, first.pending, first.error) == (250, 250, 0, None)
    assert sorted(here.toy.holds) == sorted(asset(n)["id"] for n in range(250))
    calls = len(here.toy.calls)
    second = here.deliverer.run_once()
    assert (second.incoming, second.accepted, second.duplicate) == (0, 0, 0)
    assert len(here.toy.calls) == calls
    here.start().run_once()
    assert len(here.toy.calls) == calls


def test_a_stream_that_ends_before_what_the_platform_was_told_of_is_an_error_of_the_run(room):
    here = room()
    here.publish(asset(1))
    here.deliverer.run_once()
    here.ledger.take(here.deliverer.name, [], intake=9)
    report = here.deliverer.run_once()
    assert "ends at offset 1, and 10 was asked for" in report.error


def test_an_entry_the_platform_has_is_not_sent_again(room):
    here = room()
    here.publish(asset(1))
    here.deliverer.run_once()
    here.publish(asset(1))
    report = here.deliverer.run_once()
    assert (report.incoming, report.duplicate) == (1, 1)
    assert len(here.toy.calls) == 1


def test_of_several_waiting_versions_the_newest_goes_and_the_others_are_counted(room):
    here = room()
    here.publish(asset(1, 1), asset(1, 3), asset(1, 2), asset(2, 1))
    report = here.deliverer.run_once()
    assert here.toy.holds[asset(1)["id"]] == [asset(1, 3)["modified"]]
    assert (report.incoming, report.accepted, dict(report.dropped)) == (4, 2, {"superseded": 2})
    here.publish(asset(1, 2))
    late = here.deliverer.run_once()
    assert dict(late.dropped) == {"superseded": 1}


def test_versions_of_an_object_arrive_in_order_while_the_platform_comes_and_goes(room):
    toy = Toy()
    here = room(toy)
    for version in range(10):
        here.publish(asset(1, version), asset(2, version))
        toy.behave = down if version % 3 else None
        here.deliverer.run_once()
    toy.behave = None
    here.deliverer.run_once()
    assert toy.holds[asset(1)["id"]] == sorted(toy.holds[asset(1)["id"]])
    assert toy.holds[asset(1)["id"]][-1] == asset(1, 9)["modified"]
    assert here.deliverer.totals().balanced


def down(batch):
    raise Unreachable("connection refused")


def test_a_platform_that_is_down_loses_nothing_and_pending_counts_what_lies_on_the_bus(room):
    here = room(Toy(behave=down), window=20)
    for start in range(0, 100, 10):
        here.publish(*(asset(n) for n in range(start, start + 10)))
        report = here.deliverer.run_once()
        assert (report.pending, report.group) == (start + 10, "retriable")
        assert report.balanced
    assert here.ledger.pending("toy") <= 30
    here.toy.behave = None
    assert here.deliverer.run_once().accepted == 100
    assert len(here.toy.holds) == 100


def test_an_error_to_act_on_is_named_and_keeps_everything_pending(room):
    def refused(batch):
        raise AuthenticationError("the token was revoked")

    here = room(Toy(behave=refused))
    here.publish(asset(1))
    report = here.deliverer.run_once()
    assert (report.pending, report.rejected, report.group) == (1, 0, "authentication")
    assert report.error == "the token was revoked"


def test_what_is_above_the_ceiling_is_withheld_and_counted(room):
    here = room()
    here.publish(asset(1, **GREEN), asset(2, **AMBER), asset(3))
    report = here.deliverer.run_once()
    assert dict(report.dropped) == {"tlp": 1}
    assert asset(2)["id"] not in here.toy.holds
    assert {asset(1)["id"], asset(3)["id"], stix.TLP["green"]} <= set(here.toy.holds)
    open_room = room(max_tlp="amber")
    open_room.publish(asset(2, **AMBER))
    assert open_room.deliverer.run_once().dropped == {}


def test_the_most_restrictive_of_several_markings_counts(room):
    here = room()
    here.publish(asset(1, object_marking_refs=[stix.TLP["clear"], stix.TLP["red"]]))
    here.publish(asset(2, granular_markings=[{"marking_ref": stix.TLP["red"], "selectors": ["name"]}]))
    assert here.deliverer.run_once().dropped == {"tlp": 2}
    assert not here.toy.holds


def test_a_relationship_goes_no_further_than_what_it_is_about(room):
    here = room()
    here.publish(asset(1), asset(2, **AMBER), link(1, asset(1)["id"], asset(2)["id"]))
    report = here.deliverer.run_once()
    assert dict(report.dropped) == {"tlp": 2}
    assert list(here.toy.holds) == [asset(1)["id"]]


def test_a_newer_version_above_the_ceiling_holds_back_the_older_one_that_waits(room):
    here = room()
    here.publish(asset(1, 1), asset(1, 2, **AMBER))
    report = here.deliverer.run_once()
    assert not here.toy.holds
    assert dict(report.dropped) == {"superseded": 1, "tlp": 1}


def test_an_unknown_ceiling_is_a_settings_error(room):
    with pytest.raises(SettingsError, match="purple"):
        room(max_tlp="purple")


def test_referents_come_before_what_refers_to_them_across_batches(room):
    here = room(Toy(profile=Profile(max_records=2, max_bytes=100_000)))
    links = [link(n, asset(n)["id"], asset(n + 1)["id"], **GREEN) for n in range(5)]
    here.publish(*links, *(asset(n, **GREEN) for n in range(6)))
    here.deliverer.run_once()
    seen = {id: at for at, id in enumerate(here.toy.order)}
    for one in links:
        assert seen[one["id"]] > max(seen[one["source_ref"]], seen[one["target_ref"]], seen[stix.TLP["green"]])


def test_markings_definitions_and_the_hub_are_delivered_once_before_first_use(room):
    facts = {stix.ASSET: {"extension_type": "property-extension", "asset_class": "plc"}}
    here = room()
    here.publish(asset(1, created_by_ref=HUB["id"], extensions=facts, **GREEN))
    report = here.deliverer.run_once()
    definitions = [obj["id"] for obj in stix.extension_objects() if obj["id"] == stix.ASSET]
    assert here.toy.order[-1] == asset(1)["id"]
    assert {HUB["id"], stix.TLP["green"], *definitions} <= set(here.toy.order[:-1])
    assert report.referents == len(here.toy.order) - 1
    assert report.incoming == report.accepted == len(here.toy.order)
    here.publish(asset(2, created_by_ref=HUB["id"], extensions=facts, **GREEN))
    assert here.start().run_once().referents == 0


def test_types_the_platform_has_no_place_for_are_dropped_by_type(room):
    here = room(Toy(profile=Profile(takes=frozenset({"infrastructure"}))))
    here.publish(asset(1, **GREEN), asset(2), link(1, asset(1)["id"], asset(2)["id"]))
    report = here.deliverer.run_once()
    assert dict(report.dropped) == {"not taken: relationship": 1}
    assert sorted(here.toy.holds) == [asset(1)["id"], asset(2)["id"]]


def test_references_are_rewritten_to_the_ids_the_hub_now_uses(room):
    here = room()
    here.store.assets = {asset(8)["id"]: asset(7)["id"]}
    here.store.aliases = {asset(7)["id"]: asset(1)["id"]}
    facts = {stix.ALERT: {"extension_type": "property-extension", "subjects": [{"ref": asset(8)["id"], "role": "x"}]}}
    here.publish(asset(1), asset(2), link(1, asset(8)["id"], asset(2)["id"], extensions=facts))
    here.deliverer.run_once()
    sent = here.toy.bodies[link(1, "", "")["id"]]
    assert sent["source_ref"] == asset(1)["id"]
    assert sent["extensions"][stix.ALERT]["subjects"][0]["ref"] == asset(1)["id"]


def test_a_relationship_that_a_merge_turned_on_itself_is_dropped(room):
    here = room()
    here.store.aliases = {asset(2)["id"]: asset(1)["id"]}
    here.publish(asset(1), link(1, asset(1)["id"], asset(2)["id"], "duplicate-of"))
    report = here.deliverer.run_once()
    assert list(here.toy.holds) == [asset(1)["id"]]
    assert sum(report.dropped.values()) == 1


def test_one_bad_record_of_a_batch_is_a_dead_letter_and_the_others_pass(room):
    toy = Toy()
    bad = asset(3)["id"]
    toy.behave = lambda batch: [
        Verdict("rejected", "mapper_parsing_exception") if record.id == bad else toy.take(record) for record in batch
    ]
    here = room(toy)
    here.publish(*(asset(n) for n in range(10)))
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected, report.dead) == (9, 1, 1)
    (letter,) = here.ledger.dead("toy")
    assert (letter.id, letter.reason) == (bad, "mapper_parsing_exception")
    assert letter.offset == 4


def test_a_dead_letter_can_be_retried_after_the_fix_or_dropped_for_good(room):
    toy = Toy(behave=lambda batch: [Verdict("rejected", "no") for _ in batch])
    here = room(toy)
    here.publish(asset(1), asset(2))
    here.deliverer.run_once()
    one, two = here.ledger.dead("toy")
    toy.behave = None
    assert here.ledger.retry_dead([one.number]) == 1
    totals = here.deliverer.totals()
    assert (totals.rejected, totals.pending, totals.balanced) == (1, 1, True)
    report = here.deliverer.run_once()
    assert (report.incoming, report.accepted) == (1, 1)
    assert here.ledger.drop_dead([two.number]) == 1
    totals = here.deliverer.totals()
    assert (totals.accepted, totals.rejected, totals.dead, totals.balanced) == (1, 1, 0, True)


def test_retrying_a_dead_letter_never_replaces_a_newer_version(room):
    toy = Toy(behave=lambda batch: [Verdict("rejected", "no") for _ in batch])
    here = room(toy)
    here.publish(asset(1, 1))
    here.deliverer.run_once()
    toy.behave = None
    here.publish(asset(1, 2))
    here.deliverer.run_once()
    here.ledger.retry_dead(platform="toy")
    here.deliverer.run_once()
    assert toy.holds[asset(1)["id"]] == [asset(1, 2)["modified"]]
    assert here.deliverer.totals().dropped == {"superseded": 1}


def test_an_entry_that_is_no_object_is_a_dead_letter_and_stops_nobody(room):
    here = room()
    here.publish(asset(1), b"{not json", b'{"type":"x"}', b'{"id":"a--1","type":"x","modified":"soon"}', asset(2))
    report = here.deliverer.run_once()
    assert (report.incoming, report.accepted, report.rejected, report.balanced) == (5, 2, 3, True)
    assert [letter.offset for letter in here.ledger.dead()] == [2, 3, 4]
    assert here.ledger.retry_dead() == 0


def test_an_object_the_mapping_cannot_encode_is_a_dead_letter(room):
    toy = Toy()
    platform = toy.platform()

    @platform.encodes
    def encode(obj, ctx):
        if obj["name"] == "device 1":
            raise KeyError("name of a field")
        raise AssertionError

    here = room(toy)
    here.toy.platform = lambda: platform
    here.start()
    here.publish(asset(1))
    report = here.deliverer.run_once()
    assert (report.rejected, report.error) == (1, None)
    assert "KeyError" in here.ledger.dead()[0].reason


def test_an_object_above_the_size_limit_is_a_dead_letter_without_a_call(room):
    here = room(Toy(profile=Profile(max_bytes=2_000)))
    here.publish(asset(1, description="x" * 3_000), asset(2))
    report = here.deliverer.run_once()
    assert (report.accepted, report.rejected) == (1, 1)
    assert here.toy.calls == [[asset(2)["id"]]]


def test_records_asked_for_again_are_sent_again_in_the_same_run_after_a_wait(room):
    toy = Toy()
    refusals = iter([True, True, False])

    def busy(batch):
        again = next(refusals)
        return [
            Verdict("retry", "429", not_before=7.0) if again and at % 2 else toy.take(r) for at, r in enumerate(batch)
        ]

    toy.behave = busy
    here = room(toy)
    here.publish(*(asset(n) for n in range(4)))
    report = here.deliverer.run_once()
    assert [len(call) for call in toy.calls] == [4, 2, 1]
    assert (report.accepted, report.pending) == (4, 0)
    assert len(here.waits) == 2
    assert min(here.waits) >= 7.0


def test_what_the_platform_keeps_putting_off_waits_for_the_next_run(room):
    toy = Toy(behave=lambda batch: [Verdict("retry", "busy") for _ in batch])
    here = room(toy)
    here.publish(asset(1), asset(2))
    report = here.deliverer.run_once()
    assert (report.pending, report.rejected, len(toy.calls)) == (2, 0, 4)
    toy.behave = None
    assert here.deliverer.run_once().accepted == 2


def test_a_wait_longer_than_a_run_should_take_is_reported_instead(room):
    toy = Toy(behave=lambda batch: [Verdict("retry", "tomorrow", not_before=86_400) for _ in batch])
    here = room(toy)
    here.publish(asset(1))
    report = here.deliverer.run_once()
    assert (report.pending, report.not_before, len(toy.calls), here.waits) == (1, 86_400, 1, [])


def test_replay_from_the_store_sends_everything_again(room):
    here = room()
    here.publish(asset(1), asset(2))
    here.deliverer.run_once()
    here.toy.holds.clear()
    here.deliverer.replay("store")
    report = here.deliverer.run_once()
    assert (report.incoming, report.accepted) == (2, 2)
    assert here.deliverer.totals().balanced


def test_replay_from_an_offset_sends_what_follows_it(room):
    here = room()
    here.publish(*(asset(n) for n in range(5)))
    here.deliverer.run_once()
    here.toy.holds.clear()
    here.deliverer.replay(4)
    assert here.deliverer.run_once().accepted == 2
    assert sorted(here.toy.holds) == [asset(3)["id"], asset(4)["id"]]


def test_a_new_platform_gets_quiet_objects_that_the_stream_no_longer_holds(room):
    here = room()
    here.publish(asset(1))
    here.publish(asset(2))
    here.bus.retain("resolved", max_bytes=0)
    here.publish(asset(3))
    report = here.deliverer.run_once()
    assert sorted(here.toy.holds) == [asset(n)["id"] for n in (1, 2, 3)]
    assert report.balanced


def test_a_new_platform_on_a_hub_without_data_has_nothing_to_do(room):
    report = room().deliverer.run_once()
    assert (report.incoming, report.error, report.complete) == (0, None, True)


def test_the_position_on_the_bus_follows(room):
    here = room()
    here.publish(asset(1), asset(2))
    here.deliverer.run_once()
    (group,) = here.bus.groups("resolved")
    assert (group.name, group.position, group.lag) == ("deliver-toy", 2, 0)


def test_the_report_prints_under_the_names_others_rely_on(room):
    here = room()
    here.publish(asset(1), asset(2, **AMBER))
    shape = here.deliverer.run_once().to_json()
    assert {"platform", "in", "accepted", "duplicate", "rejected", "dropped", "pending", "dead"} <= set(shape)
    assert shape["in"] == 2
    assert shape["dropped"] == {"tlp": 1}


def test_a_platform_whose_code_fails_or_miscounts_keeps_everything_pending(room):
    toy = Toy(behave=lambda batch: [ACCEPTED])
    here = room(toy)
    here.publish(asset(1), asset(2))
    report = here.deliverer.run_once()
    assert (report.pending, report.group) == (2, "source")
    assert "1 verdicts for 2 records" in report.error
    toy.behave = lambda batch: 1 / 0
    assert "ZeroDivisionError" in here.deliverer.run_once().error


def test_an_encoder_sees_nothing_above_the_ceiling_through_its_lookup(room):
    toy = Toy()
    platform = toy.platform()
    seen = {}

    @platform.encodes
    def encode(obj, ctx):
        for id in (asset(1)["id"], asset(2)["id"], asset(8)["id"]):
            seen[id] = ctx.lookup(id)
        return Encoded(obj["id"], b"{}", obj["modified"])

    toy.platform = lambda: platform
    here = room(toy)
    here.store.aliases = {asset(8)["id"]: asset(1)["id"]}
    here.publish(asset(1, **GREEN), asset(2, **AMBER))
    here.deliverer.run_once()
    assert seen == {asset(1)["id"]: asset(1, **GREEN), asset(2)["id"]: None, asset(8)["id"]: asset(1, **GREEN)}


class FailsAt:
    """A ledger file whose n-th commit fails, as a full disk makes it."""

    def __init__(self, ledger, n):
        self.left = n
        self.ledger = ledger
        self.real = ledger._transaction

    @contextmanager
    def __call__(self, *, write=True):
        with self.real(write=write):
            yield
            self.left -= write
            if write and self.left == 0:
                raise StorageFull("no space left")


def test_whichever_commit_fails_nothing_is_lost_and_nothing_is_counted_twice(room, monkeypatch):
    for n in range(1, 40):
        toy = Toy(profile=Profile(max_records=4))
        toy.behave = lambda batch, toy=toy: [
            Verdict("rejected", "no") if record.id == asset(3)["id"] else toy.take(record) for record in batch
        ]
        here = room(toy, window=7)
        here.publish(*(asset(n) for n in range(10)))
        here.publish(asset(1, 1), *(asset(n) for n in range(10, 20)))
        fails = FailsAt(here.ledger, n)
        with monkeypatch.context() as full:
            full.setattr(here.ledger, "_transaction", fails)
            here.deliverer.run_once()
        assert here.ledger.totals("toy").balanced
        here.start().run_once()
        totals = here.deliverer.totals()
        assert (totals.incoming, totals.rejected, totals.dead, totals.pending) == (21, 1, 1, 0)
        assert totals.accepted + totals.duplicate + sum(totals.dropped.values()) == 20
        assert set(toy.holds) == {asset(n)["id"] for n in range(20) if n != 3}
        if fails.left > 0:
            return
    raise AssertionError("a run of so few objects has no forty commits")
