"""The table ``[nats]``, and the addresses of servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus_hub import config
from isthmus_hub.config import InvalidConfiguration, SecretRef

WHOLE = """
[hub]
name = "north"
bus = "tls://a.example:4222, tls://b.example:4222"
[nats]
username = "hub"
secrets = { password = "vault:nats/password" }
tls = { ca = "ca.pem", cert = "/etc/hub.pem", key = "/etc/hub.key" }
monitor = ["http://a.example:8222", "http://b.example:8222"]
replicas = 3
prefix = "north-works"
"""


def load(folder: Path, text: str, **environ: str) -> config.Config:
    (folder / "isthmus.toml").write_text(text)
    return config.load(folder / "isthmus.toml", environ=environ)


def test_the_whole_table_reads_as_meant(tmp_path: Path) -> None:
    read = load(tmp_path, WHOLE)
    assert read.nats.secrets == {"password": SecretRef("vault", "nats/password")}
    assert read.nats.tls.ca == str(tmp_path / "ca.pem")
    assert read.nats.monitor == ("http://a.example:8222", "http://b.example:8222")
    assert (read.nats.username, read.nats.replicas, read.nats.prefix) == ("hub", 3, "north-works")
    assert read.warnings == ()


def test_variables_change_its_keys(tmp_path: Path) -> None:
    assert load(tmp_path, WHOLE, ISTHMUS__NATS__PREFIX="south").nats.prefix == "south"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("tls://a.example:4222,", "nats://hub:hunter2@a.example:4222,", "secrets.password"),
        ("tls://b.example:4222", "nats://hunter2@b.example:4222", "must not carry a user or password"),
        ("tls://a.example:4222,", "http://a.example:4222,", "nats://host:4222"),
        ("tls://b.example:4222", "", "nats://host:4222"),
        ("tls://b.example:4222", "tls://b.example:70000", "nats://host:4222"),
        ("tls://b.example:4222", "tls://b.example:4222/x", "nats://host:4222"),
        ('username = "hub"\n', "", "together"),
        ("password =", "token =", "together"),
        ('{ password = "vault:nats/password" }', '{ password = "vault:p", token = "vault:t" }', "several"),
        ('"vault:nats/password"', '"hunter2"', "not a reference"),
        ("password =", "pasword =", "password"),
        ('cert = "/etc/hub.pem", ', "", "cert"),
        ('"http://b.example:8222"', '"b.example:8222"', "monitoring address"),
        ("replicas = 3", "replicas = 0", "replicas"),
        ("replicas = 3", "replicas = 9", "replicas"),
        ('"north-works"', '"North Works"', "prefix"),
        ("replicas =", "replica =", '"replicas"'),
        ("ca =", "pin =", "pin"),
    ],
)
def test_a_wrong_value_is_told_and_never_repeated(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert before in WHOLE
    with pytest.raises(InvalidConfiguration) as raised:
        load(tmp_path, WHOLE.replace(before, after, 1))
    assert told in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_doubts_are_told(tmp_path: Path) -> None:
    unused = load(tmp_path, '[hub]\nname = "n"\n[nats]\nprefix = "p"\n').warnings
    assert "is not used" in unused[0]
    (clear,) = load(tmp_path, WHOLE.replace("tls://", "nats://").replace("\ntls =", "\n# tls =")).warnings
    assert "a.example unencrypted" in clear
    assert "tls://" in clear
