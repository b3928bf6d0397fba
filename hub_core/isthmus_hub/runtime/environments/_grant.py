"""What a connector asks for, what an operator granted, and the difference. Plain data, kept as one small file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from isthmus_hub.runtime._texts import texts
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.manifest import Manifest

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Asks:
    """What a manifest asks for, each as sorted texts."""

    origins: tuple[str, ...] = ()
    """Places on the network that it names itself; those in settings are the operator's own."""
    secrets: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    isolation: tuple[str, ...] = ()
    """The strictest level that it works under, where that is less than the best."""

    @classmethod
    def of(cls, manifest: Manifest) -> Asks:
        """From a manifest: the origins that it names and those in the defaults of its settings."""
        defaults = [schema.get("default") for schema in manifest.settings.values()]
        origins = [*texts(manifest.origins), *(text for text in texts(defaults) if "://" in text)]
        return cls(
            origins=_sorted(origins),
            secrets=_sorted(manifest.secrets),
            settings=_sorted(manifest.settings),
            capabilities=_sorted(
                f"{item.function}: {', '.join(item.data_components)} on {', '.join(item.asset_classes)}"
                for item in manifest.capabilities
            ),
            isolation=() if manifest.isolation is None else (manifest.isolation,),
        )

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Asks:
        """What `as_json` gave."""
        return cls(**{name: tuple(data.get(name, ())) for name in cls.__dataclass_fields__})

    def as_json(self) -> dict[str, list[str]]:
        """Plain data."""
        return {name: list(values) for name, values in asdict(self).items()}

    def beyond(self, granted: Asks) -> Asks:
        """What is asked for here and was not there."""
        return Asks(
            **{
                name: tuple(value for value in getattr(self, name) if value not in getattr(granted, name))
                for name in self.__dataclass_fields__
            }
        )

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__dataclass_fields__)

    def lines(self) -> Iterator[str]:
        """For people, one kind a line."""
        for name in self.__dataclass_fields__:
            if values := getattr(self, name):
                yield f"{name}: {'; '.join(values)}"


@dataclass(frozen=True, slots=True)
class Grant:
    """An added connector: which file it came from, what was granted, where it runs."""

    name: str
    """As written after ``use =``."""
    distribution: str
    version: str
    hash: str
    """``sha256:`` of the wheel."""
    entry: str
    environment: str
    """Folder of its environment, beside the file of the grant."""
    python: str
    """Version that the environment was made for, as ``3.11``."""
    asks: Asks
    granted_at: str
    with_: tuple[dict[str, str], ...] = field(default=())
    """What else lies in the environment: ``name``, ``version``, and ``hash`` of a wheel or ``from`` = ``hub``."""

    def save(self, file: Path) -> None:
        """Replace the file; whole or not at all."""
        data = {"format": FORMAT, **asdict(self), "asks": self.asks.as_json(), "with_": list(self.with_)}
        fresh = file.with_suffix(".new")
        with fresh.open("w") as out:
            json.dump(data, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @classmethod
    def load(cls, file: Path) -> Grant:
        """Read it. Raises :class:`ConfigurationError` for a file that is no grant, ``FileNotFoundError`` for none."""
        try:
            data = json.loads(file.read_bytes())
            known = data.pop("format") == FORMAT
            grant = cls(**{**data, "asks": Asks.parse(data["asks"]), "with_": tuple(data["with_"])})
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            known = False
        if not known or grant.name != file.parent.name or Path(grant.environment).name != grant.environment:
            raise ConfigurationError(f"{file}: cannot be read as a grant: `isthmus connector add` the connector again")
        return grant


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


__all__ = ["Asks", "Grant"]
