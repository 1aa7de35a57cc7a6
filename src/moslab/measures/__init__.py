"""Pure functions of numbers: correlations, errors, intervals, paired comparisons, numerical continuity."""
