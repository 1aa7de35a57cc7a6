"""What labels alone say about a dataset and about lists made from it: no picture is opened and nothing is trained."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moslab import datasets
from moslab.analysis.claims import load_claims
from moslab.analysis.conversion import restored_labels, rounded_predictor
from moslab.analysis.tables import say
from moslab.backbones.catalogue import architecture_of, resolve
from moslab.backbones.checkpoints import read_config
from moslab.datasets import ava, koniq10k, lists, splits
from moslab.datasets.ratings import mean_and_sd
from moslab.datasets.table import ImageTable, training_rows
from moslab.measures import ncm
from moslab.measures.metrics import METRICS, plcc, srcc
from moslab.scorers import digits, levels
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError
from moslab.utils.paths import data_root

# Codings as (scorer, options): what a model that predicts its targets perfectly would give back.
CODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "levels": ("levels", {}),
    "soft levels, density": ("soft_levels", {"label": "density"}),
    "soft levels, area": ("soft_levels", {"label": "area"}),
    **{f"bins K={k}": ("bins", {"bins": k, "decoding": "argmax"}) for k in (5, 11, 21, 51, 101)},
    **{f"digits M={m}": ("digits", {"digits": m}) for m in (1, 2, 3)},
    "digits M=1, 1-9.99": ("digits", {"digits": 1, "mapping": "1-9.99"}),
    "digits M=1, native": ("digits", {"digits": 1, "mapping": "native"}),
}
RANGES = ("train_minmax", "scale")


# --- codings ----------------------------------------------------------------------------------------------------------------------------


def coding_ceilings(
    table: ImageTable,
    codings: Mapping[str, tuple[str, dict[str, Any]]] = CODINGS,
    ranges: Iterable[str] = RANGES,
) -> list[dict[str, Any]]:
    """SRCC, PLCC raw and after the logistic fit, and MAE of coded and restored scores with the scores, one row per coding and range.

    The range is that of the training scores (of all where none are marked for training) or the nominal scale; scores are turned round where the table says DMOS, as for training. Codings that
    cannot write these scores, for want of deviations or of digits, are left out.
    """
    labels = Labels.of(table.upright(), training_rows(table))
    rows = []
    for name, (scorer, options) in codings.items():
        for where in ranges:
            low, high = (
                table.scale if where == "scale" else (float(labels.mos.min()), float(labels.mos.max()))
            )
            try:
                restored = restored_labels(labels, scorer, options, low, high)
            except UserError:
                continue
            rows.append(
                {
                    "dataset": table.name,
                    "coding": name,
                    "range": where,
                    **{metric: measure(restored, labels.mos) for metric, measure in METRICS.items()},
                    "n": len(labels.mos),
                }
            )
    return rows


# --- raters -----------------------------------------------------------------------------------------------------------------------------


# Where a dataset's scores may lie among the numbers written: the digits scorer's mapping, and the range whose ends it carries to the mapping's ends.
WRITTEN = {
    "0-9.99, scores that occur": ("0-9.99", "train_minmax"),
    "1-9.99, scores that occur": ("1-9.99", "train_minmax"),
    "0-9.99, whole scale": ("0-9.99", "scale"),
    "1-9.99, whole scale": ("1-9.99", "scale"),
    "as they are": ("native", "scale"),
}


def digit_ceilings(table: ImageTable, counts: Sequence[int]) -> list[dict[str, Any]]:
    """`coding_ceilings` of five level words and of numbers with so many digits, on the training range; spread: the scores' deviation as a share of their nominal scale."""
    codings = {"levels": ("levels", {})} | {f"digits M={m}": ("digits", {"digits": m}) for m in counts}
    low, high = table.scale
    spread = float(table.frame["mos"].to_numpy()[training_rows(table)].std() / (high - low))
    return [row | {"spread": spread} for row in coding_ceilings(table, codings, ["train_minmax"])]


def one_digit(table: ImageTable, finer: float, reached: float, m: int = 1) -> list[dict[str, Any]]:
    """`rounded_predictor` of a table's test scores written with M digits, one row per place that `WRITTEN` gives them; left out where scores cannot be written so."""
    scores = table.upright().frame["mos"].to_numpy()
    trained, tested = scores[training_rows(table)], scores[table.rows("test")]
    codings = {}
    for name, (mapping, where) in WRITTEN.items():
        low, high = table.scale if where == "scale" else (float(trained.min()), float(trained.max()))
        try:
            digits.places(mapping, low, high)
        except UserError:
            continue
        codings[name] = partial(digits.through_digits, m=m, low=low, high=high, mapping=mapping)
    return [
        {"dataset": table.name, "mapping": name, **row, "n": len(tested)}
        for name, row in rounded_predictor(tested, codings, finer, reached).items()
    ]


