"""The compact form of a domain: what coverage needs of it, and MITRE's notice.

Write it again for a new version: ``python -m isthmus_hub.coverage.attack BUNDLE.json TABLE.json``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from isthmus_hub.coverage.attack._model import Attack, Technique
from isthmus_sdk.errors import ConfigurationError

_ICS = "ics-attack-18.1.json"


class _Row(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    name: str
    tactics: list[str] = []
    assets: list[str] = []
    analytics: list[list[str]] = []


class _Table(msgspec.Struct, frozen=True):
    notice: str
    domain: str
    version: str
    tactics: dict[str, str]
    assets: dict[str, str]
    components: dict[str, str]
    techniques: list[_Row]


@cache
def ics() -> Attack:
    """ATT&CK for ICS, as it ships with the hub."""
    return _attack(msgspec.json.decode(files(__package__).joinpath(_ICS).read_bytes(), type=_Table))


def read_table(path: Path) -> Attack:
    """A table that :func:`write_table` wrote. Raises :class:`ConfigurationError` for anything else."""
    try:
        return _attack(msgspec.json.decode(path.read_bytes(), type=_Table))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: is not a table of ATT&CK: {error}") from None


def write_table(attack: Attack) -> bytes:
    """The table of a domain: JSON, one technique a line, so that a new version can be read as a difference."""
    rows = [
        msgspec.json.encode(
            _Row(
                each.id,
                each.name,
                list(each.tactics),
                sorted(each.assets),
                [sorted(needs) for needs in each.analytics],
            )
        )
        for each in attack.techniques.values()
    ]
    head = {
        "notice": attack.notice,
        "domain": attack.domain,
        "version": attack.version,
        "tactics": attack.tactics,
        "assets": attack.assets,
        "components": attack.components,
    }
    lines = [b'"%s": %s,' % (name.encode(), msgspec.json.encode(value)) for name, value in head.items()]
    return b"{\n" + b"\n".join(lines) + b'\n"techniques": [\n' + b",\n".join(rows) + b"\n]}\n"


def _attack(table: _Table) -> Attack:
    techniques = (
        Technique(
            row.id,
            row.name,
            tuple(row.tactics),
            frozenset(row.assets),
            tuple(frozenset(needs) for needs in row.analytics),
        )
        for row in table.techniques
    )
    return Attack(
        table.domain,
        table.version,
        table.notice,
        table.tactics,
        table.assets,
        table.components,
        {each.id: each for each in techniques},
    )
