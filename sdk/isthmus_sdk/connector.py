"""The authoring surface: a :class:`Connector`, its streams, and what their records map to.

A connector is one object with decorated functions::

    acme = Connector(__package__, settings=Settings, auth=lambda s: Bearer(s.token.reveal()))

    @acme.stream("alerts", model=Alert, cursor="updated_at", lookback="10m")
    def alerts(ctx):                                  # which pages to read; no loop, retry or state
        return ctx.pages("/v1/alerts", items="data", next=Cursor("next_cursor", "cursor"), since="since", limit=1000)

    @alerts.maps
    def alert_to_stix(alert: Alert, stix: Builder):   # pure: the same record always gives the same objects
        yield stix.alert(...)

Decorated names keep their callables: ``alerts.fn`` is the stream function, ``alert_to_stix`` stays the function itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar, get_args, overload

from pydantic import BaseModel

from isthmus_sdk.duration import seconds
from isthmus_sdk.errors import ManifestError
from isthmus_sdk.hookspecs import hookimpl
from isthmus_sdk.nearest import did_you_mean

if TYPE_CHECKING:
    from isthmus_sdk.context import Context
    from isthmus_sdk.manifest import Manifest
    from isthmus_sdk.migrations import Migration, StateMigration
    from isthmus_sdk.page import Page
    from isthmus_sdk.push import Push
    from isthmus_sdk.stix import Builder

S = TypeVar("S", bound=BaseModel)
"""Settings of a connector."""
R = TypeVar("R")
"""Record of a stream, as its model describes it."""
F = TypeVar("F", bound=Callable[[Any], "Iterable[Page]"])
"""Stream function."""
T = TypeVar("T")
"""What a mapping gives: a dict, a ``Shape``, or an iterable of them."""
_C = TypeVar("_C", bound=Callable[..., Any])
_R_contra = TypeVar("_R_contra", contravariant=True)
_S_contra = TypeVar("_S_contra", contravariant=True, bound=BaseModel)

Contract = Literal["evolve", "freeze", "quarantine_record", "drop_field"]
"""What happens to a record whose fields differ from what the model says; see ``docs/contracts.md``."""
CursorUnit = Literal["auto", "s", "ms", "us", "ns", "sequence"]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
CONTRACTS: tuple[Contract, ...] = get_args(Contract)
_UNITS = ("auto", "s", "ms", "us", "ns", "sequence")


class Mapping_(Protocol[_R_contra]):
    """A mapping: one validated record and a builder (and the settings, if it asks for them) in, STIX objects out."""

    def __call__(self, record: _R_contra, stix: Builder, /, *settings: Any) -> Any: ...


class Summary:
    """How the records of a high-volume stream become communications (``@stream.summarises``)."""

    __slots__ = ("fn", "lateness", "max_edges", "window")

    def __init__(self, fn: Callable[..., Any], window: float, lateness: float, max_edges: int) -> None:
        self.fn = fn
        self.window = window
        """Seconds of event time in one window."""
        self.lateness = lateness
        """Seconds a record may be late before it is counted in the late bucket."""
        self.max_edges = max_edges


def _check_cursor(stream: str, model: type[Any], cursor: str) -> None:
    """A cursor that no record has would leave no mark, and each run would read everything again without a word."""
    known = [*getattr(model, "model_fields", ()), *getattr(model, "__struct_fields__", ())]
    first = cursor.partition(".")[0]
    if not known or first in known or hasattr(model, first):
        return
    hint = did_you_mean(first, known, others="it has")
    raise ManifestError(f"stream {stream}: cursor={cursor!r}: {model.__name__} has no {first!r}{hint}")


class Stream(Generic[R, F]):
    """One kind of record of a connector. Made by ``@connector.stream``; calling it calls the stream function."""

    def __init__(
        self,
        connector: Connector[Any],
        name: str,
        fn: F,
        *,
        model: type[R],
        cursor: str | None,
        cursor_unit: CursorUnit,
        key: str | Sequence[str] | None,
        lookback: str | float | None,
        ordered: bool,
        snapshot: bool,
        items: str | None,
        default: bool,
        contract: Contract,
        unwrap: Callable[[bytes], bytes] | None,
        version: int,
        push: Push | None,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ManifestError(f"stream {name!r}: a name is lower-case letters, digits and _, starting with a letter")
        if contract not in CONTRACTS:
            raise ManifestError(f"stream {name}: contract {contract!r} is unknown; one of {', '.join(CONTRACTS)}")
        if cursor_unit not in _UNITS:
            raise ManifestError(f"stream {name}: cursor_unit {cursor_unit!r} is unknown; one of {', '.join(_UNITS)}")
        if snapshot and cursor:
            raise ManifestError(f"stream {name}: a snapshot reads everything each time, so it has no cursor={cursor!r}")
        if snapshot and push is not None:
            raise ManifestError(f"stream {name}: what is pushed is never a complete set, so a snapshot has no push=")
        if lookback and not cursor:
            raise ManifestError(f"stream {name}: lookback needs cursor=, the field it looks back from")
        if cursor:
            _check_cursor(name, model, cursor)
        self.connector = connector
        self.name = name
        self.fn: F = fn
        self.model: type[R] = model
        self.cursor = cursor
        self.cursor_unit: CursorUnit = cursor_unit
        self.key = key
        self.lookback = seconds(lookback, name=f"stream {name}: lookback") if lookback else 0.0
        self.ordered = ordered
        self.snapshot = snapshot
        self.items = items
        self.default = default
        self.contract: Contract = contract
        self.unwrap = unwrap
        self.version = version
        self.push = push
        """How the vendor may send the records instead."""
        self.description = (fn.__doc__ or "").strip().split("\n", 1)[0].strip()
        self.mapping: Mapping_[R] | None = None
        self.mapping_takes_settings = False
        """Whether the mapping's third argument is the instance's settings."""
        self.summary: Summary | None = None
        self.state_migrations: dict[int, StateMigration] = {}
        """Version of the stream -> the function that leads to the next."""

    def __call__(self, ctx: Context[Any]) -> Iterable[Page]:
        """The pages of one run, as the stream function gives them."""
        return self.fn(ctx)

    def __repr__(self) -> str:
        return f"<stream {self.name} of {self.connector!r}>"

    @overload
    def maps(self, function: Callable[[R, Builder], T]) -> Callable[[R, Builder], T]: ...

    @overload
    def maps(self, function: Callable[[R, Builder, Any], T]) -> Callable[[R, Builder, Any], T]: ...

    def maps(self, function: Any) -> Any:
        """Register the pure mapping of a record to STIX objects and return it unchanged.

        It is given the record and a builder, and as a third argument, where it has one, the checked settings (a time zone, a
        name that the records do not hold). It returns or yields dicts and builder shapes. It raises
        :class:`~isthmus_sdk.errors.Ignored` for a record that rightly maps to nothing and
        :class:`~isthmus_sdk.errors.RecordError` for one it cannot use.
        """
        if self.mapping is not None:
            raise ManifestError(f"stream {self.name}: has two @maps functions; a record has one mapping")
        self.mapping = function
        self.mapping_takes_settings = _needed(function) == 3
        return function

    def migrates_state(self, *, from_version: int) -> Callable[[StateMigration], StateMigration]:
        """Register a pure function that lets the stream go on where ``version=from_version`` of it was; returns it unchanged.

        It gets ``{"kind", "high", "position"}`` and gives the same, or ``None`` to start anew. It may go back (an earlier ``high``, no
        ``position``), never forward. It runs in the worker, where only the connector changed and nothing that the operator wrote.
        """

        def decorate(function: StateMigration) -> StateMigration:
            from isthmus_sdk.migrations import register

            register(self.state_migrations, from_version, function, of=f"stream {self.name}: states")
            if from_version >= self.version:
                raise ManifestError(
                    f"stream {self.name}: migrates_state(from_version={from_version}) leads beyond version={self.version}; raise version="
                )
            return function

        return decorate

    def summarises(
        self, *, window: str | float = "1h", lateness: str | float = "5m", max_edges: int = 100_000
    ) -> Callable[[_C], _C]:
        """Register a function that turns each record into its contributions to communications; returns it unchanged.

        ``window`` is the length of a window and ``lateness`` how late a record may come, both in event time.
        ``max_edges`` bounds memory; what does not fit is counted in an overflow bucket.
        """

        def register(function: _C) -> _C:
            if self.summary is not None:
                raise ManifestError(f"stream {self.name}: has two @summarises functions")
            self.summary = Summary(
                function,
                seconds(window, name=f"stream {self.name}: window"),
                seconds(lateness, name=f"stream {self.name}: lateness"),
                max_edges,
            )
            return function

        return register


class Connector(Generic[S]):
    """A plugin for one vendor product, and the plugin object itself.

    ``package`` is ``__package__`` of the module that makes it: ``connector.toml`` lies there. ``settings`` describes what
    an operator sets. ``auth`` and ``base_url`` are asked once per instance, with the checked settings. ``origins`` adds
    places beside ``base_url`` that requests may go to. ``http`` adds options of the HTTP client (``rate``, ``limits``,
    ``retry``) as a dict or a function of the settings.
    """

    kind: ClassVar[str] = "connector"

    def __init__(
        self,
        package: str | None,
        *,
        settings: type[S],
        auth: Callable[[S], Any] | None = None,
        base_url: Callable[[S], Any] | None = None,
        origins: Callable[[S], Iterable[Any]] | None = None,
        http: Callable[[S], Mapping[str, Any]] | Mapping[str, Any] | None = None,
    ) -> None:
        if not package:
            raise ManifestError(
                "Connector(__package__, ...): the module is not inside a package; give the package's name"
            )
        self.package = package
        self.settings: type[S] = settings
        self.auth = auth
        self.base_url: Callable[[S], Any] = base_url or _base_url
        self.origins = origins
        self.http = http
        self.streams: dict[str, Stream[Any, Any]] = {}
        self.settings_migrations: dict[int, Migration] = {}
        """Version of settings -> the function that leads to the next."""
        self.checker: Callable[[Context[S]], Any] | None = None
        self._manifest: Manifest | None = None

    def __repr__(self) -> str:
        return f"<connector {self.package}>"

    @property
    def manifest(self) -> Manifest:
        """``connector.toml`` beside the code, read at first use. Raises ``ManifestError``."""
        if self._manifest is None:
            from isthmus_sdk.manifest import read

            self._manifest = read(self.folder / "connector.toml")
        return self._manifest

    @property
    def folder(self) -> Path:
        """Folder of the package."""
        from isthmus_sdk.manifest import package_folder

        return package_folder(self.package)

    @property
    def name(self) -> str:
        """The connector's name, from the manifest."""
        return self.manifest.name

    def stream(
        self,
        name: str,
        *,
        model: type[R],
        cursor: str | None = None,
        key: str | Sequence[str] | None = "id",
        lookback: str | float | None = None,
        ordered: bool = True,
        snapshot: bool = False,
        items: str | None = None,
        default: bool = True,
        contract: Contract = "evolve",
        unwrap: Callable[[bytes], bytes] | None = None,
        cursor_unit: CursorUnit = "auto",
        version: int = 1,
        push: Push | None = None,
    ) -> _StreamDecorator[R]:
        """Declare a stream; the decorated function says which pages to read.

        ``model``: pydantic model or msgspec struct that names only the fields the mapping uses.
        ``cursor``: field (dotted) whose value grows with each new or changed record; the next run starts there.
        ``cursor_unit``: what a number in that field is; ``auto`` guesses by size, ``sequence`` is no time at all.
        ``key``: field, or fields, of the vendor's own id of a record; ``None`` where the vendor gives none.
        ``lookback``: overlap of the next run, for records that the vendor indexes late.
        ``ordered``: pages come oldest first, so the cursor may move with each page; otherwise it moves at the end.
        ``snapshot``: each run reads the complete set; there is no cursor.
        ``items``: where the records are in a page, dotted; ``""`` for a bare list.
        ``default``: whether an instance runs the stream unless told otherwise.
        ``contract``: what becomes of a record that differs from the model. Fields that the model does not name are fine
        (``evolve``, ``drop_field``), send the record to quarantine (``quarantine_record``) or end the run (``freeze``, which
        ends it at a missing field and at one of another kind, too). Values that do not fit send the record to quarantine,
        or are left out where the model can do without them (``drop_field``). An operator may choose another one.
        ``unwrap``: takes the envelope off the raw bytes of one record.
        ``version``: raise it when the query changes in a way the model does not show; the stream then starts anew, unless
        ``migrates_state`` says where it goes on.
        ``push``: the vendor can also send the records (:class:`isthmus_sdk.push.Syslog`, ``Webhook``); an operator who sets
        up a receiver for the stream gets them in place of the pages that the function asks for.
        """

        def decorate(fn: F) -> Stream[R, F]:
            if name in self.streams:
                raise ManifestError(f"stream {name}: is declared twice")
            made: Stream[R, F] = Stream(
                self,
                name,
                fn,
                model=model,
                cursor=cursor,
                cursor_unit=cursor_unit,
                key=key,
                lookback=lookback,
                ordered=ordered,
                snapshot=snapshot,
                items=items,
                default=default,
                contract=contract,
                unwrap=unwrap,
                version=version,
                push=push,
            )
            self.streams[name] = made
            return made

        return decorate

    @property
    def settings_version(self) -> int:
        """Version of the settings: one more than the last that is migrated from. The manifest says the same."""
        from isthmus_sdk.migrations import version_of

        return version_of(self.settings_migrations)

    def migrates_settings(self, *, from_version: int) -> Callable[[Migration], Migration]:
        """Register a pure function from settings of ``from_version`` to those of the next; returns it unchanged.

        It gets a dict of what the operator wrote (no secrets) and gives another. It runs in the worker, for an instance
        whose configuration says ``settings_version = from_version``, before the settings are checked.
        """

        def decorate(function: Migration) -> Migration:
            from isthmus_sdk.migrations import register

            register(self.settings_migrations, from_version, function)
            return function

        return decorate

    def check(self, function: Callable[[Context[S]], T]) -> Callable[[Context[S]], T]:
        """Register ``function(ctx) -> findings`` for ``isthmus check``: one cheap authenticated call.

        It returns lines for the operator, or raises an error of the tree.
        """
        self.checker = function
        return function

    @hookimpl
    def isthmus_connector(self) -> Connector[S]:
        """The plugin hook: a connector object is its own plugin."""
        return self


class _StreamDecorator(Protocol[R]):
    """What ``@connector.stream(...)`` gives: keeps the type of the function it decorates."""

    def __call__(self, fn: F, /) -> Stream[R, F]: ...


def _needed(function: Callable[..., Any]) -> int:
    """How many arguments a function must be given by position."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = inspect.signature(function).parameters.values()
    return sum(each.kind in kinds and each.default is inspect.Parameter.empty for each in given)


def _base_url(settings: Any) -> Any:
    url = getattr(settings, "base_url", None)
    if url is None:
        raise ManifestError("the settings have no base_url; give Connector(..., base_url=lambda s: ...)")
    return url


__all__ = ["CONTRACTS", "Connector", "Contract", "CursorUnit", "Stream", "Summary"]
