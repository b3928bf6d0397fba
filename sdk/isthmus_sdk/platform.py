"""The authoring surface for primary platforms: what a platform takes, and how it is told.

A platform module declares a :class:`Profile` (facts that drive the hub's delivery engine) and up to four functions::

    soc = Platform(__package__, settings=Settings, profile=Profile(max_records=500), auth=lambda s: Bearer(s.token))

    @soc.prepares                      # once per session: limits, templates; may return a narrower Profile
    def prepare(ctx): ...

    @soc.encodes                       # one resolved STIX object -> the records this platform stores for it
    def encode(obj, ctx): return Encoded(obj["id"], stix.encode(obj))

    @soc.sends                         # one call; one verdict per record, in the order given
    def send(batch, ctx): return [ACCEPTED for _ in batch]

    @soc.checks                        # what `isthmus check` prints
    def check(ctx): return ["collection is writable"]

Batching, retries, splitting, dead letters, the ledger and the sharing policy are the engine's; a platform writes none
of them. ``send`` speaks through its verdicts and through the error tree:

* a verdict per record: ``accepted``, ``duplicate`` (the platform had it), ``rejected`` (never resend it as it is),
  ``retry``;
* :class:`BatchRejected`: nothing of this call was taken because of some record in it; the engine finds which one;
* :class:`~isthmus_sdk.errors.TooLarge`: the call was too big; the engine sends smaller ones;
* :class:`~isthmus_sdk.errors.RetriableError` and ``SourceError``: outcome unknown; everything stays pending;
* ``AuthenticationError`` and ``ConfigurationError``: somebody must act; everything stays pending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from isthmus_sdk.errors import ConfigurationError, Interrupted, RecordError
from isthmus_sdk.hookspecs import hookimpl

if TYPE_CHECKING:
    import threading

    from pydantic import BaseModel

    from isthmus_sdk.http import Http, Tls

Outcome = Literal["accepted", "duplicate", "rejected", "retry"]
Atomicity = Literal["per_record", "all_or_nothing", "accepted_async"]
Key = Literal["caller_id", "server_id", "none"]
Deletes = Literal["by_key", "revoke", "ttl", "none"]
Grade = Literal["real server", "real third-party client or parser", "published contract", "recorded shape"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What the engine must know of a platform; fields follow the fact sheet of the platform's documentation."""

    max_records: int = 500
    """Most records in one call."""
    max_bytes: int = 5_000_000
    """Most bytes in one call, envelope and separators included; also the most that one record may have."""
    envelope: int = 64
    """Bytes of one call that belong to no record."""
    separator: int = 1
    """Bytes between two records."""
    takes: frozenset[str] | None = None
    """STIX types the platform has a place for; ``None``: all. The others are dropped as ``not taken: <type>``."""
    atomicity: Atomicity = "per_record"
    key: Key = "caller_id"
    """Who chooses the key of a record. ``none`` means that a crash between call and ledger leaves one batch twice."""
    deletes: Deletes = "revoke"
    grade: Grade = "published contract"
    """How well the mapping was proved; shown by ``isthmus platform list``."""

    def __post_init__(self) -> None:
        if self.max_records < 1 or self.max_bytes <= self.envelope:
            raise ValueError("a profile needs max_records >= 1 and max_bytes above its envelope")

    def room(self) -> int:
        """Most bytes that one record may have."""
        return self.max_bytes - self.envelope


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the platform said of one record."""

    outcome: Outcome
    reason: str = ""
    """For people, in the platform's words, shortened; never decides anything."""
    not_before: float | None = None
    """Seconds the platform asked to wait, for ``retry``."""


ACCEPTED = Verdict("accepted")
DUPLICATE = Verdict("duplicate")


@dataclass(frozen=True, slots=True)
class Encoded:
    """One record as the platform takes it. An object may become several; its verdict is then the worst of theirs."""

    id: str
    """Id of the STIX object the record stands for."""
    body: bytes
    """Exactly the bytes that the call carries for this record."""
    version: str = ""
    """``modified`` of the object where it has one."""
    key: str = ""
    """The platform's own key of the record where it differs from ``id``."""


class Dropped(Exception):
    """Raised by ``encode`` for an object the platform has no place for; counted by reason, never lost silently."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BatchRejected(RecordError):
    """The platform refused a whole call because of some record in it; nothing of the call may be counted as taken."""


def _wait(cancel: threading.Event, seconds: float) -> None:
    if cancel.wait(seconds):
        raise Interrupted("delivery was asked to stop while it waited; nothing is lost")


def _nothing(_id: str) -> dict[str, Any] | None:
    return None


@dataclass(slots=True)
class PlatformContext:
    """What the functions of a platform are given."""

    name: str
    """Name of the configured platform (``[platform.NAME]``)."""
    settings: Any
    """The checked settings, secrets included."""
    profile: Profile
    hub: str = ""
    """Name of the hub, for origin marks."""
    lookup: Callable[[str], dict[str, Any] | None] = _nothing
    """Resolved object by id, or ``None`` where it is unknown or above what this platform may see."""
    memory: dict[str, Any] = field(default_factory=dict)
    """Facts a platform learned in this session (limits, paths); gone with the process."""
    sleep: Callable[[float], Any] = sleep
    """Waits so many seconds, for a platform that decides later; ends early with ``Interrupted`` when the hub stops."""
    _connect: Callable[[], Http] | None = None
    _http: Http | None = None

    @property
    def http(self) -> Http:
        """The guarded client, bound to the platform's origin; made at first use."""
        if self._http is None:
            if self._connect is None:
                raise ConfigurationError(f"platform {self.name!r} declares no base_url, so it has no HTTP client")
            self._http = self._connect()
        return self._http

    def close(self) -> None:
        """Close the HTTP client if one was made."""
        if self._http is not None:
            self._http.close()
            self._http = None


