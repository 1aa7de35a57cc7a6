"""Figures of the notebooks: one function each, from results to a matplotlib figure, colour-blind safe and legible at README size."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from PIL import Image

from moslab.measures.metrics import srcc
from moslab.utils.files import write_atomic

PALETTE = sns.color_palette("colorblind")


def use_style() -> None:
    """One look for all notebooks."""
    sns.set_theme(
        style="whitegrid",
        palette=PALETTE,
        context="notebook",
        rc={
            "figure.dpi": 100,
            "axes.titlesize": 12,
            "legend.frameon": True,
            "figure.constrained_layout.use": True,
        },
    )


def save(figure: Figure, path: Path, runs: Iterable[str] = ()) -> Path:
    """`path` as PNG, the keys of the `runs` it shows in its metadata (`Runs`) and no time stamp: the same figure is
    the same file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None, "Runs": " ".join(sorted(runs))})
    return write_atomic(path, stream.getvalue())


def _panels(
    count: int, width: float = 4.8, height: float = 3.8, columns: int = 0
) -> tuple[Figure, np.ndarray]:
    columns = columns or count
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    for axis in axes.flat[count:]:
        axis.axis("off")
    return figure, axes.flat[:count]


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 8) -> Figure:
    """Small pictures in rows, a caption under each."""
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.35 * columns, 1.75 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, caption in zip(axes.flat, pictures, captions):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(caption, fontsize=8, y=-0.22 - 0.12 * caption.count("\n"))
    return figure


def votes(picture: Image.Image, counts: np.ndarray, scale: tuple[float, float], mos: float) -> Figure:
    """One picture beside what its raters said."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), width_ratios=(1, 2))
    left.imshow(picture, interpolation="nearest")
    left.axis("off")
    right.bar(np.linspace(*scale, len(counts)), counts, width=0.8, color=PALETTE[0], label="votes")
    right.axvline(mos, color=PALETTE[3], linewidth=2, label=f"mean opinion score {mos:.2f}")
    right.set(xlabel="rating", ylabel="raters")
    right.legend()
    return figure


def ceilings(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Label-only ceilings over K: a panel per dataset, a line per convention."""
    figure, axes = _panels(len(tables), 4.2)
    for axis, (name, frame) in zip(axes, tables.items()):
        for color, marker, (convention, rows) in zip(PALETTE, "osD", frame.groupby("convention", sort=False)):
            axis.plot(rows["K"], rows["srcc"], marker=marker, color=color, label=convention)
        axis.set(xscale="log", xlabel="number of bins K", ylabel="SRCC of nearest center to MOS", title=name)
        axis.set_xticks(sorted(set(frame["K"])), labels=[str(k) for k in sorted(set(frame["K"]))])
        axis.minorticks_off()
    axes[0].legend(title="bin centers")
    return figure


def coding_ceilings(frame: pd.DataFrame) -> Figure:
    """What codings keep of the scores' order before any model is trained: a row per coding, a mark per dataset. frame: dataset, coding, srcc."""
    figure, axis = plt.subplots(figsize=(8.5, 0.42 * frame["coding"].nunique() + 1.2))
    places = {coding: place for place, coding in enumerate(reversed(list(dict.fromkeys(frame["coding"]))))}
    for color, marker, (name, rows) in zip(PALETTE, "osD^vPX", frame.groupby("dataset", sort=False)):
        axis.plot(
            rows["srcc"],
            rows["coding"].map(places),
            marker=marker,
            linestyle="none",
            color=color,
            label=name,
            alpha=0.85,
        )
    axis.set_yticks(list(places.values()), labels=list(places))
    axis.set(xlabel="SRCC of coded and restored scores with the scores")
    axis.legend(fontsize=9)
    return figure


def title_gain(frame: pd.DataFrame, published: tuple[float, float]) -> Figure:
    """PLCC with titles over that of the image alone, a line per assumption; the published pair as a star. frame: image, and a column per assumption."""
    figure, axis = plt.subplots(figsize=(7, 4.2))
    axis.plot(frame["image"], frame["image"], color="0.5", linestyle=":", label="image alone")
    for color, style, name in zip(
        PALETTE, ("-", "--", "-."), [column for column in frame if column != "image"]
    ):
        axis.plot(frame["image"], frame[name], color=color, linestyle=style, label=name)
    axis.plot(
        *published,
        marker="*",
        markersize=14,
        linestyle="none",
        color=PALETTE[3],
        label="RvTC without and with titles",
    )
    axis.set(xlabel="PLCC of the image-only predictor", ylabel="PLCC of the best linear mixture")
    axis.legend(fontsize=9)
    return figure


