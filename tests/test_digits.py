"""Numbers written digit by digit: the coding, what vocabularies make of it, and the three decodings against full passes and transformers' own generation."""

import numpy as np
import pytest
import torch
from test_backbones import mixed_table
from toys import load_exact, toy_table

from moslab.backbones.base import Backbone
from moslab.backbones.prompts import Wording
from moslab.experiments.reading import Reader
from moslab.scorers import base, digits
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

TEXTS = np.array(["Free Study", "Best of the Month", "Open Challenge", "Free", "Best of Free Study", "Month"])

# coding


@pytest.mark.parametrize("mapping", ["0-9.99", "1-9.99", "native"])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_round_trip_errs_by_half_a_digit_at_most(m, mapping):
    """Below the largest number that can be written; above it, by the distance to it. Monotone."""
    mos = np.linspace(1, 10, 5001)
    number = digits.encode(mos, m, 1, 10, mapping) / 10 ** (m - 1)
    assert (np.diff(number) >= 0).all() and number.max() == pytest.approx(10 - 10.0 ** (1 - m))
    first, last = digits.places(mapping, 1, 10)
    step = 9 / (last - first)  # of the score, for one of the number
    error = np.abs(digits.decode(number, 1, 10, mapping) - mos)
    bound = np.maximum(0.5 * 10.0 ** (1 - m), first + (mos - 1) / step - number.max()) * step
    assert (error <= bound + 1e-9).all() and error.max() > 0.9 * bound.max()


def test_the_upper_end_keeps_one_digit_before_the_point():
    mos = np.array([0.0, 9.4, 9.6, 9.99, 9.996, 10.0])
    assert digits.encode(mos, 1, 0, 10, "native").tolist() == [0, 9, 9, 9, 9, 9]
    assert digits.encode(mos, 2, 0, 10, "native").tolist() == [0, 94, 96, 99, 99, 99]
    assert digits.encode(mos, 3, 0, 10, "native").tolist() == [0, 940, 960, 999, 999, 999]
    assert digits.encode(np.array([1.0, 2.0, 5.0]), 3, 1, 5).tolist() == [0, 250, 999]
    assert digits.encode(np.array([0.5, 9.0]), 3, 1, 5).tolist() == [0, 999]  # beyond the range: its ends
    assert digits.encode(np.array([1.0, 5.0]), 3, 1, 5, "1-9.99").tolist() == [100, 999]


def test_numbers_as_they_are_written_and_read():
    assert [digits.written(*call) for call in ((7, 1), (7, 2), (70, 2), (7, 3), (399, 3))] == [
        "7",
        "0.7",
        "7.0",
        "0.07",
        "3.99",
    ]
    for m in (1, 2, 3):
        assert [digits.parse(f" {digits.written(number, m)}.") for number in range(10**m)] == pytest.approx(
            np.arange(10**m) / 10 ** (m - 1)
        )
    assert digits.parse("3.9.") == 3.9 and digits.parse("7") == 7
    assert np.isnan(
        [digits.parse(text) for text in ("", "good", "75", "3..", ".5", "3.9 good", "-1", "nan", "1e3")]
    ).all()


def test_native_scores_must_fit():
    with pytest.raises(
        UserError,
        match="digits with mapping='native' writes numbers from 0 to 10, and the scores reach from 1 to 100: use mapping='0-9.99'",
    ):
        digits.Digits(digits.Options(mapping="native")).fit(Labels(np.array([1.0, 100.0])), 1.0, 100.0)


# vocabularies


@pytest.fixture(params=["tiny_base", "tiny_llava", "hub_like", "hub_like_llava"])
def folder(request):
    return request.getfixturevalue(request.param)


def digits_reader(backbone: Backbone, texts: np.ndarray | None = None, **options) -> Reader:
    scorer = digits.Digits(digits.Options(**options))
    scorer.fit(Labels(np.linspace(1, 5, 9)), 1.0, 5.0)
    scorer.attach(backbone)
    return Reader(backbone, scorer, Wording("iqa", "image" if texts is None else "title", shown=texts))


