"""The REST API in front of catalog and store, its documentation, health and metrics."""
