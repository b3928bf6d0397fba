"""Connector for ServiceNow's CMDB; the object is ``isthmus_connectors.servicenow_cmdb.connector:servicenow``."""
