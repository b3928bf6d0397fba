"""Secrets planted in every place the configuration can refer to, looked for in everything a process leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus_hub.secrets import SecretStore
from isthmus_hub.telemetry._redact import forms

PLANTED = {
    "vault": 'quixotry/vault-9fK"1',
    "env": "quixotry-env+8Zq=&2",
    "file": "quixotry\\file 7Yw%3",
    "credential": "quixotry<credential>6Xv4",
}
KEY = "quixotry-master-key-5Wu5-0123456789"

PROGRAM = """
import json, os, subprocess, sys, threading, warnings
from pathlib import Path
import structlog
from isthmus_hub import config
from isthmus_hub.runtime._quarantine import Quarantine, Rejected
from isthmus_hub.secrets import KeySource, SecretStore
from isthmus_hub.telemetry import Redactor, configure_logging, install_exception_hooks

folder = Path(sys.argv[1])
redactor = Redactor()
configure_logging(redactor, format=sys.argv[2], level="debug")
install_exception_hooks(redactor)
read = config.load(folder / "isthmus.toml")
store = SecretStore(folder / "state" / "vault", key=KeySource(env=read.vault.env), on_secret=redactor.register)
secrets = {name: store.resolve(ref) for name, ref in read.connectors["x"].secrets.items()}
log = structlog.get_logger("run")
log.debug("resolved", config=read, store=store, secrets=secrets, redactor=redactor)
for name, value in secrets.items():
    log.warning(f"request failed: https://hub:{value}@host/?q={value}", body=json.dumps({"a": [value]}))
    warnings.warn(value)
with Quarantine(folder / "state" / "quarantine.sqlite", redactor) as quarantine:
    quarantine.add([Rejected("x", "s", json.dumps(secrets).encode(), error=repr(secrets))])
print(redactor.text(str(secrets)))
child = subprocess.run([sys.executable, "-c", "import os; print(os.environ)"], capture_output=True, text=True)
print(child.stdout)
def fail():
    raise RuntimeError(secrets)
thread = threading.Thread(target=fail); thread.start(); thread.join()
Path(folder / "done").touch()
fail()
"""


@pytest.mark.parametrize("format", ["json", "console"])
def test_no_form_of_a_planted_secret_leaves_the_process(tmp_path, format):
    state = tmp_path / "state"
    SecretStore(state / "vault", environ={"ISTHMUS_VAULT_KEY": KEY}).set("x/vault", PLANTED["vault"])
    given = tmp_path / "given"
    given.mkdir()
    (given / "file.txt").write_text(PLANTED["file"])
    (given / "credential").write_text(PLANTED["credential"])
    (tmp_path / "isthmus.toml").write_text(
        '[hub]\nname = "h"\n[connector.x]\nuse = "u"\nsource_id = "s"\n[connector.x.secrets]\n'
        'vault = "vault:x/vault"\nenv = "env:PLANTED"\nfile = "file:given/file.txt"\ncredential = "credential:credential"\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), format],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PLANTED": PLANTED["env"],
            "ISTHMUS_VAULT_KEY": KEY,
            "CREDENTIALS_DIRECTORY": str(given),
        },
    )
    assert (tmp_path / "done").exists(), done.stderr
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: ") == 2
    assert done.stderr.count("***") > 12
    left = {"standard output": done.stdout.encode(), "standard error": done.stderr.encode()}
    left |= {file.name: file.read_bytes() for file in state.iterdir()}
    for name, content in left.items():
        assert b"quixotry" not in content, f"{name} holds a secret"
        for value in (*PLANTED.values(), KEY):
            assert not any(form.encode() in content for form in forms(value)), f"{name} holds a form of a secret"


def test_the_search_itself_finds_what_is_planted(tmp_path):
    program = PROGRAM.replace("on_secret=redactor.register", "on_secret=lambda _: None")
    assert program != PROGRAM
    (tmp_path / "isthmus.toml").write_text(
        '[hub]\nname = "h"\n[connector.x]\nuse = "u"\nsource_id = "s"\nsecrets = { env = "env:PLANTED" }\n'
    )
    environ = {**os.environ, "PLANTED": PLANTED["env"]}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), "json"], capture_output=True, text=True, env=environ
    )
    assert "quixotry" in done.stderr
    assert b"quixotry" in b"".join(file.read_bytes() for file in Path(tmp_path / "state").iterdir())
