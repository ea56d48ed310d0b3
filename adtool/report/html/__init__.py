"""The report as one page that opens from disk: what is decided, what is doubtful, what was discovered."""
