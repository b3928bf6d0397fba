"""Connectors that were added to a hub: ``connectors/<name>/`` of its state directory.

``grant.json`` names the environment in force and is replaced as the last step, so that a crash leaves what was there
before. Connectors run from their own environment alone, see `isthmus_sdk.launch`; nothing of it is imported here.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isthmus_hub.runtime.environments import _fetch, _needs, _wheel
from isthmus_hub.runtime.environments._build import build, python_of, site_of
from isthmus_hub.runtime.environments._grant import Asks, Grant
from isthmus_hub.runtime.environments._integrity import changes, record
from isthmus_sdk import SDK_API
from isthmus_sdk.errors import ConfigurationError, ManifestError
from isthmus_sdk.loader import Found, discover
from isthmus_sdk.manifest import Manifest, check_api

_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_GRANT = "grant.json"


@dataclass(frozen=True, slots=True)
class Offer:
    """A connector that may be added: what it is, what it asks for, and what of that is new."""

    name: str
    manifest: Manifest
    wheel: _wheel.Wheel
    others: tuple[_wheel.Wheel, ...]
    entry: str
    asks: Asks
    new: Asks
    """What no former grant covers; everything, where there is none."""
    former: Grant | None

    def as_json(self) -> dict[str, Any]:
        """For ``connector add --json``."""
        return {
            "name": self.name,
            "version": self.wheel.version,
            "distribution": self.wheel.name,
            "hash": f"sha256:{self.wheel.digest}",
            "replaces": None if self.former is None else self.former.version,
            "asks": self.asks.as_json(),
            "new": self.new.as_json(),
            "ignored_startup_files": sorted({name for wheel in (self.wheel, *self.others) for name in wheel.startup}),
        }


class AddedConnectors:
    """The added connectors of one state directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def grants(self) -> dict[str, Grant | ConfigurationError]:
        """Every grant by name, or why it cannot be read."""
        out: dict[str, Grant | ConfigurationError] = {}
        for file in sorted(self.folder.glob(f"*/{_GRANT}")):
            try:
                out[file.parent.name] = Grant.load(file)
            except FileNotFoundError:
                continue
            except ConfigurationError as error:
                out[file.parent.name] = error
        return out

    def found(self) -> list[Found]:
        """As `isthmus_sdk.loader.discover` finds the hub's own; what may not run says why in ``error``."""
        return [self._found(name, grant) for name, grant in self.grants().items()]

    def _found(self, name: str, grant: Grant | ConfigurationError) -> Found:
        if isinstance(grant, ConfigurationError):
            return Found(name, "connector", "", "", "", None, error=str(grant))
        running = f"{sys.version_info[0]}.{sys.version_info[1]}"
        if grant.python != running:
            why = f"its environment is for Python {grant.python}, the hub runs {running}: {_again(grant)}"
            return Found(name, "connector", grant.entry, grant.distribution, grant.version, None, error=why)
        site = site_of(self._environment(grant))
        for found in discover([site], kinds=["connector"]):
            if found.name == name and found.value == grant.entry:
                error = found.error or self._beyond(found, grant)
                return replace(
                    found,
                    manifest=None if error else found.manifest,
                    error=error,
                    site=site,
                    python=self._python(grant),
                )
        why = f"its environment is gone or damaged: {_again(grant)}"
        return Found(name, "connector", grant.entry, grant.distribution, grant.version, None, error=why)

    def verify(self, name: str) -> None:
        """Raise :class:`ConfigurationError` unless an added connector is what was added; others are not looked at."""
        grant = self.grants().get(name)
        if grant is None:
            return
        if isinstance(grant, ConfigurationError):
            raise grant
        if problem := self._found(name, grant).error:
            raise ConfigurationError(f"connector {name!r}: {problem}")
        if changed := changes(self._environment(grant)):
            raise ConfigurationError(
                f"connector {name!r} is no longer what was added ({grant.distribution} {grant.version}): {changed}. It does "
                f"not run; {_again(grant)}"
            )

    def offer(
        self, source: str, digest: str, work: Path, *, lock: Path | None = None, links: Path | None = None
    ) -> Offer:
        """Look at a wheel (a file, or ``name==version`` to fetch) that must have the hash ``sha256:…``.

        ``work``: an empty folder for what is fetched; ``lock``: what else it needs, with hashes; ``links``: a folder of
        wheels to take in place of the package index. Raises :class:`ConfigurationError`.
        """
        match = _HASH.fullmatch(digest.strip().lower())
        if match is None:
            raise ConfigurationError(
                "--hash: write sha256: and the 64 hexadecimal digits that the connector's maker published"
            )
        path = Path(source)
        if not path.exists() and "/" not in source and not source.endswith((".whl", ".gz", ".zip")):
            path = _fetch.by_name(source, match[1], work, links)
        try:
            path = Path(shutil.copy(path, work))  # what is looked at now is what is added later
        except shutil.SameFileError:
            pass
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
        wheel = _wheel.read(path, match[1])
        others = () if lock is None else tuple(_wheel.read(file) for file in _fetch.by_lock(lock, work / "lock", links))
        others = tuple(other for other in others if other.name != wheel.name)
        if len(wheel.connectors) != 1:
            raise ConfigurationError(
                f"{path}: has {len(wheel.connectors)} entry points isthmus.connectors; a connector's wheel has one"
            )
        [(name, entry)] = wheel.connectors
        manifest, place = _wheel.manifest_of(wheel, entry)
        if manifest.name != name or manifest.kind != "connector" or not _NAME.fullmatch(name):
            raise ManifestError(
                f"{place}: describes {manifest.kind} {manifest.name!r}, the entry point is called {name!r}"
            )
        check_api(manifest, SDK_API)
        for own in discover(kinds=["connector"]):
            if own.name == name:
                raise ConfigurationError(
                    f"connector {name!r} is installed with the hub itself, from {own.distribution}"
                )
        former = self.grants().get(name)
        former = former if isinstance(former, Grant) else None
        asks = Asks.of(manifest)
        new = asks.beyond(former.asks if former else Asks())
        return Offer(name, manifest, wheel, others, entry, asks, new, former)

    def add(self, offer: Offer) -> Grant:
        """Make the environment and put it in force. The former one stays until the next change, for workers that run."""
        home = self.folder / offer.name
        with self._turn():
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(home)
            folder = Path(tempfile.mkdtemp(prefix="env-", dir=home))
            wheels = [offer.wheel, *offer.others]
            try:
                own = _needs.from_hub(wheels)
                build(folder, wheels, own)
                record(folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            grant = Grant(
                name=offer.name,
                distribution=offer.wheel.name,
                version=offer.wheel.version,
                hash=f"sha256:{offer.wheel.digest}",
                entry=offer.entry,
                environment=folder.name,
                python=f"{sys.version_info[0]}.{sys.version_info[1]}",
                asks=offer.asks,
                granted_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                with_=(
                    *({"name": w.name, "version": w.version, "hash": f"sha256:{w.digest}"} for w in offer.others),
                    *({"name": name, "version": _needs.version_of(name), "from": "hub"} for name in own),
                ),
            )
            grant.save(home / _GRANT)
            return grant

    def remove(self, name: str) -> None:
        """Take a connector out of force and delete its environment. Raises :class:`ConfigurationError` for a stranger."""
        home = self.folder / name
        if not _NAME.fullmatch(name) or not (home / _GRANT).exists():
            known = ", ".join(self.grants()) or "none"
            raise ConfigurationError(f"connector {name!r} was not added to this hub; added: {known}")
        with self._turn():
            (home / _GRANT).unlink(missing_ok=True)
            shutil.rmtree(home, ignore_errors=True)

    def _environment(self, grant: Grant) -> Path:
        return self.folder / grant.name / grant.environment

    def _python(self, grant: Grant) -> Path:
        return python_of(self._environment(grant))

    def _beyond(self, found: Found, grant: Grant) -> str | None:
        """What the manifest asks for and nobody granted."""
        more = Asks.of(found.manifest).beyond(grant.asks) if found.manifest else None
        if not more:
            return None
        return f"asks for more than was granted: {'; '.join(more.lines())}. To grant it, {_again(grant)}"

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One change at a time."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def installed(folder: Path) -> list[Found]:
    """Every plugin of the hub's own environment and every connector added below ``folder``; nothing is imported."""
    own = discover()
    taken = {found.name for found in own if found.kind == "connector"}
    return [*own, *(found for found in AddedConnectors(folder).found() if found.name not in taken)]


def _sweep(home: Path) -> None:
    """Delete what earlier changes left: environments that no grant names."""
    try:
        kept = Grant.load(home / _GRANT).environment
    except (FileNotFoundError, ConfigurationError):
        kept = ""
    for path in home.glob("env-*"):
        if path.name.partition(".")[0] != kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _again(grant: Grant) -> str:
    return f"add it again: isthmus connector add WHEEL --hash sha256:… ({grant.distribution})"


__all__ = ["AddedConnectors", "Offer", "installed"]
