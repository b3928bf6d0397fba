"""What the OpenSearch platform makes of bulk replies."""

from __future__ import annotations

import msgspec
import pytest
from tests.connectors.scripted import Says, serve
from tests.hub.delivery.doubles import asset
from tests.interop.plant import alert, plc

from isthmus_connectors.opensearch.platform import opensearch
from isthmus_sdk.errors import AuthenticationError, SettingsError, TooLarge, UnexpectedReply
from isthmus_sdk.platform import BatchRejected


@pytest.fixture
def bulk():
    """Send objects to a cluster that gives ``reply``; returns the verdicts and the server."""
    opened = []

    def send(reply, *objects, secrets=None, **settings):
        context = serve(reply if callable(reply) else lambda asked: reply)
        server = context.__enter__()
        session = opensearch.open("soc", {"url": server.url, **settings}, secrets)
        opened.append((session, context))
        return session.send([record for obj in objects for record in session.encode(obj)]), server

    yield send
    for session, context in opened:
        session.close()
        context.__exit__(None, None, None)


def items(*statuses, error=None):
    body = {"took": 1, "errors": True, "items": []}
    for status in statuses:
        entry = {"_id": "x", "status": status}
        if status >= 300:
            entry["error"] = error or {"type": "some_exception", "reason": "because", "caused_by": {"reason": "deep"}}
        body["items"].append({"index": entry})
    return Says(200, body)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "accepted"),
        (201, "accepted"),
        (409, "duplicate"),
        (400, "rejected"),
        (413, "rejected"),
        (422, "rejected"),
        (401, "retry"),
        (403, "retry"),
        (404, "retry"),
        (429, "retry"),
        (500, "retry"),
        (503, "retry"),
    ],
)
def test_the_status_of_an_item_is_its_verdict(bulk, status, outcome):
    verdicts, _ = bulk(items(200, status, 201), asset(1), asset(2), asset(3))
    assert [verdict.outcome for verdict in verdicts] == ["accepted", outcome, "accepted"]
    if outcome in ("rejected", "retry"):
        assert verdicts[1].reason == f"{status} some_exception: because: deep"


def test_an_error_in_plain_text_is_a_reason_too(bulk):
    verdicts, _ = bulk(items(400, error="no handler found"), asset(1))
    assert verdicts[0].reason == "400 no handler found"


def test_the_request_is_lines_of_json_with_a_newline_at_the_end(bulk):
    _, server = bulk(items(201, 201, 201), asset(1), alert(1, plc(0).id).object)
    (post,) = server.posts()
    assert (post.path, post.headers["Content-Type"]) == ("/_bulk", "application/x-ndjson")
    assert post.body.endswith(b"\n")
    actions = [msgspec.json.decode(line) for line in post.body.splitlines()[::2]]
    assert [next(iter(action)) for action in actions] == ["index", "index", "create"]
    assert actions[0]["index"] == {
        "_index": "isthmus-objects", "_id": asset(1)["id"], "version": 1767225600000, "version_type": "external",
    }  # fmt: skip
    assert "version" not in actions[2]["create"]


def test_a_refused_request_is_searched_and_a_long_one_split(bulk):
    with pytest.raises(BatchRejected, match="parse_exception"):
        bulk(Says(400, {"error": {"type": "parse_exception"}}), asset(1))
    with pytest.raises(TooLarge):
        bulk(Says(413, {"error": "too large"}), asset(1))


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b'{"took":1', b"{}", b'{"items":[{"index":{}}]}'])
def test_what_is_no_bulk_reply_is_no_verdict(bulk, body):
    with pytest.raises(UnexpectedReply):
        bulk(Says(200, body), asset(1))


def test_credentials_travel_as_the_cluster_wants_them(bulk):
    _, server = bulk(items(201), asset(1), secrets={"api_key": "a2V5OnNlY3JldA=="})
    assert server.asked[0].headers["Authorization"] == "ApiKey a2V5OnNlY3JldA=="
    _, server = bulk(items(201), asset(1), secrets={"password": "p"}, username="u")
    assert server.asked[0].headers["Authorization"] == "Basic dTpw"
    with pytest.raises(AuthenticationError) as caught:
        bulk(Says(401, {"error": "no"}), asset(1), secrets={"password": "long-secret-word"}, username="u")
    assert "long-secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "secrets", "named"),
    [
        ({"username": "u"}, {}, "password"),
        ({}, {"password": "word"}, "username"),
        ({"username": "u"}, {"password": "word", "api_key": "k"}, "not both"),
        ({"index_prefix": "Upper"}, {}, "index_prefix"),
        ({"index": "x"}, {}, "index"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, secrets, named):
    with pytest.raises(SettingsError, match=named):
        opensearch.open("soc", {"url": "https://siem:9200", **settings}, secrets)
