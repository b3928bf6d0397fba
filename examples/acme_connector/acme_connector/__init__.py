"""Isthmus connector for the Acme Watch endpoint sensor."""