Encoder = Callable[[dict[str, Any], PlatformContext], "Encoded | Iterable[Encoded] | None"]
Sender = Callable[[Sequence[Encoded], PlatformContext], Sequence[Verdict]]
Preparer = Callable[[PlatformContext], "Profile | None"]
Checker = Callable[[PlatformContext], "Iterable[str] | None"]
_F = TypeVar("_F", bound=Callable[..., Any])


class Platform:
    """A primary platform as a plugin: declared facts plus decorated functions.

    ``package`` is the package that holds ``platform.toml``; ``settings`` a pydantic model whose fields are the settings
    and the secrets; ``base_url`` gives the origin that the HTTP client is bound to (``None``: a platform without HTTP).
    """

    kind: ClassVar[str] = "platform"

    def __init__(
        self,
        package: str | None,
        *,
        settings: type[BaseModel],
        profile: Profile,
        auth: Callable[[Any], Any] | None = None,
        base_url: Callable[[Any], Any] | None = None,
    ) -> None:
        self.package = package or ""
        self.settings = settings
        self.profile = profile
        self.auth = auth
        self.base_url = base_url
        self._encode: Encoder | None = None
        self._send: Sender | None = None
        self._prepare: Preparer | None = None
        self._check: Checker | None = None

    def encodes(self, function: _F) -> _F:
        """Register the pure ``function(obj, ctx) -> Encoded | list[Encoded] | None``; ``None``: ``not projected``."""
        self._encode = function
        return function

    def sends(self, function: _F) -> _F:
        """Register ``function(batch, ctx) -> list[Verdict]``, one verdict per record in the same order."""
        self._send = function
        return function

    def prepares(self, function: _F) -> _F:
        """Register ``function(ctx) -> Profile | None``, called before the first send of a session."""
        self._prepare = function
        return function

    def checks(self, function: _F) -> _F:
        """Register ``function(ctx) -> findings`` for ``isthmus check``; an error of the tree makes it fail."""
        self._check = function
        return function

    def configure(self, settings: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> BaseModel:
        """Check settings and secrets against the model; raises ``SettingsError`` or ``SecretError``."""
        from isthmus_sdk.settings import configure

        return configure(self.settings, settings, secrets)

    def open(
        self,
        name: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str] | None = None,
        *,
        hub: str = "",
        tls: Tls | Mapping[str, Any] | None = None,
        proxy: str | None = None,
        cancel: threading.Event | None = None,
    ) -> Session:
        """A session of the configured platform ``name``; contacts nothing yet.

        ``tls`` is a :class:`~isthmus_sdk.http.Tls` or its fields as the configuration writes them; ``cancel`` ends every
        wait of the session.
        """
        if self._encode is None or self._send is None:
            raise ConfigurationError(f"platform {self.package!r} lacks an @encodes or @sends function")
        checked = self.configure(settings, secrets)
        context = PlatformContext(name, checked, self.profile, hub=hub)
        if cancel is not None:
            context.sleep = lambda seconds: _wait(cancel, seconds)
        if self.base_url is not None:
            context._connect = lambda: self._client(checked, tls=tls, proxy=proxy, cancel=cancel)
        return Session(self, context)

    def _client(self, settings: Any, *, tls: Tls | Mapping[str, Any] | None, **options: Any) -> Http:
        from isthmus_sdk.http import Http, Tls

        assert self.base_url is not None
        auth = self.auth(settings) if self.auth else None
        checked = Tls(**tls) if isinstance(tls, Mapping) else tls
        return Http(base_url=self.base_url(settings), auth=auth, tls=checked, user_agent="isthmus/1", **options)

    @hookimpl
    def isthmus_platform(self) -> Platform:
        """The plugin hook: a platform object is its own plugin."""
        return self


class Session:
    """One configured platform in use: what the delivery engine holds. Not for several threads at once."""

    def __init__(self, platform: Platform, context: PlatformContext) -> None:
        self._platform = platform
        self.context = context
        self._ready = False

    @property
    def name(self) -> str:
        """Name of the configured platform."""
        return self.context.name

    @property
    def profile(self) -> Profile:
        """The profile in force: the declared one, or what :meth:`prepare` found."""
        return self.context.profile

    def prepare(self) -> Profile:
        """Ask the platform for its limits, once per session; a failure is raised and asked again next time."""
        if not self._ready:
            found = self._platform._prepare(self.context) if self._platform._prepare else None
            if found is not None:
                self.context.profile = found
            self._ready = True
        return self.context.profile

    def encode(self, obj: dict[str, Any]) -> list[Encoded]:
        """Records of one object. Raises :class:`Dropped` where there are none."""
        assert self._platform._encode is not None
        made = self._platform._encode(obj, self.context)
        records = [made] if isinstance(made, Encoded) else list(made or ())
        if not records:
            raise Dropped("not projected")
        return records

    def send(self, batch: Sequence[Encoded]) -> Sequence[Verdict]:
        """One call to the platform."""
        assert self._platform._send is not None
        return self._platform._send(batch, self.context)

    def check(self) -> list[str]:
        """Findings of the platform's own check."""
        return list((self._platform._check(self.context) if self._platform._check else None) or ())

    def close(self) -> None:
        """Release the HTTP client; the next use makes a new one and prepares again."""
        self._ready = False
        self.context.close()


__all__ = [
    "ACCEPTED",
    "DUPLICATE",
    "BatchRejected",
    "Dropped",
    "Encoded",
    "Platform",
    "PlatformContext",
    "Profile",
    "Session",
    "Verdict",
]