@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_number_is_taught_in_its_sentence_digit_by_digit(folder, m):
    """With the published vocabularies too: the blank before a number is a token of its own there, and the score is read behind it."""
    reader, table = digits_reader(load_exact(folder), digits=m), toy_table()
    batch = reader.to_teach(table, range(5), np.array([0, 1, 5, 10**m // 2, 10**m - 1]))
    tokenizer = reader.backbone.tokenizer
    for row, number in enumerate((0, 1, 5, 10**m // 2, 10**m - 1)):
        labels = batch["labels"][row]
        said = tokenizer.decode(labels[labels != -100], skip_special_tokens=True).strip().lower()
        assert said == f"the score of this image is {digits.written(number, m)}."
        digit = batch["input_ids"][row, batch["read_position"][row] + 1]
        assert digit == reader.scorer.first_digits[number // 10 ** (m - 1)]
        behind = batch["input_ids"][row, batch["read_position"][row] + 2]
        assert behind == reader.scorer.point  # the decimal point, or the full stop
    assert reader.scorer.blank == " " and len(reader.backbone.tokens(" 7")) == 2


def test_a_vocabulary_that_joins_digits_is_refused(tiny_base):
    backbone = load_exact(tiny_base)
    backbone._encoded = {f" {digit}.{digit}{digit}.": [9] for digit in range(10)} | {
        f"{digit}.{digit}{digit}.": [9] for digit in range(10)
    }
    with pytest.raises(
        UserError, match="does not write numbers digit by digit; the digits scorer cannot use it"
    ):
        digits_reader(backbone)


# decoding, on models that were taught for a moment, so that they write numbers


@pytest.fixture(scope="module", params=["tiny_base", "tiny_llava"])
def taught(request) -> tuple[Backbone, np.ndarray]:
    backbone, table = (
        load_exact(request.getfixturevalue(request.param)),
        mixed_table() if request.param == "tiny_base" else toy_table(6),
    )
    reader = digits_reader(backbone, TEXTS, digits=3)
    backbone.model.requires_grad_(True)
    torch.manual_seed(0)
    adam = torch.optim.Adam(backbone.model.model.language_model.parameters(), lr=3e-3)
    for _ in range(40):
        batch = reader.to_teach(table, range(6), np.array([5, 123, 399, 628, 750, 999]))
        reader.scorer.loss(reader.states(batch), batch, reader.vocabulary).backward()
        adam.step(), adam.zero_grad()
    backbone.model.requires_grad_(False)
    return backbone, table


def logits_behind(reader: Reader, table, row: int, text: str) -> torch.Tensor:
    """The model's next-token logits after its opening and `text`, by a pass of its own."""
    batch = reader.to_read(table, [row])
    batch["input_ids"] = torch.cat(
        [batch["input_ids"], torch.tensor([reader.backbone.tokens(text)], dtype=torch.long)], 1
    )
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    return reader.vocabulary(reader.states(batch)[0, -1])


def shares(reader: Reader, table, row: int, text: str) -> np.ndarray:
    tokens = reader.scorer.later_digits if text else reader.scorer.first_digits
    return logits_behind(reader, table, row, text)[tokens].double().softmax(-1).detach().numpy()


@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_tree_is_the_mean_over_all_numbers(taught, m):
    """Every number's probability multiplied out, digit for digit, one pass for each."""
    backbone, table = taught
    reader = digits_reader(backbone, TEXTS, digits=m, decoding="tree")
    found = reader.scorer.decode(reader.read(table, range(6)))
    assert found.distribution.shape == (6, 10**m) and found.distribution.sum(1) == pytest.approx(np.ones(6))
    for row in (1, 4):
        probability = shares(reader, table, row, "")
        for place in range(1, m):
            spelled = [f"{number:0{place}d}" for number in range(10**place)]
            probability = np.concatenate(
                [
                    share * shares(reader, table, row, f"{text[0]}.{text[1:]}")
                    for text, share in zip(spelled, probability)
                ]
            )
        assert found.distribution[row] == pytest.approx(probability, abs=1e-6)
        number = probability @ np.arange(10**m) / 10 ** (m - 1)
        assert found.score[row] == pytest.approx(1 + number / 9.99 * 4, abs=1e-5)


def test_expectation_follows_the_likeliest_digits(taught):
    backbone, table = taught
    reader = digits_reader(backbone, TEXTS, digits=3, decoding="expectation")
    found = reader.scorer.decode(reader.read(table, range(6)))
    for row in range(6):
        first = shares(reader, table, row, "")
        second = shares(reader, table, row, f"{first.argmax()}.")
        third = shares(reader, table, row, f"{first.argmax()}.{second.argmax()}")
        number = np.array([1, 0.1, 0.01]) @ [share @ np.arange(10) for share in (first, second, third)]
        assert found.score[row] == pytest.approx(1 + number / 9.99 * 4, abs=1e-5) and found.distribution[
            row
        ] == pytest.approx(first, abs=1e-6)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_greedy_is_what_generate_writes(taught, m):
    """transformers' own generation from the same prompt, read by the same parser; some rows of the half-taught model write no number."""
    backbone, table = taught
    reader = digits_reader(backbone, TEXTS, digits=m)
    found = reader.scorer.decode(reader.read(table, range(6)))
    for row in range(6):
        batch = reader.to_read(table, [row])
        inputs = {
            name: value
            for name, value in batch.items()
            if name in ("input_ids", "attention_mask", "pixel_values", "image_grid_thw")
        }
        if "image_grid_thw" in batch:
            inputs["mm_token_type_ids"] = (batch["input_ids"] == backbone.model.config.image_token_id).int()
        written = backbone.model.generate(**inputs, max_new_tokens=1 if m == 1 else m + 1, do_sample=False)[
            0, batch["input_ids"].shape[1] :
        ]
        number = digits.parse(backbone.tokenizer.decode(written, skip_special_tokens=True))
        assert found.score[row] == pytest.approx(1 + number / 9.99 * 4, nan_ok=True), (
            backbone.tokenizer.decode(written)
        )


def test_what_is_no_number_counts_as_failed(taught):
    backbone, table = taught
    reader = digits_reader(backbone, TEXTS, digits=3)
    wrong = reader.backbone.tokens(" good")[0]

    class Stubborn(torch.nn.Module):
        """Says `good` where the first row's number should begin, and a digit too many before the second row's point."""

        def __init__(self, real):
            super().__init__()
            self.real, self.weight, self.asked = real, real.weight, 0

        def forward(self, states):
            logits, self.asked = self.real(states).clone(), self.asked + 1
            if self.asked == 1:
                logits[0, wrong] = 1e4
            if self.asked == 2:
                logits[1, 0, reader.scorer.later_digits[5]] = 1e4
            return logits

    read = reader.read(table, range(6))
    plain = reader.scorer.decode(reader.read(table, range(6)))
    found = reader.scorer.decode(base.Reading(read.states, Stubborn(read.vocabulary), read.follow))
    assert np.isnan(found.score[:2]).all() and not found.parsed[:2].any()
    assert np.array_equal(found.score[2:], plain.score[2:], equal_nan=True)


@pytest.mark.parametrize("decoding", ["greedy", "expectation", "tree"])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_a_score_does_not_depend_on_its_company(taught, decoding, m):
    """Alone or in a batch, beside longer and shorter prompts."""
    backbone, table = taught
    reader = digits_reader(backbone, TEXTS, digits=m, decoding=decoding)
    together = reader.scorer.decode(reader.read(table, range(6)))
    for row in range(6):
        alone = reader.scorer.decode(reader.read(table, [row]))
        assert alone.score[0] == pytest.approx(
            together.score[row], abs=1e-5, nan_ok=True
        ) and alone.distribution[0] == pytest.approx(together.distribution[row], abs=1e-5)
