"""The configuration: every section, every key, its type and its meaning.

One table: the loader validates with these models, ``isthmus config schema`` is their JSON Schema, and the reference in
``docs/configuration.md`` is written from their descriptions. Everything is immutable once loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, PrivateAttr

from isthmus_hub.config._attributes import AssetsConfig, AttributesConfig
from isthmus_hub.config._coverage import CoverageConfig
from isthmus_hub.config._frozen import FrozenDict
from isthmus_hub.config._kinds import (
    BusAddress,
    Contract,
    Duration,
    Endpoints,
    File,
    ForwardAddress,
    FrozenMap,
    Globs,
    Isolation,
    ListenAddress,
    Moment,
    Monitors,
    Name,
    Networks,
    OneOrMore,
    Pins,
    ProxyAddress,
    Quiet,
    Reference,
    References,
    Section,
    Settings,
    Size,
    Text,
    Tlp,
    Vlan,
)
from isthmus_hub.config._zones import ConduitConfig, OwnerConfig, ZoneConfig
from isthmus_sdk.errors import ConfigurationError, SettingsError
from isthmus_sdk.nearest import did_you_mean
from isthmus_sdk.scope import ScopeRule

_T = TypeVar("_T")


class HubConfig(Section):
    """``[hub]``: the hub itself."""

    name: Name
    """Name of this hub. Part of every block id: choose it once."""
    bus: BusAddress = "sqlite"
    """The bus: `"sqlite"` (embedded), or NATS JetStream: `"nats://host:4222"`, `"tls://host:4222"`, several with commas."""
    forward: ForwardAddress | None = None
    """Makes this hub a collector: address of the centre's bus, to which everything observed is forwarded."""
    resolve: bool | None = None
    """Whether this hub keeps an inventory of its own. Without it: yes, save for a collector without platforms."""
    primary: str | None = None
    """Name of the platform that gaps are computed against first. May be left out where there is only one platform."""
    quota: Size = 20 * 10**9
    """Disk space the state directory may take."""
    partitions: Annotated[int, Field(ge=1, le=16)] = 1
    """How many consumers of a group may share `resolved`, each object in order at one of them; above 1 a small change costs more
    writes. Before it is changed, let every group of `resolved` read to the end (`isthmus status`), and restart the hub."""
    isolation: Isolation | None = None
    """The least level that holds every connector: `"process"`, `"confined"` or `"networked-off"` (`docs/isolation.md`). An
    instance does not run where it cannot be reached. Without it the best below `networked-off` that the machine has."""


class ScopeConditions(Section):
    """``when = { … }`` of a scope rule: every condition that is given must hold; a list means any of its values."""

    instance: OneOrMore = None
    """Name of the connector instance."""
    site: OneOrMore = None
    """The vendor's site, exactly as the vendor writes it."""
    zone: OneOrMore = None
    """The vendor's zone."""
    sensor: OneOrMore = None
    """The sensor or appliance that saw the interface."""
    vlan: Vlan = None
    """VLAN number."""
    subnet: OneOrMore = None
    """Subnet of the interface's address, such as `"192.168.1.0/24"`."""


class ScopeConfig(Section):
    """``[[scope]]``: the network in which an address is unique. The first match wins, the rest is `default`."""

    name: Text
    """Name of the address scope, such as `"north/cell-3"`."""
    when: ScopeConditions
    """Conditions on the interface."""

    @cached_property
    def rule(self) -> ScopeRule:
        return ScopeRule.parse(self.name, self.when.model_dump(exclude_none=True))

    def model_post_init(self, _: Any) -> None:
        try:
            _ = self.rule
        except SettingsError as error:
            raise ValueError(str(error).partition(": ")[2]) from None


