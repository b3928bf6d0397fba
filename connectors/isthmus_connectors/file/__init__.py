"""STIX bundles in a directory."""
