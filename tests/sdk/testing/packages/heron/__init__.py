"""A reference connector that reaches gold; the mutants of `mutants.py` are made from it."""
