"""Kinds of values in a configuration: how each is written, what it becomes, and what is said of a wrong one."""

from __future__ import annotations

import glob
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
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
BusAddress = Annotated[str, AfterValidator(_bus)]
ForwardAddress = Annotated[str, AfterValidator(_forward)]
ProxyAddress = Annotated[str, AfterValidator(_proxy)]
ListenAddress = Annotated[str, AfterValidator(_listen)]
Moment = Annotated[str, BeforeValidator(_moment)]
FrozenMap = Annotated[dict[K, V], AfterValidator(FrozenDict)]
Settings = Annotated[dict[str, Any], AfterValidator(freeze)]


class Section(BaseModel):
    """What every table has in common: unknown keys are errors, no coercion, no value in any message, immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, populate_by_name=True
    )
