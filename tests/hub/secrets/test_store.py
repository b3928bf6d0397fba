"""References become values; values cannot be read back by people."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys

import keyring.backend
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import keyring.core
import pytest

import isthmus_hub.secrets
from isthmus_hub.secrets import KeySource, SecretStore, read_value, write_key_file
from isthmus_hub.secrets._os_keyring import unfit
from isthmus_sdk.errors import ConfigurationError, SecretError

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def seen():
    return []


@pytest.fixture
def store(tmp_path, seen):
    return SecretStore(tmp_path / "state" / "vault", environ={"ISTHMUS_VAULT_KEY": KEY}, on_secret=seen.append)


def test_the_public_names_are_these():
    assert isthmus_hub.secrets.__all__ == [
        "KeySource",
        "SecretStore",
        "Vault",
        "VaultKeyring",
        "read_value",
        "system_keyring",
        "write_key_file",
    ]


def test_a_secret_set_under_a_name_is_what_its_reference_resolves_to(store):
    store.set("guardian/password", "s3cret")
    assert store.resolve("vault:guardian/password") == "s3cret"
    assert store.names() == ["guardian/password"]
    assert store.remove("guardian/password") is True
    assert store.names() == []
    with pytest.raises(SecretError, match="isthmus secret set guardian/password"):
        store.resolve("vault:guardian/password")


def test_every_value_and_the_key_are_announced_before_they_are_used(store, seen):
    store.set("a", "value-1")
    store.resolve("vault:a")
    assert seen == [KEY, "value-1"]


def test_a_changed_value_is_used_without_a_restart(store):
    store.set("a", "value-1")
    assert store.resolve("vault:a") == "value-1"
    store.set("a", "value-2")
    assert store.resolve("vault:a") == "value-2"


def test_no_surface_shows_a_value(store):
    store.set("a", "value-1")
    shown = repr(store) + str(vars(store)) + repr(store.names()) + str(store._vault) + repr(store._vault)
    assert "value-1" not in shown
    assert KEY not in repr(store) + str(store._vault) + repr(store._vault)
    assert {name for name in dir(store) if not name.startswith("_")} == {"names", "remove", "resolve", "set"}


@pytest.mark.parametrize(
    "text", ["hunter2-Kx9", "pass:hunter2-Kx9", "", "vault:", "env:hunter2 Kx9", "credential:../x"]
)
def test_what_is_no_reference_is_refused_without_repeating_it(store, text):
    with pytest.raises(SecretError) as caught:
        store.resolve(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[31m", "x" * 5000])
def test_a_name_that_would_break_a_listing_is_refused(store, name):
    with pytest.raises(SecretError, match="name"):
        store.set(name, "value-1")


def test_an_empty_value_is_refused(store):
    with pytest.raises(SecretError, match="empty"):
        store.set("a", "")


# -- environment ------------------------------------------------------------------------------------------------------


def test_a_variable_is_taken_out_of_the_environment_and_stays_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GUARDIAN_PW", "s3cret")
    store = SecretStore(tmp_path / "vault")
    assert store.resolve("env:GUARDIAN_PW") == "s3cret"
    assert "GUARDIAN_PW" not in os.environ
    child = subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"], capture_output=True, text=True)
    assert "s3cret" not in child.stdout
    assert SecretStore(tmp_path / "vault").resolve("env:GUARDIAN_PW") == "s3cret", "a reload builds a new store"
    monkeypatch.setenv("GUARDIAN_PW", "newer")
    assert store.resolve("env:GUARDIAN_PW") == "newer"


def test_a_given_environment_is_not_mixed_up_with_the_processs_own(tmp_path, monkeypatch):
    monkeypatch.setenv("GUARDIAN_PW2", "s3cret")
    SecretStore(tmp_path / "vault").resolve("env:GUARDIAN_PW2")
    with pytest.raises(SecretError, match="GUARDIAN_PW2 is not set"):
        SecretStore(tmp_path / "vault", environ={}).resolve("env:GUARDIAN_PW2")


@pytest.mark.parametrize("environ", [{}, {"A": ""}])
def test_a_missing_or_empty_variable_is_an_error(tmp_path, environ):
    with pytest.raises(SecretError, match="environment variable A is not set"):
        SecretStore(tmp_path / "vault", environ=environ).resolve("env:A")


# -- files and credentials --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b" s3cret \n\n", " s3cret \n"),
        ("gehäim".encode(), "gehäim"),
    ],
)
def test_a_file_is_the_secret_without_its_last_line_break(store, tmp_path, content, value):
    (tmp_path / "pw").write_bytes(content)
    assert store.resolve(f"file:{tmp_path}/pw") == value


def test_a_file_that_is_no_secret_is_told_by_its_path(store, tmp_path):
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge").write_bytes(b"x" * 70_000)
    os.mkfifo(tmp_path / "pipe")
    for name, word in (
        ("none", "does not exist"),
        ("empty", "empty"),
        ("binary", "UTF-8"),
        ("huge", "larger than"),
        ("pipe", "not a regular file"),
        ("", "not a regular file"),
    ):
        with pytest.raises(SecretError, match=word) as caught:
            store.resolve(f"file:{tmp_path}/{name}")
        assert str(tmp_path) in str(caught.value)


def test_a_systemd_credential_is_read_from_its_folder(tmp_path):
    (tmp_path / "guardian").write_text("s3cret\n")
    store = SecretStore(tmp_path / "vault", environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert store.resolve("credential:guardian") == "s3cret"
    with pytest.raises(SecretError, match="does not exist"):
        store.resolve("credential:other")
    with pytest.raises(SecretError, match="LoadCredential="):
        SecretStore(tmp_path / "vault", environ={}).resolve("credential:guardian")


# -- the key of the vault ---------------------------------------------------------------------------------------------


def test_the_key_comes_from_credential_then_file_then_environment(tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key_file = tmp_path / "vault.key"
    key_file.write_text("key-of-the-key-file\n")
    key_file.chmod(0o600)
    source = KeySource(key_file=key_file)

    def environ():
        return {"CREDENTIALS_DIRECTORY": str(credentials), "ISTHMUS_VAULT_KEY": "key-of-the-environment"}

    assert source.read(environ()) == "key-of-the-key-file"
    assert KeySource().read(environ()) == "key-of-the-environment"
    (credentials / "isthmus-vault-key").write_text("key-of-the-credential")
    assert source.read(environ()) == "key-of-the-credential"


def test_the_variable_leaves_the_environment_also_where_it_is_not_the_source(tmp_path):
    key_file = tmp_path / "vault.key"
    write_key_file(key_file)
    environ = {"ISTHMUS_VAULT_KEY": KEY, "PATH": "/bin"}
    KeySource(key_file=key_file).read(environ)
    assert environ == {"PATH": "/bin"}


def test_without_a_key_every_place_and_the_way_to_make_one_are_told(tmp_path):
    store = SecretStore(tmp_path / "vault", environ={})
    with pytest.raises(SecretError) as caught:
        store.set("a", "value-1")
    for word in ("isthmus-vault-key", "key_file", "ISTHMUS_VAULT_KEY", "head -c 32 /dev/urandom"):
        assert word in str(caught.value)
    assert isinstance(caught.value, ConfigurationError)
    assert "value-1" not in str(caught.value)


def test_a_named_key_file_that_is_missing_is_an_error_not_a_reason_to_look_elsewhere(tmp_path):
    with pytest.raises(SecretError, match="does not exist"):
        KeySource(key_file=tmp_path / "none").read({"ISTHMUS_VAULT_KEY": KEY})


@pytest.mark.parametrize(
    ("mode", "good"), [(0o600, True), (0o400, True), (0o640, True), (0o644, False), (0o660, False)]
)
def test_a_key_file_others_can_touch_is_refused(tmp_path, mode, good):
    path = tmp_path / "vault.key"
    write_key_file(path)
    path.chmod(mode)
    if good:
        assert len(KeySource(key_file=path).read({})) == 44
    else:
        with pytest.raises(SecretError, match="chmod 600"):
            KeySource(key_file=path).read({})


def test_a_key_that_could_be_guessed_is_refused_without_repeating_it(tmp_path):
    with pytest.raises(SecretError, match="shorter than 16") as caught:
        KeySource().read({"ISTHMUS_VAULT_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_new_key_file_is_private_random_and_never_replaced(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    write_key_file(first)
    write_key_file(second)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert first.read_bytes() != second.read_bytes()
    with pytest.raises(SecretError, match="exists already"):
        write_key_file(first)


# -- the system's keyring ---------------------------------------------------------------------------------------------


class Kept(keyring.backend.KeyringBackend):
    """A keyring that keeps what it is given, as a desktop's does."""

    priority = 1

    def __init__(self):
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


