"""Numbers written digit by digit: the coding, what vocabularies make of it, and three decodings.

Decodings are checked against full passes and transformers' own generation.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from readers import taught_text
from test_backbones import mixed_table
from toys import load_exact, toy_table

from moslab.backbones.base import Backbone
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.reading import Reader
from moslab.scorers import digits
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

TITLES = np.array(
    ["Free Study", "Best of the Month", "Open Challenge", "Free", "Best of Free Study", "Month"]
)

# coding


@pytest.mark.parametrize("mapping", ["0-9.99", "1-9.99", "native"])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_round_trip_errs_by_half_a_digit_at_most(m, mapping):
    """Below the largest number that can be written; above it, by the distance to it. Monotone."""
    mos = np.linspace(1, 10, 5001)
    number = digits.encode(mos, m, 1, 10, mapping) / 10 ** (m - 1)
    assert (np.diff(number) >= 0).all()
    assert number.max() == pytest.approx(10 - 10.0 ** (1 - m))
    first, last = digits.places(mapping, 1, 10)
    step = 9 / (last - first)  # of the score, for one of the number
    error = np.abs(digits.decode(number, 1, 10, mapping) - mos)
    bound = np.maximum(0.5 * 10.0 ** (1 - m), first + (mos - 1) / step - number.max()) * step
    assert (error <= bound + 1e-9).all()
    assert error.max() > 0.9 * bound.max()


def test_the_upper_end_keeps_one_digit_before_the_point():
    mos = np.array([0.0, 9.4, 9.6, 9.99, 9.996, 10.0])
    assert digits.encode(mos, 1, 0, 10, "native").tolist() == [0, 9, 9, 9, 9, 9]
    assert digits.encode(mos, 2, 0, 10, "native").tolist() == [0, 94, 96, 99, 99, 99]
    assert digits.encode(mos, 3, 0, 10, "native").tolist() == [0, 940, 960, 999, 999, 999]
    assert digits.encode(np.array([1.0, 2.0, 5.0]), 3, 1, 5).tolist() == [0, 250, 999]
    assert digits.encode(np.array([0.5, 9.0]), 3, 1, 5).tolist() == [0, 999]  # beyond the range: its ends
    assert digits.encode(np.array([1.0, 5.0]), 3, 1, 5, "1-9.99").tolist() == [100, 999]


@pytest.mark.parametrize(
    "number, m, text", [(7, 1, "7"), (7, 2, "0.7"), (70, 2, "7.0"), (7, 3, "0.07"), (399, 3, "3.99")]
)
def test_numbers_as_they_are_written(number, m, text):
    assert digits.written(number, m) == text


@pytest.mark.parametrize("m", [1, 2, 3])
def test_numbers_that_are_written_are_read_back(m):
    read = [digits.parse(f" {digits.written(number, m)}.") for number in range(10**m)]
    assert read == pytest.approx(np.arange(10**m) / 10 ** (m - 1))


def test_what_is_no_number_of_one_digit_before_the_point_is_not_read():
    assert digits.parse("3.9.") == 3.9
    assert digits.parse("7") == 7
    for text in ("", "good", "75", "3..", ".5", "3.9 good", "-1", "nan", "1e3"):
        assert np.isnan(digits.parse(text))


def test_native_scores_must_fit():
    sentence = (
        "digits with mapping='native' writes numbers from 0 to 10, and the scores reach from 1 to 100: "
        "use mapping='0-9.99'"
    )
    scorer = digits.Digits(digits.Options(mapping="native"))
    with pytest.raises(UserError, match=sentence):
        scorer.fit(Labels(np.array([1.0, 100.0])), 1.0, 100.0)


# vocabularies


def digits_reader(backbone: Backbone, titles: np.ndarray | None = None, **options) -> Reader:
    scorer = digits.Digits(digits.Options(**options))
    scorer.fit(Labels(np.linspace(1, 5, 9)), 1.0, 5.0)
    scorer.attach(backbone)
    return Reader(backbone, scorer, Wording("iqa", "image" if titles is None else "title", shown=titles))


@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_number_is_taught_in_its_sentence_digit_by_digit(any_base, m):
    """With the published vocabularies too.

    The blank before a number is a token of its own there, and the score is read behind it.
    """
    reader = digits_reader(load_exact(any_base), digits=m)
    numbers = (0, 1, 5, 10**m // 2, 10**m - 1)
    batch = reader.to_teach(toy_table(), range(5), np.array(numbers))
    for row, number in enumerate(numbers):
        text = taught_text(reader, batch["labels"][row])
        assert text == f"the score of this image is {digits.written(number, m)}."
        position = batch["read_position"][row]
        assert batch["input_ids"][row, position + 1] == reader.scorer.first_digits[number // 10 ** (m - 1)]
        behind = batch["input_ids"][row, position + 2]
        assert behind == reader.scorer.point  # the decimal point, or the full stop
    assert reader.scorer.blank == " "
    assert len(reader.backbone.tokens(" 7")) == 2


def test_a_vocabulary_that_joins_digits_is_refused(tiny_base, monkeypatch):
    backbone, tokens = load_exact(tiny_base), Backbone.tokens
    joined = {f"{digit}.{digit}{digit}." for digit in range(10)}

    def joining(self: Backbone, text: str) -> list[int]:
        return [9] if text.strip() in joined else tokens(self, text)

    monkeypatch.setattr(Backbone, "tokens", joining)
    sentence = "does not write numbers digit by digit; the digits scorer cannot use it"
    with pytest.raises(UserError, match=sentence):
        digits_reader(backbone)


# decoding, on models that were taught for a moment, so that they write numbers


@pytest.fixture(scope="module", params=["tiny_base", "tiny_llava"])
def taught(request) -> tuple[Backbone, ImageTable]:
    backbone = load_exact(request.getfixturevalue(request.param))
    table = mixed_table() if request.param == "tiny_base" else toy_table(6)
    reader = digits_reader(backbone, TITLES, digits=3)
    backbone.model.requires_grad_(True)
    torch.manual_seed(0)
    adam = torch.optim.Adam(backbone.model.model.language_model.parameters(), lr=3e-3)
    for _ in range(40):
        batch = reader.to_teach(table, range(6), np.array([5, 123, 399, 628, 750, 999]))
        reader.scorer.loss(reader.states(batch), batch, reader.vocabulary).backward()
        adam.step()
        adam.zero_grad()
    backbone.model.requires_grad_(False)
    return backbone, table


def logits_behind(reader: Reader, table: ImageTable, row: int, text: str) -> torch.Tensor:
    """The model's next-token logits after its opening and `text`, by a pass of its own."""
    batch = reader.to_read(table, [row])
    written = torch.tensor([reader.backbone.tokens(text)], dtype=torch.long)
    batch["input_ids"] = torch.cat([batch["input_ids"], written], 1)
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    return reader.vocabulary(reader.states(batch)[0, -1])