def levels_without_picture(
    name: str,
    tokens: int,
    root: str | None = None,
    images: int | None = None,
    train_images: int | None = None,
) -> list[dict[str, Any]]:
    """`ncm.without_picture` of a dataset's training labels (all labels where none are marked for training) at three digits, a plain row per mapping of the scores to numbers and per state of
    knowledge. tokens: taught tokens of an answer."""
    table = datasets.load(name, root=root, images=images if name in datasets.EMBEDDED else None).upright()
    mos = table.frame["mos"].to_numpy(dtype=np.float64)[training_rows(table)][:train_images]
    low, high = float(mos.min()), float(mos.max())
    mappings = ["0-9.99", "1-9.99"] + ["native"] * (0 <= low and high <= 10)
    return [
        {"dataset": name, "mapping": mapping, "knows": knows, **reached, "n": len(mos)}
        for mapping in mappings
        for knows, reached in ncm.without_picture(
            ncm.places(digits.encode(mos, 3, low, high, mapping), 3), tokens
        ).items()
    ]


def answer_tokens(backbone: str) -> int:
    """Taught tokens of a three-digit answer with its end, by the backbone's tokenizer: 'The score of this image is 3.99.' has 13 in Qwen2-VL. Loads no weights."""
    folder = resolve(backbone)
    architecture = architecture_of(read_config(folder).model_type)
    said = f"{architecture.LEAD}{digits.SENTENCE} {digits.written(399, 3)}."
    return len(architecture.tokens(architecture.read_processor(folder).tokenizer, said)) + 1


def rater_ceiling(table: ImageTable) -> dict[str, Any] | None:
    """How well the true mean opinion would predict the published one, as PLCC; None where votes are unpublished, shares instead of counts, or a single one.

    The error of a mean of n votes has the variance sd^2 / n; what is left of the variance of the published means is that of the true ones (classical test theory), and the ceiling is the root of
    their ratio, 0 where nothing is left. raters: the median number of votes.
    """
    votes = table.votes
    if votes is None or votes.sum(1).min() < 2:
        return None
    raters, (mean, sd) = votes.sum(1), mean_and_sd(votes, *table.scale)
    error = sd**2 / raters
    reliability = max(0.0, 1 - error.mean() / mean.var())
    return {
        "dataset": table.name,
        "raters": float(np.median(raters)),
        "sd of a mean": float(np.sqrt(error.mean())),
        "sd of the scores": float(mean.std()),
        "PLCC ceiling": float(np.sqrt(reliability)),
        "n": len(mean),
    }


# --- titles -----------------------------------------------------------------------------------------------------------------------------


def title_power(table: ImageTable, fitted: np.ndarray, tested: np.ndarray) -> dict[str, Any]:
    """What a picture's group alone (AVA: its challenge) predicts: means of groups over the rows `fitted`, shrunk towards the mean of all by their reliability, held against the rows `tested`.

    between: the share of the variance that lies between groups (one-way random effects, unequal sizes). seen: the share of tested pictures whose group was fitted. Pictures without a group are
    not fitted, and predicted as those of an unseen one: by the mean of all.
    """
    mos, group = table.frame["mos"].to_numpy(), table.frame["group"].to_numpy()
    fitted = fitted[group[fitted] != ""]
    found = (
        pd.DataFrame({"mos": mos[fitted], "group": group[fitted]})
        .groupby("group")["mos"]
        .agg(["mean", "size", "var"])
    )
    n, groups = len(fitted), len(found)
    within = ((found["size"] - 1) * found["var"].fillna(0)).sum() / (n - groups)
    spread = (found["size"] * (found["mean"] - mos[fitted].mean()) ** 2).sum() / (groups - 1)
    between = max(0.0, (spread - within) / ((n - (found["size"] ** 2).sum() / n) / (groups - 1)))
    shrunk = (
        found["size"] * between / (found["size"] * between + within) * (found["mean"] - mos[fitted].mean())
    )
    predicted = mos[fitted].mean() + pd.Series(group[tested]).map(shrunk).fillna(0).to_numpy()
    return {
        "dataset": table.name,
        "groups": groups,
        "between": float(between / (between + within)),
        "seen": float(np.isin(group[tested], found.index).mean()),
        "srcc": srcc(predicted, mos[tested]),
        "plcc": plcc(predicted, mos[tested]),
        "n": len(tested),
    }


