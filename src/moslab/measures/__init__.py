"""Pure functions of numbers: correlations and errors, intervals and paired comparisons, numerical continuity."""