def bin_sweep(
    tables: Mapping[str, pd.DataFrame],
    references: Mapping[str, Mapping[str, tuple[float, float, float]]],
    bounds: Mapping[str, float],
    metric: str = "SRCC",
) -> Figure:
    """Trained scorers over K: a panel per dataset with 95 % bands, other arms as horizontal bands, the oracle in its title.

    tables: dataset -> frame with K, value, low, high. references: dataset -> arm -> (value, low, high). bounds: dataset -> oracle's value.
    """
    figure, axes = _panels(len(tables))
    for axis, (name, frame) in zip(axes, tables.items()):
        axis.fill_between(frame["K"], frame["low"], frame["high"], color=PALETTE[0], alpha=0.25)
        axis.plot(frame["K"], frame["value"], marker="o", color=PALETTE[0], label="bins, 95 % band")
        for color, style, (arm, (value, low, high)) in zip(
            PALETTE[1:], cycle(("--", ":", "-.")), references.get(name, {}).items()
        ):
            axis.axhspan(low, high, color=color, alpha=0.07, linewidth=0)
            axis.axhline(value, color=color, linestyle=style, label=arm)
        title = f"{name} (oracle {bounds[name]:.3f})" if name in bounds else name
        axis.set(xscale="log", xlabel="number of bins K", ylabel=f"{metric} on test images", title=title)
        axis.set_xticks(frame["K"], labels=[str(k) for k in frame["K"]])
        axis.minorticks_off()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return figure


def differences(frame: pd.DataFrame, margin: float | None = None, metric: str = "SRCC") -> Figure:
    """Judged differences with their intervals, one row each; the margin of equivalence shaded. frame: label, value, low, high."""
    figure, axis = plt.subplots(figsize=(8, 0.5 * len(frame) + 1.4))
    rows = np.arange(len(frame))[::-1]
    if margin:
        axis.axvspan(-margin, margin, color="0.85", label=f"equivalence margin ±{margin:g}")
        axis.legend(loc="lower right", fontsize=9)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.hlines(rows, frame["low"], frame["high"], color=PALETTE[0], linewidth=3)
    axis.plot(frame["value"], rows, "o", color=PALETTE[3])
    axis.set_yticks(rows, labels=frame["label"])
    axis.set(xlabel=f"difference in {metric} (positive: the first is better)", ylim=(-0.7, len(frame) - 0.3))
    return figure


def side_by_side(
    scores: Mapping[str, np.ndarray], target: np.ndarray, scale: tuple[float, float], columns: int = 4
) -> Figure:
    """Predicted scores [n] over mean opinion scores [n], a panel per scorer with its SRCC."""
    rows = -(-len(scores) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 2.6 * rows), squeeze=False, sharex=True, sharey=True
    )
    for axis in axes.flat[len(scores) :]:
        axis.axis("off")
    for axis, color, (name, values) in zip(axes.flat, PALETTE, scores.items()):
        axis.scatter(target, values, s=4, alpha=0.35, color=color, linewidths=0, rasterized=True)
        axis.plot(scale, scale, color="0.4", linewidth=1)
        axis.set_title(f"{name}, SRCC {srcc(values, target):.3f}", fontsize=10)
    figure.supxlabel("mean opinion score", fontsize=11)
    figure.supylabel("predicted score", fontsize=11)
    return figure


def degraded_photos(frame: pd.DataFrame) -> Figure:
    """Scores of real photographs over the strength of a degradation, a panel per degradation. frame: photo, degradation, strength, score."""
    figure, axes = _panels(frame["degradation"].nunique(), 3.9)
    for axis, (name, rows) in zip(axes, frame.groupby("degradation", sort=False)):
        for color, marker, (photo, line) in zip(PALETTE, "osD^v", rows.groupby("photo", sort=False)):
            axis.plot(line["strength"], line["score"], marker=marker, color=color, label=photo)
        axis.set(
            xlabel=f"{name} strength (0 none, 1 heavy)",
            title=name,
            ylim=(frame["score"].min() - 0.2, frame["score"].max() + 0.2),
        )
    axes[0].set_ylabel("predicted MOS (1 to 5)")
    axes[0].legend(title="photograph", fontsize=8)
    return figure


