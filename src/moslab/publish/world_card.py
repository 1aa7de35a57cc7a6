"""The data card, docs/data_card.md: its prose stands here, its numbers are measured when it is written."""

from pathlib import Path

from moslab.analysis.tables import markdown
from moslab.publish.stand_ins_page import write_stand_ins
from moslab.publish.world_tables import Worlds, leaks_table, oracles_table, probe_table, scores_table
from moslab.utils.files import write_atomic
from moslab.world import aigiqa, iaa, iqa, language, probe, sheet, ugc
from moslab.world.tasks import SEED, generate
from moslab.world.titles import HELD_OUT, titles
from moslab.world.version import LABELS, PIXELS

TASKS = {"iqa": iqa, "iaa": iaa, "aigiqa": aigiqa, "ugc": ugc}  # the others stand on the page on stand-ins


def write_card(docs: Path) -> Path:
    """Measure all tasks and presets, draw the sheets into docs/sheets and write docs/data_card.md.

    The stand-ins of published sets, on docs/stand_ins.md, too. Some ten minutes on one core.
    """
    docs = Path(docs)
    worlds = {}
    for task in TASKS:
        for preset in TASKS[task].PRESETS:
            worlds[task, preset] = generate(task, preset)
    for task in TASKS:
        sheet.contact_sheet(task, docs / "sheets" / f"{task}.png")
    sheet.degradation_sheet(docs / "sheets" / "distortions.png")
    write_stand_ins(docs)
    return write_atomic(docs / "data_card.md", _text(worlds))


def _text(worlds: Worlds) -> str:
    # The other presets of iaa are variants of one score.
    scored = [world for (task, preset), world in worlds.items() if task != "iaa" or preset == "default"]
    return TEMPLATE.format(
        versions=", ".join(f"{task} {LABELS[task]}" for task in TASKS),
        pixels=PIXELS,
        seed=SEED,
        scores=scores_table(scored),
        oracles=oracles_table(worlds.values()),
        leaks=leaks_table(scored),
        floor=probe.FLOOR,
        probe=probe_table(TASKS),
        presets=_presets(),
        generators=_generators(),
        attributes=_attributes(),
        texts=_texts(worlds),
        words=len(language.vocabulary()),
        vocabulary=", ".join(language.vocabulary()),
        a=iaa.A,
        taste=iaa.TASTE,
        iqa_raters=iqa.RATERS,
        iaa_raters=iaa.RATERS,
        titles=len(titles()),
        held_out=HELD_OUT,
        aigiqa_raters=aigiqa.RATERS,
        prompts_held_out=f"{100 * aigiqa.HELD_OUT:.0f} %",
        clear=probe.CLEAR_SEVERITY,
        train=probe.TRAIN,
    )


def _presets() -> str:
    rows = []
    for name, preset in iaa.PRESETS.items():
        silences = "yes" if preset.override else "no"
        rows.append([name, f"{preset.b:g}", f"{preset.offset:g}", f"{preset.compliance:g}", silences])
    return markdown(["preset", "b", "offset", "compliance", "a title silences what it names"], rows)


def _generators() -> str:
    rows = []
    for name, error, artefacts in zip(aigiqa.GENERATORS, aigiqa.ERROR, aigiqa.ARTEFACTS):
        rows.append([name, f"{error:g}", f"{artefacts:g}"])
    return markdown(["generator", "facets wrong", "artefacts (logit)"], rows)


def _attributes() -> str:
    rows = []
    for level, names in ugc.LEVELS.items():
        for name in names:
            options = "1 to 10" if ugc.OPTIONS[name] == ugc.MARKS else ", ".join(ugc.OPTIONS[name])
            rows.append([level, name.replace("_", " "), f"{ugc.WEIGHTS[name]:g}", options])
    header = ["level", "attribute", "say in the composite", "options, counted from 1"]
    return markdown(header, rows)


def _texts(worlds: Worlds) -> str:
    """The texts of one picture of every task."""
    examples = {task: worlds[task, "default"].annotations.iloc[3] for task in TASKS}
    rows = []
    for task, example in examples.items():
        for kind in ("caption", "comment", "rated_comment"):
            rows.append([task, kind.replace("_", " "), example[kind]])
    for name in ugc.REASONED:
        rows.append(["ugc", f"reason, {name.replace('_', '-')}", examples["ugc"][f"{name}_reason"]])
    return markdown(["task", "kind", "example"], rows)


