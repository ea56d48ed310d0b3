"""export: what was learned, for the line: graphs and data that run without torch, found to give the same answers."""