class TlsConfig(Section):
    """``tls = { … }``: how the far side proves itself, and how we do. Certificates are always verified."""

    pin: Pins = ()
    """SHA-256 fingerprint of the server's certificate, for self-signed appliances; a list while it is renewed."""
    ca: File | None = None
    """File with the certificate authorities to trust (PEM), instead of the system's."""
    cert: File | None = None
    """Our certificate for mutual TLS (PEM), with its key or beside `key`."""
    key: File | None = None
    """Private key of `cert` (PEM)."""

    def model_post_init(self, _: Any) -> None:
        if self.key is not None and self.cert is None:
            raise ValueError("has a `key` without its `cert`; name the certificate as well")

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as it travels to a worker: the arguments of ``isthmus_sdk.http.Tls`` that are set."""
        written = {"pin": list(self.pin), "ca": self.ca, "cert": self.cert, "key": self.key}
        return {name: value for name, value in written.items() if value}


class ReceiveConfig(Section):
    """``[connector.NAME.receive.STREAM]``: what the vendor sends by itself (`docs/push.md`)."""

    listen: Endpoints
    """Where: `"udp://127.0.0.1:5514"`, `"tcp://…"`, `"tls://…"` for syslog, `"http://127.0.0.1:8088/hooks/acme"`, `"https://…"` for
    webhooks; one address or a list. Nothing listens unless it is named here."""
    senders: Networks = ()
    """Addresses or networks that may send; everybody else is refused and counted. Needed for syslog beyond this machine."""
    secrets: References = ()
    """Reference to the secret that the sender proves itself with; two while it is rotated. It never reaches the connector."""
    unsigned: bool = False
    """Takes webhooks from a sender that cannot prove itself."""
    cert: File | None = None
    """Certificate of the receiver for `tls://` and `https://` (PEM), with its key or beside `key`."""
    key: File | None = None
    """Private key of `cert` (PEM)."""
    ca: File | None = None
    """Authorities of client certificates (PEM); with it a sender without one is refused."""
    max_bytes: Size | None = None
    """Largest message: `"64KB"` for syslog, `"1MB"` for webhooks. A larger webhook is refused; larger syslog goes to quarantine by
    its beginning."""
    rate: Annotated[float, Field(gt=0)] = 5000.0
    """Messages per second that a UDP address, or one connection, may bring. Above it UDP is dropped and counted, others wait."""
    connections: Annotated[int, Field(ge=1, le=1024)] = 64
    """Connections at a time; one sender gets at most half of them."""
    quota: Size = 256 * 10**6
    """Disk space for what was received and is not on the bus yet. Beyond it webhooks get 503, TCP waits, UDP is dropped and counted."""
    linger: Duration = 5.0
    """How long messages gather before a run maps them."""

    def model_post_init(self, _: Any) -> None:
        kinds = {one.webhook for one in self.listen}
        if len(kinds) > 1:
            raise ValueError("`listen` names syslog and webhooks; one stream takes one of the two")
        largest = self.max_bytes or (1_000_000 if True in kinds else 64_000)
        if self.quota < 2 * largest:
            raise ValueError(f"`quota` is too small for messages of {largest} bytes; it must hold two of them")
        secure = any(one.scheme in ("tls", "https") for one in self.listen)
        if secure and self.cert is None:
            raise ValueError("listens with TLS and needs `cert` (and `key`)")
        if not secure and (self.cert or self.key or self.ca):
            raise ValueError("has `cert`, `key` or `ca`, and no address with tls:// or https://")
        far = next((one for one in self.listen if not one.loopback and not one.webhook), None)
        if far is not None and not self.senders and self.ca is None:
            raise ValueError(f'listens for syslog on {far} and needs `senders`: who may send, such as ["10.20.0.0/24"]')


class ConnectorConfig(Section):
    """``[connector.NAME]``: one instance of a connector."""

    use: Text
    """Name of the connector (`isthmus connector list`)."""
    source_id: Text | None = None
    """Vendor tenant or appliance that native ids belong to: set once, unique across hubs. Else the instance's name."""
    enabled: bool = True
    """`false` keeps the instance and its state but does not run it."""
    every: Annotated[Duration, Field(gt=0)] = 300.0
    """Time between two runs."""
    quiet: Quiet = ()
    """Daily window or windows without requests, on the machine's clock; may run over midnight."""
    tlp: Tlp | None = None
    """Marking that unmarked objects inherit. Without it the connector's manifest decides."""
    streams: tuple[str, ...] | None = None
    """Streams to run. Without it: those the connector runs by default, or those named in `files`."""
    settings: Settings = Field(default_factory=FrozenDict, repr=False)
    """The connector's settings (`isthmus connector info NAME`)."""
    settings_version: Annotated[int, Field(ge=1)] | None = None
    """Version of the connector's settings that these were written for, where it is not the present one: the connector migrates
    them before each run. Without it they are of the present version."""
    secrets: FrozenMap[str, Reference] = Field(default_factory=FrozenDict)
    """References to secrets: `vault:`, `keyring:`, `env:`, `file:` or `credential:`. Never the secret itself."""
    tls: TlsConfig = TlsConfig()
    """TLS towards the vendor."""
    proxy: ProxyAddress | None = None
    """HTTP proxy towards the vendor. The process environment is not trusted for this."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Requests per second at most, below what the connector declares. The strictest holds for all instances of an account."""
    account: Text | None = None
    """Instances with the same word here share the vendor's rate. Without it those do that are of the same connector, go to the
    same addresses and take their secrets from the same places."""
    files: FrozenMap[str, Globs] | None = None
    """Reads files instead of the vendor's API: stream to file patterns, relative to the configuration file."""
    since: Moment | None = None
    """Where the first run begins, as a time such as `2026-01-01` or `2026-01-01T06:00:00Z`. Another value reads the streams
    once more from there (a backfill); what is known already changes nothing. Streams that are read whole are not concerned.
    To leave the running stream's cursor alone, add a second instance with the same `use`, `source_id` and settings, this
    `since`, the `streams` to read and `enabled = false`, and give `isthmus sync` its name."""
    contracts: FrozenMap[str, Contract] = Field(default_factory=FrozenDict)
    """Stream to what becomes of records whose fields differ from what the connector expects, in place of the connector's own
    word: `evolve`, `quarantine_record`, `drop_field` or `freeze` (docs/contracts.md)."""
    receive: FrozenMap[str, ReceiveConfig] = Field(default_factory=FrozenDict)
    """Streams whose records the vendor sends: `[connector.NAME.receive.STREAM]`. Such a stream is not polled; unless `streams` says
    otherwise the instance runs those alone."""
    snapshot: Literal["none", "file", "batch"] = "none"
    """Which set of files is a complete inventory, so that what is missing from it has vanished: each file, or all new ones
    that a run finds together. Over the network every full pass of a stream of snapshots is one."""
    absence_floor: Annotated[int, Field(ge=0)] = 2
    """So few devices may vanish from an inventory at once without a question. More of them, where they are more than 20 %,
    are marked absent only after `isthmus assets confirm-absence`."""
    isolation: Isolation | None = None
    """The least level that holds this instance, in place of the hub's. `"process"` lowers it, which `status` and `doctor` show."""
    settle: Duration = 10.0
    """A file is read once its size has been unchanged for this long; a one-pass `sync` does not wait."""

    def streams_run(self, by_default: Iterable[str]) -> tuple[str, ...]:
        """Streams that the instance runs: those chosen, else those with an input of their own, else the connector's default."""
        if self.streams is not None:
            return self.streams
        if self.files is not None or self.receive:
            return (*(self.files or ()), *self.receive)
        return tuple(by_default)


