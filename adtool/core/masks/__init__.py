"""Masks as people paint them: which files they are, which pixels they mark, what can be wrong with them."""
