"""Data sets that `adtool prep` knows; one file each."""
