"""The report's figures as files, for a paper: curves, scores, classes and galleries, as PNG and SVG."""
