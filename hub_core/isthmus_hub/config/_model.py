"""The configuration: every section, every key, its type and its meaning.

One table: the loader validates with these models, ``isthmus config schema`` is their JSON Schema, and the reference in
``docs/configuration.md`` is written from their descriptions. Everything is immutable once loaded.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema
from pydantic import ValidationInfo as Info
from pydantic_core import PydanticCustomError

from isthmus_hub.config._endpoint import ENDPOINT_PATTERN, Endpoint, Network, endpoints, networks
from isthmus_hub.config._frozen import FrozenDict, K, V, freeze
from isthmus_hub.config._values import (
    DURATION_PATTERN,
    QUIET_PATTERN,
    SIZE_PATTERN,
    QuietWindow,
    duration,
    size,
)
from isthmus_hub.secret_ref import SCHEMES, SecretRef
from isthmus_sdk.errors import SettingsError
from isthmus_sdk.scope import ScopeRule

Tlp = Literal["clear", "green", "amber", "amber+strict", "red"]
"""Traffic Light Protocol 2.0 (FIRST), plus STIX' spelling of ``AMBER+STRICT``."""

Contract = Literal["evolve", "freeze", "quarantine_record", "drop_field"]

Isolation = Literal["process", "confined", "networked-off"]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"


def _name(value: str) -> str:
    if not re.match(NAME_PATTERN, value):
        raise ValueError(
            "must be 1 to 63 letters, digits, dots, hyphens or underscores, and begin with a letter or digit"
        )
    return value


def _reference(value: object, info: Info) -> SecretRef:
    if isinstance(value, SecretRef):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("secret_reference", "not a reference to a secret")
    try:
        reference = SecretRef.parse(value)
    except ValueError as error:
        raise PydanticCustomError("secret_reference", "{problem}", {"problem": str(error)}) from None
    if reference.scheme == "file":
        return SecretRef("file", _absolute(reference.name, info))
    return reference


def _references(value: object, info: Info) -> tuple[SecretRef, ...]:
    written = value if isinstance(value, tuple | list) else (value,)
    if not 1 <= len(written) <= 2:
        raise ValueError("must be one reference to a secret, or two while it is rotated")
    return tuple(_reference(one, info) for one in written)


def _absolute(value: str, info: Info) -> str:
    """A path, relative ones taken from the configuration file."""
    folder: Path = (info.context or {}).get("folder") or Path.cwd()
    path = Path(value)
    if value.startswith("~/"):
        path = path.expanduser()
    return str(folder / path)


def _path(value: object, info: Info) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be the path of a file")
    return _absolute(value, info)


def _globs(value: object, info: Info) -> tuple[str, ...]:
    patterns = value if isinstance(value, tuple | list) else (value,)
    folder: Path = (info.context or {}).get("folder") or Path.cwd()
    out = []
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern or "\0" in pattern:
            raise ValueError('must be a file pattern such as "drop/assets-*.json", or a list of them')
        if pattern.startswith("~/"):
            pattern = str(Path(pattern).expanduser())  # noqa: PLW2901 - the same pattern, spelt out
        # The folder of the configuration is taken literally, also where its name has brackets.
        out.append(
            pattern if Path(pattern).is_absolute() else f"{glob.escape(str(folder))}/{pattern.removeprefix('./')}"
        )
    if not out:
        raise ValueError("must name at least one file pattern")
    return tuple(out)


def _quiet(value: object) -> tuple[QuietWindow, ...]:
    windows = value if isinstance(value, tuple | list) else (value,)
    if not all(isinstance(window, str | QuietWindow) for window in windows):
        raise ValueError('must be a daily window such as "06:00-06:30", or a list of them')
    return tuple(QuietWindow.parse(window) if isinstance(window, str) else window for window in windows)


def _bus(value: str) -> str:
    if value == "sqlite":
        return value
    for server in value.split(","):
        parts = _split(server.strip())
        if parts is not None and (parts.username is not None or parts.password is not None):
            raise ValueError(
                "must not carry a user or password; set username and secrets.password in the table [nats], "
                'with a reference such as "vault:nats/password"'
            )
        if parts is None or parts.scheme not in {"nats", "tls"} or not parts.hostname or parts.path.strip("/"):
            raise ValueError(
                'must be "sqlite" or the address of a NATS server, "nats://host:4222" or "tls://host:4222"; '
                "of several servers of one cluster, with commas between"
            )
    return value


def _forward(value: str) -> str:
    if value == "sqlite":
        raise ValueError('must be the address of the centre\'s NATS server, "nats://host:4222"')
    return _bus(value)


def _monitors(value: object) -> tuple[str, ...]:
    written = value if isinstance(value, tuple | list) else (value,)
    for address in written:
        parts = _split(address) if isinstance(address, str) else None
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise ValueError(
                'must be the monitoring address of a server, such as "http://host:8222", or a list of them'
            )
    return tuple(written)


def _moment(value: object) -> str:
    """A time, as text or TOML's own, as the SDK writes it, so that two ways to write one are one."""
    from isthmus_sdk import stix
    from isthmus_sdk.errors import RecordError

    try:
        found = (
            stix.timestamp(value.isoformat() if isinstance(value, date) else value)
            if isinstance(value, str | date)
            else None
        )
    except RecordError:
        found = None
    if found is None:
        raise ValueError("must be a time, such as 2026-01-01 or 2026-01-01T06:00:00Z")
    return found


