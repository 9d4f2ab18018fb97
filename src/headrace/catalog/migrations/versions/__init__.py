"""One file per schema change, named by its number. A file never changes once it is released."""