class PlatformConfig(Section):
    """``[platform.NAME]``: where the hub delivers."""

    use: Text
    """Name of the platform (`isthmus platform list`)."""
    enabled: bool = True
    """`false` keeps the platform's position but delivers nothing."""
    settings: Settings = Field(default_factory=FrozenDict, repr=False)
    """The platform's settings (`isthmus platform info NAME`)."""
    secrets: FrozenMap[str, Reference] = Field(default_factory=FrozenDict)
    """References to secrets, as for connectors."""
    max_tlp: Tlp = "green"
    """Most restrictive marking that may leave for this platform; what is above it is withheld and counted."""
    covers_by: str | None = None
    """The connector instance through which this platform is also a source."""
    product: Text | None = None
    """Which product it is, where `use` does not say: a name of `isthmus compare-primaries`, such as `"elastic-security"`."""
    tls: TlsConfig = TlsConfig()
    """TLS towards the platform."""
    proxy: ProxyAddress | None = None
    """HTTP proxy towards the platform."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Requests per second at most."""


class NatsTlsConfig(Section):
    """``tls = { … }`` of ``[nats]``. Certificates are always verified."""

    ca: File | None = None
    """File with the certificate authorities to trust (PEM), instead of the system's."""
    cert: File | None = None
    """Our certificate for mutual TLS (PEM), with its key or beside `key`."""
    key: File | None = None
    """Private key of `cert` (PEM)."""

    def model_post_init(self, _: Any) -> None:
        if self.key is not None and self.cert is None:
            raise ValueError("has a `key` without its `cert`; name the certificate as well")