def beliefs(picture: Image.Image, answers: Mapping[str, Mapping[str, float]]) -> Figure:
    """A picture beside what the base believes of it: per attribute the likeliest words and their probability."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 0.32 * len(answers) + 0.8), width_ratios=(1, 1.6))
    left.imshow(picture, interpolation="nearest")
    left.axis("off")
    best = {name: max(words.items(), key=lambda item: item[1]) for name, words in answers.items()}
    rows = np.arange(len(best))[::-1]
    right.barh(rows, [share for _, share in best.values()], color=PALETTE[0])
    right.set_yticks(rows, labels=[f"{name}: {words}" for name, (words, _) in best.items()])
    right.set(xlim=(0, 1), xlabel="probability of the likeliest answer")
    return figure


def learning_curve(frame: pd.DataFrame, bounds: Mapping[str, float], metric: str = "PLCC") -> Figure:
    """A metric over training images, a line per arm with its interval; oracles dotted. frame: arm, images, value, low, high."""
    figure, axis = plt.subplots(figsize=(6.5, 4.2))
    for color, marker, (arm, rows) in zip(PALETTE, "osD^v", frame.groupby("arm", sort=False)):
        axis.fill_between(rows["images"], rows["low"], rows["high"], color=color, alpha=0.15)
        axis.plot(rows["images"], rows["value"], marker=marker, color=color, label=arm)
    for style, (name, value) in zip((":", "--"), bounds.items()):
        axis.axhline(value, color="0.35", linestyle=style, label=f"oracle, {name}: {value:.3f}")
    axis.set(xscale="log", xlabel="training images", ylabel=f"{metric} on test images")
    axis.set_xticks(
        sorted(set(frame["images"])), labels=[f"{count:,}" for count in sorted(set(frame["images"]))]
    )
    axis.minorticks_off()
    axis.legend(fontsize=9)
    return figure


def base_curve(frames: Mapping[str, pd.DataFrame], metric: str = "PLCC") -> Figure:
    """A metric over checkpoints of the base, a panel per task and a mark per arm with its interval. frames: base, arm, value, low, high."""
    figure, axes = plt.subplots(1, len(frames), figsize=(3.2 * len(frames), 3.4))
    for axis, (task, frame) in zip(axes, frames.items()):
        places = {base: place for place, base in enumerate(dict.fromkeys(frame["base"]))}
        for shift, color, marker, (arm, rows) in zip(
            (-0.1, 0.1), PALETTE, "os", frame.groupby("arm", sort=False)
        ):
            reach = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
            axis.errorbar(
                rows["base"].map(places) + shift,
                rows["value"],
                reach,
                marker=marker,
                linestyle="none",
                color=color,
                label=arm,
                capsize=3,
            )
        axis.set_xticks(list(places.values()), labels=list(places), rotation=30, ha="right")
        axis.set(title=task, xlabel="checkpoint of the base")
    axes[0].set_ylabel(f"{metric} on test images")
    axes[1].legend(fontsize=9)
    return figure


def lines(
    frame: pd.DataFrame,
    x: str,
    xlabel: str,
    ylabel: str,
    *,
    bounds: Mapping[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """A line per arm with its interval as a band, a panel per dataset. frame: dataset, arm, the column `x`, value and, where there are intervals, low and high. bounds: dataset -> oracle's value."""
    panels = list(frame.groupby("dataset", sort=False))
    figure, axes = _panels(
        len(panels), 5.2, 4.2 if len(panels) < 4 else 3.4, columns=2 if len(panels) > 3 else 0
    )
    for axis, (name, rows) in zip(axes, panels):
        for (color, style), (arm, line) in zip(_looks(), rows.groupby("arm", sort=False)):
            if "low" in line:
                axis.fill_between(line[x], line["low"], line["high"], color=color, alpha=0.1, linewidth=0)
            axis.plot(
                line[x],
                line["value"],
                color=color,
                linestyle=style,
                marker="o" if len(line) < 30 else None,
                markersize=4,
                label=arm,
            )
        if bounds and bounds.get(name):
            axis.axhline(bounds[name], color="0.35", linestyle=":", label="oracle")
        axis.set(xlabel=xlabel, title=name)
        places = sorted(set(rows[x]))
        if log:
            axis.set_xscale("log")
            axis.minorticks_off()
        if log or len(places) <= 16:
            axis.set_xticks(places, labels=[f"{value:g}" for value in places])
    axes[0].set_ylabel(ylabel)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return figure


