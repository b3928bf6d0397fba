"""The vault: one file of encrypted secrets, for machines without a desktop keyring.

A key is stretched once with scrypt (n = 2^15, r = 8, p = 1: RFC 7914) and then encrypts every entry by itself with
AES-256-GCM. Service, user name and the entry's version are authenticated with it, so that entries cannot be swapped or
passed off as one another. Names are not encrypted: ``isthmus secret list`` shows them without the key.

The file is JSON with mode 0600 in a folder with mode 0700, replaced as a whole: written beside, synced, renamed, folder
synced. A reader sees the old vault or the new one, after a power cut too.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from keyring import backend, errors
from keyring.compat import properties

from isthmus_sdk.errors import SecretError

FORMAT = "isthmus-vault"
VERSION = 1
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
LARGEST = 16 * 2**20
_NONCE = 12
_CHECK = ("", "")
"""Service and user name of the entry that tells a right key from a wrong one."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    version: int
    nonce: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class _Contents:
    salt: bytes
    check: _Entry
    entries: dict[Key, _Entry]


class Vault:
    """Encrypted secrets by (service, user name). Safe for threads and for several processes at once.

    ``key`` is called when a value is first read or written, so that listing names needs none. All errors are
    ``SecretError``.
    """

    def __init__(self, path: Path, key: Callable[[], str]) -> None:
        self.path = path
        self._key = key
        self._lock = RLock()
        self._stretched: tuple[bytes, AESGCM] | None = None
        self._read: tuple[tuple[int, ...], _Contents] | None = None

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r})"

    def names(self) -> list[Key]:
        """Every (service, user name), sorted. Needs no key."""
        contents = self._contents()
        return sorted(contents.entries) if contents else []

    def get(self, service: str, username: str) -> str | None:
        """The value, or ``None`` where there is no such entry."""
        with self._lock:
            contents = self._contents()
            entry = contents.entries.get((service, username)) if contents else None
            if contents is None or entry is None:
                return None
            cipher = self._cipher(contents)
            return self._open(cipher, (service, username), entry).decode("utf-8")

    def set(self, service: str, username: str, value: str) -> None:
        """Store a value; on return it is durable and every later ``get``, in any process, gives it."""
        if not value:
            raise SecretError(f"vault: the value of {service}/{username} is empty; to take it away, remove it")
        with self._lock, self._writing():
            contents = self._contents() or self._new()
            cipher = self._cipher(contents)
            old = contents.entries.get((service, username))
            entry = _seal(cipher, (service, username), (old.version if old else 0) + 1, value.encode("utf-8"))
            self._write(_Contents(contents.salt, contents.check, {**contents.entries, (service, username): entry}))

    def delete(self, service: str, username: str) -> bool:
        """Remove an entry; ``False`` where there was none. Asks for the key: whoever removes must be able to write."""
        with self._lock, self._writing():
            contents = self._contents()
            if contents is None or (service, username) not in contents.entries:
                return False
            self._cipher(contents)
            rest = {name: entry for name, entry in contents.entries.items() if name != (service, username)}
            self._write(_Contents(contents.salt, contents.check, rest))
            return True

    # -- key ---------------------------------------------------------------------------------------------------------

    def _cipher(self, contents: _Contents) -> AESGCM:
        if self._stretched is None or self._stretched[0] != contents.salt:
            cipher = _stretch(self._key(), contents.salt)
            try:
                cipher.decrypt(contents.check.nonce, contents.check.sealed, _bound(_CHECK, contents.check.version))
            except InvalidTag:
                raise SecretError(
                    f"the key does not open the vault {self.path}: it is not the key the vault was made with"
                ) from None
            self._stretched = (contents.salt, cipher)
        return self._stretched[1]

    def _new(self) -> _Contents:
        salt = secrets.token_bytes(16)
        cipher = _stretch(self._key(), salt)
        self._stretched = (salt, cipher)
        return _Contents(salt, _seal(cipher, _CHECK, VERSION, FORMAT.encode()), {})

    def _open(self, cipher: AESGCM, name: Key, entry: _Entry) -> bytes:
        try:
            return cipher.decrypt(entry.nonce, entry.sealed, _bound(name, entry.version))
        except InvalidTag:
            raise SecretError(
                f"vault {self.path}: the entry {'/'.join(name)} was changed outside Isthmus; set it again"
            ) from None

    # -- file --------------------------------------------------------------------------------------------------------

    def _contents(self) -> _Contents | None:
        """What the file holds now; read again only when the file was replaced."""
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    state = os.fstat(file.fileno())
                    version = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
                    if self._read is not None and self._read[0] == version:
                        return self._read[1]
                    data = file.read(LARGEST + 1)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise SecretError(f"vault {self.path}: cannot be read: {error.strerror}") from None
            contents = self._parse(data)
            self._read = (version, contents)
            return contents

    def _parse(self, data: bytes) -> _Contents:
        try:
            document = json.loads(data) if len(data) <= LARGEST else {}
            version = document["version"] if document.get("format") == FORMAT else 0
            if version == VERSION and document["kdf"] == _KDF:
                entries = {(entry["service"], entry["username"]): _entry(entry) for entry in document["entries"]}
                return _Contents(base64.b64decode(document["salt"], validate=True), _entry(document["check"]), entries)
            newer = isinstance(version, int) and version > VERSION
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            newer = False
        if newer:
            raise SecretError(
                f"vault {self.path}: was written by a newer Isthmus (vault version {version}, this one "
                f"reads up to {VERSION})"
            )
        raise SecretError(
            f"vault {self.path}: is damaged or no vault; restore it from a copy, or move it away and set the "
            f"secrets again"
        )

    def _write(self, contents: _Contents) -> None:
        document = {
            "format": FORMAT,
            "version": VERSION,
            "kdf": _KDF,
            "salt": _text(contents.salt),
            "check": _fields(contents.check),
            "entries": [
                {"service": service, "username": username, **_fields(entry)}
                for (service, username), entry in sorted(contents.entries.items())
            ],
        }
        data = (json.dumps(document, indent=1) + "\n").encode()
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    _give_to_owner_of(self.path.parent, file.fileno())
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(self.path.parent)
        except OSError as error:
            raise SecretError(f"vault {self.path}: cannot be written, nothing was changed: {error.strerror}") from None
        self._read = None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, over all processes; the folder is made if need be."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _give_to_owner_of(self.path.parent, lock)
        except OSError as error:
            raise SecretError(f"vault {self.path}: cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


_KDF: dict[str, Any] = {"name": "scrypt", "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P}


def _stretch(key: str, salt: bytes) -> AESGCM:
    """The cipher for a key; a fifth of a second of work, on purpose."""
    memory = 2 * 128 * SCRYPT_N * SCRYPT_R
    return AESGCM(
        hashlib.scrypt(key.encode("utf-8"), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=memory, dklen=32)
    )


def _bound(name: Key, version: int) -> bytes:
    """What is authenticated with an entry; JSON, so that no two names can be written the same way."""
    return json.dumps([FORMAT, VERSION, *name, version]).encode()


def _seal(cipher: AESGCM, name: Key, version: int, value: bytes) -> _Entry:
    nonce = secrets.token_bytes(_NONCE)
    return _Entry(version, nonce, cipher.encrypt(nonce, value, _bound(name, version)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _fields(entry: _Entry) -> dict[str, Any]:
    return {"version": entry.version, "nonce": _text(entry.nonce), "sealed": _text(entry.sealed)}


def _entry(fields: dict[str, Any]) -> _Entry:
    entry = _Entry(
        int(fields["version"]),
        base64.b64decode(fields["nonce"], validate=True),
        base64.b64decode(fields["sealed"], validate=True),
    )
    if len(entry.nonce) != _NONCE:
        raise ValueError("nonce of the wrong length")
    return entry


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """A vault that root writes in the state directory of the service's user must stay readable for that user."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class VaultKeyring(backend.KeyringBackend):
    """The vault as a backend of the ``keyring`` package, for code that speaks ``keyring``.

    Never chosen by ``keyring`` by itself: it needs a path and a key, so it is made on purpose and used directly or
    passed to ``keyring.set_keyring``.
    """

    def __init__(self, vault: Vault) -> None:
        # Not the inherited constructor: it would let KEYRING_PROPERTY_… variables set attributes.
        self.vault = vault

    @properties.classproperty
    def priority(cls) -> float:
        raise RuntimeError("the Isthmus vault is opened by Isthmus, not found by keyring")

    def __str__(self) -> str:
        return repr(self.vault)

    def get_password(self, service: str, username: str) -> str | None:
        return self.vault.get(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.vault.set(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        if not self.vault.delete(service, username):
            raise errors.PasswordDeleteError(f"no entry {service}/{username}")


__all__ = ["Vault", "VaultKeyring"]
