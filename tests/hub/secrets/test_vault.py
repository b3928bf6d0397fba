"""The vault: what it keeps, and what it does not give away."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import threading

import keyring.backend
import keyring.errors
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus_hub.secrets import Vault, VaultKeyring
from isthmus_sdk.errors import SecretError

KEY = "correct horse battery staple"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "vault"


@pytest.fixture
def vault(path):
    return Vault(path, lambda: KEY)


def test_what_was_set_is_there_for_another_process(vault, path):
    vault.set("isthmus", "guardian/password", "s3cret-ü")
    assert Vault(path, lambda: KEY).get("isthmus", "guardian/password") == "s3cret-ü"
    assert vault.get("isthmus", "guardian/other") is None
    assert vault.get("other", "guardian/password") is None


def test_names_are_listed_without_the_key_and_values_are_nowhere_in_the_file(vault, path):
    vault.set("isthmus", "b", "s3cret-one")
    vault.set("isthmus", "a", "s3cret-two")

    def no_key():
        raise AssertionError("the key was asked for")

    assert Vault(path, no_key).names() == [("isthmus", "a"), ("isthmus", "b")]
    raw = path.read_bytes()
    for text in ("s3cret", KEY):
        assert text.encode() not in raw
    assert "s3cret" not in repr(vault)


def test_an_empty_place_has_no_names_and_is_not_created_by_looking(vault, path):
    assert vault.names() == []
    assert vault.get("isthmus", "x") is None
    assert vault.delete("isthmus", "x") is False
    assert not path.exists()


def test_only_the_owner_can_read_the_files(vault, path):
    old = os.umask(0)
    try:
        vault.set("isthmus", "a", "value-1")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {entry.name for entry in path.parent.iterdir()} == {"vault", "vault.lock"}


def test_a_vault_belongs_to_the_owner_of_its_folder_even_when_root_writes_it(vault, path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to write for another user")
    path.parent.mkdir(parents=True)
    os.chown(path.parent, 12345, 12346)
    vault.set("isthmus", "a", "value-1")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_wrong_key_is_told_and_changes_nothing(vault, path):
    vault.set("isthmus", "a", "value-1")
    before = path.read_bytes()
    wrong = Vault(path, lambda: "another key of good length")
    for attempt in (
        lambda: wrong.get("isthmus", "a"),
        lambda: wrong.set("isthmus", "b", "value-2"),
        lambda: wrong.delete("isthmus", "a"),
    ):
        with pytest.raises(SecretError, match="key does not open the vault"):
            attempt()
    assert path.read_bytes() == before


def test_the_key_is_stretched_once(path):
    asked = []
    vault = Vault(path, lambda: asked.append(1) or KEY)
    for number in range(20):
        vault.set("isthmus", f"n{number}", "value-1")
        assert vault.get("isthmus", f"n{number}") == "value-1"
    assert len(asked) == 1


def entries(path):
    document = json.loads(path.read_text())
    return document, {entry["username"]: entry for entry in document["entries"]}


@pytest.mark.parametrize("part", ["nonce", "sealed"])
def test_an_entry_changed_outside_is_refused(vault, path, part):
    vault.set("isthmus", "a", "value-1")
    document, named = entries(path)
    named["a"][part] = ("B" if named["a"][part][0] == "A" else "A") + named["a"][part][1:]
    path.write_text(json.dumps(document))
    with pytest.raises(SecretError, match="changed outside"):
        vault.get("isthmus", "a")


def test_entries_cannot_be_passed_off_as_one_another_or_as_newer(vault, path):
    vault.set("isthmus", "a", "value-a")
    vault.set("isthmus", "b", "value-b")
    document, named = entries(path)
    for field in ("nonce", "sealed"):
        named["b"][field] = named["a"][field]
    named["a"]["version"] += 1
    path.write_text(json.dumps(document))
    for name in ("a", "b"):
        with pytest.raises(SecretError, match="changed outside"):
            vault.get("isthmus", name)


def test_names_whose_parts_join_alike_are_two_entries(vault):
    vault.set("a/b", "c", "value-1")
    vault.set("a", "b/c", "value-2")
    assert (vault.get("a/b", "c"), vault.get("a", "b/c")) == ("value-1", "value-2")


def test_the_same_value_never_looks_the_same(vault, path):
    sealed = set()
    for _ in range(8):
        vault.set("isthmus", "a", "value-1")
        sealed.add(entries(path)[1]["a"]["sealed"])
    assert len(sealed) == 8


def test_removing_takes_one_entry_away(vault, path):
    vault.set("isthmus", "a", "value-1")
    vault.set("isthmus", "b", "value-2")
    assert vault.delete("isthmus", "a") is True
    assert vault.delete("isthmus", "a") is False
    assert Vault(path, lambda: KEY).names() == [("isthmus", "b")]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"format": "isthmus-vault"}', b"[" * 100_000, b"x" * (17 * 2**20)],
)
def test_a_damaged_vault_is_told_and_never_overwritten(vault, path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    for attempt in (vault.names, lambda: vault.get("s", "u"), lambda: vault.set("s", "u", "value-1")):
        with pytest.raises(SecretError, match="damaged or no vault"):
            attempt()
    assert path.read_bytes() == content


def test_weaker_stretching_written_into_the_file_is_not_followed(vault, path):
    vault.set("isthmus", "a", "value-1")
    document, _ = entries(path)
    document["kdf"]["n"] = 2
    path.write_text(json.dumps(document))
    with pytest.raises(SecretError, match="damaged"):
        vault.get("isthmus", "a")


def test_a_vault_of_a_newer_version_is_left_alone(vault, path):
    vault.set("isthmus", "a", "value-1")
    document, _ = entries(path)
    document["version"] = 2
    path.write_text(json.dumps(document))
    with pytest.raises(SecretError, match="newer Isthmus"):
        vault.set("isthmus", "b", "value-2")


def test_a_full_disk_leaves_the_old_vault_whole(vault, path, monkeypatch):
    vault.set("isthmus", "a", "value-1")
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SecretError, match="No space left"):
        vault.set("isthmus", "b", "value-2")
    assert path.read_bytes() == before
    assert {entry.name for entry in path.parent.iterdir()} == {"vault", "vault.lock"}


def test_a_change_by_another_process_is_seen_without_a_restart(vault, path):
    vault.set("isthmus", "a", "value-1")
    assert vault.get("isthmus", "a") == "value-1"
    Vault(path, lambda: KEY).set("isthmus", "a", "value-2")
    assert vault.get("isthmus", "a") == "value-2"


def _write(path, number):
    vault = Vault(path, lambda: KEY)
    for turn in range(5):
        vault.set("isthmus", f"{number}-{turn}", f"value-{number}-{turn}")


def test_many_writers_lose_nothing(vault, path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write, args=(path, number)) for number in range(3)]
    threads = [threading.Thread(target=_write, args=(path, number)) for number in range(3, 5)]
    for worker in (*processes, *threads):
        worker.start()
    for worker in (*processes, *threads):
        worker.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    expected = {f"{number}-{turn}": f"value-{number}-{turn}" for number in range(5) for turn in range(5)}
    assert {name: vault.get("isthmus", name) for _, name in vault.names()} == expected


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_name_and_value_come_back_as_they_were(vault, path, name, value):
    vault.set("isthmus", name, value)
    assert vault.get("isthmus", name) == value
    again = Vault(path, lambda: KEY)
    assert ("isthmus", name) in again.names()


def test_the_vault_is_a_keyring_backend(vault):
    backend = VaultKeyring(vault)
    assert isinstance(backend, keyring.backend.KeyringBackend)
    backend.set_password("isthmus", "a", "value-1")
    assert backend.get_password("isthmus", "a") == "value-1"
    assert backend.get_credential("isthmus", "a").password == "value-1"
    backend.delete_password("isthmus", "a")
    assert backend.get_password("isthmus", "a") is None
    with pytest.raises(keyring.errors.PasswordDeleteError):
        backend.delete_password("isthmus", "a")


def test_keyring_never_picks_the_vault_by_itself(vault, monkeypatch):
    assert VaultKeyring.viable is False
    assert VaultKeyring not in set(keyring.backend.KeyringBackend.get_viable_backends())
    monkeypatch.setenv("KEYRING_PROPERTY_VAULT", "elsewhere")
    assert VaultKeyring(vault).vault is vault
