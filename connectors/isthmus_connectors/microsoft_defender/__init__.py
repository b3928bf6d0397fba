"""Connector for Defender for Endpoint; the object is ``isthmus_connectors.microsoft_defender.connector:defender``."""
