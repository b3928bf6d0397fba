"""``connector.toml`` and ``platform.toml``: what the hub knows of a plugin without importing it.

::

    [connector]                       # [platform] in platform.toml
    name = "acme-edr"
    title = "Acme EDR"
    vendor = "Acme"
    product = "EDR"
    area = "endpoint"                 # ot, endpoint, network, vulnerability, identity, cloud, intelligence, ...
    version = "1.2.0"
    sdk_api = ">=1,<2"
    settings_version = 2              # where the connector migrates settings of version 1 (default: 1)
    tlp = "amber"                     # default marking of unmarked objects
    isolation = "confined"            # the strictest level it works under, if that is not any: "confined", "process"
    minimum_product_version = "4.2"   # the oldest release of the product that answers as the connector asks, and why

    [[limit]]                         # what the vendor documents, so that nobody has to find it by 429
    says = "60 requests a minute for a token"
    source = "https://acme.example/docs/limits"
    streams = ["alerts"]              # absent: the whole API

    [[capability]]                    # what of the environment this product can see
    function = "detect"
    data_components = ["process creation"]
    asset_classes = ["workstation", "server"]
    fidelity = "event"
    evidence = "https://acme.example/docs/alerts"

    [origins]                         # origins beside base_url, for people and for confinement
    login = "https://login.acme.example"

    [settings.base_url]               # one table per setting: its JSON Schema, plus `required`
    type = "string"
    required = true

    [secrets.token]
    description = "API token"
    required = true

    [[stream]]
    name = "alerts"
    description = "Alerts of the tenant"
    default = true
    push = { kind = "webhook", signature = { scheme = "hmac", header = "X-Acme-Signature" } }    # where the vendor can send

    [breaking_changes."2.0.0"]        # what an operator must do when this version arrives
    message = "The setting `host` is now `base_url`"

    [conformance]                     # what the kit found: which version of the connector reached which level
    level = "gold"
    version = "1.2.0"
    exempt = ["declared-classes"]

``isthmus-sdk manifest CONNECTOR --write`` generates ``settings``, ``secrets`` and ``stream`` from the code, and
``isthmus-sdk test CONNECTOR --level gold --record`` writes ``conformance``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from isthmus_sdk.errors import ManifestError
from isthmus_sdk.push._declared import Push

Kind = Literal["connector", "platform"]
FILES: dict[str, Kind] = {"connector.toml": "connector", "platform.toml": "platform"}
_HEADS = ("connector", "platform")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StreamEntry(_Part):
    """A stream as the manifest names it."""

    name: str
    description: str = ""
    default: bool = True
    push: Push | None = None
    """How the vendor may send its records."""


class SecretEntry(_Part):
    """A secret that the operator gives by reference."""

    description: str = ""
    required: bool = True


class Capability(_Part):
    """Function × data components × asset classes: what this product can see or do."""

    function: str
    data_components: tuple[str, ...] = ()
    asset_classes: tuple[str, ...] = ()
    fidelity: str = ""
    evidence: str = ""
    streams: tuple[str, ...] = ()
    """Streams that carry it; empty: all."""


class BreakingChange(_Part):
    """What an operator must do when this version arrives."""

    message: str
    deadline: str = ""
    scope: str = ""


class Limit(_Part):
    """A limit of the product that its vendor documents."""

    says: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """Where the vendor says so: an address, or the name of a document."""
    streams: tuple[str, ...] = ()
    """Streams that it bounds; empty: all."""


class Conformance(_Part):
    """What the conformance kit found."""

    level: Literal["bronze", "silver", "gold"]
    version: str
    """Version of the connector that was looked at."""
    exempt: tuple[str, ...] = ()
    """Rules that the author exempted."""


class Manifest(_Part):
    """The whole manifest, checked."""

    kind: Kind
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = ""
    vendor: str = ""
    product: str = ""
    area: str = ""
    version: str
    sdk_api: str
    tlp: Literal["clear", "green", "amber", "amber+strict", "red"] | None = None
    level: str = ""
    isolation: Literal["process", "confined"] | None = None
    """The strictest level of isolation that the connector works under; ``None``: any."""
    minimum_product_version: str = ""
    """The oldest release of the product that will do, in the vendor's words; a cloud service has none."""
    description: str = ""
    settings_version: int = Field(default=1, ge=1)
    """Version of the settings below: raised when older ones must be migrated."""
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    secrets: dict[str, SecretEntry] = Field(default_factory=dict)
    streams: tuple[StreamEntry, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    limits: tuple[Limit, ...] = ()
    origins: dict[str, Any] = Field(default_factory=dict)
    breaking_changes: dict[str, BreakingChange] = Field(default_factory=dict)
    conformance: Conformance | None = None

    @field_validator("sdk_api")
    @classmethod
    def _range(cls, value: str) -> str:
        accepts(value, "1.0")
        return value

    @field_validator("breaking_changes")
    @classmethod
    def _versions(cls, value: dict[str, BreakingChange]) -> dict[str, BreakingChange]:
        wrong = [version for version in value if re.fullmatch(r"\d+(\.\d+){0,2}", version) is None]
        if wrong:
            raise ValueError(f'{wrong[0]!r} is no version of the connector; write [breaking_changes."2.0.0"]')
        return value

    @property
    def functions(self) -> dict[str, int]:
        """Data components of each function that a capability names, as ``{"detect": 3}``."""
        found: dict[str, set[str]] = {}
        for capability in self.capabilities:
            found.setdefault(capability.function, set()).update(capability.data_components)
        return {function: len(components) for function, components in sorted(found.items())}

    @property
    def conformance_level(self) -> str | None:
        """The level that this version reached; ``None`` where another version was looked at, or none."""
        known = self.conformance
        return known.level if known is not None and known.version == self.version else None

    @property
    def settings_schema(self) -> dict[str, Any]:
        """JSON Schema of ``settings`` in the configuration (secrets are not part of it)."""
        properties = {
            name: {key: value for key, value in schema.items() if key != "required" or not isinstance(value, bool)}
            for name, schema in self.settings.items()
        }
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name, schema in self.settings.items() if schema.get("required") is True],
            "additionalProperties": False,
        }

    def for_configuration(self) -> dict[str, Any]:
        """``{"settings": JSON Schema, "settings_version": number, "secrets": {name: {"required", "description"}}, "streams": [names]}``."""
        return {
            "settings": self.settings_schema,
            "settings_version": self.settings_version,
            "secrets": {name: entry.model_dump() for name, entry in self.secrets.items()},
            "streams": [stream.name for stream in self.streams],
            "push": {stream.name: stream.push for stream in self.streams if stream.push is not None},
        }


