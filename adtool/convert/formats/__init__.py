"""Formats of other tools. A file is a format, and its name is its name on the command line.

A format has `SOURCE`, the folder of ours that it is made from, and `write(source, category, out) -> Written`. One that
can be read as well has `SUFFIXES`, those of its files, and `read(path, card) -> scores`.
"""
