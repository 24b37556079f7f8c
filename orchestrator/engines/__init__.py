"""Engines carry attempts from the leader to where they run."""
