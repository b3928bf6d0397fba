"""Connector for Nozomi Guardian and CMC; the object is ``isthmus_connectors.nozomi_guardian.connector:nozomi``."""
