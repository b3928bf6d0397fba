"""Encoded queries of the Table API: ``^`` is and, ``^OR`` binds to the condition before it, ``^NQ`` begins another query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from isthmus_sdk.errors import UnexpectedReply

ITEM_FIELDS = (
    *("sys_id", "name", "sys_class_name", "sys_created_on", "sys_updated_on", "install_status", "operational_status"),
    *("hardware_status", "life_cycle_stage", "duplicate_of", "serial_number", "asset_tag", "correlation_id"),
    *("ip_address", "mac_address", "fqdn", "host_name", "dns_domain", "manufacturer.name", "model_id.name"),
    *("model_number", "os", "os_version", "os_service_pack", "firmware_version", "form_factor", "chassis_type"),
    *("location.name", "owned_by.name", "managed_by.name", "support_group.name", "assigned_to.name", "department.name"),
    *("environment", "discovery_source", "first_discovered", "last_discovered", "business_criticality"),
    *("cmdb_ot_entity", "cmdb_ot_entity.purdue_level", "cmdb_ot_entity.ot_device_type", "purdue_level"),
    *("u_purdue_level", "u_criticality"),
)
"""Names of others are read through the reference (dot-walking), so that a row says all. A column that a class does not have is left
out by the service without a word: the last ones differ between versions of the OT classes, or are columns many add."""
RELATION_FIELDS = (
    *("sys_id", "sys_updated_on", "sys_created_on", "parent", "child", "type.name"),
    *("parent.sys_class_name", "child.sys_class_name"),
)
_UNQUOTABLE = re.compile(r"[\^\r\n\x00]")


def after_id(last: tuple[Any, ...] | None, limit: int | None) -> dict[str, Any]:
    """Rows with ids beyond the last one, which never change."""
    beyond = f"sys_id>{_value(last[0])}^" if last else ""
    return _asked(f"{beyond}ORDERBYsys_id", limit)


def after_update(
    last: tuple[Any, ...] | None, since: datetime | None, condition: str, limit: int | None
) -> dict[str, Any]:
    """Rows changed since a time, by time and id; on from the last one: a later time, or the same and a greater id."""
    order = "ORDERBYsys_updated_on^ORDERBYsys_id"
    if last is not None:
        time, id = (_value(each) for each in last)
        later = f"sys_updated_on>{time}^{condition}"
        return _asked(f"{later}^NQsys_updated_on={time}^sys_id>{id}^{condition}^{order}", limit)
    begin = f"sys_updated_on>={since:%Y-%m-%d %H:%M:%S}^" if since is not None else ""
    return _asked(f"{begin}{condition}^{order}", limit)


def of_classes(names: Iterable[str]) -> str:
    """Relations whose ends are both of these classes or their children: anything else would lead to what no stream reads."""
    listed = tuple(dict.fromkeys(names))
    ends = ("^OR".join(f"{end}.sys_class_nameINSTANCEOF{name}" for name in listed) for end in ("parent", "child"))
    return "^".join(ends)


def _asked(query: str, limit: int | None) -> dict[str, Any]:
    return {"sysparm_query": query, "sysparm_limit": limit}


def _value(value: Any) -> str:
    text = str(value)
    if not isinstance(value, str) or not text or _UNQUOTABLE.search(text):
        raise UnexpectedReply(f"the walk cannot go on after {text[:40]!r}, which a query cannot hold")
    return text
