"""Running notebooks: what is due, one process each, and how it ended."""
