"""What assets have in common: maker, model, class, level, place, programs.

A site has thousands of devices of a few kinds, so what follows from these words is worked out once for each combination
and remembered, as long as there was nothing to note about it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.classes import ASSET_CLASSES
from isthmus_sdk.stix._shapes.core import given
from isthmus_sdk.stix._shapes.observables import Software, program
from isthmus_sdk.stix._shapes.reading import listed, noted

TECHNOLOGIES = ("ot", "it", "iot", "iomt")
_HELD = 2_048
_BRIEF = 256
_UNCLASSED: tuple[str, str | None] = ("unknown", None)


class Traits(NamedTuple):
    """Read only: what goes into an object is copied from here."""

    facts: Json
    """Those of the asset's facts that come of these words."""
    site: str | None
    zone: str | None
    labels: list[str]
    """Sorted."""
    infrastructure_type: str
    attack_id: str | None
    """Of the asset's class in ATT&CK for ICS."""
    programs: dict[str, Json]
    """Operating system and firmware, by id."""
    notes: tuple[str, ...]


def traits_of(
    asset_class: object,
    technology: object,
    vendor: object,
    model: object,
    os: Software | str | None,
    firmware: Software | str | None,
    purdue_level: object,
    level_source: object,
    site: object,
    zone: object,
) -> Traits:
    """The traits; what is broken is left out and noted."""
    told = (asset_class, technology, vendor, model, os, firmware, purdue_level, level_source, site, zone)
    key = (told, purdue_level.__class__)  # 1 is a level, True is none
    try:
        found = _known.get(key)
    except TypeError:  # a list of levels, or what is no word at all
        return _worked_out(*told)
    if found is None:
        found = _worked_out(*told)
        if not found.notes and all(map(_is_word, told[:6])) and all(map(_is_word, told[7:])) and _is_brief(told[6]):
            _remember(_known, key, found)
    return found


_known: dict[Hashable, Traits] = {}


def installed(software: Iterable[Software | str], notes: list[str]) -> dict[str, Json]:
    """Software observables by id. What is broken is left out and noted."""
    found: dict[str, Json] = {}
    several = (software,) if isinstance(software, Software) else noted(_listed, software, "software", notes) or ()
    for index, item in enumerate(several):
        made = _installed(item, f"software[{index}]", notes)
        if made:
            found[made["id"]] = made
    return found


def _installed(item: Any, where: str, notes: list[str]) -> Json | None:
    try:
        known = _programs.get(item)
    except TypeError:
        return program(item, notes, where)
    if known is not None:
        return known.copy()
    before = len(notes)
    made = program(item, notes, where)
    if made is not None and len(notes) == before and _is_word(item):
        _remember(_programs, item, made.copy())
    return made


_programs: dict[Software | str, Json] = {}


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    if len(memory) >= _HELD:
        memory.clear()
    memory[key] = value


def _is_word(value: object) -> bool:
    """Whether it is worth a place in a memory: texts without end are not, and numbers would be taken for others (1 is True)."""
    if value is None:
        return True
    if type(value) is Software:
        return all(map(_is_word, (value.name, value.vendor, value.version, value.cpe)))
    return type(value) is str and len(value) <= _BRIEF


def _is_brief(level: object) -> bool:
    return _is_word(level) or (type(level) is int and level.bit_length() < 64)


def _worked_out(
    asset_class: Any,
    technology: Any,
    vendor: Any,
    model: Any,
    os: Any,
    firmware: Any,
    purdue_level: Any,
    level_source: Any,
    site: Any,
    zone: Any,
) -> Traits:
    notes: list[str] = []
    site, zone = noted(normalise.text, site, "site", notes), noted(normalise.text, zone, "zone", notes)
    vendor, model = noted(normalise.vendor, vendor, "vendor", notes), noted(normalise.text, model, "model", notes)
    kind = noted(normalise.text, asset_class, "asset_class", notes)
    system = os if os is None or isinstance(os, Software) else Software(os)
    firmware = _as_firmware(firmware, vendor, model, notes)
    programs: dict[str, Json] = {}
    for where, item in (("os", system), ("firmware", firmware)):
        if item is not None and (made := program(item, notes, where)):
            programs[made["id"]] = made
    level = noted(normalise.purdue_level, purdue_level, "purdue_level", notes)
    technology = noted(_technology, technology, "technology", notes)
    facts = given(
        asset_class=kind,
        technology=technology,
        vendor=vendor,
        model=model,
        operating_system=noted(_described, system, "os", notes),
        firmware=noted(_version, firmware, "firmware", notes),
        purdue_level=level,
        level_source=noted(normalise.text, level_source, "level_source", notes) if level else None,
        site=site,
        zone=zone,
    )
    labels = sorted({"asset", *filter(None, (technology, kind, f"purdue:{level}" if level else None))})
    infrastructure_type, attack_id = ASSET_CLASSES.get(kind or "", _UNCLASSED)
    return Traits(facts, site, zone, labels, infrastructure_type, attack_id, programs, tuple(notes))


def _technology(value: object) -> str:
    word = value.strip().lower() if isinstance(value, str) else value
    if word in TECHNOLOGIES:
        return str(word)
    raise RecordError(f"{shown(value)} is not one of {', '.join(TECHNOLOGIES)}")


def _as_firmware(
    value: Software | str | None, vendor: str | None, model: str | None, notes: list[str]
) -> Software | None:
    """A bare firmware version becomes a software named after the model it runs on."""
    if value is None or isinstance(value, Software):
        return value
    version = noted(normalise.text, value, "firmware", notes)
    return Software(f"{model} firmware" if model else "firmware", vendor, version) if version else None


def _described(system: Software) -> str | None:
    name, version = normalise.text(system.name), normalise.text(system.version)
    return f"{name} {version}" if name and version and version not in name else name


def _version(firmware: Software) -> str | None:
    return normalise.text(firmware.version)


def _listed(values: object) -> list[Any]:
    return listed("list", values)
