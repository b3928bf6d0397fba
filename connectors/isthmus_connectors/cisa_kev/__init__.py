"""CISA's catalogue of Known Exploited Vulnerabilities."""
