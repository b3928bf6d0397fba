"""Proofs that a login hands out: a token in the reply's body or in one of its headers, or a session cookie.

Vendors differ in where they put the token, in the word before it and in whether they say how long it lasts; what they
share is :class:`TokenAuth`: one login at a time, renewed before it is old, once more after a 401.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from isthmus_sdk.errors import AuthenticationError, SourceError
from isthmus_sdk.http._auth import TokenAuth, basic_token, reveal
from isthmus_sdk.http._message import Headers, Request, Response

_IN_THE_FUTURE: Final = 1_000_000_000
"""A number of seconds beyond this is an instant, not a lifetime."""


class Login(TokenAuth):
    """A login whose reply carries the token in its JSON body.

    ``credentials`` is posted to ``login_url`` as JSON (``form=True``: as a form); secrets in it may be pydantic's.
    ``token`` names the field that holds the token, a dotted path (``data.access_token``). ``expires`` names the one that
    tells its end: seconds from now, an epoch in seconds or milliseconds, or an ISO 8601 time; without it ``lifetime``
    seconds are assumed, and without that the token is used until it is refused. The token travels in ``header`` behind
    ``scheme`` (empty at Armis and Claroty CTD).

    ``basic``, a user name and a password, goes along with the login (Wazuh); ``credentials`` may then be empty. ``over``
    tells from a reply that the token or session has ended, for vendors that do not say so by a 401.
    """

    def __init__(
        self,
        login_url: str,
        credentials: Mapping[str, Any] | None = None,
        *,
        basic: tuple[str, Any] | None = None,
        over: Callable[[Response], bool] = lambda reply: False,
        token: str = "token",  # noqa: S107 - the name of a field
        expires: str | None = None,
        lifetime: float | None = None,
        header: str = "Authorization",
        scheme: str = "Bearer",
        form: bool = False,
        origins: Iterable[str] | None = None,
    ) -> None:
        super().__init__(login_url, origins)
        credentials = credentials or {}
        self._secrets = tuple(reveal(value) for value in credentials.values() if hasattr(value, "get_secret_value"))
        self._basic = None if basic is None else basic_token(basic[0], reveal(basic[1]))
        if basic is not None and self._basic is not None:
            self._secrets += (reveal(basic[1]), self._basic)
        self._over = over
        self._credentials = {
            name: reveal(value) if hasattr(value, "get_secret_value") else value for name, value in credentials.items()
        }
        self._path, self._expires, self._lifetime = token, expires, lifetime
        self._header, self._scheme, self._form = header, scheme, form

    def login(self) -> Request:
        if self._form:
            kind, body = "application/x-www-form-urlencoded", urlencode(self._credentials).encode("ascii")
        else:
            kind, body = "application/json", msgspec.json.encode(self._credentials)
        headers = {"Accept": "application/json", "Content-Type": kind}
        if self._basic is not None:
            headers["Authorization"] = f"Basic {self._basic}"
        return Request("POST", self._login_url, Headers(headers), body, login=True)

    def refused(self, reply: Response) -> bool:
        return super().refused(reply) or self._over(reply)

    def granted(self, reply: Response) -> tuple[str, float | None]:
        try:
            document = reply.json()
        except SourceError as error:
            raise AuthenticationError(f"no token: {error}") from None
        token = self.usable(_at(document, self._path), f"{self._path!r}")
        ends = None if self._expires is None else _seconds_left(_at(document, self._expires))
        return token, self._lifetime if ends is None else ends

    def usable(self, token: Any, where: str) -> str:
        """The token, if it can stand in a header. Raises `AuthenticationError` that names where it was looked for."""
        if not isinstance(token, str) or not token.strip() or not token.isascii() or not token.isprintable():
            raise AuthenticationError(
                f"the reply of {self._login_url.without_query} holds no usable token in {where}; "
                "check the login URL and the credential"
            )
        return token.strip()

    def prove(self, request: Request, token: str) -> Request:
        return request.with_headers({self._header: f"{self._scheme} {token}" if self._scheme else token})

    def secrets(self) -> Iterable[str]:
        return (*self._secrets, *super().secrets())


class HeaderLogin(Login):
    """As :class:`Login`, with the token in a header of the reply (Nozomi Vantage: ``Authorization``).

    ``token`` names that header. A scheme before the token is taken off; ``scheme`` puts one in front again.
    """

    def __init__(
        self,
        login_url: str,
        credentials: Mapping[str, Any] | None = None,
        *,
        token: str = "Authorization",  # noqa: S107 - the name of a header
        **options: Any,
    ) -> None:
        super().__init__(login_url, credentials, token=token, **options)

    def granted(self, reply: Response) -> tuple[str, float | None]:
        value = reply.headers.get(self._path, "")
        word, _, rest = value.partition(" ")
        return self.usable(rest if rest and word.isalpha() else value, f"the header {self._path}"), self._lifetime


class SessionCookie(Login):
    """A login whose reply sets a session cookie, which further requests carry; no other cookie is kept.

    Appliances like to answer with their login page and status 200 once a session has ended: ``over`` tells it from the reply.
    """

    def __init__(
        self, login_url: str, credentials: Mapping[str, Any] | None = None, *, cookie: str, **options: Any
    ) -> None:
        super().__init__(login_url, credentials, token=cookie, **options)
        # Set-Cookie fields arrive joined with commas, and their dates hold commas too: only the value's place is sure.
        self._value = re.compile(rf"(?:^|,\s*){re.escape(cookie)}=\"?([^;,\"\s]+)")

    def granted(self, reply: Response) -> tuple[str, float | None]:
        found = self._value.findall(reply.headers.get("set-cookie", ""))
        return self.usable(found[-1] if found else None, f"the cookie {self._path}"), self._lifetime

    def prove(self, request: Request, token: str) -> Request:
        return request.with_headers({"Cookie": f"{self._path}={token}"})


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _seconds_left(value: Any) -> float | None:
    """Seconds until the end that a vendor states; ``None`` where the statement cannot be understood."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
        try:
            end = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        return max((end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp() - time.time(), 0.0)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if number != number or number < 0:
        return None
    if number <= _IN_THE_FUTURE:
        return number
    instant = number / 1000 if number > _IN_THE_FUTURE * 100 else number
    return max(instant - time.time(), 0.0)


__all__ = ["HeaderLogin", "Login", "SessionCookie"]
