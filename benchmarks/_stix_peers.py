"""The same STIX objects in the hands of others: stix2, pydantic models, and bare encoders that check nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pydantic
import stix2

Json = dict[str, Any]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    spec_version: Literal["2.1"]
    id: str


class _Versioned(_Model):
    created: pydantic.AwareDatetime
    modified: pydantic.AwareDatetime


class _Reference(pydantic.BaseModel):
    source_name: str
    external_id: str | None = None
    url: str | None = None


class _Infrastructure(_Versioned):
    type: Literal["infrastructure"]
    name: str
    infrastructure_types: list[str] | None = None
    labels: list[str] | None = None
    external_references: list[_Reference] | None = None
    first_seen: pydantic.AwareDatetime | None = None
    last_seen: pydantic.AwareDatetime | None = None
    extensions: dict[str, dict[str, Any]] | None = None


class _Relationship(_Versioned):
    type: Literal["relationship"]
    relationship_type: str
    source_ref: str
    target_ref: str


class _Value(_Model):
    type: Literal["ipv4-addr", "mac-addr"]
    value: str


class _Software(_Model):
    type: Literal["software"]
    name: str
    vendor: str | None = None
    version: str | None = None


_Any = Annotated[_Infrastructure | _Relationship | _Value | _Software, pydantic.Field(discriminator="type")]


class PydanticBundle(pydantic.BaseModel):
    """A bundle of the objects that an asset is made of."""

    type: Literal["bundle"]
    id: str
    objects: list[_Any]


_MODELS: dict[str, type[_Model]] = {
    "infrastructure": _Infrastructure,
    "relationship": _Relationship,
    "ipv4-addr": _Value,
    "mac-addr": _Value,
    "software": _Software,
}


def pydantic_build(page: list[Json]) -> Callable[[], object]:
    """Models of these objects (their ids are given), and their JSON."""
    made = [(_MODELS[obj["type"]], obj) for obj in page]
    return lambda: [model(**fields).model_dump_json(exclude_none=True) for model, fields in made]


def stix2_build(page: list[Json]) -> Callable[[], object]:
    """Objects of stix2, which makes their ids, and their JSON."""
    classes = {cls._type: cls for cls in vars(stix2.v21).values() if isinstance(getattr(cls, "_type", None), str)}
    made = [
        (classes[obj["type"]], {name: obj[name] for name in obj if name not in ("id", "type", "spec_version")})
        for obj in page
    ]
    return lambda: [make(**fields).serialize() for make, fields in made]
