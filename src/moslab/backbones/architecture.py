"""What the file of an architecture defines, and what its processor can do."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
    from transformers.cache_utils import Cache

    Tensors = dict[str, torch.Tensor]


class Processor(Protocol):
    """A processor of transformers for words and still pictures.

    Attributes:
        image_token: what the chat template writes for a picture, and once for each of its visual tokens.
    """

    tokenizer: Any
    image_processor: Any
    image_token: str
    chat_template: "str | dict[str, str] | None"

    def apply_chat_template(self, conversation: list[dict[str, Any]], **options: Any) -> Any:
        """The conversation as one text."""

    def save(self, folder: "str | Path") -> None:
        """Write tokenizer, image processor and chat template to a folder."""


class Architecture(Protocol):
    """Everything that the file of an architecture defines; `model` is a loaded `Model` throughout.

    A file is named after the `model_type` in config.json, and `catalogue.ARCHITECTURES` names the file. It
    may import whatever it shares with another architecture's file. Where adapters go on other layers of the
    decoder than usual, it also defines `DECODER_LAYERS`, as `base` does.

    Attributes:
        Model: transformers' class of the whole model, with its output matrix.
        LEAD: what stands between the chat template's opening of an answer and the answer's first word.
    """

    Model: "type[PreTrainedModel]"
    LEAD: str

    def read_processor(self, folder: Path) -> Processor:
        """The processor in a checkpoint folder.

        Raises:
            UserError: for a folder without a tokenizer or an image processor of this architecture.
        """

    def misfit(self, image_processor: Any, made: "Tensors", config: "PreTrainedConfig") -> str:
        """What the model cannot read of the image processor, or of a picture `made` by it; '' if nothing."""

    def prompt_tokens(self, tokenizer: "PreTrainedTokenizerFast", text: str) -> list[int]:
        """Token ids of a whole prompt, with whatever opens it."""

    def tokens(self, tokenizer: "PreTrainedTokenizerFast", text: str) -> list[int]:
        """Token ids of a piece of text that follows other text."""

    def accelerate(self, model: Any) -> None:
        """Exchange methods of the model in place for faster ones.

        Numbers, weights and the weights' names stay. A file without anything to exchange does nothing here.
        """

    def vision(self, model: Any) -> "nn.Module":
        """The vision tower."""

    def vision_weights(self, model: Any) -> "Iterator[nn.Parameter]":
        """Everything that visual tokens are made with."""

    def patches(self, model: Any, processor: Any, size: tuple[int, int]) -> int:
        """How many patches the tower sees of a picture of (width, height) pixels."""

    def limit(self, processor: Any, min_pixels: int | None, max_pixels: int | None) -> None:
        """Have pictures enlarged and shrunk to other numbers of pixels; None leaves a limit as it is.

        Raises:
            UserError: where the smallest would be larger than the largest, or sizes cannot be chosen.
        """

    def count(self, model: Any, inputs: "Tensors") -> list[int]:
        """Number of visual tokens of each picture."""

    def look(self, model: Any, inputs: "Tensors") -> "torch.Tensor":
        """Visual tokens [all pictures' tokens, width], end to end.

        A token holds all that the language model is given of it, whatever it does with which part.
        """

    def states(self, model: Any, batch: dict[str, Any], cache: "Cache | None" = None) -> "torch.Tensor":
        """Last hidden states [batch, time, width]; see `inputs.model_inputs` for what a batch holds."""

    def positions(self, model: Any, batch: dict[str, Any]) -> "torch.Tensor":
        """Positions [..., batch, time] of tokens whose rows are to stand end to end; see `packing`."""

    def ahead(self, model: Any, batch: dict[str, Any]) -> "torch.Tensor":
        """How far positions of tokens after a batch lie ahead of their place in the row, [batch, 1]."""
