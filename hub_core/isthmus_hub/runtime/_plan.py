"""What it takes to run one instance: which worker, which streams, and the one frame that configures it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from isthmus_hub.config import Config, ConnectorConfig
from isthmus_hub.runtime._accounts import account_folder
from isthmus_hub.runtime._broker import Brokered, allowed_places, stand_ins, words_of
from isthmus_hub.runtime._process import AT_LARGE
from isthmus_hub.runtime._reach import reach_of
from isthmus_hub.secret_ref import SecretRef
from isthmus_sdk import protocol
from isthmus_sdk.confine import LEVELS, Level, Reach
from isthmus_sdk.errors import ConfigurationError, SecretError
from isthmus_sdk.loader import Found
from isthmus_sdk.manifest import Manifest
from isthmus_sdk.nearest import did_you_mean

OFF: Level = "networked-off"
BEST: Level = "confined"
"""What is tried where nobody requires a level: the best that changes nothing for the connector."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One instance, ready to run. ``configure`` holds its secrets and is never shown."""

    instance: str
    connector: str
    entry: str
    """``package.module:object`` that the worker imports."""
    streams: tuple[str, ...]
    source_id: str
    configure: protocol.Configure = field(repr=False)
    python: Path = Path(sys.executable)
    path: tuple[Path, ...] = ()
    """Folders that the worker imports from, beside its environment."""
    bare: bool = False
    """It imports from ``path`` alone, and no start-up file of an environment runs: for what third parties made."""
    reach: Reach = AT_LARGE
    """What the worker is confined to."""
    brokered: Brokered | None = None
    """What the hub keeps of an instance whose requests it makes."""
    required: Level = "process"
    """The least level at which the instance may run."""
    chosen_at: str = ""
    """Where the configuration says so; empty: it does not, and the best that there is holds."""
    since: str | None = None
    """Where a stream without a cursor begins."""
    absence_floor: int = 2
    """So few devices may vanish at once without a question."""


def plugin(found: Mapping[str, Found], name: str, *, kind: str, where: str) -> tuple[Found, Manifest]:
    """The installed plugin that ``use`` names. Raises :class:`ConfigurationError` with the place and near names."""
    entry = found.get(name)
    if entry is None:
        hint = did_you_mean(name, found, others="installed")
        raise ConfigurationError(f"{where}: no {kind} {name!r} is installed{hint}")
    if entry.manifest is None:
        raise ConfigurationError(f"{where}: {kind} {name!r} of {entry.distribution} cannot be used: {entry.error}")
    return entry, entry.manifest


def resolve_secrets(
    secrets: Mapping[str, SecretRef], resolve: Callable[[SecretRef], str], where: str
) -> dict[str, str]:
    """Values of an instance's secrets. Raises :class:`SecretError` naming the place and the reference, never a value."""
    out = {}
    for name, reference in secrets.items():
        try:
            out[name] = resolve(reference)
        except SecretError as error:
            raise SecretError(f"{where}.secrets.{name}: {error}") from None
    return out


def required_level(config: Config, name: str) -> tuple[Level | None, str]:
    """The least level an instance may run at, and the place that says so; ``None``: nobody does."""
    own = config.connectors[name].isolation
    if own is not None:
        return own, config.where("connector", name, "isolation")
    if config.hub.isolation is not None:
        return config.hub.isolation, config.where("hub", "isolation")
    return None, ""


def _wanted(required: Level | None, chosen_at: str, manifest: Manifest) -> Level:
    """What the worker is to give up. Raises :class:`ConfigurationError` where its connector cannot."""
    most: Level = manifest.isolation or LEVELS[-1]
    if required is None:
        return min(BEST, most, key=LEVELS.index)
    if LEVELS.index(required) > LEVELS.index(most):
        raise ConfigurationError(
            f"{chosen_at}: isolation = {required!r} is required, but connector {manifest.name!r} works only up to {most!r}, "
            "as its manifest says"
        )
    return required


