"""Tokenizer and image processor of a checkpoint folder: read with no code of the folder, and checked.

As in `checkpoints`, whatever is wrong is raised as one sentence that names the folder and the remedy.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from PIL import Image
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerFast

from moslab.backbones import sentence_pieces
from moslab.utils.errors import UserError, first_line

if TYPE_CHECKING:
    from moslab.backbones.architecture import Architecture, Processor

TEST_PICTURE = (61, 47)  # of a size that no patch divides
Images = TypeVar("Images")


class SavedInParts:
    """Lets a processor of transformers write its parts as the published checkpoints lay them out."""

    tokenizer: Any
    image_processor: Any
    chat_template: Any

    def save(self, folder: str | Path) -> None:
        """Write tokenizer, image processor and chat template; `from_folder` reads them back."""
        self.tokenizer.chat_template = self.chat_template
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)


def read_parts(
    folder: Path, read_images: Callable[[Path], Images], *, architecture: str, like: str = ""
) -> tuple[PreTrainedTokenizerFast, Images]:
    """Tokenizer and image processor of a folder.

    Args:
        read_images: reads the image processor of a folder.
        architecture: what the sentence below calls it.
        like: names a published checkpoint at the end of that sentence.

    Raises:
        UserError: where either cannot be read.
    """
    try:
        return read_tokenizer(folder), read_images(folder)
    except (
        Exception
    ) as problem:  # damaged files make the libraries raise anything, bare Exceptions among them
        raise UserError(
            f"{folder} holds no {architecture} tokenizer and image processor ({first_line(problem)}): "
            f"give a folder with tokenizer.json and preprocessor_config.json{like}."
        ) from problem


def read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The folder's tokenizer. Without a padding token, it pads with its end token, which is masked."""
    if (folder / sentence_pieces.FILE).is_file() and not (folder / "tokenizer.json").is_file():
        tokenizer: Any = sentence_pieces.read(folder)
    else:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return cast(PreTrainedTokenizerFast, tokenizer)


def refuse_limits(title: str, processor: "Processor") -> NoReturn:
    """UserError for limits of pictures' sizes on an architecture that shows each as one square."""
    size = processor.image_processor.crop_size
    raise UserError(
        f"{title} sees every picture as a square of {size['height']} x {size['width']} pixels, "
        "so min_pixels and max_pixels mean nothing: leave them out, or set both to 0 where a preset has them."
    )


def check_processor(
    folder: Path, processor: "Processor", config: PreTrainedConfig, architecture: "Architecture"
) -> None:
    """Check that tokenizer and image processor belong to the model that config.json describes.

    Raises:
        UserError: where they do not.
    """
    _check_tokens(folder, processor, config)
    _check_pictures(folder, processor, config, architecture)


def _check_tokens(folder: Path, processor: "Processor", config: PreTrainedConfig) -> None:
    """UserError where the tokenizer's tokens are not the model's."""
    image = processor.image_token
    number = processor.tokenizer.convert_tokens_to_ids(image)
    vocabulary = processor.tokenizer.get_vocab()
    rows = config.get_text_config().vocab_size
    beyond = {token: number for token, number in vocabulary.items() if number >= rows}
    if beyond:
        first = min(beyond, key=beyond.__getitem__)
        raise UserError(
            f"The tokenizer in {folder} has {len(beyond)} tokens beyond the model's {rows} "
            f"embedding rows (first: {first!r}, number {beyond[first]}): take the tokenizer "
            "that was saved with the weights, or add the rows with resize_token_embeddings "
            "and save the model."
        )
    if number != config.image_token_id:
        raise UserError(
            f"The tokenizer in {folder} has no token {image} with number "
            f"{config.image_token_id}, which config.json names: take tokenizer and config.json "
            "from the same checkpoint."
        )
    if processor.tokenizer.eos_token_id is None:
        raise UserError(
            f"The tokenizer in {folder} has no end token: name it in tokenizer_config.json (eos_token)."
        )


def _check_pictures(
    folder: Path, processor: "Processor", config: PreTrainedConfig, architecture: "Architecture"
) -> None:
    """UserError where the image processor cannot make of a picture what the model reads."""
    remedy = "take the preprocessor_config.json that was published with the checkpoint."
    width, height = TEST_PICTURE
    try:
        made = processor.image_processor(images=[Image.new("RGB", TEST_PICTURE)], return_tensors="pt")
    except Exception as problem:  # whatever its settings make it stumble over
        raise UserError(
            f"The image processor in {folder} cannot prepare a picture of {width} x {height} "
            f"pixels ({first_line(problem)}): {remedy}"
        ) from problem
    misfit = architecture.misfit(processor.image_processor, made, config)
    if misfit:
        raise UserError(f"The image processor in {folder} does not belong to its model ({misfit}): {remedy}")
