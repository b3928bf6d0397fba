"""A credential described as data and made again by a hub: the same requests, whatever the kind."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

import isthmus_sdk.http as public
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.http import ApiKey, Auth, Basic, Bearer, Login, OAuth2ClientCredentials, Request, Signed
from isthmus_sdk.http._broker_auth import build, describe, mentioned
from isthmus_sdk.url import Url

WORD, SECRET = "stand-in-token-00ff", "s3cret-value"
REQUEST = Request("GET", Url("https://a.example/x"))


@pytest.mark.parametrize(
    "make",
    [
        lambda secret: Basic("me", SecretStr(secret)),
        lambda secret: Basic("me", secret),
        lambda secret: Bearer(SecretStr(secret), scheme="", origins=["https://a.example", "https://b.example"]),
        lambda secret: ApiKey("X-Key", f"k={secret}", more={"X-Two": SecretStr(secret), "X-Fixed": "7"}),
        lambda secret: OAuth2ClientCredentials(
            Url("https://l.example/t"), "me", SecretStr(secret), scope="a b", basic=True
        ),
        lambda secret: Login(
            "https://l.example", {"user": "me", "password": SecretStr(secret), "days": 7}, expires="a.b"
        ),
    ],
)
def test_what_was_described_sends_what_the_original_would(make: Any) -> None:
    original, remade = make(SECRET), build(describe(make(WORD)), {WORD: SECRET})
    first, second = next(original.flow(REQUEST)), next(remade.flow(REQUEST))
    assert type(remade) is type(original)
    assert (second.url, second.headers.pairs(), second.content) == (first.url, first.headers.pairs(), first.content)
    assert (remade.origins, remade.logins) == (original.origins, original.logins)
    assert list(remade.secrets()) == list(original.secrets())


def test_a_description_says_where_the_secrets_are() -> None:
    description = describe(Login("https://l.example", {"password": SecretStr(WORD)}))
    assert mentioned(description, {WORD: SECRET, "another": "x"}) == {WORD}
    assert SECRET not in repr(description)


class Own(Bearer):
    """A connector's own kind."""


@pytest.mark.parametrize("auth", [Own("t"), Signed("t", lambda *_: {}), Bearer.__new__(Own, "t")])
def test_code_is_not_described(auth: Auth) -> None:
    with pytest.raises(ConfigurationError, match="cannot be brokered"):
        describe(auth)


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "Auth"},
        {"kind": "Http", "args": ["x"]},
        {"kind": "TokenAuth", "args": ["https://a.example"]},
        {"kind": "os.system", "args": ["x"]},
        {"kind": "Bearer", "args": "x"},
        {"kind": "Bearer", "args": [], "options": []},
        {"kind": "Bearer", "args": [], "options": {"nothing": 1}},
        {"kind": "Bearer", "args": [[WORD]]},
        {"kind": "Login", "args": ["no url", {}]},
        {"kind": "Signed", "args": [WORD, "print"]},
    ],
)
def test_a_strangers_description_makes_an_auth_or_an_error_without_the_secret(description: dict[str, Any]) -> None:
    try:
        made = build(description, {WORD: SECRET})
        list(made.secrets())
        next(made.flow(REQUEST))
    except (ConfigurationError, TypeError, NotImplementedError) as error:
        assert SECRET not in str(error)
    else:
        raise AssertionError("nothing of this is an auth")


def test_every_public_kind_is_an_auth_that_knows_what_it_was_made_with() -> None:
    kinds = [getattr(public, name) for name in public.__all__]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Auth):
            assert kind.__new__(kind, 1, a=2).made_with == ((1,), {"a": 2})
