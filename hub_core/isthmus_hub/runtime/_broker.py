"""Requests of a connector that has neither a network nor a secret (level `networked-off`), made here.

The connector says what its client is (base URL, auth as data, limits) and then which requests to make. It is not believed:
where a request or a credential may go is what the operator's settings and the manifest say, limits are capped, and no
reply holds a secret.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from isthmus_hub.config import ConnectorConfig
from isthmus_hub.runtime._texts import texts
from isthmus_sdk import protocol
from isthmus_sdk.errors import ConfigurationError, IsthmusError, OriginRefused, ProtocolError
from isthmus_sdk.manifest import Manifest
from isthmus_sdk.masking import Masking
from isthmus_sdk.url import InvalidUrl, Url

if TYPE_CHECKING:
    from isthmus_sdk.http import Auth, Event, Http, Response

PART_BYTES = 1 << 20
AT_A_TIME = 8
"""Requests of one worker under way; the SDK's client has no more connections."""
_CAPS: Final = {
    "connect": 60.0, "idle": 600.0, "request": 3600.0, "run": 86_400.0, "wire": 256 << 20, "decoded": 256 << 20, "ratio": 1000, "headers": 1024,
    "redirects": 10, "empty_pages": 10_000, "connections": 8,
    "attempts": 10, "first": 60.0, "most": 600.0, "budget": 3600.0, "failures": 10, "rest": 600.0, "longest_rest": 3600.0,
}  # fmt: skip
"""The most that a connector may ask for."""
_OURS: Final = re.compile(
    r"host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade|expect|proxy-.*", re.IGNORECASE
)
_KEPT_BACK: Final = re.compile(r"set-cookie2?|authentication-info|proxy-.*", re.IGNORECASE)
"""Headers of a reply that may renew a credential."""
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Brokered:
    """What the hub keeps of an instance whose requests it makes."""

    secrets: Mapping[str, str] = field(repr=False)
    """Stand-in to secret."""
    names: Mapping[str, str]
    """Stand-in to the secret's name."""
    allowed: tuple[str, ...]
    """Origins, exact or ``https://*.domain``."""
    words: tuple[str, ...] = ()
    """Texts of the operator's settings, such as the name of a tenant."""
    tls: Mapping[str, Any] | None = None
    proxy: str | None = field(default=None, repr=False)
    rate: Mapping[str, Any] | None = None
    account: Path | None = None

    @property
    def own(self) -> tuple[str, ...]:
        """Origins that the credential may go to. Below a domain anybody may have a host (storage services): only the one
        that is called like a text of the settings is the operator's.
        """
        exact = [place for place in self.allowed if "://*." not in place]
        below = [place for place in self.allowed if "://*." in place]
        named = [
            place.replace("://*.", f"://{word}.", 1) for place in below for word in self.words if _HOST.fullmatch(word)
        ]
        return (*exact, *named)


def stand_ins(secrets_: Mapping[str, str]) -> dict[str, str]:
    """A word for each secret that tells nothing of it: name to stand-in."""
    return {name: f"stand-in-{name}-{secrets.token_hex(8)}" for name in secrets_}


def allowed_places(chosen: ConnectorConfig, manifest: Manifest) -> tuple[str, ...]:
    """Origins that the operator's settings and the manifest name; a setting that is a host alone means https."""
    defaults = {name: schema.get("default") for name, schema in manifest.settings.items()}
    out: dict[str, None] = {}
    for text in texts([{**defaults, **chosen.settings}, manifest.origins]):
        if "://" in text:
            out[text] = None
        elif "." in text and _HOST.fullmatch(text):
            out[f"https://{text}"] = None
    return tuple(out)


def words_of(chosen: ConnectorConfig) -> tuple[str, ...]:
    """Texts that the operator wrote into the settings."""
    return tuple(dict.fromkeys(texts(chosen.settings)))


