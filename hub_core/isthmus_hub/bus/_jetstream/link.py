"""The connection to NATS: one event loop in one thread behind synchronous calls, and requests that outlive a restart.

nats-py is imported here and nowhere else, when the first bus on NATS is opened.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from isthmus_hub._sqlite import StorageFault
from isthmus_hub.bus._jetstream.access import NatsAccess
from isthmus_hub.bus._jetstream.message import Message
from isthmus_sdk.errors import AuthenticationError, ConfigurationError, IsthmusError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

CONNECT_SECONDS: Final = 5.0
RECONNECT_SECONDS: Final = 0.1
REQUEST_SECONDS: Final = 2.0
"""One try of a request; it is repeated until `PATIENCE_SECONDS` have passed."""
PATIENCE_SECONDS: Final = 15.0
_PAUSE = 0.05
_ARRIVING_BYTES: Final = 512 * 1024 * 1024
T = TypeVar("T")


class Refused(IsthmusError):
    """JetStream answered with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} (JetStream error {code})")
        self.code = code


STREAM_NOT_FOUND, MESSAGE_NOT_FOUND, STREAM_EXISTS, WRONG_SEQUENCE = 10059, 10037, 10058, (10071, 10164)
NO_ROOM = (10077, 10047, 10023, 10122)
"""Maximum bytes or messages of the stream; storage or resources of the server or account."""


class Arriving:
    """The messages that answer one direct get."""

    def __init__(self) -> None:
        self._found: list[Message] = []
        self._whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, reply: Msg) -> None:
        """One more of them, or the status that ends them."""
        if self._whole.done():
            return
        headers = dict(reply.headers or {})
        if "Status" in headers and not reply.data:
            try:
                _check_status(headers)
            except Exception as error:
                self._whole.set_exception(error)
            else:
                self._whole.set_result(None)
        else:
            self._found.append(_message(reply))

    async def all(self) -> list[Message]:
        """When all have come. Raises ``TimeoutError`` where none came for a while."""
        seen = -1
        while not self._whole.done():
            if seen == len(self._found):
                raise TimeoutError
            seen = len(self._found)
            await asyncio.wait([self._whole], timeout=REQUEST_SECONDS)
        self._whole.result()
        return self._found


