"""A data set in a folder: samples, categories, and what its card says."""