class Broker:
    """The requests of one worker. ``take`` is called from the session's thread; answers are sent from threads."""

    def __init__(
        self,
        instance: str,
        brokered: Brokered,
        send: Callable[[protocol.HubFrame], None],
        log: Callable[[str, str], None],
        *,
        transport: Any = None,
    ) -> None:
        self._instance = instance
        self._brokered = brokered
        self._send = send
        self._log = log
        self._transport = transport
        self._http: Http | None = None
        self._auth: Auth | None = None
        self._masking: tuple[tuple[str, ...], Masking] = ((), Masking())
        self._pool = ThreadPoolExecutor(max_workers=AT_A_TIME, thread_name_prefix=f"broker {instance}")
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._under_way: set[int] = set()

    @property
    def busy(self) -> bool:
        """Whether the worker waits for an answer."""
        with self._lock:
            return bool(self._under_way)

    def take(self, frame: protocol.Connect | protocol.Ask) -> None:
        """Start what is asked for. Raises :class:`ProtocolError` for a worker that asks too much at a time."""
        number = frame.id if isinstance(frame, protocol.Ask) else 0
        with self._lock:
            if number in self._under_way or len(self._under_way) >= AT_A_TIME or number < 0:
                raise ProtocolError(f"{self._instance}: the worker asks for more than {AT_A_TIME} requests at a time")
            self._under_way.add(number)
        self._pool.submit(self._answer, number, frame)

    def close(self) -> None:
        """Give up what is under way."""
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._http is not None:
            self._http.close()

    def _answer(self, number: int, frame: protocol.Connect | protocol.Ask) -> None:
        try:
            try:
                parts = [self._connect(frame)] if isinstance(frame, protocol.Connect) else self._fetch(frame)
                for part in parts:
                    self._send(part)
            except IsthmusError as error:
                message = self._masked().text(str(error))
                wait = getattr(error, "not_before", None)
                self._send(self._refusal(number, type(error).__name__, message, wait))
            except Exception as error:  # what a stranger asked for met code of ours that did not expect it
                self._send(self._refusal(number, "UnexpectedReply", f"the request failed: {type(error).__name__}"))
        except IsthmusError:
            pass  # the worker is gone
        finally:
            with self._lock:
                self._under_way.discard(number)

    def _refusal(self, number: int, kind: str, message: str, wait: float | None = None) -> protocol.Reply:
        return protocol.Reply(id=number, error=protocol.Refused(kind=kind, message=message, not_before=wait))

    def _connect(self, frame: protocol.Connect) -> protocol.Reply:
        from isthmus_sdk.http import Http, Limits, Rate, Retry, Tls
        from isthmus_sdk.http._broker_auth import build, mentioned

        if self._http is not None:
            raise ConfigurationError("the connector described its client twice")
        unused = set(self._brokered.secrets) - mentioned(frame.auth, self._brokered.secrets)
        if unused:
            names = ", ".join(sorted(self._brokered.names[stand_in] for stand_in in unused))
            raise ConfigurationError(
                f"the auth of this connector does not hold {names} as it is: code of its own works on it, and a hub runs no "
                "code of a connector. Run the instance at isolation confined"
            )
        auth = build(frame.auth, self._brokered.secrets)
        permit([frame.base_url, *frame.origins], self._brokered.allowed)
        permit([*(auth.origins or (frame.base_url,)), *auth.logins], self._brokered.own)
        try:
            declared = Rate(**frame.rate) if frame.rate else None
            wanted = Rate(**self._brokered.rate) if self._brokered.rate else None
            options: dict[str, Any] = {
                "limits": Limits(**_capped(frame.limits)),
                "retry": Retry(**_capped(frame.retry)),
                "rate": declared.at_most(wanted) if declared else wanted,
                "rates": {path: Rate(**each) for path, each in frame.rates.items()},
            }
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"the connector's limits cannot be used ({type(error).__name__})") from None
        http = Http(
            base_url=frame.base_url,
            origins=frame.origins,
            auth=auth,
            tls=Tls(**self._brokered.tls) if self._brokered.tls else None,
            proxy=self._brokered.proxy,
            account=self._brokered.account,
            user_agent=frame.user_agent if frame.user_agent.isprintable() and frame.user_agent.isascii() else "isthmus",
            on_event=self._event,
            cancel=self._closed,
            transport=self._transport,
            **options,
        )
        http.start_run()
        self._auth, self._http = auth, http
        return protocol.Reply(id=0)

    def _fetch(self, ask: protocol.Ask) -> Iterator[protocol.Reply]:
        if self._http is None:
            raise ConfigurationError("the connector asks before it has described its client")
        ours = [name for name in ask.headers if _OURS.fullmatch(name)]
        if ours:
            raise ConfigurationError(f"the header {ours[0]} is set by the hub, not by a connector")
        reply = self._http.request(
            ask.method,
            ask.url,
            content=ask.content,
            headers={name: value for name, value in ask.headers.items() if name.lower() != "accept-encoding"},
            idempotent=ask.idempotent,
            deadline=None if ask.seconds is None else time.monotonic() + ask.seconds,
            with_credentials=ask.with_credentials,
            accept=ask.accept,
        )
        yield from self._parts(ask.id, reply)

    def _parts(self, number: int, reply: Response) -> Iterator[protocol.Reply]:
        masking = self._masked()
        body = masking.data(reply.body)
        whole = max(0, (len(body) - 1) // PART_BYTES)
        for part in range(whole):
            yield protocol.Reply(id=number, body=body[part * PART_BYTES : (part + 1) * PART_BYTES], more=True)
        yield protocol.Reply(
            id=number,
            status=reply.status,
            url=str(reply.url),
            headers=[
                (name, masking.text(value)) for name, value in reply.headers.pairs() if not _KEPT_BACK.fullmatch(name)
            ],
            body=body[whole * PART_BYTES :],
            received_at=reply.received_at,
        )

    def _masked(self) -> Masking:
        """Keeps back the secrets of the instance and the tokens that they were exchanged for."""
        tokens = tuple(self._auth.secrets()) if self._auth is not None else ()
        known, masking = self._masking
        if known != tokens or not known:
            masking = Masking([*self._brokered.secrets.values(), *tokens])
            self._masking = tokens, masking
        return masking

    def _event(self, event: Event) -> None:
        if event.kind == "retry":
            with suppress(IsthmusError):
                self._log("info", f"{event.method} {event.url} is tried again: {event.reason}")


def permit(places: Iterable[Any], allowed: Sequence[str]) -> None:
    """Raise ``OriginRefused`` where one of the places is none that operator and manifest name."""
    for place in map(str, places):
        if not any(_covers(one, place) for one in allowed):
            raise OriginRefused(
                f"{place.partition('?')[0]} is named neither by the settings of this instance nor by [origins] of the connector's "
                "manifest, so its hub sends nothing there"
            )


def _covers(allowed: str, place: str) -> bool:
    """Whether an allowed origin covers a place; both may be ``scheme://*.domain``."""
    any_below, below = "://*." in allowed, "://*." in place
    try:
        ours = Url(allowed.replace("://*.", "://", 1)).origin
        theirs = Url(place.replace("://*.", "://", 1)).origin
    except InvalidUrl:
        return False
    if (ours.scheme, ours.port) != (theirs.scheme, theirs.port):
        return False
    inside = theirs.host.endswith(f".{ours.host}")
    if below:
        return any_below and (inside or theirs.host == ours.host)
    return inside if any_below else theirs.host == ours.host


def _capped(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or not isinstance(value, int | float) else min(value, _CAPS.get(name, value))
        for name, value in declared.items()
    }


__all__ = ["AT_A_TIME", "Broker", "Brokered", "allowed_places", "permit", "stand_ins", "words_of"]
