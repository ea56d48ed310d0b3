"""Painted defects and made-up textures."""
