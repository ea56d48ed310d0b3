"""Folders, files, settings and errors: what every step shares; free of torch."""