def dots(
    frame: pd.DataFrame,
    xlabel: str,
    *,
    bounds: Mapping[str, float] | None = None,
    groups: Mapping[str, str] | None = None,
) -> Figure:
    """An arm a row, its value a dot with its interval, a panel per dataset. frame: dataset, arm, value and, where there are intervals, low and high; the first arm on top. bounds: dataset ->
    oracle's value; groups: arm -> name of a group, which has a color."""
    panels = list(frame.groupby("dataset", sort=False))
    arms = list(dict.fromkeys(frame["arm"]))
    kinds = list(dict.fromkeys((groups or {}).get(arm, "") for arm in arms))
    figure, axes = _panels(len(panels), 4.6, 0.36 * len(arms) + 1.3)
    for axis, (name, rows) in zip(axes, panels):
        for kind, color in zip(kinds, PALETTE * 2):
            some = rows[[(groups or {}).get(arm, "") == kind for arm in rows["arm"]]]
            places = [len(arms) - 1 - arms.index(arm) for arm in some["arm"]]
            reach = [some["value"] - some["low"], some["high"] - some["value"]] if "low" in some else None
            axis.errorbar(
                some["value"],
                places,
                xerr=reach,
                marker="o",
                linestyle="none",
                color=color,
                capsize=3,
                label=kind or None,
            )
        if bounds and bounds.get(name):
            axis.axvline(bounds[name], color="0.35", linestyle=":", label="oracle")
        axis.set(xlabel=xlabel, title=name, ylim=(-0.6, len(arms) - 0.4))
        axis.set_yticks(range(len(arms)), labels=arms[::-1] if axis is axes[0] else [])
    handles, labels = axes[0].get_legend_handles_labels()
    if labels:
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def rounding(frame: pd.DataFrame, printed: Mapping[str, tuple[str, float, float]]) -> Figure:
    """What rounding leaves of a noisy predictor: a row per mapping, a mark per reading, a panel per dataset. frame: dataset, mapping, and the columns of `conversion.rounded_predictor`.

    printed: dataset -> (name of a column, its value with all digits, its value with few), the second as a dotted line and the third as a solid one.
    """
    marks = {
        "labels": "the scores themselves",
        "srcc": "noisy predictor",
        "shrunk": "the same, drawn to the mean",
        "against rounded": "noisy, against rounded scores",
    }
    panels, mappings = list(frame.groupby("dataset", sort=False)), list(dict.fromkeys(frame["mapping"]))[::-1]
    figure, axes = _panels(len(panels), 3.8, 0.5 * len(mappings) + 2.2)
    for axis, (name, rows) in zip(axes, panels):
        column, finer, reached = printed[name]
        for color, marker, (kind, label) in zip(PALETTE, "osD^", marks.items()):
            axis.plot(
                rows[kind],
                [mappings.index(mapping) for mapping in rows["mapping"]],
                marker=marker,
                linestyle="none",
                color=color,
                label=label,
            )
        axis.axvline(finer, color="0.35", linestyle=":", label="printed, three digits")
        axis.axvline(reached, color="0.2", label="printed, whole numbers")
        axis.set(
            title=f"{name} (column {column})", xlabel="SRCC after rounding", ylim=(-0.6, len(mappings) - 0.4)
        )
        axis.set_yticks(range(len(mappings)), labels=mappings if axis is axes[0] else [])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return figure


def ncm_curves(
    frame: pd.DataFrame, width: int, levels: Mapping[tuple[str, str], float] | None = None
) -> Figure:
    """Quantities of every training step: a row of panels per dataset, a panel per quantity, a line per arm (mean over seeds, moving mean over `width` steps) with a band from the lowest to the
    highest seed. frame: dataset, quantity, arm, step, value, low, high. levels: (dataset, quantity) -> a model without the picture, dotted."""
    datasets, quantities = list(dict.fromkeys(frame["dataset"])), list(dict.fromkeys(frame["quantity"]))
    figure, axes = plt.subplots(
        len(datasets),
        len(quantities),
        figsize=(4.6 * len(quantities), 3.6 * len(datasets) + 0.6),
        squeeze=False,
    )
    for (name, quantity), rows in frame.groupby(["dataset", "quantity"], sort=False):
        axis = axes[datasets.index(name), quantities.index(quantity)]
        for (color, style), (arm, line) in zip(_looks(), rows.groupby("arm", sort=False)):
            axis.fill_between(line["step"], line["low"], line["high"], color=color, alpha=0.2, linewidth=0)
            axis.plot(line["step"], line["value"], color=color, linestyle=style, label=arm)
        if (name, quantity) in (levels or {}):
            axis.axhline(
                levels[name, quantity], color="0.35", linestyle=":", label="digit frequencies, no picture"
            )
        axis.set(
            title=quantity if len(datasets) == 1 else f"{quantity}, {name}",
            xlabel=f"training step (moving mean over {width})",
        )
        if quantity == "cross-entropy":
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
            axis.set_ylabel("nats per token")
    axes[0, 0].set_ylabel("distance, mean over the batch")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize=9,
        title="mean over seeds; band: lowest to highest seed",
    )
    return figure


