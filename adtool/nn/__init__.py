"""Torch code with more than one user."""
