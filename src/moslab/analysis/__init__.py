"""From scores to statements: claims and verdicts, oracles, errors by origin, tables and figures."""
