"""Connector for Okta; the object is ``isthmus_connectors.okta.connector:okta``."""