class Link:
    """A connection that comes back by itself. Coroutines run on its loop, `call` waits for them from any other thread."""

    def __init__(self, access: NatsAccess) -> None:
        try:
            import nats
        except ImportError as error:
            raise ConfigurationError(
                "[hub] bus names a NATS server, but nats-py is not installed: pip install 'isthmus[nats]'"
            ) from error
        self.access = access
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()
        self._closed = False
        self._fault = ""
        self._refused = False
        self.cut: set[Callable[[], None]] = set()
        """Called on the loop when the connection is lost."""
        self._inbox = ""
        self._asked = 0
        self._arriving: dict[str, Arriving] = {}
        try:
            self.nc: Client = self.call(self._connect(nats, _options(access)))
        except BaseException:
            self._end_loop()
            raise

    async def _connect(self, nats: Any, options: dict[str, Any]) -> Client:
        from nats import errors

        client: Client = nats.NATS()
        try:
            await asyncio.wait_for(
                client.connect(
                    servers=list(self.access.servers),
                    name=self.access.name,
                    connect_timeout=CONNECT_SECONDS,  # type: ignore[arg-type]  # seconds may be fractions
                    reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]
                    max_reconnect_attempts=2,
                    error_cb=self._note,
                    disconnected_cb=self._lost,
                    pending_size=64 * 1024 * 1024,
                    **options,
                ),
                CONNECT_SECONDS * 2,
            )
        except errors.Error as error:
            if self._refused or _is_refusal(error):
                raise AuthenticationError(
                    f"{self.access.where}: the server refuses the credential; check [nats] username and secrets"
                ) from None
            raise StorageFault(f"{self.access.where}: no connection ({_reason(error, self._fault)})") from None
        except (TimeoutError, OSError, ssl.SSLError) as error:
            raise StorageFault(f"{self.access.where}: no connection ({_reason(error, self._fault)})") from None
        client.options["max_reconnect_attempts"] = -1
        return client

    async def _note(self, error: Exception) -> None:
        self._fault = _reason(error, "")
        self._refused = self._refused or _is_refusal(error)

    async def _lost(self) -> None:
        for tell in list(self.cut):
            tell()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the loop and wait for the result."""
        if self._closed:
            work.close()
            raise StorageFault(f"{self.access.where}: the bus is closed")
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except (CancelledError, RuntimeError):
            work.close()
            if not self._closed:
                raise
            raise StorageFault(f"{self.access.where}: the bus is closed") from None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run on the loop and go on. What ``work`` raises is lost."""
        try:
            asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()  # the loop has ended

    async def request(self, subject: str, payload: object, *, patience: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """One question to the JetStream API that may be asked twice. Raises `Refused` or `StorageFault`."""
        data = b"" if payload is None else msgspec.json.encode(payload)

        async def ask() -> dict[str, Any]:
            reply = await self.nc.request(f"$JS.API.{subject}", data, timeout=REQUEST_SECONDS)
            answer: dict[str, Any] = msgspec.json.decode(reply.data)
            if error := answer.get("error"):
                raise Refused(error.get("err_code", error.get("code", 0)), error.get("description", "refused"))
            return answer

        return await self.patiently(ask, patience)

    async def gather(self, subject: str, payload: object) -> list[Message]:
        """Messages that answer one direct get, until a status ends them."""

        async def ask() -> list[Message]:
            if not self._inbox:
                inbox = self.nc.new_inbox()
                await self.nc.subscribe(f"{inbox}.*", cb=self._gathered, pending_bytes_limit=_ARRIVING_BYTES)
                self._inbox = inbox
            self._asked += 1
            inbox = f"{self._inbox}.{self._asked}"
            arriving = self._arriving[inbox] = Arriving()
            try:
                await self.nc.publish(f"$JS.API.{subject}", msgspec.json.encode(payload), reply=inbox)
                return await arriving.all()
            finally:
                del self._arriving[inbox]

        return await self.patiently(ask)

    async def _gathered(self, reply: Msg) -> None:
        arriving = self._arriving.get(reply.subject)
        if arriving is not None:
            arriving.take(reply)

    async def draw(self, subject: str, payload: object, count: int) -> list[Message]:
        """Up to ``count`` messages of a consumer. They are used up by asking, so they are not asked for again."""

        async def ask() -> list[Message]:
            inbox = self.nc.new_inbox()
            arrived = await self.nc.subscribe(inbox, pending_bytes_limit=_ARRIVING_BYTES)
            try:
                await self.nc.publish(f"$JS.API.{subject}", msgspec.json.encode(payload), reply=inbox)
                found: list[Message] = []
                while len(found) < count:
                    reply = await arrived.next_msg(timeout=REQUEST_SECONDS)
                    if "Status" in (reply.headers or {}) and not reply.data:
                        _check_status(dict(reply.headers or {}))
                        break
                    found.append(_message(reply))
                return found
            finally:
                await arrived.unsubscribe()

        return await self.patiently(ask, 0.0)

    async def patiently(self, ask: Callable[[], Coroutine[Any, Any, T]], patience: float = PATIENCE_SECONDS) -> T:
        """Repeat ``ask`` until there is an answer. Raises `Refused` at once, `StorageFault` when the time is over."""
        from nats import errors

        deadline = time.monotonic() + patience
        while True:
            try:
                return await ask()
            except Refused:
                raise
            except errors.ConnectionClosedError:
                raise StorageFault(f"{self.access.where}: the connection is closed") from None
            except (TimeoutError, errors.Error, OSError) as error:
                if time.monotonic() >= deadline:
                    raise StorageFault(
                        f"{self.access.where}: no answer from JetStream for {patience:.0f} s "
                        f"({_reason(error, self._fault)}); is the server running, with JetStream enabled?"
                    ) from None
                await asyncio.sleep(_PAUSE)

    def close(self) -> None:
        """Close the connection and end the thread."""
        if self._closed:
            return
        self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(self.nc.close(), self._loop).result(CONNECT_SECONDS)
        except Exception:  # noqa: S110 - a connection that is gone cannot be closed better
            pass
        self._end_loop()

    def _end_loop(self) -> None:
        self._closed = True

        async def cancel() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(CONNECT_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONNECT_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


def _options(access: NatsAccess) -> dict[str, Any]:
    options: dict[str, Any] = {"user": access.username, "password": access.password, "token": access.token}
    if access.credentials is not None or access.nkey is not None:
        try:
            importlib.import_module("nkeys")
        except ImportError as error:
            raise ConfigurationError(
                "[nats] secrets: credentials and nkey need the package nkeys: pip install 'nats-py[nkeys]'"
            ) from error
    if access.credentials is not None:
        from nats.aio.client import RawCredentials

        options["user_credentials"] = RawCredentials(access.credentials)
    if access.nkey is not None:
        options["nkeys_seed_str"] = access.nkey
    if any(server.startswith("tls:") for server in access.servers) or access.ca or access.cert:
        options["tls"] = _tls(access)
    return {name: value for name, value in options.items() if value is not None}


def _tls(access: NatsAccess) -> ssl.SSLContext:
    for name, path in (("ca", access.ca), ("cert", access.cert), ("key", access.key)):
        if path is not None:
            try:
                with open(path, "rb"):  # noqa: PTH123 - only whether it can be read
                    pass
            except OSError as error:
                raise ConfigurationError(f"[nats] tls.{name}: {path}: cannot be read ({error.strerror})") from None
    try:
        context = ssl.create_default_context(cafile=access.ca)
        if access.cert:
            context.load_cert_chain(access.cert, access.key)
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(f"[nats] tls: not usable as PEM files ({error})") from None
    return context


def _message(reply: Msg) -> Message:
    """From a direct get (headers say the place) or from a consumer (the reply subject does)."""
    headers = {str(name): value for name, value in (reply.headers or {}).items()}
    if "Nats-Sequence" in headers:
        return Message(int(headers["Nats-Sequence"]), headers["Nats-Subject"], headers, reply.data)
    return Message(reply.metadata.sequence.stream, reply.subject, headers, b"")


def _check_status(headers: dict[str, str]) -> None:
    """204 ends a batch, 404 and 408 say that there is nothing (more); the rest is an error."""
    status = headers.get("Status", "")
    if status == "503":
        from nats import errors

        raise errors.NoRespondersError
    if status not in {"204", "404", "408"}:
        raise Refused(int(status) if status.isdigit() else 0, str(headers.get("Description", "refused")))


def _is_refusal(error: object) -> bool:
    return "authorization" in str(error).lower() or "authentication" in str(error).lower()


def _reason(error: BaseException, before: str) -> str:
    """What went wrong, without anything that could hold a credential."""
    told = str(error).strip() or type(error).__name__
    return f"{told}; {before}" if before and before != told else told


__all__ = ["MESSAGE_NOT_FOUND", "NO_ROOM", "STREAM_EXISTS", "STREAM_NOT_FOUND", "WRONG_SEQUENCE", "Link", "Refused"]
