"""A daemon whose store cannot be read collects on, says so, and resolves and delivers again once the store is made anew."""

from __future__ import annotations

import os
import signal

import pytest
from tests.faults.scene import losses, plant, scene, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
BEFORE, AFTER = plant(12), plant(24, alerts=30)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with scene(tmp_path_factory.mktemp("undisturbed"), BEFORE) as made:
        assert made.sync().code == 4  # one record is in quarantine
        made.grow(AFTER)
        assert made.sync().code == 4
        return made.account()


def test_a_daemon_collects_while_its_store_cannot_be_read_and_goes_on_once_it_is_made_anew(tmp_path, undisturbed):
    with scene(tmp_path / "hub", BEFORE) as made:
        assert made.sync().code == 4
        size = (made.state / "store.sqlite").stat().st_size
        (made.state / "store.sqlite").write_bytes(os.urandom(size))
        for left in made.state.glob("store.sqlite-*"):
            left.unlink()
        observed = made.run("status", "--json").json["bus"]["streams"][0]["last"]
        made.grow(AFTER)
        process = made.daemon()

        def collected() -> bool:
            streams = made.run("status", "--json").json["bus"]["streams"]
            return next(row["last"] for row in streams if row["name"] == "observed") > observed + 20

        until(collected, "it goes on observing")
        status = made.run("status", "--json")
        assert status.code == 0
        assert any(
            "store.sqlite" in text and "isthmus store rebuild" in text for text in status.json["bus"]["warnings"]
        )
        assert all(row["state"] == "ok" for row in status.json["instances"]), status.json["instances"]
        assert "store rebuild" in made.run("status").out
        doctor = made.run("doctor", "--json")
        assert any(
            row["subject"] == "store.sqlite" and "store rebuild" in row["text"] for row in doctor.json["findings"]
        )
        assert made.log().count("nothing is resolved or delivered, collecting goes on") == 1
        assert process.poll() is None, made.log()
        assert made.run("store", "rebuild").code == 0

        def served() -> bool:
            rows = made.run("status", "--json").json["platforms"]
            return all(not row["pending"] for row in rows)

        until(served, "platforms are served again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, made.log()
        made.sync()
        found = made.account()
        # What platforms were told follows from the lost store alone: they are told once more.
        assert losses(undisturbed, found, again=True) == []