def backend(module, name, parent=Kept):
    return type(name, (parent,), {"__module__": module, "__qualname__": name})()


PLAINTEXT = backend("keyrings.alt.file", "PlaintextKeyring")


@pytest.fixture
def chosen(monkeypatch):
    return lambda kept: monkeypatch.setattr(keyring.core, "_keyring_backend", kept)


def test_the_systems_keyring_is_asked_by_service_and_user(store, chosen, seen):
    kept = Kept()
    kept.kept = {("guardian/x", "hub"): "s3cret", ("isthmus", "bare"): "s3cret-2"}
    chosen(kept)
    assert store.resolve("keyring:guardian/x/hub") == "s3cret"
    assert store.resolve("keyring:bare") == "s3cret-2"
    assert seen == ["s3cret", "s3cret-2"]
    with pytest.raises(SecretError, match="keyring set guardian other"):
        store.resolve("keyring:guardian/other")


def chain(*links):
    made = backend("keyring.backends.chainer", "ChainerBackend")
    made.backends = list(links)
    return made


@pytest.mark.parametrize(
    "weak",
    [
        keyring.backends.fail.Keyring(),
        keyring.backends.null.Keyring(),
        PLAINTEXT,
        backend("keyrings.alt.file", "EncryptedKeyring"),
        backend("some.package", "MyPlaintextKeyring"),
        backend("some.package", "Wrapper", type(PLAINTEXT)),
        backend("some.package", "Silent", keyring.backends.null.Keyring),
        chain(Kept(), PLAINTEXT),
        chain(),
        chain(chain(PLAINTEXT)),
    ],
    ids=lambda weak: type(weak).__qualname__,
)
def test_a_keyring_that_protects_nothing_is_refused_with_the_remedy(store, chosen, weak):
    chosen(weak)
    with pytest.raises(SecretError, match="use the vault instead"):
        store.resolve("keyring:guardian/hub")


