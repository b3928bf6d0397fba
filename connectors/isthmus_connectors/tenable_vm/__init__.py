"""Connector for Tenable Vulnerability Management; the object is ``isthmus_connectors.tenable_vm.connector:tenable_vm``."""