TEMPLATE = """# Data card: the embedded photo world

Version of the pixels {pixels}, of the labels {versions}, seed {seed}. This page is written by
`moslab.publish.world_card`; every number in the tables was measured when it was written.

## What it is
Small pictures (64 x 64 by default, any multiples of 16) drawn by rule in numpy: one subject out of eight in
one of seven scenes, with colour, texture, size, place, clutter, light, saturation, focus, tilt, motion,
blur, grain, compression, haze, subjects cut off or covered, litter on them and bent shapes. Four tasks are
built on them, and ten sets that [stand in](stand_ins.md) for further published ones.

* **iqa**, after KonIQ-10k: an intact picture is distorted in one or two of eight ways; its true mean
  opinion is a frozen logistic of full-reference differences. {iqa_raters} raters per picture, scale 1 to 5,
  no text. [Pictures by score](sheets/iqa.png), [every distortion at rising
  severity](sheets/distortions.png).
* **iaa**, after AVA: the score depends on the picture *and* on the challenge it was entered for. About
  {iaa_raters} raters per picture, scale 1 to 10, {titles} titles; {held_out} pair titles are held out as
  split `test_novel`, every word of which occurs in other titles. [Pictures by score](sheets/iaa.png).
* **aigiqa**, after AGIQA-3K: six generators of different skill draw every prompt, and each picture has two
  scores: *perception* (preset `default`), which artefacts alone decide, and *alignment* (preset
  `alignment`), which depends on what the prompt asked for. {aigiqa_raters} raters per picture and score,
  scale 0 to 5. {prompts_held_out} of the prompts are held out as `test_novel` (prompt-disjoint); `test`
  shares its prompts with training (image-level). [Pictures by score](sheets/aigiqa.png).
* **ugc**, after RealQA: snapshots with nine annotated attributes in RealQA's own options, reasons for the
  two marks, and a composite score on 1 to 10. The paper's abstract counts ten attributes; its tables name
  nine, and no tenth is invented. [Pictures by score](sheets/ugc.png).

{scores}

Every rater gives a whole number, round(clip(mean + normal)), and MOS and SD come from these votes alone.
The composite of ugc is no opinion score and has no votes.

## What it is not
No human judged these pictures. The fidelity measure's weights, dead zones and logistic, and the liking of
every class, were **set by hand** while looking at the pictures. The oracles' weights (a, b, offset, taste)
were tuned until the oracles lay near the figures the papers report for AVA; nothing else was fitted to any
result. So scores here order methods under known conditions; they say nothing about agreement with people,
and no value is comparable with a paper's.

## How a score is made (iaa)
mean = {a} x liking of the latents the title does not name + b x match to the title + offset of the title +
taste ({taste} x normal, which nobody can see), then a fixed linear map. A black and white picture has no
colour to like or to match; a moving picture has no other blur. A title's offset is a sum over its words, so
a new title's follows from known ones.

{presets}

`null` is the control: titles mean nothing there, so a gain from the title is a fault of the experiment.

## How the two scores of a generated image are made (aigiqa)
Each generator gets a facet of the prompt (subject, colour, place, texture, style) wrong at its own rate,
and leaves artefacts (bent shape, blur, grain, stray things) whose common strength it draws around its own
mean. Perception falls with the artefacts. Alignment is the weighted share of what was asked for that is
there; near colours count in part, and a black and white picture shows none.

{generators}

Since careless generators also leave more artefacts, a reader without the prompt can guess some of the
alignment: that is its image_only oracle.

## How a composite is made (ugc)
Weighted sum of the true attributes in standard deviations (exposure and saturation count by their distance
from the middle), and a little taste. Annotations differ from the truth: marks by about 0.7, one option in
seventeen by its neighbour. `feedback` is what use would say of the composite, for anyone who fits the
weights again by partial least squares as the paper does.

{attributes}

## Texts
Every picture of every task has a caption, a comment, and the same comment with a rating word of the whole
picture before it (by the fifth of the scale on which its score lies): the last is made for the test of
semantic confusion and is in no corpus. They are made from the same latents by keyed draws and say only
facts that are visible: no colour of a black and white picture, no texture of a smeared one.

{texts}

The vocabulary is closed, {words} words without titles, prompts and digits: {vocabulary}.

## Oracles
PLCC with the MOS of the best predictor that knows: the mean before the votes (truth); all latents and the
title (image_text); all latents, the title unknown (image_only, by Bayes' rule); the title alone
(text_only); all latents and a wrong title (wrong_text). They are computed from the generator's own tables,
so they are upper bounds for what can be read from pixels. For iqa, image_only is the pseudo-MOS before
taste, which needs the original: an upper bound too. For ugc, annotated is the composite of the annotated
attributes: what a chain through them could reach at best. The oracles lie in a file of their own that no
loader opens.

{oracles}

What a trained model reaches between its oracles over training images and over checkpoints of the base, and
what right and wrong texts move: [learning curves](learning_curves.md).

![PLCC on iaa over training images, with right, permuted, random and shuffled titles](learning_curve_iaa.png)

## Leaks
PLCC on the test pictures of a ridge regression from views too shallow to judge a picture.

{leaks}

## Visibility
A latent may enter a label only if a small convolutional network, trained on {train:,} pre-training
pictures, reads it with (balanced accuracy - chance) / (1 - chance) of at least {floor:g} on pictures as the
task shows them; for distortions (iqa) and artefacts (aigiqa) the question is whether one of severity
{clear:g} or more is there, or none and next to none.

{probe}

## Known disagreements
A picture that compression, exposure or blur has destroyed still counts as what it was meant to show; a tiny
red subject scores as red; motion along a sea or a dune shows little; heavy exposure of a night scene
brightens it rather than spoils it, and its score says so. Grain and compression lower the clarity of ugc as
blur does; a post that hides a subject stands in a good composition's way less than a person would say.

## Determinism
Every draw is keyed by (seed, stream, picture number): more pictures never move earlier ones. Specs and labels
are bit-stable; pixels may differ by one step in one value of ten thousand between processors and numpy
releases. Two things in labels pass through pixels: how far a picture of iqa fell, and the saturation of ugc.
Both were measured once and are kept beside the code (`measures.npz`); with a seed or size of one's own they
are measured anew, rounded to four decimals, and a vote or two may move in one picture of a hundred. Checked
once with numpy 1.26.4 against 2.4.6: labels, votes, annotations and pixels of the first 1,000 pictures of
every task and preset are identical, oracles differ by less than 1e-14.

## Licence
The pictures and labels are generated and dedicated to the public domain (CC0 1.0); the generator has the
licence of the code. No photograph is in them.
"""