def together(image: float, title: float, shared: float) -> float:
    """PLCC of the best linear mixture of two predictors, of given PLCC each, whose predictions correlate by `shared`, which is below 1."""
    return float(np.sqrt((image**2 + title**2 - 2 * image * title * shared) / (1 - shared**2)))


# --- lists made from a dataset ----------------------------------------------------------------------------------------------------------


def words(listed: ImageTable) -> pd.DataFrame:
    """The answers of a list by their last word, one row each: n, lowest and highest score, known (one of Q-Align's five), overlaps (its scores reach into those of another word). In order of scores."""
    rows = listed.frame.assign(word=listed.annotations["word"])
    found = (
        rows[rows["word"] != ""]
        .groupby("word")["mos"]
        .agg(["size", "min", "max"])
        .rename(columns={"size": "n", "min": "lowest", "max": "highest"})
        .sort_values("lowest")
    )
    reached = found["highest"].cummax().shift(fill_value=-np.inf)
    return found.assign(
        known=found.index.isin(levels.LEVELS),
        overlaps=(found["lowest"] <= reached)
        | (found["highest"] >= found["lowest"].shift(-1, fill_value=np.inf)),
    )


def direction(listed: ImageTable) -> float:
    """SRCC of the words' rank, bad to excellent, with the scores, turned round where the table says DMOS; near -1 in a list whose words are upside down. NaN without words."""
    rank = listed.annotations["word"].map({word: number for number, word in enumerate(levels.LEVELS)})
    told = rank.notna().to_numpy()
    return (
        srcc(rank[told].to_numpy(), listed.upright().frame["mos"].to_numpy()[told])
        if told.sum() > 2
        else float("nan")
    )


def word_range(found: pd.DataFrame) -> tuple[float, float, float]:
    """The range whose equal fifths the words lie in (least squares through the borders between them), and how far the worst border is off. `found`: from `words`, five known ones."""
    borders = (found["highest"].to_numpy()[:-1] + found["lowest"].to_numpy()[1:]) / 2
    if list(found.index) != list(levels.LEVELS):
        raise UserError(f"Fifths need the five words in their order; found {', '.join(found.index)}.")
    width, start = np.polyfit(np.arange(1, 5), borders, 1)
    return (
        float(start),
        float(start + 5 * width),
        float(np.abs(borders - (start + width * np.arange(1, 5))).max()),
    )


