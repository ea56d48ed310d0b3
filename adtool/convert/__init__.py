"""convert: maps and crops to and from what other tools exchange."""
