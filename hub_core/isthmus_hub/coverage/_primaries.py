"""Manifests of primary platforms: what each can see by itself, and how open it is. Every claim has its source.

One file a product in ``primaries/``; an organisation adds its own with ``[coverage] primaries = "folder"``, or names a file.

::

    [primary]
    name = "acme-siem"
    title = "Acme SIEM"
    vendor = "Acme"
    sensors = ["acme-edr"]            # connectors whose instances read its own sensors
    delivered_by = ["opensearch"]     # platforms of Isthmus that write to it

    [[capability]]                    # as in connector.toml, with where it is said
    function = "detect"
    data_components = ["Process Creation"]
    asset_classes = ["workstation"]
    source = "https://acme.example/docs"
    basis = "documented"              # or "recalled": nobody looked it up

    [[takes]]                         # kinds of objects it takes in; [[gives]]: that it gives out
    kinds = ["alert"]
    api = "POST /v1/alerts"
    limit = "100 a request"
    idempotency = "caller's id"
    source = "https://acme.example/docs"
    basis = "documented"
    recalled = ["limit"]              # parts of a documented entry that nobody looked up
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from isthmus_hub.coverage._model import Capability, Product
from isthmus_sdk.errors import ConfigurationError

Basis = Literal["documented", "recalled"]


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A capability and where it is said."""

    function: Literal["identify", "protect", "detect", "respond", "recover"]
    asset_classes: tuple[str, ...]
    data_components: tuple[str, ...] = ()
    evidence: str = ""
    source: str
    basis: Basis

    @property
    def capability(self) -> Capability:
        """As coverage computes with it."""
        return Capability(self.function, self.data_components, self.asset_classes, self.evidence)


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A way in or out: for which kinds of objects, by which API, within which limits, and what a repetition does."""

    kinds: tuple[str, ...]
    api: str
    limit: str
    idempotency: str
    errors: str = ""
    source: str
    basis: Basis
    recalled: tuple[Literal["api", "limit", "idempotency", "errors"], ...] = ()


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    title: str
    vendor: str = ""
    area: str = ""
    sensors: tuple[str, ...] = ()
    delivered_by: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    note: str = ""


class Primary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The manifest of one primary platform."""

    primary: _Head
    capability: tuple[Claim, ...] = ()
    takes: tuple[Door, ...] = ()
    gives: tuple[Door, ...] = ()

    @property
    def name(self) -> str:
        """How commands call it."""
        return self.primary.name

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """What it can see and do by itself."""
        return tuple(claim.capability for claim in self.capability)

    @property
    def product(self) -> Product:
        """As other vendors may mean it."""
        head = self.primary
        return Product((head.name, head.title, *head.aliases, *head.sensors), self.capabilities)

    def claims(self) -> list[dict[str, Any]]:
        """What it can see and do, each with its source, as plain data."""
        return [msgspec.to_builtins(claim) for claim in self.capability]

    def openness(self) -> dict[str, Any]:
        """Its ways in and out, as plain data."""
        return {
            "takes": [msgspec.to_builtins(door) for door in self.takes],
            "gives": [msgspec.to_builtins(door) for door in self.gives],
        }


def read_primary(path: Path) -> Primary:
    """A manifest from a file. Raises :class:`ConfigurationError` that names the file and the place."""
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from None


def catalogue(folder: Path | None = None) -> Mapping[str, Primary]:
    """Every manifest that ships, and those of a folder, which stand before them; by name.

    Raises :class:`ConfigurationError` for a folder or file that cannot be read.
    """
    found = dict(_shipped())
    if folder is not None:
        if not folder.is_dir():
            raise ConfigurationError(
                f"{folder}: is not a folder; [coverage] primaries names one with a manifest a file"
            )
        found |= {one.name: one for one in map(read_primary, sorted(folder.glob("*.toml")))}
    return dict(sorted(found.items()))


@cache
def _shipped() -> Mapping[str, Primary]:
    folder = files("isthmus_hub.coverage").joinpath("primaries")
    found = (
        _parse(file.read_text(encoding="utf-8"), file.name) for file in folder.iterdir() if file.name.endswith(".toml")
    )
    return {one.name: one for one in found}


def _parse(text: str, where: str) -> Primary:
    try:
        return msgspec.convert(tomllib.loads(text), Primary)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where}: is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: is no manifest of a primary platform: {error}") from None
