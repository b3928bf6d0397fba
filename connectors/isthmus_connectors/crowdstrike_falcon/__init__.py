"""Connector for CrowdStrike Falcon; the object is ``isthmus_connectors.crowdstrike_falcon.connector:falcon``."""