def shares(reader: Reader, table: ImageTable, row: int, text: str) -> np.ndarray:
    """The ten digits' shares after `text`, [10]."""
    tokens = reader.scorer.later_digits if text else reader.scorer.first_digits
    return logits_behind(reader, table, row, text)[tokens].double().softmax(-1).detach().numpy()


def number_probabilities(reader: Reader, table: ImageTable, row: int, m: int) -> np.ndarray:
    """Every number's probability multiplied out, digit for digit, one pass for each, [10^m]."""
    probability = shares(reader, table, row, "")
    for length in range(1, m):
        longer = []
        for number, share in enumerate(probability):
            spelled = f"{number:0{length}d}"
            longer.append(share * shares(reader, table, row, f"{spelled[0]}.{spelled[1:]}"))
        probability = np.concatenate(longer)
    return probability


@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_tree_is_the_mean_over_all_numbers(taught, m):
    backbone, table = taught
    reader = digits_reader(backbone, TITLES, digits=m, decoding="tree")
    scores = reader.scorer.decode(reader.read(table, range(6)))
    assert scores.distribution.shape == (6, 10**m)
    assert scores.distribution.sum(1) == pytest.approx(np.ones(6))
    for row in (1, 4):
        probability = number_probabilities(reader, table, row, m)
        assert scores.distribution[row] == pytest.approx(probability, abs=1e-6)
        number = probability @ np.arange(10**m) / 10 ** (m - 1)
        assert scores.score[row] == pytest.approx(1 + number / 9.99 * 4, abs=1e-5)


