"""prep: a raw data set becomes one in MVTec AD layout."""
