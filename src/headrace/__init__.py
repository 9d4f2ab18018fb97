"""Headrace: one self-hosted server for the telemetry dialects your programs already speak."""

__version__ = "0.1.0"
