"""What a hub is made of: its state directory, its configuration, and the parts that hang on them."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from isthmus_hub import assets
from isthmus_hub.bus import Bus, NatsAccess, open_bus
from isthmus_hub.config import Config, check_settings, load
from isthmus_hub.delivery import Ledger
from isthmus_hub.fitting import weights_of
from isthmus_hub.keeping import Keeping
from isthmus_hub.placing import declared_places
from isthmus_hub.receive import Receivers, Spool, folder_of
from isthmus_hub.runtime import (
    Ingest,
    Inventories,
    Observer,
    Quarantine,
    RunJournal,
    StateDirectory,
    StateLock,
    StreamRun,
    resolve_secrets,
    settle_origin,
)
from isthmus_hub.runtime.environments import AddedConnectors
from isthmus_hub.secrets import KeySource, SecretStore
from isthmus_hub.store import Store
from isthmus_hub.telemetry import Redactor
from isthmus_sdk.cursor import spool_offset
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.faults import keep_markers_in
from isthmus_sdk.loader import Found, discover
from isthmus_sdk.push import Push


class Silent:
    """An observer that looks away."""

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """Nothing."""

    def progress(self, run: StreamRun) -> None:
        """Nothing."""


class Parts:
    """State directory, configuration and what is made of them when it is first needed. Safe for several threads."""

    def __init__(
        self, state: StateDirectory, config: Config | None, *, environ: MutableMapping[str, str] | None = None
    ) -> None:
        self.state = state
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._closing = ExitStack()
        self._instances: dict[str, threading.Lock] = {}
        self._deliveries: dict[str, threading.Lock] = {}
        self._resolve_turn = threading.Lock()
        self._spools: dict[tuple[str, str], Spool] = {}
        self._spools_turn = threading.RLock()
        self.unreadable = ""
        """Why nothing is resolved or delivered until the store is made anew; empty while it can be read."""
        self.observer: Observer = Silent()

    @classmethod
    def open(
        cls,
        state_dir: str | Path | None = None,
        config: Config | str | Path | None = None,
        *,
        lock: bool = True,
        environ: MutableMapping[str, str] | None = None,
    ) -> Self:
        """Open a hub on a state directory (created where missing) with a configuration (or none, for reading only).

        ``lock=False`` opens beside a running daemon, for reading. Raises :class:`ConfigurationError` for an invalid
        configuration, and ``StateInUse`` where another process holds the state directory.
        """
        environ = os.environ if environ is None else environ
        if isinstance(config, str | Path):
            config = load(Path(config), environ=environ)
        hub = cls(
            StateDirectory.open(Path(state_dir) if state_dir else StateDirectory.default()), config, environ=environ
        )
        keep_markers_in(hub.state.path)
        if config is not None:
            hub.check_configuration()
        if lock:
            hub._closing.enter_context(StateLock(hub.state.lock))
            settle_origin(hub.state.path)
        return hub

    def close(self) -> None:
        """Release everything that was opened."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- parts, each made when first needed ------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """The configuration. Raises :class:`ConfigurationError` where the hub was opened without one."""
        if self._config is None:
            raise ConfigurationError(
                "no configuration was given: name it with --config, or write one with `isthmus init`"
            )
        return self._config

    @property
    def name(self) -> str:
        """Name of the hub: part of every block id and of the author of what it publishes."""
        return self._config.hub.name if self._config else "hub"

    @cached_property
    def redactor(self) -> Redactor:
        """Knows every secret this process has resolved."""
        return Redactor()

    @cached_property
    def secrets(self) -> SecretStore:
        """Resolves secret references."""
        vault = self._config.vault if self._config else None
        key = (
            KeySource(
                credential=vault.credential, key_file=Path(vault.key_file) if vault.key_file else None, env=vault.env
            )
            if vault
            else None
        )
        return SecretStore(self.state.vault, key=key, environ=self._environ, on_secret=self.redactor.register)

    @cached_property
    def added(self) -> AddedConnectors:
        """Connectors of third parties that were added to this state directory."""
        return AddedConnectors(self.state.connectors)

    @cached_property
    def own_connectors(self) -> dict[str, Found]:
        """Connectors of the hub's own environment, by name."""
        return {found.name: found for found in discover(kinds=["connector"])}

    @property
    def connectors(self) -> dict[str, Found]:
        """Installed connectors, by name, and those added, as of now; none of their code is imported."""
        return {**{found.name: found for found in self.added.found()}, **self.own_connectors}

    @cached_property
    def platforms(self) -> dict[str, Found]:
        """Installed platforms, by name."""
        return {found.name: found for found in discover(kinds=["platform"])}

    @cached_property
    def bus(self) -> Bus:
        """The bus."""
        return self._closing.enter_context(self.open_bus(self._config.hub.bus if self._config else "sqlite"))

    def open_bus(self, address: str) -> Bus:
        """Our own bus, or the centre's."""
        if address == "sqlite" or self._config is None:
            return open_bus(address, self.state.bus)
        nats = self._config.nats
        references = {str(kind): reference for kind, reference in nats.secrets.items()}
        secrets = resolve_secrets(references, self.secrets.resolve, self._config.where("nats"))
        access = NatsAccess.of(address, nats, secrets, name=f"isthmus {self.name}")
        return open_bus(address, self.state.bus, nats=access)

    @property
    def resolves(self) -> bool:
        """Whether this hub keeps an inventory of its own."""
        return self._config is None or self._config.resolves

    @cached_property
    def keeping(self) -> Keeping | None:
        """Retention of the embedded bus; a shared bus is bounded by those who run it."""
        return Keeping.begun(self.bus, self._config, self.state.store)

    @property
    def waits(self) -> str:
        """Why resolving waits; empty where it does not, or another process resolves."""
        return self.unreadable or str(getattr(self.__dict__.get("keeping"), "waits", ""))

    @property
    def by_object(self) -> bool | None:
        """Whether resolved objects are told so that partitions can share them; ``None``: as the store's file says."""
        return None if self._config is None else self._config.hub.partitions > 1

    @cached_property
    def store(self) -> Store:
        """The store."""
        store = Store.open(self.state.store, hub=self.name, by_object=self.by_object)
        self._closing.callback(store.close)
        return store

    @cached_property
    def quarantine(self) -> Quarantine:
        """Records that did not map."""
        return self._closing.enter_context(Quarantine(self.state.quarantine, self.redactor))

    @cached_property
    def ledger(self) -> Ledger:
        """What each platform was given."""
        ledger = Ledger.open(self.state.delivery, redact=self.redactor.text)
        self._closing.callback(ledger.close)
        return ledger

    @cached_property
    def ingest(self) -> Ingest:
        """From workers to the bus."""
        _ = self.keeping  # its bounds are in force before anything comes in
        return Ingest(self.bus, self.quarantine, hub=self.name)

    @cached_property
    def inventories(self) -> Inventories:
        """What complete snapshots say about what is absent."""
        return Inventories(self.bus, self.name, lambda source: self.store.last_mark(source) if self.resolves else None)

    def spool(self, instance: str, stream: str) -> Spool:
        """What was received for a stream and is not on the bus yet. Raises ``SpoolFull`` where it cannot be opened."""
        receiver = self.config.connectors[instance].receive[stream]
        with self._spools_turn:
            found = self._spools.get((instance, stream))
            if found is None:
                directory = folder_of(self.state.spools, instance, stream)
                found = Spool(directory, quota=receiver.quota, instance=instance, stream=stream)
                self._closing.callback(found.close)
                found.skip_to(self.received_until(instance, stream, found.id))
                self._spools[instance, stream] = found
            found.quota = receiver.quota
            return found

    def received_until(self, instance: str, stream: str, spool: str) -> int:
        """Offset up to which what was received into a spool is on the bus."""
        return spool_offset(self.ingest.cursors(instance, stream).get(""), spool)

    def push_of(self, instance: str) -> dict[str, Push]:
        """What the instance's connector declares that can be sent to it, by stream."""
        found = self.connectors.get(self.config.connectors[instance].use)
        if found is None or found.manifest is None:
            return {}
        return {stream.name: stream.push for stream in found.manifest.streams if stream.push is not None}

    def receive_secrets(self, instance: str, stream: str) -> list[str]:
        """Secrets that senders to a stream prove themselves with. Raises ``SecretError``."""
        references = {str(n): one for n, one in enumerate(self.config.connectors[instance].receive[stream].secrets)}
        where = self.config.where("connector", instance, "receive", stream)
        return list(resolve_secrets(references, self.secrets.resolve, where).values())

    @cached_property
    def receivers(self) -> Receivers:
        """Sockets that vendors send to; none is open before ``receivers.apply()``."""
        receivers = Receivers(self)
        self._closing.callback(receivers.close)
        return receivers

    @cached_property
    def journal(self) -> RunJournal:
        """How the last run of each instance ended."""
        return RunJournal(self.state.runs)

    @cached_property
    def resolver(self) -> assets.Resolver:
        """From ``observed`` to the store."""
        return assets.Resolver(self.store, self.bus, hub=self.name, beliefs=self.beliefs)

    @property
    def orders(self) -> assets.Orders:
        """Which source is believed about which attribute."""
        areas = {name: found.manifest.area for name, found in self.connectors.items() if found.manifest}
        written = self._config.attributes.model_dump(exclude_none=True) if self._config else {}
        connectors = {name: each.use for name, each in self._config.connectors.items()} if self._config else {}
        return assets.Orders({**assets.ORDERS, **written}, areas, connectors)

    @property
    def beliefs(self) -> assets.Beliefs:
        """What assets are made by: orders of belief, declared zones and owners, the model of identity. Raises for a bad model file."""
        return assets.Beliefs(self.orders, *declared_places(self._config), weights_of(self._config))

    def check_configuration(self) -> None:
        """Raise ``InvalidSettings`` where settings do not fit the manifests of what they configure, and for a bad model file."""
        manifests = {
            name: found.manifest.for_configuration() for name, found in self.connectors.items() if found.manifest
        }
        platforms = {
            name: found.manifest.for_configuration() for name, found in self.platforms.items() if found.manifest
        }
        check_settings(self.config, manifests, platforms=platforms)
        weights_of(self.config)

    def reconfigure(self, config: Config) -> None:
        """Take a new configuration; a bad one is refused whole. The hub's name and bus cannot change while it runs."""
        before = self._config
        if before and _lasting(before) != _lasting(config):
            raise ConfigurationError(
                f"{config.file}: [hub] name, bus and partitions and [nats] cannot change while the daemon runs: restart it"
            )
        self._config = config
        try:
            self.check_configuration()
        except ConfigurationError:
            self._config = before
            raise
        if "resolver" in self.__dict__:
            self.resolver.believe(self.beliefs)


def _lasting(config: Config) -> tuple[object, ...]:
    """What a running daemon cannot take anew."""
    return config.hub.name, config.hub.bus, config.hub.partitions, config.nats
