"""What running a step means: one writer a folder, notes, what was done with which settings, and going on."""