def read(path: Path) -> Manifest:
    """The manifest at ``path``. Raises ``ManifestError`` that names the file and the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ManifestError(
            f"{path}: there is no manifest; `isthmus-sdk manifest CONNECTOR --write` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read: {error}") from None
    return parse(text, str(path))


def parse(text: str, where: str = "manifest") -> Manifest:
    """A manifest from TOML text."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{where}: is not TOML: {error}") from None
    heads = [head for head in _HEADS if head in document]
    if len(heads) != 1:
        raise ManifestError(f"{where}: needs exactly one of [connector] and [platform]")
    kind = heads[0]
    head = document.pop(kind)
    if not isinstance(head, dict):
        raise ManifestError(f"{where}: [{kind}] must be a table")
    values = {
        **head,
        "kind": kind,
        "settings": document.pop("settings", {}),
        "secrets": _secrets(document.pop("secrets", {})),
        "streams": document.pop("stream", []),
        "capabilities": document.pop("capability", []),
        "limits": document.pop("limit", []),
        "origins": document.pop("origins", {}),
        "breaking_changes": document.pop("breaking_changes", {}),
        "conformance": document.pop("conformance", None),
    }
    if document:
        raise ManifestError(f"{where}: unknown table [{next(iter(document))}]")
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{_place(kind, item['loc'])}: {item['msg']}" for item in error.errors(include_url=False))
        raise ManifestError(f"{where}: {wrong}") from None


def package_folder(package: str) -> Path:
    """Folder of an imported package. Raises ``ManifestError``."""
    paths = list(getattr(sys.modules.get(package), "__path__", ()))
    if not paths:
        raise ManifestError(f"{package}: is not an imported package, so its manifest cannot be found beside it")
    return Path(paths[0])


def accepts(sdk_api: str, version: str) -> bool:
    """Whether the range ``">=1,<2"`` holds ``version``. Raises ``ValueError`` for what is no range."""
    have = _numbers(version)
    for clause in sdk_api.split(","):
        match = re.fullmatch(r"\s*(>=|<=|==|<|>|~=)?\s*(\d+(?:\.\d+){0,2})\s*", clause)
        if match is None:
            raise ValueError(f"{sdk_api!r} is not a version range; write >=1,<2")
        want = _numbers(match[2])
        holds = {
            ">=": have >= want,
            "<=": have <= want,
            "<": have < want,
            ">": have > want,
            "~=": have >= want and have[0] == want[0],
        }.get(match[1] or "==", have[: len(match[2].split("."))] == want[: len(match[2].split("."))])
        if not holds:
            return False
    return True


def check_api(manifest: Manifest, version: str) -> None:
    """Raise ``ManifestError`` where the manifest's ``sdk_api`` does not hold the SDK's own version."""
    if not accepts(manifest.sdk_api, version):
        raise ManifestError(
            f"{manifest.name} {manifest.version} wants sdk_api {manifest.sdk_api}, this is {version}: "
            f"install a release of the {manifest.kind} that fits, or another isthmus-sdk"
        )


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = [*map(int, version.split(".")), 0, 0][:3]
    return major, minor, patch


def _secrets(written: Any) -> Any:
    """``[secrets]`` as ``name = "description"``, ``name = {…}``, or ``names = [...]`` given as a list."""
    if isinstance(written, list):
        return {name: {} for name in written}
    if isinstance(written, Mapping):
        return {name: {"description": entry} if isinstance(entry, str) else entry for name, entry in written.items()}
    return written


def _place(kind: str, location: tuple[int | str, ...]) -> str:
    written = {"streams": "stream", "capabilities": "capability", "limits": "limit"}
    tables = ("settings", "secrets", "origins", "breaking_changes", "conformance", *written)
    head = str(location[0]) if location else kind
    names = [written.get(head, head), *location[1:]] if head in tables else [kind, *location]
    return ".".join(str(name) for name in names)


__all__ = [
    "FILES",
    "BreakingChange",
    "Capability",
    "Conformance",
    "Kind",
    "Limit",
    "Manifest",
    "SecretEntry",
    "StreamEntry",
    "accepts",
    "check_api",
    "package_folder",
    "parse",
    "read",
]
