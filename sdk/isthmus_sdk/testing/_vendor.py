"""The vendor's side: recorded pages behind an API that signs in, filters and pages as the connector expects it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from isthmus_sdk.http import Entities, Http, Keyset, SessionCookie, Sublist, TokenAuth
from isthmus_sdk.marks import Mark
from isthmus_sdk.testing._asking import Border, ByHand, Key, asked, border_in, canonical
from isthmus_sdk.testing._case import FixedReply
from isthmus_sdk.testing._details import held, listed, wanted
from isthmus_sdk.testing._jobs import Jobs
from isthmus_sdk.testing._material import Path, found
from isthmus_sdk.testing._paging import Plan, place, reply
from isthmus_sdk.testing._server import Answer, Exchange

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector, Stream
    from isthmus_sdk.testing._material import Copies

PAGE = 5
"""Records in a page, where the pager does not need whole ones."""
Twist = Callable[[Exchange, Answer, int], Answer | None]
"""What a fault does to the n-th page (from 1): another answer, or ``None`` where it has dealt with the connection."""


@dataclass(slots=True)
class Table:
    """What the vendor holds for one stream, and what its replies look like."""

    stream: Stream[Any, Any]
    copies: Copies
    envelope: Any
    items: str
    records: list[bytes] = field(default_factory=list)
    since_inclusive: bool = True
    sorted_by: Sequence[Path] = ()
    """Places by whose values the vendor sorts, whatever the order in which it holds its records."""

    def in_order(self, records: Sequence[bytes], pager: Any) -> list[bytes]:
        """Records as the vendor lists them."""
        keys = [pager.key] if isinstance(key := getattr(pager, "key", None), str) else list(key or ())
        places = list(self.sorted_by) or ([tuple(key.split(".")) for key in keys] if isinstance(pager, Keyset) else [])
        if not places:
            return list(records)

        def rank(raw: bytes) -> list[tuple[bool, bool, Any]]:
            document = decoded(raw)
            values = [found(document, place) for place in places]
            # Numbers before texts before what is neither, so that odd records can be sorted too.
            return [
                (not isinstance(value, int | float | str), isinstance(value, str), value)
                if isinstance(value, int | float | str)
                else (True, True, "")
                for value in values
            ]

        return sorted(records, key=rank)


@dataclass(slots=True)
class Asked:
    """A request that was answered, or refused."""

    method: str
    path: str
    status: int
    at: float
    """Seconds on the clock that the client waits by."""
    login: bool = False
    beside: bool = False
    """It asked for the list of one record: for no page of the stream."""


class Vendor:
    """Answers the requests of one connector. ``now`` is the client's clock, for the rate."""

    def __init__(
        self,
        connector: Connector[Any],
        settings: Any,
        http: Http,
        tables: Mapping[str, Table],
        replies: Sequence[FixedReply],
        now: Callable[[], float],
    ) -> None:
        self.connector = connector
        self.settings = settings
        self.tables = tables
        self.http = http
        self.asked: list[Asked] = []
        self.strays: list[str] = []
        """Requests that nobody expected."""
        self.pages = 0
        """Pages asked for since the fault was set."""
        self.twist: Twist | None = None
        self.twists_all = False
        """Requests for positions that no page led to are the fault's too."""
        self.running = ""
        """The stream whose run is under way."""
        self.checking = False
        """The requests are those of the connector's own check."""
        self.refusing = False
        """Every sign-in and every credential is refused."""
        self.plans: list[Plan] = []
        self._jobs = Jobs(http)
        self._replies = replies
        self._now = now
        self._auth = http.auth
        self._tokens = 0
        self._revoked = 0
        self._lock = threading.Lock()
        self._prefix = urlsplit(str(http.base_url)).path.rstrip("/")

    def tokens(self) -> list[str]:
        """Every token that was handed out."""
        return [_token(number) for number in range(1, self._tokens + 1)]

    def revoke(self) -> None:
        """No token handed out so far is taken any more."""
        self._revoked = self._tokens

    def fault(self, twist: Twist | None) -> None:
        """Put a fault in the way, or take it out."""
        self.twist, self.pages, self.twists_all = twist, 0, False

    def hold(self, stream: str, records: Sequence[bytes]) -> None:
        """Replace what the vendor has."""
        self.tables[stream].records = list(records)

    def announce(self, stream: str, marks: Sequence[Mark | None]) -> None:
        """A run may begin at these marks: lay out the walks. Raises ``ByHand``."""
        self.running = stream
        table = self.tables[stream]
        plain = asked(table.stream, self.settings)
        self.plans = [plan for plan in self.plans if plan.stream != stream]
        self.plans += [self._plan(table, number, request, table.records) for number, request in enumerate(plain)]
        for mark in marks:
            if mark is not None:
                self._walks_from(table, mark)

    def _walks_from(self, table: Table, mark: Mark) -> None:
        """Lay out the walks of a run that begins at a mark, with the records that the vendor's filter gives."""
        bases = {plan.call: plan for plan in self.plans if plan.stream == table.stream.name and plan.unfiltered}
        for number, request in enumerate(asked(table.stream, self.settings, mark)):
            base = bases.get(number)
            probe = self._plan(table, number, request, [])
            border = None
            if base is not None and base.first is not None and probe.first is not None:
                border = border_in(
                    base.first, probe.first, like=mark, unit=table.stream.cursor_unit, inclusive=table.since_inclusive
                )
            given = [raw for raw in table.records if _beyond(table, raw, border)]
            made = self._plan(table, number, request, given)
            made.unfiltered = False
            self.plans.insert(0, made)

    def _plan(self, table: Table, call: int, request: Any, records: Sequence[bytes]) -> Plan:
        mine = (
            table.in_order(records, request.next) if call == 0 else []
        )  # recorded pages belong to the first call of a stream
        envelope, items = table.envelope, table.items
        if isinstance(request.then, Entities):  # the recorded pages hold the entities; what lists them is plain
            mine, items = listed(mine, request.then), (request.items or "").partition("|")[0]
            envelope = {} if items else None
        return Plan(table.stream.name, call, request, self.http, envelope, items, mine, PAGE, jobs=self._jobs)

    def serve(self, exchange: Exchange) -> None:
        """Answer one request."""
        login = self._login(exchange)
        if login is not None:
            self._note(exchange, login.status, login=True)
            exchange.reply(login)
            return
        if self._refused(exchange):
            self._note(exchange, 401)
            exchange.reply(Answer(401, b'{"error":"the credential is not accepted"}'))
            return
        answer = self._sublist(exchange)
        if answer is not None:
            self._note(exchange, answer.status, beside=True)
            exchange.reply(answer)
            return
        answer = self.honest(exchange)
        if answer is None and self.twists_all and self.plan_at(exchange) is not None:
            answer = Answer()
        if answer is None:
            self._beside(exchange)
            return
        with self._lock:
            self.pages += 1
            number, twist = self.pages, self.twist
        self._note(exchange, answer.status)
        if twist is not None:
            twisted = twist(exchange, answer, number)
            if twisted is None:
                return
            answer = twisted
        exchange.reply(answer)

    def honest(self, exchange: Exchange) -> Answer | None:
        """The page, entities or part of an export that a request asks for; ``None`` where it asks for none."""
        beyond = self._jobs.answer(exchange) or self._entities(exchange)
        if beyond is not None:
            return beyond
        key: Key = (
            exchange.method,
            exchange.path,
            tuple(sorted(exchange.query)),
            canonical(exchange.body),
            exchange.headers.get("range", ""),
        )
        answer = next((found for plan in self.plans if (found := plan.answer(key)) is not None), None)
        return answer if answer is not None or self.twists_all else self._from_another_mark(exchange, key)

    def asks_for_entities(self, exchange: Exchange) -> bool:
        """Whether a request names ids, and no position in a list."""
        return self._entities(exchange) is not None

    def _entities(self, exchange: Exchange) -> Answer | None:
        """The entities of the ids that a request names."""
        for plan in self.plans:
            then = plan.request.then
            if isinstance(then, Entities) and (ids := wanted(exchange, then, self.http)) is not None:
                table = self.tables[plan.stream]
                return reply(table.envelope, table.items, held(table.records, then, ids))
        return None

    def _sublist(self, exchange: Exchange) -> Answer | None:
        """The list of one record, which recorded records hold whole; it is one page, and no fault befalls it."""
        for plan in self.plans:
            then = plan.request.then
            if not isinstance(then, Sublist):
                continue
            for raw in self.tables[plan.stream].records:
                record = decoded(raw)
                path = then.path_of(record)
                if path is not None and urlsplit(str(self.http.resolve(path))).path == exchange.path:
                    rows = record.get(then.into)
                    found = rows if isinstance(rows, list) else []
                    if then.keep is not None:
                        found = [{then.keep: each} for each in found]
                    document: Any = found
                    if then.items:
                        document = {}
                        place(document, then.items, found)
                    return Answer(200, msgspec.json.encode(document), {"Content-Type": "application/json"})
        return None

    def _from_another_mark(self, exchange: Exchange, key: Key) -> Answer | None:
        """A walk that starts anew in the middle of a run begins at the mark of a record that was just read."""
        near = self.plan_at(exchange)
        if near is None or self.tables[near.stream].stream.cursor is None:
            return None
        table = self.tables[near.stream]
        marks = {mark for raw in table.records if (mark := table.copies.mark(raw)) is not None}
        known = len(self.plans)
        for mark in marks:
            self._walks_from(table, mark)
            for plan in self.plans[: len(self.plans) - known]:
                if (answer := plan.answer(key)) is not None:
                    return answer
            del self.plans[: len(self.plans) - known]
        return None

    def plan_at(self, exchange: Exchange) -> Plan | None:
        """The walk whose endpoint a request goes to; of several at one path, one of the stream that runs."""
        near = [plan for plan in self.plans if plan.first is not None and plan.first[1] == exchange.path]
        return next((plan for plan in near if plan.stream == self.running), near[0] if near else None)

    def _beside(self, exchange: Exchange) -> None:
        """A request that asks for no page of a stream."""
        fixed = next(
            (r for r in self._replies if r.method == exchange.method and self._prefix + r.path == exchange.path), None
        )
        if fixed is not None:
            body = fixed.body.encode() if isinstance(fixed.body, str) else msgspec.json.encode(fixed.body)
            self._note(exchange, fixed.status)
            exchange.reply(Answer(fixed.status, body, {"Content-Type": "application/json", **fixed.headers}))
            return
        near = self.plan_at(exchange)
        if near is not None:
            exchange.reply(self._off_the_walk(exchange, near))
            return
        self._note(exchange, 404)
        self.strays.append(f"{exchange.method} {exchange.path}")
        exchange.reply(Answer(404, b'{"error":"there is no such path"}'))

    def _off_the_walk(self, exchange: Exchange, near: Plan) -> Answer:
        """A check asks a stream's endpoint in a way of its own; in a run it is a position that no page led to."""
        if self.checking:
            answer = near.page(len(near.records), near.records[:1])
        elif near.tells_the_next:
            answer = Answer(410, b'{"error":"this position is not known"}')
        else:
            answer = near.page(len(near.records), [])
        self._note(exchange, answer.status)
        if not self.checking:
            self.strays.append(f"{exchange.method} {exchange.target[:200]}, where no page led to")
        return answer

    def is_login(self, exchange: Exchange) -> bool:
        """Whether a request asks for a token."""
        return any(urlsplit(str(url)).path == exchange.path for url in self._auth.logins)

    def _login(self, exchange: Exchange) -> Answer | None:
        auth = self._auth
        if not self.is_login(exchange):
            return None
        if self.refusing:
            return Answer(401, b'{"error":"invalid_client"}')
        with self._lock:
            self._tokens += 1
            token = _token(self._tokens)
        body: dict[str, Any] = {"access_token": token, "token": token, "token_type": "Bearer", "expires_in": 3600}
        where = getattr(auth, "_path", None)
        headers = {"Content-Type": "application/json"}
        if isinstance(auth, SessionCookie):
            headers["Set-Cookie"] = f"{where}={token}; Path=/; HttpOnly"
        elif isinstance(where, str):
            place(body, where, token)
            headers[where] = token
        if isinstance(ends := getattr(auth, "_expires", None), str):
            place(body, ends, 3600)
        return Answer(200, msgspec.json.encode(body), headers)

    def _refused(self, exchange: Exchange) -> bool:
        if self.refusing:
            return True
        if not isinstance(self._auth, TokenAuth) or not self._auth.logins or self._jobs.bears_its_proof(exchange):
            return False
        live = [_token(number) for number in range(self._revoked + 1, self._tokens + 1)]
        return not any(token in value for token in live for value in exchange.headers.values())

    def _note(self, exchange: Exchange, status: int, *, login: bool = False, beside: bool = False) -> None:
        self.asked.append(Asked(exchange.method, exchange.path, status, self._now(), login, beside))


def decoded(raw: bytes) -> Any:
    """A record as data; ``None`` for one that is no JSON."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _token(number: int) -> str:
    return f"token-of-the-kit-{number:06d}"


def _beyond(table: Table, raw: bytes, border: Border | None) -> bool:
    """Whether the vendor's own filter gives a record."""
    if border is None:
        return True
    mark: Any = table.copies.mark(raw)
    if mark is None:
        return True
    return bool(mark >= border.value if border.inclusive else mark > border.value)


__all__ = ["PAGE", "Asked", "ByHand", "Table", "Twist", "Vendor"]
