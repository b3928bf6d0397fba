"""Words of the CMDB in ours: classes, states, criticality."""

from __future__ import annotations

import re

CLASSES = {
    "cmdb_ci_computer": "endpoint", "cmdb_ci_pc_hardware": "workstation", "cmdb_ci_server": "server",
    "cmdb_ci_esx_server": "hypervisor", "cmdb_ci_hyper_v_server": "hypervisor", "cmdb_ci_storage_switch": "switch",
    "cmdb_ci_lb_appliance": "network-device", "cmdb_ci_lb_bigip": "network-device", "cmdb_ci_netgear": "network-device", "cmdb_ci_ip_switch": "switch", "cmdb_ci_ip_router": "router",
    "cmdb_ci_ip_firewall": "firewall", "cmdb_ci_wap_network": "access-point", "cmdb_ci_vpn": "vpn-server",
    "cmdb_ci_ot_plc": "plc", "cmdb_ci_ot_rtu": "rtu", "cmdb_ci_ot_ied": "ied", "cmdb_ci_ot_hmi": "hmi",
    "cmdb_ci_ot_ews": "engineering-workstation", "cmdb_ci_ot_historian": "historian",
    "cmdb_ci_ot_dcs": "dcs-controller", "cmdb_ci_ot_dpu": "dcs-controller", "cmdb_ci_ot_cnc": "controller",
    "cmdb_ci_ot_control": "controller", "cmdb_ci_ot_control_module": "field-io", "cmdb_ci_ot_field_device": "field-io",
    "cmdb_ci_ot_scada_server": "control-server", "cmdb_ci_ot_supervisory": "control-server",
    "cmdb_ci_ot_scada_client": "hmi", "cmdb_ci_ot_opc_server": "data-gateway", "cmdb_ci_ot_industrial_drive": "drive",
    "cmdb_ci_ot_industrial_robot": "robot", "cmdb_ci_ot_industrial_sensor": "sensor",
    "cmdb_ci_ot_industrial_actuator": "actuator", "cmdb_ci_protocol_converter": "data-gateway",
    "cmdb_ci_ot_opc_client": "data-gateway", "cmdb_ci_ot_qics": "controller", "cmdb_ci_ot_industrial_3d_printer": "controller",
    "cmdb_ci_plc": "plc", "cmdb_ci_hmi": "hmi",
    "cmdb_ci_sdwan_edge": "router", "cmdb_ci_residential_gateway": "router", "cmdb_ci_service_aggregation_router": "router",
    "cmdb_ci_sdwan_controller": "network-device", "cmdb_ci_media_converter": "network-device",
    "cmdb_ci_repeater": "network-device", "cmdb_ci_network_node": "network-device", "cmdb_ci_nids": "network-device",
    "cmdb_ci_session_border_controller": "voip", "cmdb_ci_voice_gateway": "voip", "cmdb_ci_private_branch_exchange": "voip",
    "cmdb_ci_mainframe": "server", "cmdb_ci_ucs_rack_unit": "server", "cmdb_ci_ucs_blade": "server",
    "cmdb_ci_sbc": "endpoint", "cmdb_ci_handheld_computing": "mobile", "cmdb_ci_ip_camera": "camera",
    "cmdb_ci_iot": "iot", "cmdb_ci_payment": "iot", "cmdb_ci_imaging": "iot", "cmdb_ci_security": "iot",
    "cmdb_ci_transport": "iot", "cmdb_ci_wearable": "iot", "cmdb_ci_medical": "medical", "cmdb_ci_hc_device": "medical",
}  # fmt: skip
"""Class of the CMDB (its table's name) -> class of an asset. Children that are not listed: see `asset_class`.

Source: ServiceNow, "CMDB tables", Zurich, with the classes that are deprecated there and still in use.
"""
_OT = frozenset({"cmdb_ci_plc", "cmdb_ci_hmi", "cmdb_ci_manufacturing", "cmdb_ci_oe", "cmdb_ci_protocol_converter"})
"""Classes of operational technology outside ``cmdb_ci_ot``: what came before it, and the machines that it controls."""
_TECHNOLOGIES = {"iot": "iot", "camera": "iot", "medical": "iomt"}
_LABELS = {
    "esx server": "hypervisor", "hyper-v server": "hypervisor", "storage switch": "switch",
    "computer": "endpoint", "server": "server", "network gear": "network-device", "ip switch": "switch",
    "ip router": "router", "ip firewall": "firewall", "wireless access point": "access-point", "plc": "plc", "rtu": "rtu",
    "ied": "ied", "hmi": "hmi", "human machine interface": "hmi", "ews": "engineering-workstation",
    "engineering workstation": "engineering-workstation", "historian": "historian", "data historian": "historian",
    "dcs": "dcs-controller", "scada server": "control-server", "scada client": "hmi", "ot control system": "controller",
    "programmable logic controller": "plc", "remote terminal unit": "rtu", "industrial drive": "drive",
    "industrial robot": "robot", "industrial sensor": "sensor", "industrial actuator": "actuator",
}  # fmt: skip
"""The same by label, as exports and the OT device type write it."""
_FORMS = (("laptop", "laptop"), ("notebook", "laptop"), ("desktop", "workstation"), ("tower", "workstation"))
INSTALL = {
    "1": "installed", "2": "on order", "3": "in maintenance", "4": "pending install", "5": "pending repair",
    "6": "in stock", "7": "retired", "8": "stolen", "100": "absent",
}  # fmt: skip
OPERATIONAL = {
    "1": "operational", "2": "non-operational", "3": "repair in progress", "4": "dr standby", "5": "ready",
    "6": "retired", "7": "pipeline", "8": "catalog",
}  # fmt: skip
GONE = frozenset({"retired", "absent", "disposed", "end of life"})
_CRITICALITY = {"1": 100, "2": 75, "3": 50, "4": 25}
_CRITICALITY_WORDS = {"critical": 100, "highest": 100, "high": 75, "medium": 50, "moderate": 50, "low": 25}
_LEADING = re.compile(r"\s*([1-4])(?:\s*-.*)?\s*")


