"""Connector for Armis Centrix; the object is ``isthmus_connectors.armis.connector:armis``."""
