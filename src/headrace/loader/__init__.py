"""Draining the journal into the store, exactly once, and the projections into the catalog."""
