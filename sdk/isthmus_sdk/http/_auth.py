"""How requests prove who sends them.

An auth kind is a generator over requests and replies, as in httpx: it yields a request, receives the reply to it, and
the last reply is the caller's. So a refresh after a 401 is three lines, and every shape that vendors use fits: fixed
headers, a login that returns a token, a signature over the final URL.

The client runs ``flow`` only for URLs inside the credential's own origins, again for each redirect, so a kind never
has to ask itself where its secret goes.
"""

from __future__ import annotations

import base64
import threading
import time
from abc import abstractmethod
from collections.abc import Generator, Iterable, Mapping
from typing import Any, Literal, Self
from urllib.parse import urlencode

from isthmus_sdk.errors import AuthenticationError, ConfigurationError, SourceError
from isthmus_sdk.http._message import Headers, Request, Response, checked_headers
from isthmus_sdk.url import Url

Flow = Generator[Request, Response, None]
Meaning = Literal["limited", "refused", "denied"]


class Auth:
    """One credential. Subclass it for shapes that are not here.

    ``origins`` are where the credential may go (``None``: the base URL's origin alone); ``logins`` are the URLs that
    tokens are fetched from, the only further places that its requests may be sent to.
    """

    origins: tuple[Url, ...] | None = None
    logins: tuple[Url, ...] = ()
    made_with: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
    """What the kind was made with, so that a connector without secrets can describe it to its hub."""

    def __new__(cls, *args: Any, **options: Any) -> Self:
        made = super().__new__(cls)
        made.made_with = args, options
        return made

    def flow(self, request: Request) -> Flow:
        """Yield ``request`` with the proof added; look at the reply and yield again (a login, the request once more)
        if need be.
        """
        yield request

    def meaning(self, reply: Response) -> Meaning | None:
        """What a reply means where this kind of credential has a word for it: the rate is ``limited``, the credential
        ``refused``, or a permission ``denied``. ``None``: what its status says.
        """
        return None

    def secrets(self) -> Iterable[str]:
        """Every value that must not appear in a message."""
        return ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"  # never its fields


class NoAuth(Auth):
    """Requests go out as they are."""


class _FixedHeaders(Auth):
    def __init__(self, headers: Mapping[str, str], origins: Iterable[str] | None = None) -> None:
        self._headers = dict(checked_headers(headers))
        self.origins = None if origins is None else tuple(Url(origin) for origin in origins)

    def flow(self, request: Request) -> Flow:
        yield request.with_headers(self._headers)

    def secrets(self) -> Iterable[str]:
        return self._headers.values()


class Basic(_FixedHeaders):
    """User name and password (RFC 7617, UTF-8); ``more`` holds headers that the vendor demands beside them, such as
    ``X-Requested-With``.
    """

    def __init__(
        self, user: str, password: Any, *, more: Mapping[str, str] | None = None, origins: Iterable[str] | None = None
    ) -> None:
        password = reveal(password)
        token = basic_token(user, password)
        super().__init__({"Authorization": f"Basic {token}", **(more or {})}, origins)
        self._password, self._token = password, token

    def secrets(self) -> Iterable[str]:
        return (self._password, self._token)


class Bearer(_FixedHeaders):
    """A fixed token. ``scheme`` is the word before it: ``ApiToken``, ``SSWS`` or nothing at some vendors."""

    def __init__(self, token: Any, *, scheme: str = "Bearer", origins: Iterable[str] | None = None) -> None:
        self._token = reveal(token)
        super().__init__({"Authorization": f"{scheme} {self._token}" if scheme else self._token}, origins)

    def secrets(self) -> Iterable[str]:
        return (self._token,)


class ApiKey(_FixedHeaders):
    """A key in a header; ``more`` holds further headers for vendors that split key and secret or demand a fixed one."""

    def __init__(
        self, header: str, value: Any, *, more: Mapping[str, Any] | None = None, origins: Iterable[str] | None = None
    ) -> None:
        super().__init__(
            {header: reveal(value), **{name: reveal(item) for name, item in (more or {}).items()}}, origins
        )


