"""Fields that the API is asked for: it gives none unasked, and refuses a request that names one it does not know.

What the mapping uses and nothing more. A tenant's own list stands in its help centre ("API Documentation").
"""

from __future__ import annotations

DEVICE = (
    "uid", "asset_id", "device_name", "local_name", "device_category", "device_subcategory", "device_type",
    "device_type_family", "manufacturer", "model", "serial_number", "hw_version", "software_or_firmware_version",
    "combined_os", "os_name", "os_version", "os_revision", "mac_list", "ip_list", "vlan_list", "network_list",
    "site_name", "site_group_name", "purdue_level", "purdue_level_source", "windows_last_seen_hostname",
    "dhcp_last_seen_hostname", "http_last_seen_hostname", "snmp_last_seen_hostname", "windows_hostnames",
    "dhcp_hostnames", "http_hostnames", "snmp_hostnames", "other_hostnames", "ad_distinguished_name", "cmms_asset_tag",
    "labels", "retired", "first_seen_list", "last_seen_list", "last_seen_reported", "risk_score",
    "internet_communication", "end_of_life_state", "end_of_life_date", "os_eol_date", "switch_name_list",
    "switch_port_list", "organization_zone_name", "recommended_zone_name", "organization_firewall_group_name",
    "recommended_firewall_group_name", "endpoint_security_names", "edr_is_up_to_date_text", "edr_last_scan_time",
    "last_scan_time", "managed_by", "mdm_enrollment_status", "mdm_compliance_status", "integrations_reported_from",
    "integration_types_reported_from", "ise_security_group_name_list", "ise_endpoint_profile_list",
    "cppm_roles_list", "applied_acl_list", "applied_acl_type_list",
)  # fmt: skip
ALERT = (
    "id", "alert_name", "alert_type_name", "alert_class", "category", "detected_time", "updated_time", "status",
    "description", "mitre_technique_ics_ids", "mitre_technique_enterprise_ids",
)  # fmt: skip
ALERT_DEVICE = (
    "alert_id", "device_uid", "device_alert_status", "device_alert_detected_time", "device_alert_updated_time",
)  # fmt: skip
VULNERABILITY = (
    "name", "vulnerability_type", "cve_ids", "cvss_v2_score", "cvss_v3_score", "epss_score", "is_known_exploited",
    "description", "sources", "published_date", "adjusted_vulnerability_score_level",
)  # fmt: skip
VULNERABILITY_DEVICE = (
    "device_uid", "vulnerability_id", "vulnerability_name", "vulnerability_cve_ids", "vulnerability_cvss_v2_score",
    "vulnerability_cvss_v3_score", "vulnerability_epss_score", "vulnerability_is_known_exploited",
    "vulnerability_relevance", "vulnerability_recommendations", "vulnerability_last_updated",
    "device_vulnerability_detection_date", "device_vulnerability_resolution_date", "patch_install_date",
)  # fmt: skip
OT_EVENT = (
    "event_id", "event_type", "description", "detection_time", "related_alert_ids", "protocol", "ip_protocol", "mode",
    "source_asset_id", "source_ip", "source_port", "source_device_name", "source_device_type", "source_site_name",
    "source_network", "source_username", "dest_asset_id", "dest_ip", "dest_port", "dest_device_name", "dest_device_type",
    "dest_site_name", "dest_network",
)  # fmt: skip
SITE = ("id", "name", "location", "timezone", "country_code", "description", "site_group_name")
