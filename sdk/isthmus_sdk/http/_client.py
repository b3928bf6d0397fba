"""``Http``: the one way to the network, for connectors and platforms alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from isthmus_sdk.errors import (
    AuthenticationError,
    DeadlineExceeded,
    Interrupted,
    OriginRefused,
    RateLimited,
    SettingsError,
    TooLarge,
    UnexpectedReply,
    Unreachable,
)
from isthmus_sdk.http._auth import Auth, NoAuth
from isthmus_sdk.http._breaker import Breaker
from isthmus_sdk.http._clock import Cancel, Clock, DeadlinePassed, Stopped, Timer, as_callable
from isthmus_sdk.http._inflate import ACCEPT_ENCODING, Body, Truncated
from isthmus_sdk.http._message import Headers, Request, Response, checked_headers
from isthmus_sdk.http._origins import AllowedOrigins
from isthmus_sdk.http._policy import Limits, Rate, Retry, Tls
from isthmus_sdk.http._rate import Limiter
from isthmus_sdk.http._redirects import redirected
from isthmus_sdk.http._retry import Again, retrying, used_up
from isthmus_sdk.http._tls import PinMismatch
from isthmus_sdk.http._verdict import Scrubber, judge, tidy
from isthmus_sdk.url import InvalidUrl, Url

if TYPE_CHECKING:
    from isthmus_sdk.http._transport import Incoming, WireFault

_SILENCE = 60.0  # seconds; whoever waits longer says so in between, for a worker that says nothing is taken for dead
_ERROR_BODY = 1 << 20  # bytes; more than a megabyte of explanation is none


@dataclass(frozen=True, slots=True)
class Event:
    """What the client did, for metrics and logs. ``url`` has no query; nothing here is secret."""

    kind: str
    """``request`` (an exchange ended), ``retry`` (another follows), ``limited`` (waited for the rate), ``waiting`` (and goes
    on doing so), ``login``, ``unshared`` (the account's directory cannot be used)."""
    method: str
    url: str
    status: int = 0
    seconds: float = 0.0
    """Duration of the exchange, or the wait that follows."""
    received: int = 0
    """Bytes of the body as received."""
    reason: str = ""


class Http:
    """A guarded HTTP client for one instance.

    ``base_url`` is where relative paths go. ``origins`` are further places that may be contacted, each without the
    credential unless the auth names it: exact (``https://login.vendor.com``) or a domain below which every host is
    allowed (``https://*.blob.core.windows.net``, public addresses only). ``auth``, ``tls``, ``proxy`` are explicit:
    the process environment is never asked. ``account`` is a directory that all clients of one account share, in whatever
    process: ``rate`` and a vendor's wish to wait then hold for them together, and beyond a restart. ``rates`` are stricter
    ones for parts of the API, by the beginning of their path; a request there waits for both. ``on_event`` receives ``Event``; ``cancel`` (an event or a callable) ends
    every wait with ``Interrupted``. ``transport`` takes an ``httpx`` transport in place of the network, and ``timer``
    a time that passes at once: for tests.

    All replies are whole: decoded, within the limits, judged by status. Threads may share a client.
    """

    def __init__(
        self,
        *,
        base_url: str,
        origins: Iterable[str] = (),
        auth: Auth | None = None,
        tls: Tls | None = None,
        proxy: str | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        rate: Rate | None = None,
        rates: Mapping[str, Rate] | None = None,
        account: Path | None = None,
        user_agent: str = "isthmus-sdk/1",
        on_event: Callable[[Event], None] | None = None,
        cancel: Cancel | None = None,
        transport: Any = None,
        timer: Timer | None = None,
    ) -> None:
        # httpx is loaded when the first client is made, never by importing the SDK.
        from isthmus_sdk.http._transport import Proxy, Wire

        try:
            self.base_url = Url(base_url)
        except InvalidUrl as error:
            raise SettingsError(f"base URL: {error}") from None
        self.limits = limits or Limits()
        self.auth = auth or NoAuth()
        self.cancel = cancel
        self.run_until: float | None = None
        """Monotonic instant at which the current run's time is over; see ``start_run``."""
        self._allowed = AllowedOrigins(self.base_url, origins, self.auth)
        self._retry = retry or Retry()
        self._timer = timer or Timer()
        self._on_event = on_event or (lambda event: None)
        self._limiter = Limiter(rate, self._timer, account, self._unshared)
        self._parts = [
            (self._start_of(path), Limiter(each, self._timer, _part(account, path), self._unshared))
            for path, each in sorted((rates or {}).items())
        ]
        self._breaker = Breaker(self._retry, self._timer.now)
        self._defaults = {
            "User-Agent": user_agent,
            "Accept": "application/json, */*;q=0.5",
            "Accept-Encoding": ACCEPT_ENCODING,
        }
        parsed_proxy = Proxy.parse(proxy) if proxy else None
        self._proxy_secrets = parsed_proxy.secrets if parsed_proxy else ()
        self._wire = Wire(
            own=self.base_url.origin,
            configured=self._allowed.configured,
            tls=tls,
            proxy=parsed_proxy,
            limits=self.limits,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"<Http {self.base_url.without_query}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def start_run(self, seconds: float | None = None) -> None:
        """Start the run's total deadline (``seconds``, else ``Limits.run``; neither: none)."""
        seconds = self.limits.run if seconds is None else seconds
        self.run_until = None if seconds is None else self._timer.now() + seconds

    def get(self, url: str, **options: Any) -> Response:
        """``request("GET", ...)``."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        """``request("POST", ...)``; say ``idempotent=True`` where it only reads."""
        return self.request("POST", url, **options)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        deadline: float | None = None,
        with_credentials: bool = True,
        accept: Collection[int] = (),
        check: Callable[[Response], None] | None = None,
    ) -> Response:
        """Send one request and return its whole reply.

        ``url`` is absolute or a path below the base URL. ``json`` is encoded here; ``content`` is sent as it is.
        ``idempotent`` says that sending it twice does no harm (``None``: GET, HEAD, PUT, DELETE, OPTIONS, TRACE);
        others are repeated only where the server cannot have acted. ``deadline`` is an instant of
        ``time.monotonic()`` that bounds all tries and waits. Statuses in ``accept`` are returned instead of raised.
        ``check`` looks at the reply inside the retry loop.

        Raises ``OriginRefused``, ``AuthenticationError``, ``PermissionDenied``, ``RateLimited``, ``ServerFault``,
        ``Unreachable``, ``DeadlineExceeded``, ``Interrupted``, ``TooLarge`` or ``UnexpectedReply``.
        """
        request = self._request(method, url, params, json, content, headers, idempotent)
        until = min(instant for instant in (deadline, self.run_until, float("inf")) if instant is not None)

        def attempt() -> Response:
            try:
                return self._attempt(request, until, with_credentials, accept, check)
            except DeadlinePassed:
                raise DeadlineExceeded(
                    f"{_what(request)}: not complete within its total time; ask for smaller pages or raise the limit"
                ) from None

        with self._breaker.call(request.url.origin):
            try:
                return retrying(
                    self._retry,
                    now=self._timer.now,
                    until=until,
                    sleep=self._sleep,
                    before=lambda failure, seconds: self._announce(request, failure, seconds),
                )(attempt)
            except Again as failure:
                self._limiter.hold(failure.after or 0.0)
                raise failure.error from None
            except Stopped:
                raise Interrupted(f"{_what(request)}: given up because the run was asked to stop") from None

    def wait(self, seconds: float) -> None:
        """Pause between two requests, for an export that is not ready. Raises ``Interrupted`` when the run is stopped and
        ``DeadlineExceeded`` where its time would be over.
        """
        if self.run_until is not None and self._timer.now() + seconds >= self.run_until:
            raise DeadlineExceeded(f"the run may not wait another {seconds:.0f} s")
        try:
            self._sleep(seconds)
        except Stopped:
            raise Interrupted("given up because the run was asked to stop") from None

    def resolve(self, url: str, params: Mapping[str, Any] | None = None) -> Url:
        """The absolute URL for a path below the base URL or an absolute one. Raises ``OriginRefused`` for what may
        not be contacted.
        """
        try:
            absolute = Url(url) if isinstance(url, Url) or "://" in url.partition("?")[0] else self._below_base(url)
            absolute = absolute.with_params(params or {})
        except InvalidUrl as error:
            raise OriginRefused(f"a URL cannot be used: {error}") from None
        self._allowed.require(absolute)
        return absolute

    def _below_base(self, path: str) -> Url:
        plain, mark, query = path.partition("?")
        joined = self.base_url / plain if plain else self.base_url
        return Url(f"{joined.without_query}?{query}") if mark else joined

    def _request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        json: Any,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        idempotent: bool | None,
    ) -> Request:
        merged = Headers(self._defaults)
        if json is not None:
            content = msgspec.json.encode(json, enc_hook=str)  # the hook is for Url, which is a str of its own kind
            merged = merged.with_({"Content-Type": "application/json"})
        merged = merged.with_(checked_headers(headers or {}))
        return Request(method.upper(), self.resolve(url, params), merged, content, idempotent)

    def _attempt(
        self,
        request: Request,
        until: float,
        with_credentials: bool,
        accept: Collection[int],
        check: Callable[[Response], None] | None,
    ) -> Response:
        def wait(seconds: float, held: bool) -> None:
            if self._timer.now() + seconds >= until or (held and seconds > self._retry.budget):
                whose = "the vendor wants no request" if held else "the rate allows no request"
                raise RateLimited(
                    f"{_what(request)}: {whose} for another {seconds:.0f} s, longer than this run may wait",
                    not_before=seconds,
                )
            self._sleep(seconds)

        with ExitStack() as turns:
            # The part's own turn first: it is the longer wait, and the account's turn is taken when the request goes out.
            waited = sum(turns.enter_context(limiter.turn(wait)) for limiter in self._limiters(request.url))
            if waited > 0.001:
                self._on_event(Event("limited", request.method, request.url.without_query, seconds=waited))
            clock = Clock(
                until=time.monotonic() + min(until - self._timer.now(), self.limits.request),
                connect=self.limits.connect,
                idle=self.limits.idle,
                cancelled=as_callable(self.cancel),
            )
            reply = self._follow(request, clock, with_credentials)
        meaning = self.auth.meaning(reply)
        judge(request, reply, scrub=self.scrub, retry=self._retry, accept=accept, meaning=meaning)
        if check is not None:
            check(reply)
        return reply

    def _limiters(self, url: Url) -> list[Limiter]:
        """Whose turns a request needs: those of its part of the API, then the account's."""
        path = url.path.lower()
        return [*(limiter for start, limiter in self._parts if path.startswith(start)), self._limiter]

    def _start_of(self, path: str) -> str:
        return (self.base_url / path).path.lower()

    def _follow(self, request: Request, clock: Clock, with_credentials: bool) -> Response:
        """Send, and go where redirects point as long as that stays inside the allowed origins."""
        visited = {request.url}
        for _ in range(self.limits.redirects + 1):
            authorised = with_credentials and self._allowed.takes_credential(request.url)
            reply = self._authorised(request, clock) if authorised else self._exchange(request, clock)
            require = partial(self._allowed.require, because=f"{_what(request)} redirects to it")
            following = redirected(request, reply, require)
            if following is None:
                return reply
            if following.url in visited:
                raise UnexpectedReply(f"{_what(request)}: redirects in a circle; check the base URL")
            visited.add(following.url)
            request = following
        raise UnexpectedReply(f"{_what(request)}: more than {self.limits.redirects} redirects; check the base URL")

    def _authorised(self, request: Request, clock: Clock) -> Response:
        """Run the auth's conversation; the last reply is the caller's."""
        flow = self.auth.flow(request)
        try:
            outgoing = next(flow)
            while True:
                self._require_place(outgoing)
                reply = self._exchange(outgoing, clock)
                if outgoing.login:
                    self._on_event(Event("login", outgoing.method, outgoing.url.without_query, reply.status))
                    judge(outgoing, reply, scrub=self.scrub, retry=self._retry)
                try:
                    outgoing = flow.send(reply)
                except StopIteration:
                    return reply
        except StopIteration:
            raise AuthenticationError(f"{_what(request)}: the auth of this instance sent nothing") from None
        finally:
            flow.close()

    def _require_place(self, outgoing: Request) -> None:
        if outgoing.login:
            self._allowed.require_login(outgoing.url)
        elif not self._allowed.takes_credential(outgoing.url):
            raise OriginRefused(f"{_what(outgoing)}: the credential of this instance does not belong there")

    def _exchange(self, request: Request, clock: Clock) -> Response:
        from isthmus_sdk.http._transport import WireFault

        started = time.monotonic()
        try:
            with self._wire.exchange(request, clock) as incoming:
                body, received = self._body(request, incoming)
        except WireFault as fault:
            raise self._wire_error(request, fault) from None
        except PinMismatch as mismatch:
            raise Unreachable(
                f"{_what(request)}: the certificate is not the pinned one; the server shows sha256:{mismatch.presented.hex()}. "
                "If it was renewed on purpose, compare this with the appliance itself and set tls.pin to it"
            ) from None
        except OriginRefused as error:
            raise OriginRefused(f"{_what(request)}: {error}") from None
        except Truncated:
            cut = Unreachable(f"{_what(request)}: the compressed body breaks off; it will be asked again later")
            raise (Again(cut) if request.repeatable else cut) from None
        self._on_event(
            Event(
                "request",
                request.method,
                request.url.without_query,
                incoming.status,
                time.monotonic() - started,
                received,
            )
        )
        reply = Response(incoming.status, incoming.headers, body, request.url, request.method)
        spent = used_up(reply.headers)
        if reply.ok and spent is not None and spent <= self._retry.budget:
            self._limiter.hold(spent)
        return reply

    def _body(self, request: Request, incoming: Incoming) -> tuple[bytes, int]:
        if incoming.field_count > self.limits.headers:
            raise UnexpectedReply(f"{_what(request)}: the reply has more than {self.limits.headers} header fields")
        if request.method == "HEAD" or incoming.status in (204, 304):
            return b"", 0
        failed = incoming.status >= 400
        limits = replace(self.limits, wire=_ERROR_BODY, decoded=_ERROR_BODY) if failed else self.limits
        received = 0
        try:
            body = Body(incoming.headers.get("content-encoding", ""), limits, f"the reply to {_what(request)}")
            for chunk in incoming.body:
                body.feed(chunk)
                received = body.received
            return body.finish(), received
        except (TooLarge, UnexpectedReply, Truncated):
            if failed:  # the status says enough; the words beside it are worth no second fault
                return b"", received
            raise

    def _wire_error(self, request: Request, fault: WireFault) -> Exception:
        if fault.proxy_status == 407:
            return AuthenticationError(
                "the proxy does not accept the credential (407); check user and password in the proxy setting"
            )
        detail = tidy(fault.detail, self.scrub)
        if fault.presented and request.url.origin == self.base_url.origin:
            return Unreachable(
                f"{_what(request)}: {detail}; the server shows sha256:{fault.presented.hex()}. If that is what the appliance "
                "itself says of its certificate, set tls.pin to it, or tls.ca to who signed it; else somebody is in between"
            )
        if fault.lasting:
            return Unreachable(
                f"{_what(request)}: {detail}; check the address and tls settings (ca or pin) of this instance"
            )
        error = Unreachable(f"{_what(request)}: {detail}; it will be tried again later")
        return Again(error) if request.repeatable or not fault.sent else error

    def scrub(self, text: str) -> str:
        """``text`` without any secret that this client knows."""
        return Scrubber((*self.auth.secrets(), *self._proxy_secrets))(text)

    def _sleep(self, seconds: float) -> None:
        while seconds > _SILENCE:
            self._timer.sleep(_SILENCE, self.cancel)
            seconds -= _SILENCE
            self._on_event(Event("waiting", "", self.base_url.without_query, seconds=seconds))
        self._timer.sleep(seconds, self.cancel)

    def _unshared(self, reason: str) -> None:
        self._on_event(Event("unshared", "", self.base_url.without_query, reason=reason))

    def _announce(self, request: Request, failure: Again, seconds: float) -> None:
        if failure.after:
            self._limiter.hold(seconds)
        reason = type(failure.error).__name__
        self._on_event(Event("retry", request.method, request.url.without_query, seconds=seconds, reason=reason))


def _part(account: Path | None, path: str) -> Path | None:
    """Where clients of one account keep the standing of one part of the API."""
    return None if account is None else account / f"part-{blake2b(path.lower().encode(), digest_size=8).hexdigest()}"


def _what(request: Request) -> str:
    return f"{request.method} {request.url.without_query}"


__all__ = ["Event", "Http"]
