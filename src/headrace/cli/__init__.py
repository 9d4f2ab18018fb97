"""The command line: one module per noun, and the control socket that lets it work beside a running server."""
