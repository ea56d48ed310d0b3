"""report: metrics and tables of finished folders."""
