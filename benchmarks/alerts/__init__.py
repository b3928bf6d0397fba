"""The connector that the pipeline benchmark runs: an alert of 22 fields and about 1.1 kB becomes three objects."""
