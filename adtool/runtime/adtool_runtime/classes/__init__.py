"""Classes that were found before, given to new pictures."""