def plan(
    config: Config,
    name: str,
    connectors: Mapping[str, Found],
    resolve: Callable[[SecretRef], str],
    *,
    accounts: Path | None = None,
    record: Path | None = None,
    one_pass: bool = False,
    spools: Mapping[str, protocol.Spooled] | None = None,
) -> Plan:
    """Prepare an instance. ``accounts``: where instances keep the rate of an account together. ``spools``: what was received
    for its streams.

    Raises :class:`ConfigurationError` or :class:`SecretError` with the place in the file.
    """
    chosen = config.connector_named(name)
    where = config.where("connector", name, "use")
    found, manifest = plugin(connectors, chosen.use, kind="connector", where=where)
    required, chosen_at = required_level(config, name)
    level = _wanted(required, chosen_at, manifest)
    account = account_folder(accounts, chosen, manifest) if accounts else None
    folders = [spooled.directory for spooled in (spools or {}).values()]
    files: dict[str, list[str]] | None = None
    if chosen.files is not None or config.receives_only(name):
        files = {stream: list(patterns) for stream, patterns in (chosen.files or {}).items()}
    made = Plan(
        instance=name,
        connector=chosen.use,
        entry=found.value,
        streams=chosen.streams_run(stream.name for stream in manifest.streams if stream.default),
        source_id=config.source_id(name),
        since=chosen.since,
        absence_floor=chosen.absence_floor,
        python=found.python or Path(sys.executable),
        path=(found.site,) if found.site else (),
        bare=found.site is not None,
        reach=reach_of(
            chosen,
            manifest,
            _home(found),
            record,
            os.environ,
            level,
            None if level == OFF else account,
            folders=folders,
            offline=files is not None,
        ),
        required=required or LEVELS[0],
        chosen_at=chosen_at,
        configure=protocol.Configure(
            hub=config.hub.name,
            instance=name,
            source_id=config.source_id(name),
            settings=dict(chosen.settings),
            settings_version=chosen.settings_version,
            secrets=resolve_secrets(chosen.secrets, resolve, config.where("connector", name)),
            tls=chosen.tls.as_dict() or None,
            proxy=chosen.proxy,
            rate=None if chosen.rate is None else {"requests": chosen.rate, "per": 1.0},
            account=None if account is None else str(account),
            tlp=chosen.tlp or manifest.tlp,
            scopes=[scope.model_dump(exclude_none=True, mode="json") for scope in config.scopes],
            files=files,
            spools=dict(spools or {}),
            settle=0.0 if one_pass else chosen.settle,
            one_pass=one_pass,
            snapshot=chosen.snapshot,
            contracts=dict(chosen.contracts),
            record_dir=str(record) if record else None,
        ),
    )
    return _without_secrets(made, chosen, manifest) if level == OFF else made


def _without_secrets(made: Plan, chosen: ConnectorConfig, manifest: Manifest) -> Plan:
    """The worker gets stand-ins; secrets, TLS, proxy and account stay with the hub, which makes the requests."""
    configure = made.configure
    mine = {"tls": None, "proxy": None, "rate": None, "account": None}
    if configure.files is not None:
        return replace(made, configure=msgspec.structs.replace(configure, secrets={}, **mine))
    words = stand_ins(configure.secrets)
    brokered = Brokered(
        secrets={words[name]: secret for name, secret in configure.secrets.items()},
        names={word: name for name, word in words.items()},
        allowed=allowed_places(chosen, manifest),
        words=words_of(chosen),
        tls=configure.tls,
        proxy=configure.proxy,
        rate=configure.rate,
        account=Path(configure.account) if configure.account else None,
    )
    return replace(
        made, brokered=brokered, configure=msgspec.structs.replace(configure, secrets=words, brokered=True, **mine)
    )


def _home(found: Found) -> Path | None:
    """The folder of the top package: the manifest lies in it or below."""
    if found.manifest_path is None:
        return None
    top = found.value.partition(":")[0].partition(".")[0]
    return next((folder for folder in found.manifest_path.parents if folder.name == top), found.manifest_path.parent)
