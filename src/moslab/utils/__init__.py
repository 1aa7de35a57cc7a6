"""What everything else stands on: errors, files, paths, provenance, processes."""
