"""Durations as people say them."""


def duration(seconds: float | None) -> str:
    """`40 s`, `12 min`, `2 h 05 min`; `unknown` for None."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
