"""What the TAXII platform makes of a server's answers that medallion never gives."""

from __future__ import annotations

import pytest
from tests.connectors.scripted import Says, serve
from tests.hub.delivery.doubles import asset

from isthmus_connectors.taxii.platform import MEDIA_TYPE, taxii
from isthmus_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    PermissionDenied,
    SettingsError,
    TooLarge,
    UnexpectedReply,
)
from isthmus_sdk.platform import ACCEPTED, DUPLICATE, BatchRejected, Dropped

TAXII = "application/taxii+json;version=2.1"


class Collection:
    """A collection that behaves, except where a test replaces a reply."""

    def __init__(self, **replies):
        self.replies = replies
        self.can_read = self.can_write = True
        self.max_content_length = 100_000
        self.manifest = []

    def __call__(self, asked):
        for name, reply in self.replies.items():
            if asked.method == "POST" if name == "post" else f"/{name}/" in asked.path:
                return reply(asked) if callable(reply) else reply
        if asked.method == "POST":
            return self.status(len(asked.json()["objects"]))
        if "/status/" in asked.path:
            return Says(404, {"title": "no such status"}, kind=TAXII)
        if asked.path.endswith("/manifest/"):
            return Says(200, {"objects": self.manifest}, kind=TAXII)
        if asked.path.endswith("/collections/c1/"):
            return Says(200, {"id": "c1", "can_read": self.can_read, "can_write": self.can_write}, kind=TAXII)
        root = {"title": "t", "versions": [TAXII], "max_content_length": self.max_content_length}
        return Says(200, root, kind=TAXII)

    @staticmethod
    def status(success=0, failure=0, pending=0, state="complete", **lists):
        body = {
            "id": "11111111-1111-4111-8111-111111111111",
            "status": state,
            "total_count": success + failure + pending,
            "success_count": success,
            "failure_count": failure,
            "pending_count": pending,
            **lists,
        }
        return Says(202, body, kind=TAXII)


@pytest.fixture
def pushed():
    """Push objects to a scripted collection; returns the verdicts and the server."""
    opened = []

    def push(collection, *objects, prepared=True, **settings):
        server = opened_server(collection)
        session = taxii.open("soc", {"url": f"{server.url}/api1/", "collection": "c1", **settings})
        session.context.sleep = lambda seconds: None
        opened.append(session)
        if prepared:
            session.prepare()
        batch = [record for obj in objects for record in session.encode(obj)]
        return session.send(batch), server

    stack = []

    def opened_server(collection):
        context = serve(collection)
        stack.append(context)
        return context.__enter__()

    yield push
    for session in opened:
        session.close()
    for context in stack:
        context.__exit__(None, None, None)


def named(*objects, message=""):
    return [
        {"id": obj["id"], "version": obj["modified"], **({"message": message} if message else {})} for obj in objects
    ]


def test_a_push_is_one_envelope_with_the_media_type_of_taxii(pushed):
    verdicts, server = pushed(Collection(), asset(1), asset(2))
    assert verdicts == [ACCEPTED, ACCEPTED]
    (post,) = server.posts()
    assert post.path == "/api1/collections/c1/objects/"
    assert (post.headers["Content-Type"], post.headers["Accept"]) == (MEDIA_TYPE, MEDIA_TYPE)
    assert post.json() == {"objects": [asset(1), asset(2)]}


def test_a_pending_status_is_asked_for_until_it_is_complete(pushed):
    one, two = asset(1), asset(2)
    later = iter(
        [
            Collection.status(1, 0, 1, "pending", successes=named(one), pendings=named(two)),
            Collection.status(1, 1, 0, successes=named(one), failures=named(two, message="no such type here")),
        ]
    )

    def status(asked):
        return Says(404, {"title": "?"}, kind=TAXII) if "00000000-" in asked.path else next(later)

    first = Collection.status(0, 0, 2, "pending", pendings=named(one, two))
    verdicts, server = pushed(Collection(post=first, status=status), one, two)
    assert [verdict.outcome for verdict in verdicts] == ["accepted", "rejected"]
    assert verdicts[1].reason == "no such type here"
    assert len([asked for asked in server.asked if "/status/1111" in asked.path]) == 2


def test_what_stays_pending_past_our_patience_is_asked_again_later(pushed):
    waiting = Collection.status(0, 0, 2, "pending", pendings=named(asset(1), asset(2)))
    verdicts, _ = pushed(Collection(post=waiting, status=waiting), asset(1), asset(2), patience=0.0)
    assert [verdict.outcome for verdict in verdicts] == ["retry", "retry"]


def test_counts_alone_are_enough_where_they_leave_no_doubt(pushed):
    assert pushed(Collection(post=Collection.status(2)), asset(1), asset(2))[0] == [ACCEPTED, ACCEPTED]
    verdicts, _ = pushed(Collection(post=Collection.status(0, 2)), asset(1), asset(2))
    assert [verdict.outcome for verdict in verdicts] == ["rejected", "rejected"]
    verdicts, _ = pushed(Collection(post=Collection.status(1, 1, successes=named(asset(2)))), asset(1), asset(2))
    assert [verdict.outcome for verdict in verdicts] == ["rejected", "accepted"]