def test_a_chain_of_keyrings_that_protect_is_used():
    assert unfit(chain(Kept(), Kept())) is None
    assert unfit(Kept()) is None


def test_a_machine_without_a_keyring_is_told_about_the_vault(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    with pytest.raises(SecretError, match="isthmus secret set"):
        SecretStore(tmp_path / "vault").resolve("keyring:a/b")


def test_a_keyring_that_cannot_be_loaded_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.Backend")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    with pytest.raises(SecretError, match="cannot be opened"):
        SecretStore(tmp_path / "vault").resolve("keyring:a/b")


def test_a_keyring_that_fails_is_told_without_its_words(store, chosen):
    class Locked(Kept):
        def get_password(self, service, username):
            raise RuntimeError("hunter2-Kx9")

    chosen(Locked())
    with pytest.raises(SecretError, match="RuntimeError") as caught:
        store.resolve("keyring:a/b")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# -- isthmus secret set -----------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("typed", "value"), [("s3cret\n", "s3cret"), ("s3cret", "s3cret"), ("a\nb\n", "a\nb")])
def test_a_value_is_read_from_standard_input_whole(typed, value):
    assert read_value("a", stream=io.StringIO(typed)) == value


@pytest.mark.parametrize("typed", ["", "\n", "x" * 70_000, "\ud800"])
def test_no_value_a_huge_one_or_one_that_is_no_text_is_refused(typed):
    with pytest.raises(SecretError, match="nothing was stored"):
        read_value("a", stream=io.StringIO(typed))


def test_on_a_terminal_the_value_is_asked_twice_without_echo(monkeypatch):
    answers = iter(["s3cret", "s3cret", "one", "two"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert read_value("a", stream=Terminal()) == "s3cret"
    with pytest.raises(SecretError, match="differ"):
        read_value("a", stream=Terminal())
