"""The authoring surface of platforms."""

from __future__ import annotations

import threading

import pytest

import isthmus_sdk.platform as face
from isthmus_sdk.errors import ConfigurationError, Interrupted, SecretError, SettingsError
from isthmus_sdk.platform import ACCEPTED, Dropped, Encoded, Platform, Profile
from isthmus_sdk.settings import Secret, Settings


class Here(Settings):
    place: str
    token: Secret | None = None


def made(**profile):
    platform = Platform("here", settings=Here, profile=Profile(**profile))

    @platform.encodes
    def encode(obj, ctx):
        return Encoded(obj["id"], b"{}") if obj.get("keep") else None

    @platform.sends
    def send(batch, ctx):
        return [ACCEPTED for _ in batch]

    return platform


def test_the_public_names_are_these():
    assert sorted(face.__all__) == [
        "ACCEPTED", "BatchRejected", "DUPLICATE", "Dropped", "Encoded", "Platform", "PlatformContext", "Profile",
        "Session", "Verdict",
    ]  # fmt: skip


def test_a_session_encodes_and_sends_with_checked_settings():
    session = made().open("soc", {"place": "north"}, {"token": "word"})
    assert (session.name, session.context.settings.place) == ("soc", "north")
    assert session.encode({"id": "x", "keep": True}) == [Encoded("x", b"{}")]
    assert session.send([Encoded("x", b"{}")]) == [ACCEPTED]


def test_an_object_without_records_is_dropped_with_a_reason():
    with pytest.raises(Dropped) as caught:
        made().open("soc", {"place": "north"}).encode({"id": "x"})
    assert caught.value.reason == "not projected"


def test_wrong_settings_are_named_without_their_values():
    with pytest.raises(SettingsError, match="place"):
        made().open("soc", {})
    with pytest.raises((SettingsError, SecretError)) as caught:
        made().open("soc", {"place": "north", "token": "s3cret-word"})
    assert "s3cret-word" not in str(caught.value)


def test_limits_are_asked_once_and_again_after_closing():
    platform = made()
    asked = []

    @platform.prepares
    def prepare(ctx):
        asked.append(1)
        return Profile(max_records=7)

    session = platform.open("soc", {"place": "north"})
    assert session.prepare().max_records == session.prepare().max_records == session.profile.max_records == 7
    assert len(asked) == 1
    session.close()
    session.prepare()
    assert len(asked) == 2


def test_limits_that_cannot_be_asked_are_asked_again():
    platform = made()
    answers = iter([ConfigurationError("not yet"), Profile(max_records=3)])

    @platform.prepares
    def prepare(ctx):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    session = platform.open("soc", {"place": "north"})
    with pytest.raises(ConfigurationError):
        session.prepare()
    assert session.prepare().max_records == 3


def test_a_platform_that_lacks_a_function_is_refused():
    with pytest.raises(ConfigurationError, match="@encodes"):
        Platform("here", settings=Here, profile=Profile()).open("soc", {"place": "north"})


def test_a_platform_without_an_address_has_no_http_client():
    with pytest.raises(ConfigurationError, match="base_url"):
        _ = made().open("soc", {"place": "north"}).context.http


def test_a_wait_ends_when_the_hub_stops():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        made().open("soc", {"place": "north"}, cancel=stop).context.sleep(60)


def test_a_profile_needs_room_for_one_record():
    with pytest.raises(ValueError, match="max_records"):
        Profile(max_records=0)
    with pytest.raises(ValueError, match="envelope"):
        Profile(max_bytes=10, envelope=10)
    assert Profile(max_bytes=100, envelope=10).room() == 90


def test_tls_may_be_given_as_the_configuration_writes_it(tmp_path):
    platform = Platform("here", settings=Here, profile=Profile(), base_url=lambda settings: "https://soc.example")
    platform.encodes(lambda obj, ctx: None)
    platform.sends(lambda batch, ctx: [])
    pinned = platform.open("soc", {"place": "north"}, tls={"pin": ["sha256:" + "ab" * 32]})
    assert pinned.context.http.base_url == "https://soc.example"
    pinned.close()
    with pytest.raises(ConfigurationError, match=r"missing\.pem"):
        _ = platform.open("soc", {"place": "north"}, tls={"ca": str(tmp_path / "missing.pem")}).context.http