def test_failures_that_the_server_counts_and_does_not_name_are_searched(pushed):
    with pytest.raises(BatchRejected, match="1 of 2"):
        pushed(Collection(post=Collection.status(1, 1)), asset(1), asset(2))


def test_counts_that_do_not_fit_what_was_sent_are_no_verdict(pushed):
    with pytest.raises(UnexpectedReply, match="counts 1 objects where 2"):
        pushed(Collection(post=Collection.status(1)), asset(1), asset(2))


def test_a_failure_of_an_object_the_collection_holds_is_a_duplicate_whatever_digits_its_time_has(pushed):
    held, other, bad = asset(1, 1), asset(2, 5), asset(3)
    collection = Collection(post=Collection.status(0, 3, failures=named(held, other, bad, message="no")))
    collection.manifest = [
        {"id": held["id"], "date_added": "2026-01-01T00:00:00Z", "version": "2026-01-01T00:00:01.000000Z"},
        {"id": other["id"], "date_added": "2026-01-01T00:00:00Z", "version": "2026-01-01T00:00:01.000Z"},
    ]
    verdicts, server = pushed(collection, held, other, bad)
    assert verdicts[0] == DUPLICATE
    assert [verdict.outcome for verdict in verdicts[1:]] == ["rejected", "rejected"]
    (asked,) = (asked for asked in server.asked if asked.path.endswith("/manifest/"))
    assert asked.query["match[version]"] == ["all"]


def test_a_manifest_that_pages_for_ever_ends(pushed):
    page = Says(200, {"objects": [], "more": True, "next": "same"}, kind=TAXII)
    collection = Collection(post=Collection.status(0, 1, failures=named(asset(1), message="no")), manifest=page)
    verdicts, server = pushed(collection, asset(1))
    assert verdicts[0].outcome == "rejected"
    assert len(server.asked) < 10


def test_a_failure_in_a_collection_that_cannot_be_read_says_that_it_may_be_a_duplicate(pushed):
    collection = Collection(post=Collection.status(0, 1, failures=named(asset(1), message="no")))
    collection.can_read = False
    verdicts, _ = pushed(collection, asset(1))
    assert "may be a duplicate" in verdicts[0].reason


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_request_is_searched_for_the_culprit(pushed, status):
    refusal = Says(status, {"title": "bad", "description": "object 2"}, kind=TAXII)
    with pytest.raises(BatchRejected, match="bad: object 2"):
        pushed(Collection(post=refusal), asset(1))


def test_a_request_that_is_too_long_is_reported_as_such(pushed):
    with pytest.raises(TooLarge):
        pushed(Collection(post=Says(413, {"title": "big"}, kind=TAXII)), asset(1))


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b'{"id": "x"', b"{}", b"[]", b'{"id":1,"status":"complete","total_count":1}']
)
def test_a_reply_that_is_no_status_is_no_verdict(pushed, body):
    with pytest.raises(UnexpectedReply):
        pushed(Collection(post=Says(202, body, kind=TAXII)), asset(1))


def test_rights_and_names_are_checked_before_anything_is_sent(pushed):
    closed = Collection()
    closed.can_write = False
    with pytest.raises(PermissionDenied, match="may not write"):
        pushed(closed, asset(1))
    with pytest.raises(ConfigurationError, match="no collection 'c1'"):
        pushed(Collection(collections=Says(404, {"title": "?"}, kind=TAXII)), asset(1))
    with pytest.raises(AuthenticationError):
        pushed(Collection(post=Says(401, {"title": "?"}, kind=TAXII)), asset(1))


def test_the_declared_limit_bounds_a_request(pushed):
    collection = Collection()
    collection.max_content_length = 5_000
    _, server = pushed(collection, asset(1))
    session = taxii.open("soc", {"url": f"{server.url}/api1/", "collection": "c1"})
    assert session.prepare().max_bytes == 5_000
    session.close()


def test_medallion_is_known_by_its_errors_and_spared_objects_it_would_choke_on(pushed):
    software = {"type": "software", "spec_version": "2.1", "id": "software--1", "name": "fw", "version": "4.0"}
    medallion = Says(404, {"title": "ProcessingError", "http_status": "404", "description": "?"}, kind=TAXII)
    with pytest.raises(Dropped, match="version"):
        pushed(Collection(status=medallion), software)
    assert pushed(Collection(status=medallion), software, own_versions=True)[0] == [ACCEPTED]
    assert pushed(Collection(), software)[0] == [ACCEPTED]


def test_settings_are_checked_and_the_password_stays_out_of_messages():
    with pytest.raises(SettingsError, match="collection"):
        taxii.open("soc", {"url": "https://taxii.example/api1/"})
    with pytest.raises(SettingsError) as caught:
        taxii.open("soc", {"url": "nowhere", "collection": "c", "username": "u"}, {"password": "s3cret-word"})
    assert "s3cret-word" not in str(caught.value)
