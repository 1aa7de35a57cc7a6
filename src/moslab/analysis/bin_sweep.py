"""What notebook 01 draws of its sweep over the number of bins."""

from collections.abc import Collection, Sequence

import pandas as pd

Band = tuple[float, float, float]


def curves(bands: pd.DataFrame, bins: Sequence[int]) -> dict[str, pd.DataFrame]:
    """The sweep's arms over K, by dataset.

    Args:
        bands: dataset, arm, value, low, high; as from `measured.bands`.
        bins: the values of K, whose arms are called `bins K=...`.

    Returns:
        Frames with K, value, low, high.
    """
    count = {f"bins K={k}": k for k in bins}
    swept = bands[bands["arm"].isin(list(count))]
    swept = swept.assign(K=swept["arm"].map(count))
    columns = ["K", "value", "low", "high"]
    return {name: rows[columns] for name, rows in swept.groupby("dataset", sort=False)}


def across(bands: pd.DataFrame, arms: Collection[str]) -> dict[str, dict[str, Band]]:
    """Arms that have no K, drawn across the sweep: dataset -> arm -> value, low, high."""
    lines: dict[str, dict[str, Band]] = {}
    for row in bands.itertuples():
        if row.arm in arms:
            lines.setdefault(row.dataset, {})[row.arm] = (row.value, row.low, row.high)
    return lines