def test_expectation_follows_the_likeliest_digits(taught):
    backbone, table = taught
    reader = digits_reader(backbone, TITLES, digits=3, decoding="expectation")
    scores = reader.scorer.decode(reader.read(table, range(6)))
    for row in range(6):
        first = shares(reader, table, row, "")
        second = shares(reader, table, row, f"{first.argmax()}.")
        third = shares(reader, table, row, f"{first.argmax()}.{second.argmax()}")
        number = np.array([1, 0.1, 0.01]) @ [share @ np.arange(10) for share in (first, second, third)]
        assert scores.score[row] == pytest.approx(1 + number / 9.99 * 4, abs=1e-5)
        assert scores.distribution[row] == pytest.approx(first, abs=1e-6)


def generated(backbone: Backbone, batch: dict[str, torch.Tensor], tokens: int) -> torch.Tensor:
    """Tokens [new] that transformers' own generation writes behind one row."""
    names = {"input_ids", "attention_mask", "pixel_values", "image_grid_thw"} & set(batch)
    inputs = {name: batch[name] for name in names}
    if "image_grid_thw" in batch:
        inputs["mm_token_type_ids"] = (batch["input_ids"] == backbone.model.config.image_token_id).int()
    written = backbone.model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    return written[0, batch["input_ids"].shape[1] :]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_greedy_is_what_generate_writes(taught, m):
    """From the same prompt, read by the same parser; some rows of the half-taught model write no number."""
    backbone, table = taught
    reader = digits_reader(backbone, TITLES, digits=m)
    scores = reader.scorer.decode(reader.read(table, range(6)))
    for row in range(6):
        written = generated(backbone, reader.to_read(table, [row]), tokens=1 if m == 1 else m + 1)
        number = digits.parse(backbone.tokenizer.decode(written, skip_special_tokens=True))
        expected = pytest.approx(1 + number / 9.99 * 4, nan_ok=True)
        assert scores.score[row] == expected, backbone.tokenizer.decode(written)


class Stubborn(torch.nn.Module):
    """An output matrix that insists on one token in each of the first two rows.

    instead_of_number: where the first row's number begins.
    instead_of_point: behind the second row's first digit.
    """

    def __init__(self, vocabulary: torch.nn.Linear, instead_of_number: int, instead_of_point: int) -> None:
        super().__init__()
        self.vocabulary, self.weight = vocabulary, vocabulary.weight
        self.instead_of_number, self.instead_of_point = instead_of_number, instead_of_point
        self.asked = 0

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        logits = self.vocabulary(states).clone()
        self.asked += 1
        if self.asked == 1:
            logits[0, self.instead_of_number] = 1e4
        if self.asked == 2:
            logits[1, 0, self.instead_of_point] = 1e4
        return logits


def test_what_is_no_number_counts_as_failed(taught):
    """A word where a number belongs, and a digit too many before the point."""
    backbone, table = taught
    reader = digits_reader(backbone, TITLES, digits=3)
    plain = reader.scorer.decode(reader.read(table, range(6)))
    read = reader.read(table, range(6))
    word, digit = backbone.tokens(" good")[0], int(reader.scorer.later_digits[5])
    scores = reader.scorer.decode(replace(read, vocabulary=Stubborn(read.vocabulary, word, digit)))
    assert np.isnan(scores.score[:2]).all()
    assert not scores.parsed[:2].any()
    assert np.array_equal(scores.score[2:], plain.score[2:], equal_nan=True)


@pytest.mark.parametrize("decoding", ["greedy", "expectation", "tree"])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_a_score_does_not_depend_on_its_company(taught, decoding, m):
    """Alone, or in a batch with longer and shorter prompts."""
    backbone, table = taught
    reader = digits_reader(backbone, TITLES, digits=m, decoding=decoding)
    together = reader.scorer.decode(reader.read(table, range(6)))
    for row in range(6):
        alone = reader.scorer.decode(reader.read(table, [row]))
        assert alone.score[0] == pytest.approx(together.score[row], abs=1e-5, nan_ok=True)
        assert alone.distribution[0] == pytest.approx(together.distribution[row], abs=1e-5)
