"""One faulty vendor, and for each peer the source that its own author would write for it."""
