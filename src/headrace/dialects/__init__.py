"""The vendors' HTTP dialects, one module each. `registry` lists them."""
