"""What the builder makes, by topic. `Builder` joins the topics; see each module for its shapes."""
