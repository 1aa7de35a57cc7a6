"""From a description to scores: what is trained and evaluated, and where finished runs are kept."""