def left_out(listed: ImageTable, whole: ImageTable, splits: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Pictures of a dataset's splits that its list leaves out, one row per split of the list: n, and how many of them score outside everything that is listed.

    splits: which of the dataset's splits a split of the list is made from, {'train': ('train',), ...}.
    """
    known = listed.frame["image"].str.rpartition("/")[2]
    rows = []
    kept = whole.frame[whole.frame["image"].isin(set(known))]["mos"]
    for split, parts in splits.items():
        there = whole.frame[whole.frame["split"].isin(parts)]
        absent = there[~there["image"].isin(set(known[listed.frame["split"] == split]))]
        extreme = (absent["mos"] < kept.min()) | (absent["mos"] > kept.max())
        rows.append(
            {
                "split": split,
                "published": len(there),
                "listed": len(there) - len(absent),
                "left out": len(absent),
                "of them extreme": int(extreme.sum()),
                "lowest listed": float(kept.min()),
                "highest listed": float(kept.max()),
            }
        )
    return pd.DataFrame(rows).set_index("split")


def shared_groups(table: ImageTable, split: np.ndarray) -> tuple[int, int]:
    """How many groups (prompts, references) of the test pictures are in training too, and how many there are. split: names [n]."""
    tested, trained = (set(table.frame["group"][split == name]) - {""} for name in ("test", "train"))
    return len(tested & trained), len(tested)


def test_sets(root: Path) -> dict[str, int]:
    """AVA's test sets by name, and how many pictures each shares with the official list; empty without that list."""
    official = next(
        (
            set((root / "ava" / name).read_text(encoding="utf-8").split())
            for name in ava.TEST_LISTS
            if (root / "ava" / name).is_file()
        ),
        set(),
    )
    others = {}
    if (root / "ava" / "test.csv").is_file():
        others["TANet"] = {
            image
            for labels, _ in ava.read_tanet(root / "ava")
            for image, split in zip(labels["image"], labels["split"])
            if split == "test"
        }
    if (root / "qalign_json" / "test_ava.json").is_file():
        listed = lists.load(root, "qalign_json/ava").frame  # with a training list, if there is one
        others["Q-Align"] = set(
            listed["image"][listed["split"] == "test"].str.extract(r"(\d+)\.", expand=False)
        )
    return (
        {"official": len(official)}
        | {
            key: count
            for name, images in others.items()
            for key, count in ((name, len(images)), (f"{name}, in the official", len(images & official)))
        }
        if official
        else {}
    )


# --- all of it --------------------------------------------------------------------------------------------------------------------------


def audit(name: str, root: Path | None) -> dict[str, Any]:
    """Everything above that applies to a dataset, as plain values. root: as for `datasets.load`, which looks for it where none is given."""
    root = root or data_root()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # what loaders warn of is counted here; a curve that cannot be fitted gives NaN
        table = datasets.load(name, root=root and str(root), preset=labels_preset(name, root))
        found = {
            "title": datasets.module_of(name).ABOUT.title
            if name in datasets.PUBLISHED
            else f"{name} (embedded)",
            "version": table.version,
            "n": len(table),
            "published": datasets.module_of(name).ABOUT.pictures
            if name in datasets.PUBLISHED
            else len(table),
            "splits": table.frame["split"].value_counts(sort=False).to_dict(),
            "lowest": float(table.frame["mos"].min()),
            "highest": float(table.frame["mos"].max()),
            "scale": list(table.scale),
            "ceilings": coding_ceilings(table),
            "raters": rater_ceiling(table),
        }
        return found | EXTRAS.get(name, lambda *_: {})(table, root)


def labels_preset(name: str, root: Path | None, preset: str = "default") -> str:
    """A preset for labels alone: KonIQ-10k's are the same for both sizes of pictures, so either will do."""
    if name == "koniq10k" and root and koniq10k.both_sizes(root / name):
        return koniq10k.sized(preset, koniq10k.SIZES[0])
    return preset


def koniq_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """The two score columns, and Q-Align's list where it lies beside the dataset."""
    whole = datasets.load("koniq10k", root=str(root), preset=labels_preset("koniq10k", root, "mos100"))
    columns = {
        "srcc": srcc(table.frame["mos"], whole.frame["mos"]),
        "plcc": plcc(table.frame["mos"], whole.frame["mos"]),
    }
    if not list(root.glob("qalign_json/*_koniq.json")):
        return {"columns": columns}
    listed = lists.load(root, "qalign_json/koniq")
    said = words(listed)
    low, high, off = word_range(said)
    return {
        "columns": columns,
        "words": said.reset_index().to_dict("records"),
        "range": {"low": low, "high": high, "worst border": off},
        "direction": direction(listed),
        "left out": left_out(listed, whole, {"train": ("train",), "test": ("test",)})
        .reset_index()
        .to_dict("records"),
    }


def ava_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """What titles predict, fitted on everything but the test pictures; which test sets there are."""
    tested = table.rows("test")
    return {
        "titles": title_power(table, np.setdiff1d(np.arange(len(table)), tested), tested),
        "test sets": test_sets(root),
    }


def agiqa_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """Prompts that test shares with training when pictures are split one by one, as Q-Align's five splits do, and in our held-out test."""
    singly = [
        shared_groups(
            table, np.where(splits.folds("agiqa3k singly", table.frame["image"], 5) == fold, "test", "train")
        )
        for fold in range(5)
    ]
    novel = table.frame["split"].replace({"test": "unused", "test_novel": "test"}).to_numpy()
    return {
        "prompts": {
            "split by picture": [list(pair) for pair in singly],
            "held out": list(shared_groups(table, novel)),
        }
    }


def tad_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """What the theme alone predicts."""
    return {"titles": title_power(table, table.rows("train"), table.rows("test"))}


def icaa_extras(table: ImageTable, root: Path) -> dict[str, Any]:
    """Test photographs that are trained on, under another colour's folder, and the rows that show them."""
    trained = set(table.frame["group"][table.rows("train")])
    shared, photographs = shared_groups(table, table.frame["split"].to_numpy())
    return {
        "photographs": {
            "shared": shared,
            "tested": photographs,
            "rows shared": int(table.frame["group"][table.rows("test")].isin(trained).sum()),
            "rows tested": len(table.rows("test")),
        }
    }


EXTRAS: dict[str, Callable[[ImageTable, Path], dict[str, Any]]] = {
    "koniq10k": koniq_extras,
    "ava": ava_extras,
    "agiqa3k": agiqa_extras,
    "tad66k": tad_extras,
    "icaa17k": icaa_extras,
}


def ceiling(
    found: Mapping[str, Any], coding: str, metric: str = "srcc", where: str = "train_minmax"
) -> float:
    """One cell of an audit's table of ceilings."""
    return next(row[metric] for row in found["ceilings"] if (row["coding"], row["range"]) == (coding, where))


def mixtures(titles: Mapping[str, Any], image: float) -> dict[str, float]:
    """The PLCC that an image-only predictor of PLCC `image` reaches at best with what titles know, by assumption about what it knows of it already.

    'nothing': its predictions do not correlate with the titles' (the most a title can add). 'as the scores do': given the score, the two say nothing of each other. 'perfect, nothing': the first,
    with every group's true mean in place of the one estimated. All are linear: what a picture has to do with its title is not in them.
    """
    title = titles["plcc"]
    return {
        "nothing": together(image, title, 0),
        "as the scores do": together(image, title, image * title),
        "perfect, nothing": together(image, titles["between"] ** 0.5, 0),
    }


def published() -> tuple[float, float]:
    """PLCC on AVA that others quote for RvTC without and with challenge titles."""
    claims = load_claims("rvtc")
    return claims["rvtc.ava_image_only_qwen2_vl_2b"].published["plcc"], claims[
        "rvtc.ava_challenge_title"
    ].published["plcc"]


def findings(audits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is worth knowing before trusting a table, one sentence each, for the datasets that are there."""
    said = []
    if koniq := audits.get("koniq10k"):
        said.append(
            say(
                "Five equal fifths (Q-Align's words) keep an SRCC of {srcc} with KonIQ-10k's own scores on the training range and {wide} on the nominal scale; one digit keeps {digit}, 51 bins {bins}.",
                srcc=ceiling(koniq, "levels"),
                wide=ceiling(koniq, "levels", where="scale"),
                digit=ceiling(koniq, "digits M=1"),
                bins=ceiling(koniq, "bins K=51"),
            )
        )
        if "left out" in koniq:
            train, test = koniq["left out"]
            said.append(
                say(
                    "Q-Align's list for KonIQ-10k leaves out {train} training and {test} test pictures, and {extreme} of these {all} are the ones that score outside everything it lists.",
                    train=train["left out"],
                    test=test["left out"],
                    extreme=train["of them extreme"] + test["of them extreme"],
                    all=train["left out"] + test["left out"],
                )
            )
    if "test sets" in (aesthetic := audits.get("ava", {})):
        image, title = published()
        sets, reach = aesthetic["test sets"], mixtures(aesthetic["titles"], image)
        if "TANet" in sets:
            said.append(
                say(
                    "AVA has two test sets in use: only {common} of the {tanet} pictures in TANet's are in the official one.",
                    common=sets["TANet, in the official"],
                    tanet=sets["TANet"],
                )
            )
        said.append(
            say(
                "AVA's challenge alone predicts the score with a PLCC of {plcc}; on top of an image-only predictor of {image} that makes {sure} to {most} by linear mixture, and {perfect} if every challenge's "
                "mean were known exactly and the picture told nothing of it. {title} is reported for RvTC with titles.",
                image=image,
                title=title,
                plcc=aesthetic["titles"]["plcc"],
                sure=reach["as the scores do"],
                most=reach["nothing"],
                perfect=reach["perfect, nothing"],
            )
        )
    if prompts := audits.get("agiqa3k", {}).get("prompts"):
        said.append(
            say(
                "Split picture by picture, as its published splits are, all {n} prompts of a test fold of AGIQA-3K are in training: {shared} of {n}.",
                n=prompts["split by picture"][0][1],
                shared=prompts["split by picture"][0][0],
            )
        )
    if photographs := audits.get("icaa17k", {}).get("photographs"):
        said.append(
            say(
                "{rows} of ICAA17K's {tested} test rows show a photograph that is also trained on, in the folder of another colour and with the same score.",
                rows=photographs["rows shared"],
                tested=photographs["rows tested"],
            )
        )
    return said