class NatsConfig(Section):
    """``[nats]``: how to reach the NATS servers that `bus` or `forward` names."""

    username: Text | None = None
    """User, with `secrets.password`."""
    secrets: FrozenMap[Literal["password", "token", "credentials", "nkey"], Reference] = Field(
        default_factory=FrozenDict
    )
    """Reference to one secret: `password` (with `username`), `token`, `credentials` (text of a `.creds` file) or `nkey` (seed)."""
    tls: NatsTlsConfig = NatsTlsConfig()
    """TLS towards the servers; used wherever it is set or an address begins with `tls://`."""
    monitor: Monitors = ()
    """Monitoring address of each server, such as `"http://host:8222"`: only so can be verified that it syncs before it acknowledges."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Copies of each stream that is made, on a cluster; from 3 on the bus counts as replicated."""
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "isthmus"
    """What names of streams and subjects begin with. Hubs that share a bus have the same one."""

    def model_post_init(self, _: Any) -> None:
        if len(self.secrets) > 1:
            raise ValueError("has several `secrets`; a server asks for one of password, token, credentials and nkey")
        if ("password" in self.secrets) != (self.username is not None):
            raise ValueError("needs `username` and `secrets.password` together")


class VaultConfig(Section):
    """``[vault]``: where the key of the vault comes from: systemd credential, else key file, else environment."""

    credential: Text = "isthmus-vault-key"
    """Name of the systemd credential that holds the key."""
    key_file: File | None = None
    """File that holds the key; readable by the hub's user only."""
    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "ISTHMUS_VAULT_KEY"
    """Environment variable that holds the key; removed from the environment once read."""


class TelemetryConfig(Section):
    """``[telemetry]``: logs and metrics."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log entry that is written."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """Form of log entries on standard error; `auto` is JSON in the daemon and text on a terminal."""
    metrics: ListenAddress | None = None
    """Address where Prometheus may read metrics, such as `"127.0.0.1:9464"`. Without it there is no listener."""


class Config(Section):
    """A whole configuration file, immutable."""

    hub: HubConfig
    scopes: tuple[ScopeConfig, ...] = Field(default=(), alias="scope")
    zones: tuple[ZoneConfig, ...] = Field(default=(), alias="zone")
    conduits: tuple[ConduitConfig, ...] = Field(default=(), alias="conduit")
    owners: tuple[OwnerConfig, ...] = Field(default=(), alias="owner")
    assets: AssetsConfig = AssetsConfig()
    attributes: AttributesConfig = AttributesConfig()
    connectors: FrozenMap[Name, ConnectorConfig] = Field(default_factory=FrozenDict, alias="connector")
    platforms: FrozenMap[Name, PlatformConfig] = Field(default_factory=FrozenDict, alias="platform")
    coverage: CoverageConfig = CoverageConfig()
    nats: NatsConfig = NatsConfig()
    vault: VaultConfig = VaultConfig()
    telemetry: TelemetryConfig = TelemetryConfig()

    _file: Path = PrivateAttr(default=Path("isthmus.toml"))
    _places: Mapping[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    def receives_only(self, instance: str) -> bool:
        """Whether every stream of an instance is sent to it, so that it never contacts the vendor."""
        chosen = self.connectors[instance]
        return bool(chosen.receive) and chosen.files is None and set(chosen.streams or ()) <= set(chosen.receive)

    @property
    def file(self) -> Path:
        """The file this was read from."""
        return self._file

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but probably not meant, each with its place."""
        return self._warnings

    @cached_property
    def scope_rules(self) -> tuple[ScopeRule, ...]:
        """The rules for ``isthmus_sdk.scope``, in order."""
        return tuple(scope.rule for scope in self.scopes)

    @property
    def resolves(self) -> bool:
        """Whether observed objects are resolved on this hub."""
        if self.hub.resolve is not None:
            return self.hub.resolve
        return self.hub.forward is None or bool(self.platforms)

    @property
    def primary(self) -> str | None:
        """Name of the primary platform: the one named, else the only one, else ``None``."""
        if self.hub.primary is None and len(self.platforms) == 1:
            return next(iter(self.platforms))
        return self.hub.primary

    def connector_named(self, name: str) -> ConnectorConfig:
        """The instance of that name. Raises :class:`ConfigurationError` that offers the near names."""
        return self._named("connector", self.connectors, name)

    def platform_named(self, name: str) -> PlatformConfig:
        """The platform of that name. Raises :class:`ConfigurationError` that offers the near names."""
        return self._named("platform", self.platforms, name)

    def _named(self, kind: str, configured: Mapping[str, _T], name: str) -> _T:
        found = configured.get(name)
        if found is None:
            hint = did_you_mean(name, configured, others="configured")
            raise ConfigurationError(f"{self._file}: there is no [{kind}.{name}]{hint}")
        return found

    def source_id(self, instance: str) -> str:
        """What native ids of this instance belong to."""
        return self.connectors[instance].source_id or instance

    def where(self, *path: str | int) -> str:
        """Place of a key, or of the nearest table around it: ``isthmus.toml:14`` or the environment variable."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return str(self._file)
