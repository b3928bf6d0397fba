"""Level `networked-off`: a connector without network and secret, whose requests its hub makes; and what it tries instead."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hub.runtime.rogue import Nothing
from tests.sdk.http.server import Exchange, HostileServer

from isthmus_hub.runtime import Plan, Session, StreamRun
from isthmus_hub.runtime._broker import Brokered, allowed_places, permit, stand_ins
from isthmus_hub.runtime._process import WorkerProcess, try_level
from isthmus_sdk import protocol
from isthmus_sdk.confine import Reach
from isthmus_sdk.errors import OriginRefused

SECRET = "s3cr3t-of-the-instance"
pytestmark = pytest.mark.skipif(
    try_level("networked-off").level != "networked-off", reason=f"NOT RUN: {try_level('networked-off').reason}"
)

HEAD = """
import os, socket, sys, time
from pydantic import BaseModel
from isthmus_sdk import Connector, Secret, Settings, Url
from isthmus_sdk.http import *
class S(Settings):
    base_url: Url
    token: Secret
class Row(BaseModel):
    id: str
"""
PLAIN = "ApiKey('X-Api-Key', s.token)"


def code(auth: str = PLAIN, body: str = "", more: str = "", **declared: str) -> str:
    options = "".join(f", {name}={value}" for name, value in declared.items())
    lines = "".join(f"    {line}\n" for line in body.splitlines()) or "    return ctx.pages('/rows', items='rows')\n"
    return (
        f"{HEAD}{more}\noff = Connector(__name__, settings=S, auth=lambda s: {auth}{options})\n"
        f"@off.stream('rows', model=Row)\ndef rows(ctx):\n{lines}"
        "@off.maps\n".replace("@off.maps", "@rows.maps")
        + "def to_stix(row, stix):\n    return stix.asset(row.id, name=row.id)\n"
    )


class Off:
    """An instance at level `networked-off` and one session with it."""

    def __init__(self, folder: Path, vendor: HostileServer) -> None:
        self.folder, self.vendor = folder, vendor
        self.intake = Kept()
        self.allowed: tuple[str, ...] = (vendor.url,)

    def run(self, text: str, **options: Any) -> StreamRun:
        package = self.folder / "off"
        package.mkdir()
        (package / "__init__.py").write_text(text)
        (package / "connector.toml").write_text('[connector]\nname = "off"\nversion = "1"\nsdk_api = ">=1"\n')
        words = stand_ins({"token": SECRET})
        brokered = Brokered({words["token"]: SECRET}, {words["token"]: "token"}, self.allowed)
        configure = protocol.Configure(
            hub="h",
            instance="off-north",
            source_id="o",
            settings={"base_url": self.vendor.url},
            secrets=words,
            brokered=True,
        )
        plan = Plan(
            "off-north", "off", "off:off", ("rows",), "o", configure, path=(self.folder,), brokered=brokered,
            reach=Reach(ports=(), level="networked-off"), required="networked-off", chosen_at="isthmus.toml:1",
        )  # fmt: skip
        [run] = Session(plan, self.intake, self.intake, **{"silence": 60.0, **options}).run()
        return run

    def result(self, expression: str, **options: Any) -> str:
        """What an expression came to inside the worker."""
        run = self.run(code(body=f"raise RuntimeError('result: ' + repr({expression}))", **options))
        assert run.error is not None
        return run.error.message


class Kept(Nothing):
    """Keeps what a worker sends, to be searched."""

    def __init__(self) -> None:
        self.blocks: list[Any] = []

    def block(self, instance: str, source_id: str, block: Any) -> Any:
        self.blocks.append(block)
        return super().block(instance, source_id, block)


@pytest.fixture
def vendor() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def other() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def off(tmp_path: Path, vendor: HostileServer) -> Off:
    return Off(tmp_path, vendor)


def rows(*ids: str) -> Any:
    return lambda exchange: exchange.reply(body=json.dumps({"rows": [{"id": each} for each in ids]}).encode())


# -- it works ----------------------------------------------------------------------------------------------------------


def test_its_requests_are_made_with_the_credential_that_it_never_has(off: Off, vendor: HostileServer) -> None:
    vendor.on("/rows", rows("a", "b"))
    run = off.run(code())
    assert (run.error, run.records, run.mapped) == (None, 2, 2)
    assert (run.confinement.level, run.confinement.network) == ("networked-off", "none")
    assert vendor.requests[0].headers["x-api-key"] == SECRET


def test_oauth2_is_carried_out_by_the_hub(off: Off, vendor: HostileServer) -> None:
    vendor.on("/token", lambda exchange: exchange.reply(body=b'{"access_token": "t0ken-of-the-hub", "expires_in": 60}'))
    vendor.on("/rows", rows("a"))
    run = off.run(code("OAuth2ClientCredentials(s.base_url / 'token', 'me', s.token)"))
    assert (run.error, run.records) == (None, 1)
    assert vendor.requests[0].form["client_secret"] == SECRET
    assert vendor.requests[1].headers["authorization"] == "Bearer t0ken-of-the-hub"


@pytest.mark.parametrize(
    "auth",
    [
        "Basic('me', s.token)",
        "Bearer(s.token, scheme='ApiToken')",
        "ApiKey('Authorization', f'ExtraHop apikey={s.token.reveal()}')",
        "HmacSignature('public', s.token)",
        "NonceDigest('7', s.token)",
        "Login(s.base_url / 'login', {'user': 'me', 'password': s.token})",
        "HeaderLogin(s.base_url / 'login', {'password': s.token})",
        "SessionCookie(s.base_url / 'login', {'password': s.token}, cookie='sid')",
    ],
)
def test_every_standard_auth_can_be_brokered(off: Off, vendor: HostileServer, auth: str) -> None:
    headers = {"Authorization": "Bearer f00-b4r", "Set-Cookie": "sid=c00kie-value; Path=/"}
    vendor.on("/login", lambda exchange: exchange.reply(body=b'{"token": "f00-b4r"}', headers=headers))
    vendor.on("/rows", rows("a"))
    run = off.run(code(auth))
    assert (run.error, run.records) == (None, 1)
    if "login" in auth:
        assert SECRET in vendor.requests[0].body.decode()


def test_a_large_reply_arrives_whole(off: Off, vendor: HostileServer) -> None:
    padded = [{"id": str(number), "pad": "x" * 5_000} for number in range(1_000)]
    vendor.on("/rows", lambda exchange: exchange.reply(body=json.dumps({"rows": padded}).encode()))
    run = off.run(code())
    assert (run.error, run.records) == (None, 1_000)


def test_a_vendors_faults_are_retried_by_the_hub_and_named_as_ever(off: Off, vendor: HostileServer) -> None:
    vendor.on("/rows", lambda exchange: exchange.reply(503), rows("a"))
    quick = "{'retry': Retry(first=0.001, most=0.002)}"
    assert off.run(code(http=quick)).error is None
    assert len(vendor.requests) == 2


def test_a_wrong_credential_is_named_as_ever(off: Off, vendor: HostileServer) -> None:
    vendor.on("/rows", lambda exchange: exchange.reply(401))
    run = off.run(code())
    assert run.error is not None
    assert (run.error.kind, run.error.group) == ("AuthenticationError", "authentication")


def test_a_body_cut_short_inside_is_asked_for_again(off: Off, vendor: HostileServer) -> None:
    vendor.on("/rows", lambda exchange: exchange.reply(body=b'{"rows": [{"id": "a"}, {"i'), rows("a", "b"))
    run = off.run(code(http="{'retry': Retry(first=0.001, most=0.002)}"))
    assert (run.error, run.records) == (None, 2)


def test_several_requests_at_a_time_find_their_own_answers(off: Off, vendor: HostileServer) -> None:
    for number in range(8):
        vendor.on(f"/{number}", rows(str(number)))
    body = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = list(pool.map(lambda n: ctx.http.get(f'/{n}').json()['rows'][0]['id'], range(8)))\n"
        "raise RuntimeError('result: ' + ''.join(found))"
    )
    run = off.run(code(body=body))
    assert run.error is not None
    assert "result: 01234567" in run.error.message


def test_the_wish_to_stop_ends_one_that_waits_for_an_answer(off: Off, vendor: HostileServer) -> None:
    stop, release = threading.Event(), threading.Event()

    def hang(exchange: Exchange) -> None:
        stop.set()
        release.wait(30)

    vendor.on("/rows", hang)
    run = off.run(code(), stop=stop)
    release.set()
    assert not run.finished


# -- it has no network -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', {port}), 5)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
        "socket.socket(socket.AF_INET6)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.getaddrinfo('vendor.example', 443)",
        "os.listdir('/proc/self/fd')",
    ],
)
def test_no_socket_of_any_kind_can_be_made(off: Off, vendor: HostileServer, attempt: str) -> None:
    message = off.result(attempt.format(port=vendor.port))
    assert "result:" not in message
    assert "PermissionError" in message or "gaierror" in message


def test_it_inherits_no_descriptor_but_its_own_pipes(off: Off) -> None:
    kinds = "sorted({__import__('stat').S_IFMT(os.fstat(fd).st_mode) for fd in range(256) if __import__('contextlib') and _open(fd)})"
    more = "def _open(fd):\n    try:\n        os.fstat(fd)\n    except OSError:\n        return False\n    return True"
    with socket.socket() as inherited:
        inherited.set_inheritable(True)
        message = off.result(kinds, more=more)
    assert "result: [4096, 8192]" in message, "pipes and /dev/null"


# -- it has no secret --------------------------------------------------------------------------------------------------


def test_what_it_holds_in_place_of_a_secret_tells_nothing(off: Off) -> None:
    message = off.result("ctx.settings.token.reveal()[:15] == 'stand-in-token-'")
    assert "result: True" in message


def test_an_echo_of_the_credential_comes_back_masked(off: Off, vendor: HostileServer) -> None:
    def echo(exchange: Exchange) -> None:
        exchange.reply(
            body=json.dumps({"rows": [{"id": exchange.headers["x-api-key"]}]}).encode(),
            headers={"X-Echo": exchange.headers["x-api-key"], "Set-Cookie": "session=abcdefgh"},
        )

    vendor.on("/rows", echo)
    body = "reply = ctx.http.get('/rows')\nraise RuntimeError('result: ' + repr((reply.body, dict(reply.headers))))"
    run = off.run(code(body=body))
    assert run.error is not None
    assert "[masked]" in run.error.message
    assert SECRET not in run.error.message
    assert "abcdefgh" not in run.error.message


def test_a_stand_in_outside_of_the_auth_is_sent_as_it_is(off: Off, vendor: HostileServer) -> None:
    vendor.on("/rows", rows("a"))
    body = "return ctx.pages('/rows', items='rows', headers={'X-Mine': ctx.settings.token.reveal()}, params={'q': ctx.settings.token.reveal()})"
    assert off.run(code(body=body)).error is None
    [request] = vendor.requests
    assert request.headers["x-mine"].startswith("stand-in-token-")
    assert SECRET not in request.target


def test_a_stranger_is_not_given_the_secret_as_a_login(off: Off, vendor: HostileServer, other: HostileServer) -> None:
    run = off.run(code(f"OAuth2ClientCredentials('{other.url}/token', 'me', s.token)"))
    assert run.error is not None
    assert run.error.kind == "OriginRefused"
    assert f"{other.url}/token" in run.error.message
    assert (vendor.requests, other.requests) == ([], [])


@pytest.mark.parametrize("declared", [{"origins": "lambda s: ['{other}']"}, {"base_url": "lambda s: '{other}'"}])
def test_no_origin_but_those_of_settings_and_manifest_is_contacted(
    off: Off, vendor: HostileServer, other: HostileServer, declared: dict[str, str]
) -> None:
    options = {name: text.format(other=other.url) for name, text in declared.items()}
    run = off.run(code(body="ctx.http.get('/rows')\nreturn []", **options))
    assert run.error is not None
    assert run.error.kind == "OriginRefused"
    assert other.requests == []


def test_another_origin_is_refused_to_one_that_speaks_to_the_hub_itself(
    off: Off, vendor: HostileServer, other: HostileServer
) -> None:
    body = (
        "from isthmus_sdk import protocol\n"
        "ctx.http._connect()\n"
        f"ask = lambda number: protocol.Ask(id=number, method='GET', url='{other.url}/steal')\n"
        "ctx.http._channel.ask(ask, lambda: False)"
    )
    run = off.run(code(body=body))
    assert run.error is not None
    assert run.error.kind == "OriginRefused"
    assert other.requests == []


@pytest.mark.parametrize("header", ["Host", "Content-Length", "Transfer-Encoding", "Proxy-Authorization"])
def test_headers_that_frame_a_request_are_the_hubs(off: Off, vendor: HostileServer, header: str) -> None:
    run = off.run(code(body=f"ctx.http.get('/rows', headers={{'{header}': '1'}})"))
    assert run.error is not None
    assert "is set by the hub" in run.error.message
    assert vendor.requests == []


# -- what cannot be brokered is refused with the reason ----------------------------------------------------------------

OWN = "class Mine(Auth):\n    def __init__(self, token):\n        self.token = token\n"


@pytest.mark.parametrize(
    ("auth", "more", "reason"),
    [
        ("Mine(s.token)", OWN, "the auth Mine is made of code"),
        ("Signed(s.token, lambda request, secret, now: {})", "", "the auth Signed is made of code"),
        ("SessionCookie(s.base_url / 'l', {'p': s.token}, cookie='c', over=len)", "", "SessionCookie over is code"),
        ("Bearer(s.token.reveal().encode().hex())", "", "does not hold token as it is"),
        ("NoAuth()", "", "does not hold token as it is"),
    ],
)
def test_auth_that_is_code_is_refused_with_the_reason(
    off: Off, vendor: HostileServer, auth: str, more: str, reason: str
) -> None:
    run = off.run(code(auth, more=more))
    assert run.error is not None
    assert run.error.group == "configuration"
    assert reason in run.error.message
    assert "confined" in run.error.message
    assert vendor.requests == []


def test_one_that_asks_for_too_much_at_a_time_is_stopped(off: Off, vendor: HostileServer) -> None:
    def slow(exchange: Exchange) -> None:
        threading.Event().wait(1)

    vendor.on("/rows", slow)
    body = (
        "from isthmus_sdk import protocol\nctx.http._connect()\n"
        f"for number in range(1, 40):\n    ctx.http._channel._send(protocol.Ask(id=number, method='GET', url='{vendor.url}/rows'))\n"
        "time.sleep(600)"
    )
    run = off.run(code(body=body))
    assert run.error is not None
    assert run.error.kind == "ProtocolError"
    assert "more than 8 requests" in run.error.message


# -- where requests may go ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "place", "passes"),
    [
        ("https://a.example", "https://a.example/x", True),
        ("https://a.example", "http://a.example/x", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://b.a.example", False),
        ("https://a.example", "https://a.example.evil.example", False),
        ("https://*.a.example", "https://b.a.example", True),
        ("https://*.a.example", "https://a.example", False),
        ("https://*.a.example", "https://evila.example", False),
        ("https://*.a.example", "https://*.b.a.example", True),
        ("https://b.a.example", "https://*.a.example", False),
        ("https://*.b.a.example", "https://*.a.example", False),
    ],
)
def test_a_place_is_covered_by_its_whole_origin(allowed: str, place: str, passes: bool) -> None:
    if passes:
        permit([place], [allowed])
    else:
        with pytest.raises(OriginRefused):
            permit([place], [allowed])


def test_a_credential_goes_below_a_domain_only_to_the_operators_own_host() -> None:
    made = Brokered({}, {}, ("https://a.example", "https://*.store.example"), words=("north", "https://x.example", "*"))
    assert made.own == ("https://a.example", "https://north.store.example")
    permit(["https://north.store.example/x"], made.own)
    for place in ("https://evil.store.example", "https://*.store.example"):
        with pytest.raises(OriginRefused):
            permit([place], made.own)


def test_a_strangers_host_below_an_allowed_domain_gets_no_credential(off: Off, vendor: HostileServer) -> None:
    off.allowed = (vendor.url, f"http://*.localhost:{vendor.port}")
    run = off.run(code(f"ApiKey('X-Key', s.token, origins=['http://evil.localhost:{vendor.port}'])"))
    assert run.error is not None
    assert run.error.kind == "OriginRefused"
    assert vendor.requests == []


def test_places_come_from_the_operator_and_the_manifest(tmp_path: Path) -> None:
    from isthmus_hub.config import ConnectorConfig
    from isthmus_sdk import manifest

    (tmp_path / "connector.toml").write_text(
        '[connector]\nname = "x"\nversion = "1"\nsdk_api = ">=1"\n[settings.login]\ndefault = "https://login.example"\n'
        '[settings.base_url]\ndefault = "https://default.example"\n[origins]\ncdn = ["https://*.cdn.example"]\n'
    )
    chosen = ConnectorConfig.model_validate(
        {"use": "x", "settings": {"base_url": "https://10.0.0.5:8443/api", "tenant": "north.example", "word": "north"}}
    )
    found = allowed_places(chosen, manifest.read(tmp_path / "connector.toml"))
    assert set(found) == {
        "https://login.example",
        "https://10.0.0.5:8443/api",
        "https://north.example",
        "https://*.cdn.example",
    }


def test_a_worker_that_does_not_reach_the_level_gets_nothing(off: Off, monkeypatch: pytest.MonkeyPatch) -> None:
    class Weaker(WorkerProcess):
        def receive(self, *arguments: Any) -> protocol.WorkerFrame:
            frame = super().receive(*arguments)
            return (
                protocol.Confined(level="confined", network="ports", reason="told so")
                if isinstance(frame, protocol.Confined)
                else frame
            )

        def send(self, frame: protocol.HubFrame) -> None:
            raise AssertionError("nothing is to be sent")

    run = off.run(code(), start=Weaker)
    assert run.error is not None
    assert run.error.group == "configuration"
    assert (
        "isthmus.toml:1: isolation = 'networked-off' is required, 'confined' is reached: told so" in run.error.message
    )
