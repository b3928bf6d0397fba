"""``isthmus doctor``: is this machine fit to run a hub? Every finding says what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from isthmus_sdk.errors import IsthmusError

if TYPE_CHECKING:
    from isthmus_hub.hub import Hub

Level = Literal["ok", "warning", "problem"]
OWN_DISTRIBUTION = "isthmus"
LOW_SPACE = 2 * 10**9
WAL_RESET_FIXED = (3, 51, 3)
"""First SQLite release without the fault that can corrupt a database while it is checkpointed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about the machine or the configuration."""

    level: Level
    subject: str
    text: str


def examine(config: Path, state_dir: Path) -> list[Finding]:
    """Look at everything; never raises for what it finds."""
    return [
        *_python(),
        *_sqlite(),
        *_state(state_dir),
        *_files(state_dir),
        *_configuration(config, state_dir),
        *_bus(config, state_dir),
        *_plugins(state_dir),
        *_isolation(),
        *_keyring(),
    ]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding(
        "ok" if good else "problem", "python", version if good else f"{version} is not supported: use 3.11 to 3.13"
    )


def _sqlite() -> Iterator[Finding]:
    import apsw

    version = apsw.sqlite_lib_version()
    good = tuple(map(int, version.split("."))) >= WAL_RESET_FIXED
    yield Finding(
        "ok" if good else "problem",
        "sqlite",
        version if good else f"{version} can lose data while checkpointing: install apsw 3.51.3 or later",
    )


def _state(path: Path) -> Iterator[Finding]:
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK):
        yield Finding("problem", "state directory", f"{path} cannot be written: choose another with --state-dir")
        return
    free = shutil.disk_usage(there).free
    text = f"{path}, {free / 1e9:.1f} GB free"
    yield Finding(
        "ok" if free > LOW_SPACE else "warning",
        "state directory",
        text if free > LOW_SPACE else f"{text}: intake stops when the disk is full",
    )
    if path.exists() and path.stat().st_mode & 0o077:
        yield Finding("warning", "state directory", f"{path} can be read by others: chmod 700 {path}")
    from isthmus_hub.runtime import copy_notice

    if copied := copy_notice(path):
        yield Finding("warning", "state directory", copied)


REMEDIES = {
    "store.sqlite": "`isthmus store rebuild` makes it anew from the bus",
    "search.sqlite": "delete it: it is made anew when somebody searches",
    "quarantine.sqlite": "move it away: the records that wait in it are in that file only",
    "delivery.sqlite": "move it away, then `isthmus deliver NAME --from store`: platforms are told everything once more",
    "bus/resolved.sqlite": "move it away, then `isthmus deliver NAME --from store` for each platform",
    "bus/observed.sqlite": "`isthmus bus check` names what is lost; the rest is read around it",
}
"""What to do about a file of the state directory that is damaged."""


def _files(state: Path) -> Iterator[Finding]:
    """Every database of the state directory, by its own structure; what is inside is for the check commands."""
    import apsw

    for path in (*sorted(state.glob("*.sqlite")), *sorted(state.glob("bus/*.sqlite"))):
        name = path.relative_to(state).as_posix()
        try:
            with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
                connection.set_busy_timeout(1_000)
                found = connection.execute("PRAGMA quick_check(1)").get
        except apsw.BusyError:
            continue
        except apsw.Error as error:
            found = str(error)
        if found != "ok":
            remedy = REMEDIES.get(name, "move it away, or restore it from a copy")
            yield Finding("problem", name, f"is damaged ({found}): {remedy}")


def _configuration(path: Path, state_dir: Path) -> Iterator[Finding]:
    from isthmus_hub.config import check_settings, load
    from isthmus_hub.fitting import weights_of
    from isthmus_hub.runtime.environments import installed

    if not path.exists():
        yield Finding("warning", "configuration", f"{path} does not exist: write one with `isthmus init`")
        return
    try:
        config = load(path, environ=os.environ)
        found = installed(state_dir / "connectors")
        manifests = {
            kind: {
                plugin.name: plugin.manifest.for_configuration()
                for plugin in found
                if plugin.kind == kind and plugin.manifest
            }
            for kind in ("connector", "platform")
        }
        check_settings(config, manifests["connector"], platforms=manifests["platform"])
        weights_of(config)
    except IsthmusError as error:
        yield Finding("problem", "configuration", str(error))
        return
    yield Finding(
        "ok", "configuration", f"{path}: {len(config.connectors)} instances, {len(config.platforms)} platforms"
    )
    for warning in config.warnings:
        yield Finding("warning", "configuration", warning)


def _bus(config: Path, state_dir: Path) -> Iterator[Finding]:
    """The bus, the link of a collector to its centre, consumers and hubs that have no place there."""
    from isthmus_hub.config import load
    from isthmus_hub.hub import Hub

    if not config.exists():
        return
    try:
        loaded = load(config, environ=os.environ)
    except IsthmusError:
        return  # told already
    if loaded.hub.bus == "sqlite" and loaded.hub.forward is None and not (state_dir / "bus").exists():
        return
    try:
        with Hub.open(state_dir, loaded, lock=False) as hub:
            yield from _own_bus(hub)
            yield from _deliveries(hub)
            if loaded.hub.forward is not None:
                yield from _link(hub)
    except IsthmusError as error:
        yield Finding("problem", "bus", str(error))


def _own_bus(hub: Hub) -> Iterator[Finding]:
    from isthmus_hub import link
    from isthmus_hub.views import abandoned

    try:
        health = hub.bus.health()
        for warning in (*health.warnings, *abandoned(hub.bus, hub.config)):
            yield Finding("warning", "bus", warning)
        if hub.config.hub.bus != "sqlite":
            good = health.durability in ("flushed", "replicated")
            yield Finding("ok" if good else "warning", "bus", f"{health.engine}, durability {health.durability}")
        for problem in link.status(hub)["conflicts"]:
            yield Finding("problem", "hubs", problem)
    except IsthmusError as error:
        yield Finding("problem", "bus", str(error))


def _deliveries(hub: Hub) -> Iterator[Finding]:
    """Platforms that fell behind what the bus keeps; a warning until the store was taken in its place."""
    from isthmus_hub.views import expired_entries, told_of_expired

    if not hub.state.delivery.exists():
        return
    for name in hub.config.platforms:
        try:
            expired = expired_entries(hub, name)
        except IsthmusError:  # a file that cannot be read is told already
            return
        if expired:
            yield Finding("ok" if expired["served"] else "warning", "delivery", told_of_expired(name, expired))


def _link(hub: Hub) -> Iterator[Finding]:
    from isthmus_hub import link

    try:
        lines = link.check(hub)
    except IsthmusError as error:
        yield Finding("problem", "forward", str(error))
        return
    yield Finding("ok", "forward", "; ".join(line for line in lines if not line.startswith("warning: ")))
    for line in lines:
        if line.startswith("warning: "):
            yield Finding("warning", "forward", line.removeprefix("warning: "))


def _plugins(state_dir: Path) -> Iterator[Finding]:
    from isthmus_hub.runtime.environments import AddedConnectors, installed

    added = AddedConnectors(state_dir / "connectors")
    names = added.grants()
    for found in installed(added.folder):
        subject = f"{found.kind} {found.name}"
        error = found.error
        if not error and found.kind == "connector" and found.name in names and found.site:
            try:
                added.verify(found.name)
            except IsthmusError as problem:
                error = str(problem)
        version = found.manifest.version if found.manifest else ""
        if error:
            yield Finding("problem", subject, f"{error} (from {found.distribution})")
        elif found.site or found.distribution == OWN_DISTRIBUTION:
            where = ", in an environment of its own" if found.site else ""
            yield Finding("ok", subject, f"{version} from {found.distribution}{where}")
        else:
            yield Finding(
                "warning",
                subject,
                f"{version} from {found.distribution} lies in the hub's own environment, where its start-up files run in "
                "the hub: uninstall it there and give its wheel to `isthmus connector add`",
            )


def _isolation() -> Iterator[Finding]:
    """What a worker really gives up here: each level is tried, in a process of its own."""
    from isthmus_hub.runtime import try_level

    confined, off = try_level("confined"), try_level("networked-off")
    held = {
        "confined": "confined: own process, own secrets and files only, no programs, TCP only to the ports of its addresses; "
        "network: advisory, for a port is open to every host and UDP is not held back",
        "process": f"process: own process, own secrets only; files of this user are not out of reach: {confined.reason}; "
        "network: advisory",
    }
    yield Finding("ok" if confined.level == "confined" else "warning", "isolation", held[confined.level])
    if off.level == "networked-off":
        said = "networked-off can be chosen: no network and no secret in the connector, requests go through the hub"
    else:
        said = f"networked-off cannot be reached: {off.reason}"
    yield Finding("ok" if off.level == "networked-off" else "warning", "isolation", said)


def _keyring() -> Iterator[Finding]:
    from isthmus_hub.secrets import system_keyring

    try:
        backend = system_keyring("keyring:")
    except IsthmusError:
        yield Finding(
            "ok", "keyring", "no usable system keyring: keep secrets in the vault (`isthmus secret set NAME`)"
        )
    else:
        yield Finding("ok", "keyring", f"{type(backend).__module__}.{type(backend).__qualname__}")
