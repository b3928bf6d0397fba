"""How a run gets its pages: over HTTP, or from files. Both are loaded only when a run needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.page import Page

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector
    from isthmus_sdk.context import PagesRequest
    from isthmus_sdk.http import Http
    from isthmus_sdk.http._broker import Channel
    from isthmus_sdk.push import Push


class HttpTransport:
    """Pages over the guarded HTTP client of the instance."""

    def __init__(self, connect: Callable[[], Http], *, keep_raw: bool = False) -> None:
        self._connect = connect
        self._keep_raw = keep_raw

    def pages(self, request: PagesRequest, resume: Any) -> Iterator[Page]:
        """Pages of one endpoint, from the pager's own token on."""
        from isthmus_sdk.http import pages

        return pages(
            self._connect(),
            request.path,
            items=request.items,
            next=request.next,
            params=dict(request.params),
            limit=request.limit,
            method=request.method,
            json=request.json,
            headers=request.headers,
            resume=resume,
            error_field=request.error_field,
            then=request.then,
            conditional=request.conditional,
            known=request.known,
            keep_raw=self._keep_raw,
            mark=request.mark,
        )


class FilesTransport:
    """Pages from files: drop folders, replays, ``map``. With ``push``, also files in which a daemon kept such messages."""

    def __init__(
        self,
        globs: Sequence[str],
        *,
        positions: Mapping[str, Any] | None = None,
        settle: float = 10.0,
        one_pass: bool = False,
        final: bool = False,
        summarised: bool = False,
        whole: str = "",
        notice: Callable[[str], None] | None = None,
        push: Push | None = None,
    ) -> None:
        self._globs = globs
        self._push = push
        self._positions = {name: position for name, position in (positions or {}).items() if position is not None}
        self._settle = settle
        self._one_pass = one_pass
        self._final = final
        self._summarised = summarised
        self._whole = whole
        self._notice = notice
        self._given = False

    def pages(self, request: PagesRequest, resume: Any) -> Iterator[Page]:
        """Pages of every file of the stream. A second call of the same run has nothing left to read."""
        from isthmus_sdk import files
        from isthmus_sdk.push._records import line_reader

        if self._given:
            return iter(())
        self._given = True
        return files.pages(
            self._globs,
            items=request.items,
            cursors=self._positions,
            settle=self._settle,
            one_pass=self._one_pass,
            final=self._final,
            log=self._summarised,
            native=self._summarised,
            tables=request.tables,
            whole=self._whole,
            notice=self._notice,
            message=line_reader(self._push),
        )


def connect(
    connector: Connector[Any],
    settings: Any,
    *,
    instance: str = "",
    tls: Mapping[str, Any] | None = None,
    proxy: str | None = None,
    rate: Mapping[str, Any] | None = None,
    account: str | None = None,
    on_event: Callable[[Any], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    broker: Channel | None = None,
    **tried: Any,
) -> Http:
    """The HTTP client of one instance: base URL and auth of the connector, TLS, proxy and rate of the operator.

    The operator's rate can lower the connector's, never raise it; with ``account``, a directory, it holds for all clients
    that are given the same one. ``broker``: the hub makes the requests, and has TLS, proxy and account. ``tried`` are options of the client that a test puts
    over the connector's own (``timer``, ``limits``, ``retry``); ``None`` leaves them as they are.
    """
    from isthmus_sdk import __version__
    from isthmus_sdk.http import Http, Rate, Tls

    options = dict(connector.http(settings) if callable(connector.http) else connector.http or {})
    if rate:
        try:
            wanted = Rate(**rate)
        except TypeError as error:
            raise ConfigurationError(f"rate: {error}; known: requests, per, burst, concurrency") from None
        declared = options.get("rate")
        options["rate"] = wanted if declared is None else declared.at_most(wanted)
    if tls:
        try:
            options["tls"] = Tls(**tls)
        except TypeError as error:
            raise ConfigurationError(f"tls: {error}; known: pin, ca, cert, key") from None
    options |= {name: option for name, option in tried.items() if option is not None}
    options.setdefault("user_agent", f"isthmus-sdk/{__version__} ({instance or connector.package})")
    options |= {
        "base_url": str(connector.base_url(settings)),
        "origins": [str(origin) for origin in (connector.origins(settings) if connector.origins else ())],
        "auth": connector.auth(settings) if connector.auth else None,
        "on_event": on_event,
        "cancel": cancel,
    }
    if broker is not None:
        from isthmus_sdk.http._broker import BrokeredHttp

        return BrokeredHttp(broker, **options)
    return Http(proxy=proxy, account=None if account is None else Path(account), **options)


__all__ = ["FilesTransport", "HttpTransport", "connect"]
