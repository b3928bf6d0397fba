"""Connector for Tenable OT Security; the object is ``isthmus_connectors.tenable_ot.connector:tenable_ot``."""