def asset_class(kind: str | None, form: str | None, ot_type: str | None) -> str | None:
    """The class of an asset: what the OT device type says, else the class of the CMDB; ``None`` for one nobody listed.

    A server of any system (``cmdb_ci_linux_server``) is a server.
    """
    if ot_type and (told := _LABELS.get(ot_type.lower())):
        return told
    word = (kind or "").lower()
    found = CLASSES.get(word) or _LABELS.get(word)
    if found is None and word.startswith("cmdb_ci_med_"):
        found = "medical"
    if found is None and (word.endswith(("_server", " server")) and not word.startswith("cmdb_ci_ot")):
        found = "server"
    if found == "endpoint" and form:
        return next((each for part, each in _FORMS if part in form.lower()), found)
    return found


def technology(kind: str | None, *, ot_entity: bool) -> str | None:
    """``ot``, ``iot``, ``iomt`` or ``it``, as the class says; ``None`` where the row names none."""
    word = (kind or "").lower()
    if ot_entity or word in _OT or word.startswith("cmdb_ci_ot"):
        return "ot"
    if not word.startswith("cmdb_ci_"):
        return None
    return _TECHNOLOGIES.get(asset_class(word, None, None) or "", "it")


def status(value: str | None, codes: dict[str, str]) -> str | None:
    """A state in words: from its number, as the service holds it, or from its label."""
    return None if value is None else codes.get(value, value.lower())


def criticality(value: str | None) -> int | None:
    """ "1 - most critical" to "4 - not critical", or a word, on 0 to 100; ``None`` for anything else."""
    if value is None:
        return None
    if match := _LEADING.fullmatch(value):
        return _CRITICALITY[match[1]]
    return _CRITICALITY_WORDS.get(value.strip().lower())
