"""The vendors' read APIs: handlers for the routes that dialects declare with a ``handler``."""
