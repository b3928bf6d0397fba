"""Rows of the CMDB: only the fields that the mapping uses, in each of the ways in which the service writes them.

Every value is a text, whatever it means. A reference is an object: with ``link`` and ``value`` (the sys_id), with
``display_value`` beside or in place of it, or its display value alone, as ``sysparm_display_value`` says; exports have the text.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Moment, NativeId, Text

_SYS_ID = re.compile(r"[0-9a-f]{32}")


def _value(cell: Any) -> Any:
    """What the service holds: the value, which is the same in every language and in UTC."""
    if isinstance(cell, dict):
        return cell.get("value") or cell.get("display_value") or None
    return cell


def _shown(cell: Any) -> Any:
    """What people read: the display value. A sys_id names nothing."""
    text = (cell.get("display_value") or None) if isinstance(cell, dict) else cell
    return None if isinstance(text, str) and _SYS_ID.fullmatch(text) else text


Id = Annotated[NativeId, BeforeValidator(_value)]
Value = Annotated[Text, BeforeValidator(_value)]
Name = Annotated[Text, BeforeValidator(_shown)]
Time = Annotated[Moment, BeforeValidator(_value)]


def _named(field: str) -> Any:
    """The name behind a reference: walked to by us, or the reference's own display value."""
    return Field(None, validation_alias=AliasChoices(f"{field}.name", field))


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Item(_Record):
    """A configuration item: a row of ``cmdb_ci_computer``, ``cmdb_ci_netgear``, ``cmdb_ci_ot`` or one of their children."""

    sys_id: Id
    name: Value = None
    kind: Value = Field(None, alias="sys_class_name")
    created: Time = Field(None, alias="sys_created_on")
    updated: Time = Field(None, alias="sys_updated_on")
    install_status: Value = None
    operational_status: Value = None
    hardware_status: Value = None
    life_cycle_stage: Value = None
    duplicate_of: Value = None
    serial_number: Value = None
    asset_tag: Value = None
    correlation_id: Value = None
    ip_address: Value = None
    mac_address: Value = None
    fqdn: Value = None
    host_name: Value = None
    dns_domain: Value = None
    manufacturer: Name = _named("manufacturer")
    model: Name = _named("model_id")
    model_number: Value = None
    os: Name = None
    os_version: Value = None
    os_service_pack: Value = None
    firmware_version: Value = None
    form_factor: Value = None
    chassis_type: Value = None
    location: Name = _named("location")
    owned_by: Name = _named("owned_by")
    managed_by: Name = _named("managed_by")
    support_group: Name = _named("support_group")
    assigned_to: Name = _named("assigned_to")
    department: Name = _named("department")
    environment: Value = None
    discovery_source: Value = None
    first_discovered: Time = None
    last_discovered: Time = None
    criticality: Value = Field(
        None,
        validation_alias=AliasChoices("business_criticality", "busines_criticality", "u_criticality", "criticality"),
    )
    ot_entity: Value = Field(None, alias="cmdb_ot_entity")
    purdue_level: Value = Field(
        None, validation_alias=AliasChoices("cmdb_ot_entity.purdue_level", "purdue_level", "u_purdue_level")
    )
    ot_device_type: Value = Field(
        None, validation_alias=AliasChoices("cmdb_ot_entity.ot_device_type", "ot_device_type")
    )


class Relation(_Record):
    """A row of ``cmdb_rel_ci``: the parent stands in a relation to the child, as its type reads in both directions."""

    sys_id: Id
    sys_updated_on: Time = None
    created: Time = Field(None, alias="sys_created_on")
    parent: Id
    child: Id
    type: Name = _named("type")
