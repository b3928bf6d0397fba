"""A platform that keeps a line for everything it is sent: tests count what arrived, and how often."""