class TokenAuth(Auth):
    """Base of kinds that fetch a token, use it until it is nearly old, and fetch it again when the vendor says no.

    One fetch at a time (threads wait for it and share its result); at 90 % of a token's life the next request renews
    it; a 401 forces one renewal, and a second 401 is the caller's to see.
    """

    def __init__(self, login_url: str, origins: Iterable[str] | None = None) -> None:
        self._login_url = Url(login_url)
        self.logins = (self._login_url,)
        self.origins = None if origins is None else tuple(Url(origin) for origin in origins)
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = 0.0

    @abstractmethod
    def login(self) -> Request:
        """The request that obtains a token; made with ``login=True``."""

    @abstractmethod
    def granted(self, reply: Response) -> tuple[str, float | None]:
        """Token and lifetime in seconds (``None``: unknown, used until refused) from a 2xx reply."""

    def prove(self, request: Request, token: str) -> Request:
        """``request`` with the token in its place."""
        return request.with_headers({"Authorization": f"Bearer {token}"})

    def refused(self, reply: Response) -> bool:
        """Whether the vendor no longer takes the token."""
        return reply.status == 401

    def flow(self, request: Request) -> Flow:
        token = yield from self._valid(refused=None)
        reply = yield self.prove(request, token)
        if self.refused(reply):
            token = yield from self._valid(refused=token)
            reply = yield self.prove(request, token)
            if reply.status != 401 and self.refused(reply):  # a 401 says so itself
                raise AuthenticationError(
                    f"{request.method} {request.url.without_query}: the vendor does not take the token that it has just "
                    "handed out; check that nobody else signs in with the same key"
                )

    def secrets(self) -> Iterable[str]:
        return (self._token,) if self._token else ()

    def _valid(self, *, refused: str | None) -> Generator[Request, Response, str]:
        # The client closes the generator when a login fails, which leaves this block and frees the lock.
        with self._lock:
            token = self._token
            if token is not None and token != refused and time.monotonic() < self._renew_at:
                return token
            reply = yield self.login()
            token, lifetime = self.granted(reply)
            self._token = token
            self._renew_at = float("inf") if lifetime is None else time.monotonic() + 0.9 * lifetime
            return token


class OAuth2ClientCredentials(TokenAuth):
    """OAuth2 client credentials grant (RFC 6749 section 4.4).

    The client secret goes to ``token_url`` alone, in the form body or (``basic=True``) as Basic authentication; the
    token goes to ``origins``. ``scope`` and ``resource`` are sent where given (Entra v2 takes a scope, v1 a
    resource).
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: Any,
        *,
        scope: str | None = None,
        resource: str | None = None,
        basic: bool = False,
        origins: Iterable[str] | None = None,
    ) -> None:
        super().__init__(token_url, origins)
        self._client_id, self._client_secret, self._basic = client_id, reveal(client_secret), basic
        self._form = {"grant_type": "client_credentials", "scope": scope, "resource": resource}

    def login(self) -> Request:
        form = {name: value for name, value in self._form.items() if value is not None}
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if self._basic:  # both are form-encoded first: RFC 6749 section 2.3.1
            pair = (urlencode({"": text})[1:] for text in (self._client_id, self._client_secret))
            headers["Authorization"] = f"Basic {basic_token(*pair)}"
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        return Request("POST", self._login_url, Headers(headers), urlencode(form).encode("ascii"), login=True)

    def granted(self, reply: Response) -> tuple[str, float | None]:
        try:
            document = reply.json()
        except SourceError as error:
            raise AuthenticationError(f"no token: {error}") from None
        token = document.get("access_token") if isinstance(document, dict) else None
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise AuthenticationError(
                f"the reply of {self._login_url.without_query} holds no usable access_token; check the token URL"
            )
        return token, _lifetime(document.get("expires_in"))

    def secrets(self) -> Iterable[str]:
        return (self._client_secret, *super().secrets())


def _lifetime(value: Any) -> float | None:
    """``expires_in`` is a number of seconds; some servers write it as a string, some leave it out."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return max(seconds, 0.0) if seconds == seconds and seconds != float("inf") else None


def basic_token(user: str, password: str) -> str:
    """What stands behind the word ``Basic``."""
    user = reveal(user)
    if ":" in user:
        raise ConfigurationError("a user name for Basic authentication must not contain a colon")
    return base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def reveal(value: Any) -> str:
    """The text of a secret, given as a plain string or as a pydantic secret."""
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise ConfigurationError(f"a credential must be text, not {type(value).__name__}")
    return value


__all__ = ["ApiKey", "Auth", "Basic", "Bearer", "Flow", "NoAuth", "OAuth2ClientCredentials", "TokenAuth"]