def numerical_ambiguity(frame: pd.DataFrame, truth: float, marked: Sequence[float] = ()) -> Figure:
    """What one pays for saying a number where `truth` is right: cross-entropy in one panel, NCM and NCM* (removed) in the other. frame: said, cross_entropy, ncm, ncm_removed; marked: numbers
    that get a dot and their name."""
    figure, axes = _panels(2, 5.6)
    for axis, names in zip(axes, (["cross_entropy"], ["ncm", "ncm_removed"])):
        for color, style, name in zip(PALETTE, ("-", "--"), names):
            axis.plot(
                frame["said"],
                frame[name],
                color=color,
                linestyle=style,
                linewidth=1,
                label={"ncm": "NCM", "ncm_removed": "NCM*, removed"}.get(name),
            )
        for row in frame[frame["said"].isin(marked)].itertuples():
            axis.plot(row.said, getattr(row, names[0]), "o", color=PALETTE[3])
            axis.annotate(
                f"{row.said:.2f}",
                (row.said, getattr(row, names[0])),
                xytext=(5, -12),
                textcoords="offset points",
                fontsize=9,
            )
        axis.axvline(truth, color="0.35", linestyle=":", label=f"the truth, {truth:.2f}")
        axis.set(
            xlabel="number said, each digit with the same share",
            title="cross-entropy of the digits (nats)"
            if names == ["cross_entropy"]
            else "numerical continuity",
        )
        axis.legend(fontsize=9)
    return figure


def conversion_error(frame: pd.DataFrame, columns: int = 4) -> Figure:
    """What rounding the labels would cost a perfect model beside the trained one's error, by interval of the score, a panel per arm; in grey how many pictures lie there.
    frame: arm and the columns of `moslab.analysis.conversion.by_interval`."""
    panels = list(frame.groupby("arm", sort=False))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(3.7 * columns, 3 * rows + 0.5), sharex=True, sharey=True, squeeze=False
    )
    top = 1.05 * frame[["label_approximation", "whole"]].max().max()
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (arm, parts) in zip(axes.flat, panels):
        middle = (parts["low"] + parts["high"]) / 2
        axis.bar(
            middle,
            top * parts["n"] / parts["n"].max(),
            width=0.95 * (parts["high"] - parts["low"]),
            color="0.93",
            label="pictures (largest bar: the most)",
        )
        axis.plot(
            middle,
            parts["whole"],
            color=PALETTE[3],
            marker="o",
            markersize=4,
            label="error of the trained model",
        )
        axis.plot(
            middle,
            parts["label_approximation"],
            color=PALETTE[0],
            linestyle="--",
            marker="s",
            markersize=4,
            label="rounding alone (a perfect classifier's error)",
        )
        axis.set(title=arm, ylim=(0, top))
        axis.grid(axis="x", visible=False)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean absolute error")
    for axis in axes[-1]:
        axis.set_xlabel("mean opinion score")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return figure


def semantic_confusion(frame: pd.DataFrame) -> Figure:
    """Right answers to questions that have nothing to do with the task, after each arm's tuning, a panel per kind of question and a color per way of answering; lines where the untouched model
    stood. frame: kind, way, arm, before, value, low, high (shares of right answers)."""
    arms, kinds = list(dict.fromkeys(frame["arm"])), list(dict.fromkeys(frame["kind"]))
    figure, axes = _panels(len(kinds), 4.8, 0.42 * len(arms) + 1.8)
    for axis, kind in zip(axes, kinds):
        for color, marker, style, shift, (way, rows) in zip(
            (PALETTE[3], PALETTE[0]),
            "os",
            ("-", ":"),
            (0.15, -0.15),
            frame[frame["kind"] == kind].groupby("way", sort=False),
        ):
            places = np.array([len(arms) - 1 - arms.index(arm) for arm in rows["arm"]]) + shift
            axis.errorbar(
                rows["value"],
                places,
                xerr=[rows["value"] - rows["low"], rows["high"] - rows["value"]],
                marker=marker,
                linestyle="none",
                color=color,
                capsize=3,
                label=f"{way}, after tuning, 95 %",
            )
            axis.axvline(rows["before"].iloc[0], color=color, linestyle=style, label=f"{way}, before tuning")
        axis.set(
            xlabel="share of right answers", title=kind, xlim=(-0.02, 1.02), ylim=(-0.6, len(arms) - 0.4)
        )
        axis.set_yticks(range(len(arms)), labels=arms[::-1] if axis is axes[0] else [])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _looks() -> Iterator[tuple[tuple[float, float, float], str]]:
    """Colors, then the same with other line styles."""
    return ((color, style) for style in ("-", "--", ":") for color in PALETTE)
