"""What an experiment teaches, as conversations that other training programs read.

Only scorers that teach words by next-token prediction alone can be taught elsewhere (`IN_WORDS`): the others
add tokens, weights or losses. Pictures in files are named by their absolute paths; others are written out.

Source: the formats as ms-swift's page on custom datasets and LLaMA-Factory's data/README.md describe them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.comments import taught_comments
from moslab.experiments.experiment import Experiment
from moslab.experiments.inputs import check_inputs, fitted_scorer, taught, training_rows
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError
from moslab.utils.files import write_atomic, write_json

IN_WORDS = ("chain", "digits", "levels")
FORMATS = ("ms-swift", "llama-factory")
MARK = "<image>"  # where both programs put the picture
NAME = "moslab"  # by which LLaMA-Factory's dataset_info.json calls the file


@dataclass(frozen=True)
class Conversation:
    """One taught answer.

    Attributes:
        question: the user's words behind the picture; may be empty.
        answer: the assistant's, all of them.
        picture: the file.
        mos: the picture's mean opinion score.
    """

    question: str
    answer: str
    picture: str
    mos: float

    def for_swift(self) -> dict[str, Any]:
        """A line for ms-swift; `solution` is for a reward of GRPO, and other training drops it."""
        turns = [
            {"role": "user", "content": f"{MARK}{self.question}"},
            {"role": "assistant", "content": self.answer},
        ]
        return {"messages": turns, "images": [self.picture], "solution": self.mos}

    def for_llama_factory(self) -> dict[str, Any]:
        """A line for LLaMA-Factory in its sharegpt format."""
        turns = [
            {"from": "human", "value": f"{MARK}{self.question}"},
            {"from": "gpt", "value": self.answer},
        ]
        return {"conversations": turns, "images": [self.picture]}


def export(experiment: Experiment, folder: Path, form: str = "ms-swift") -> Path:
    """Write the training conversations of an experiment.

    Args:
        experiment: its dataset, scorer and text count; its model does not.
        folder: gets train.jsonl, pictures/ for pictures that are in no file, and for LLaMA-Factory
            dataset_info.json.
        form: of `FORMATS`.

    Returns:
        The file of conversations.

    Raises:
        UserError: for an unknown form, a scorer that does not teach words alone, and a question that holds
            the mark of a picture.
    """
    if form not in FORMATS:
        raise UserError(f"Unknown format {form!r}: choose one of {', '.join(FORMATS)}.")
    if experiment.scorer not in IN_WORDS:
        raise UserError(
            f"The scorer {experiment.scorer} teaches more than words, so other programs cannot teach it: "
            f"choose one of {', '.join(IN_WORDS)}."
        )
    talks = conversations(experiment, folder)
    if form == "ms-swift":
        lines = [talk.for_swift() for talk in talks]
    else:
        lines = [talk.for_llama_factory() for talk in talks]
        write_json(folder / "dataset_info.json", description("train.jsonl"))
    texts = [json.dumps(line, ensure_ascii=False) for line in lines]
    return write_atomic(folder / "train.jsonl", "\n".join(texts) + "\n")


def description(file: str) -> dict[str, Any]:
    """What LLaMA-Factory's dataset_info.json says of a file of conversations."""
    columns = {"messages": "conversations", "images": "images"}
    return {NAME: {"file_name": file, "formatting": "sharegpt", "columns": columns}}


def conversations(experiment: Experiment, folder: Path) -> list[Conversation]:
    """The training conversations, in table order; folder: for pictures that are in no file."""
    table = taught(experiment)
    check_inputs(experiment, table)
    scorer = fitted_scorer(experiment, table)
    wording = Wording.of(table, experiment.dataset, experiment.text, experiment.preset)
    rows = training_rows(experiment, table)
    targets = scorer.encode(Labels.of(table, rows))
    said = taught_comments(experiment, table)
    mos = table.frame["mos"].to_numpy()
    talks = []
    for row, target, picture in zip(rows.tolist(), targets, picture_files(table, rows.tolist(), folder)):
        question = wording.question(row)
        if MARK in question:
            raise UserError(
                f"The text of {table.frame['image'][row]} holds {MARK}, which stands for a picture: take it "
                "out."
            )
        answer = scorer.opening(wording.answer_prefix(row)) + scorer.completion(target)
        if said:
            answer = said[row] if experiment.comments == "alone" else f"{answer} {said[row]}"
        talks.append(Conversation(question, answer.strip(), picture, float(mos[row])))
    return talks


def picture_files(table: ImageTable, rows: Sequence[int], folder: Path) -> list[str]:
    """The absolute path of each row's picture; what is in memory is written to pictures/ as PNG."""
    paths = []
    for row in rows:
        file = table.pixels.file(row)
        if not file:
            place = folder / "pictures" / f"{row:06d}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            table.pixels.open(row).save(place)
            file = str(place)
        paths.append(str(Path(file).absolute()))
    return paths
