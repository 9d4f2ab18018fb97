"""Histories that are fetched from a StatHat export, ours or another's (statflow.md 1.9)."""
