"""Unique secrets through a whole hub, with vendors and platforms that repeat what they are sent: nothing written has them."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.faults.scene import scene, until

from isthmus_connectors.simulation import Reply, Server
from isthmus_hub.hub import Hub
from isthmus_sdk.masking import forms

pytestmark = pytest.mark.timeout(300)
VAULT, ENV, FILE = 'quixotry/vault-9fK"1', "quixotry-env+8Zq=&2", "quixotry\\file 7Yw%3"
KEY = "quixotry-master-key-5Wu5-0123456789"
SECRETS = (VAULT, ENV, FILE, KEY)
USERS = ("hub", "isthmus", "writer")
QUERY = "/api/open/query/do"


def leaks(name: str, content: bytes) -> list[str]:
    """Every form of every secret that ``content`` holds."""
    wanted = {form for secret in SECRETS for form in forms(secret)}
    wanted |= {form for secret in SECRETS for user in USERS for form in forms(f"{user}:{secret}")}
    return [f"{name} holds {form!r}" for form in wanted if form.encode() in content]


def told(request) -> str:
    """Everything a far side may repeat of a request."""
    header = request.headers.get("authorization", "")
    plain = ""
    if header.startswith("Basic "):
        plain = base64.b64decode(header.removeprefix("Basic ")).decode()
    return f"refused: {header} = {plain}; {request.body.decode()} {request.form}"


def echo(request) -> Reply:
    return Reply(403, {"error": {"type": "security_exception", "message": told(request), "reason": told(request)}})


def repeating(_state, answer):
    """Alerts are refused with all that was sent; a CVE and an asset hold the password as data."""

    def reply(request):
        query = request.query.get("query", "")
        if query.startswith("alerts"):
            return echo(request)
        if query.startswith("links"):
            return Reply(200, {"result": [], "error": told(request)})
        return answer(request)

    return reply


def poison() -> dict:
    from tests.faults.scene import plant

    everything = plant(6, alerts=8, cves=4, links=4)
    everything["native"]["nozomi-guardian"]["node_cves"] = [
        {"id": "ffffffff-poison", "cve": {"no": VAULT}, "asset_id": base64.b64encode(VAULT.encode()).decode(), "url": f"https://hub:{VAULT}@h/?q={quote(VAULT)}", "inside": base64.b64encode(f"x{VAULT}y".encode()).decode()}
    ]  # fmt: skip
    return everything


@pytest.fixture
def made(tmp_path):
    with Server(echo) as siem, scene(tmp_path / "hub", poison(), guardian=repeating, password=VAULT) as made:
        made.siem = siem
        text = made.config.read_text()
        text = text.replace("env:GUARDIAN_PASSWORD", "vault:guardian/password")
        text += f"""
[platform.siem]
use = "opensearch"
max_tlp = "red"
settings = {{ url = "{siem.url}", username = "writer" }}
secrets = {{ password = "file:siem.secret" }}
[vault]
env = "ISTHMUS_VAULT_KEY"
[telemetry]
log_level = "debug"
"""
        made.config.write_text(text)
        (made.folder / "siem.secret").write_text(FILE)
        (made.folder / "siem.secret").chmod(0o600)
        made.environ |= {"ISTHMUS_VAULT_KEY": KEY, "DEFENDER_SECRET": ENV}
        del made.environ["GUARDIAN_PASSWORD"]
        yield made


def written(folder: Path) -> list[Path]:
    """Everything that was written, but what the test itself planted."""
    planted = {folder / "siem.secret", folder / "plant.json"}
    return [path for path in folder.rglob("*") if path.is_file() and path not in planted]


@pytest.mark.faults
def test_no_form_of_a_secret_is_written_anywhere(made):
    said: dict[str, str] = {}

    def run(*words: str, code: tuple[int, ...] = (0,), **how) -> None:
        done = made.run(*words, **how)
        assert done.code in code, (words, done.code, done.err)
        said[" ".join(words)] = done.out + done.err

    run("secret", "set", "guardian/password", stdin=VAULT)
    run("secret", "list")
    run("sync", "--record", str(made.folder / "recorded"), code=(4,))
    run("sync", "--json", code=(4,))
    run("check", "guardian", code=(1, 3))
    run("check", "defender", code=(3,))  # the simulator does not know this secret, and says so
    run("check", "siem", code=(1, 2, 3))
    run("deliver", "siem", code=(1, 3, 4))
    run("preview", "guardian", "alerts", code=(1, 3))
    for words in (
        ("status",), ("status", "--json"), ("assets", "--json"), ("gaps", "--json"), ("quarantine", "list"), ("quarantine", "list", "--json"),
        ("dead", "list", "--json"), ("export",), ("export", "--stream", "observed"), ("bus", "tail", "observed"), ("doctor",),
    ):  # fmt: skip
        run(*words, code=(0, 2) if words == ("doctor",) else (0,))
    poisoned = made.run("quarantine", "list", "--json").json["records"][0]["id"]
    run("quarantine", "show", poisoned)
    run("quarantine", "retry", "--all", code=(4,))
    with Hub.open(made.state, made.config, environ=dict(made.environ)) as hub:
        said["the report"] = hub.report()

    process = made.daemon()
    until(lambda: made.siem.requests and "instance is down" in made.log(), "everything failed once in the daemon too")
    run("status", "--json")
    process.terminate()
    assert process.wait(30) == 0

    assert "***" in said["sync --json"] + said["quarantine show " + poisoned], "something was there to be masked"
    assert list((made.folder / "recorded").rglob("*.json"))
    found = [leak for name, text in said.items() for leak in leaks(f"`{name}`", text.encode())]
    found += [leak for path in written(made.folder) for leak in leaks(str(path), path.read_bytes())]
    assert found == []


def test_no_process_shows_a_secret_but_where_its_operator_put_it(made):
    import threading

    hangs, released = threading.Event(), threading.Event()

    def hang(request):
        hangs.set()
        released.wait(60)
        return echo(request)

    with Server(hang) as slow:
        made.config.write_text(made.config.read_text().replace(made.guardian.url, slow.url))
        assert made.run("secret", "set", "guardian/password", stdin=VAULT).code == 0
        process = made.daemon()
        try:
            until(hangs.is_set, "a worker holds its secret and waits")
            workers = made.workers()
            assert workers
            for worker in workers:
                for name in ("cmdline", "environ"):
                    assert leaks(f"{name} of a worker", Path(f"/proc/{worker}/{name}").read_bytes()) == []
            assert leaks("command line of the hub", Path(f"/proc/{process.pid}/cmdline").read_bytes()) == []
        finally:
            released.set()


def test_the_search_finds_what_is_there():
    for secret in SECRETS:
        for text in (
            secret,
            base64.b64encode(f"hub:{secret}".encode()).decode(),
            base64.b64encode(secret.encode()).decode(),
        ):
            assert leaks("text", f"x {text} y".encode())
