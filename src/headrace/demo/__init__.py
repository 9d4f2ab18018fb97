"""A made-up shop and its week, in all dialects: what ``headrace demo`` sends. Pure functions of a seed and an end; only
:mod:`headrace.demo.sending` talks to a server.
"""
