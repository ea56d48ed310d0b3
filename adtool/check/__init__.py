"""check: what is wrong with a data set or a folder of maps, before hours are spent on it."""
