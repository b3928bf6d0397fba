"""Claroty xDome."""
