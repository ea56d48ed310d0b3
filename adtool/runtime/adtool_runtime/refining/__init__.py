"""Maps of a detector, refined as `adtool refine` does it."""
