"""Webhooks through a whole hub: durable before the answer, once in effect, refused for a reason that is counted."""

from __future__ import annotations

import json

import pytest
from tests.hub.receive.pushing import NEXT_SECRET, SECRET, free_port, listens, post, until

pytestmark = pytest.mark.timeout(180)


def alerts(port: int, more: str = "") -> dict[str, str]:
    return {"alerts": f'listen = "http://127.0.0.1:{port}/hooks"\nsecrets = ["env:HOOK", "env:HOOK_NEXT"]\n{more}'}


def body(*names: str) -> bytes:
    return json.dumps([{"id": name} for name in names]).encode()


def test_what_is_posted_is_mapped_and_the_spool_let_go(site):
    port = free_port()
    made = site(alerts(port))
    made.daemon()
    until(lambda: listens(port), "the receiver listens")
    assert post(port, body("one", "two"))[0] == 200
    assert post(port, b'{"id": "three"}', secret=NEXT_SECRET)[0] == 200
    assert post(port, b'{"id": 4}')[0] == 200
    until(lambda: made.receivers()["alerts"]["spool_bytes"] == 0, "all is on the bus")
    row = made.receivers()["alerts"]
    assert (row["received"], row["refused"]) == (3, {})
    assert row["listen"] == [{"address": f"http://127.0.0.1:{port}/hooks", "listening": True, "error": None}]
    made.stop()
    assert sorted(made.observed()) == ["one", "three", "two"]
    with made.hub() as hub:
        assert hub.quarantine_list()["records"][0]["path"] == "id"
    text = made.log()
    assert SECRET not in text and NEXT_SECRET not in text
