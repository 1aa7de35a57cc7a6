"""Pages made of results; a page writes nothing else."""
