"""What `normalise` joins, by topic: words, addresses, names, platforms, severities, protocols."""