def _proxy(value: str) -> str:
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError('must be the address of a proxy, such as "http://proxy.example:3128"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user or password; a proxy that asks for one is not supported")
    return value


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError('must be an address and a port, such as "127.0.0.1:9464"')
    return value


def _split(value: str) -> Any:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - a wrong port shows only when it is read
    except ValueError:
        return None
    return parts


def _pins(value: object) -> tuple[str, ...]:
    written = value if isinstance(value, tuple | list) else (value,)
    pins = []
    for pin in written:
        digest = pin.strip().lower().removeprefix("sha256:").replace(":", "") if isinstance(pin, str) else ""
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError(
                'must be "sha256:" and the 64 hexadecimal digits of the certificate\'s SHA-256 fingerprint'
            )
        pins.append(f"sha256:{digest}")
    return tuple(pins)


_TEXT_OR_TEXTS: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}
Duration = Annotated[
    float,
    BeforeValidator(duration),
    WithJsonSchema({"type": ["string", "number"], "pattern": DURATION_PATTERN, "minimum": 0}),
]
Size = Annotated[int, BeforeValidator(size), WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN})]
Quiet = Annotated[
    tuple[QuietWindow, ...],
    BeforeValidator(_quiet),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": QUIET_PATTERN},
                {"type": "array", "items": {"type": "string", "pattern": QUIET_PATTERN}},
            ]
        }
    ),
]
Reference = Annotated[
    SecretRef, BeforeValidator(_reference), WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(SCHEMES)}):.+$"})
]
File = Annotated[str, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
Globs = Annotated[
    tuple[str, ...],
    BeforeValidator(_globs),
    WithJsonSchema(_TEXT_OR_TEXTS),
]
Monitors = Annotated[tuple[str, ...], BeforeValidator(_monitors), WithJsonSchema(_TEXT_OR_TEXTS)]
Pins = Annotated[tuple[str, ...], BeforeValidator(_pins), WithJsonSchema(_TEXT_OR_TEXTS)]
Endpoints = Annotated[
    tuple[Endpoint, ...],
    BeforeValidator(endpoints),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": ENDPOINT_PATTERN},
                {"type": "array", "items": {"type": "string", "pattern": ENDPOINT_PATTERN}, "minItems": 1},
            ]
        }
    ),
]
Networks = Annotated[tuple[Network, ...], BeforeValidator(networks), WithJsonSchema(_TEXT_OR_TEXTS)]
References = Annotated[tuple[SecretRef, ...], BeforeValidator(_references), WithJsonSchema(_TEXT_OR_TEXTS)]
Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
Text = Annotated[str, Field(min_length=1, max_length=256)]
OneOrMore = Annotated[Any, WithJsonSchema(_TEXT_OR_TEXTS)]
Vlan = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "integer"]},
                {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
            ]
        }
    ),
]
FrozenMap = Annotated[dict[K, V], AfterValidator(FrozenDict)]
Settings = Annotated[dict[str, Any], AfterValidator(freeze)]


class Section(BaseModel):
    """What every table has in common: unknown keys are errors, no coercion, no value in any message, immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, populate_by_name=True
    )


class HubConfig(Section):
    """``[hub]``: the hub itself."""

    name: Name
    """Name of this hub. Part of every block id: choose it once."""
    bus: Annotated[str, AfterValidator(_bus)] = "sqlite"
    """The bus: `"sqlite"` (embedded), or NATS JetStream: `"nats://host:4222"`, `"tls://host:4222"`, several with commas."""
    forward: Annotated[str, AfterValidator(_forward)] | None = None
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
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    """HTTP proxy towards the vendor. The process environment is not trusted for this."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Requests per second at most, below what the connector declares. The strictest holds for all instances of an account."""
    account: Text | None = None
    """Instances with the same word here share the vendor's rate. Without it those do that are of the same connector, go to the
    same addresses and take their secrets from the same places."""
    files: FrozenMap[str, Globs] | None = None
    """Reads files instead of the vendor's API: stream to file patterns, relative to the configuration file."""
    since: Annotated[str, BeforeValidator(_moment)] | None = None
    """Where the first run begins, as a time such as `2026-01-01` or `2026-01-01T06:00:00Z`. Another value reads the streams
    once more from there (a backfill); what is known already changes nothing. Streams that are read whole are not concerned."""
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
    tls: TlsConfig = TlsConfig()
    """TLS towards the platform."""
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
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
    metrics: Annotated[str, AfterValidator(_listen)] | None = None
    """Address where Prometheus may read metrics, such as `"127.0.0.1:9464"`. Without it there is no listener."""


class Config(Section):
    """A whole configuration file, immutable."""

    hub: HubConfig
    scopes: tuple[ScopeConfig, ...] = Field(default=(), alias="scope")
    connectors: FrozenMap[Name, ConnectorConfig] = Field(default_factory=FrozenDict, alias="connector")
    platforms: FrozenMap[Name, PlatformConfig] = Field(default_factory=FrozenDict, alias="platform")
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

    def source_id(self, instance: str) -> str:
        """What native ids of this instance belong to."""
        return self.connectors[instance].source_id or instance

    def where(self, *path: str | int) -> str:
        """Place of a key, or of the nearest table around it: ``isthmus.toml:14`` or the environment variable."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return str(self._file)
