"""Chat templates: where a checkpoint keeps its own, and whether it makes a conversation with one picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedTokenizerFast

from moslab.utils.errors import UserError, first_line

if TYPE_CHECKING:
    from moslab.backbones.architecture import Architecture, Processor

QUESTIONS = ("", "How would you rate the quality of this image?")  # that are tried on loading
# Where a processor of transformers looks, in its order; what the tokenizer has comes after these.
PLACES = ("processor_config.json", "chat_template.json", "chat_template.jinja")


def chat_template(folder: Path, tokenizer: PreTrainedTokenizerFast, default: str) -> str:
    """A checkpoint's chat template, or its architecture's `default` where it has none or an empty one.

    Raises:
        UserError: for a file that cannot be read, or several templates of which none is the default.
    """
    return _own(folder, tokenizer)[0] or default


def _own(folder: Path, tokenizer: PreTrainedTokenizerFast) -> tuple[str, str]:
    """The template that a checkpoint brings, '' if none, and the name of the file that holds it."""
    for name in PLACES:
        if (folder / name).is_file():
            template = _single(folder / name, _read(folder / name))
            if template:
                return template, name
    name = "tokenizer_config.json"
    return _single(folder / name, tokenizer.chat_template), name


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return text if path.suffix == ".jinja" else json.loads(text).get("chat_template")
    except (OSError, ValueError, AttributeError) as problem:
        raise UserError(
            f"The chat template in {path} cannot be read ({first_line(problem)}): "
            "take the file as it was published, or delete it."
        ) from problem


def _single(path: Path, content: Any) -> str:
    """One template of what a file holds: a template, or several by name."""
    if isinstance(content, list):
        content = {entry.get("name"): entry.get("template") for entry in content if isinstance(entry, dict)}
    if isinstance(content, dict):
        content = content.get("default", content)
    if content is None or isinstance(content, str):
        return content or ""
    raise UserError(
        f"{path} holds several chat templates and none called 'default': name the one that is meant so."
    )


def conversation(
    processor: "Processor", architecture: "Architecture", question: str, visual_tokens: int | Sequence[int]
) -> list[int]:
    """Token ids of the user's turn (pictures, then `question`, if any) and the opening of the assistant's.

    Args:
        visual_tokens: how many tokens the picture has; of several, a number for each.

    Raises:
        UserError: for a question that holds the picture's own token, and for several pictures that the
            template does not write one by one.
    """
    counts = [visual_tokens] if isinstance(visual_tokens, int) else visual_tokens
    text = _rendered(processor, question, len(counts))
    image = processor.image_token
    if image in question:
        raise UserError(
            f"The text {question!r} holds {image}, which stands for a picture: take it out of the text."
        )
    first, *others = text.split(image)
    if len(others) != len(counts):
        raise UserError(
            f"The chat template writes {len(others)} image tokens ({image}) for {len(counts)} pictures, so "
            "they cannot be shown together: score videos with frames='averaged'."
        )
    parts = [image * count + behind for count, behind in zip(counts, others)]
    return architecture.prompt_tokens(processor.tokenizer, first + "".join(parts))


def _rendered(processor: "Processor", question: str, pictures: int = 1) -> str:
    content = [{"type": "image"}] * pictures
    if question:
        content.append({"type": "text", "text": question})
    return processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)


def check_template(folder: Path, processor: "Processor", architecture: "Architecture") -> None:
    """Check that the chat template puts one image token, and the question, into a conversation.

    Raises:
        UserError: where it does not.
    """
    where = folder / _own(folder, processor.tokenizer)[1]
    for question in QUESTIONS:
        _check_text(where, processor, question)
        ids = conversation(processor, architecture, question, visual_tokens=3)
        if ids.count(processor.tokenizer.convert_tokens_to_ids(processor.image_token)) != 3:
            raise UserError(
                f"The tokenizer in {folder} does not keep {processor.image_token} together as one token: "
                "take the tokenizer that was published with the checkpoint."
            )


def _check_text(where: Path, processor: "Processor", question: str) -> None:
    """UserError unless one conversation can be written and has all its parts."""
    image = processor.image_token
    remedy = "replace it by the one published with the checkpoint, or delete it to get the usual one."
    try:
        text = _rendered(processor, question)
    except Exception as problem:  # whatever a template raises by itself or stumbles over
        raise UserError(
            f"The chat template in {where} cannot be filled in ({first_line(problem)}): {remedy}"
        ) from problem
    if text.count(image) != 1:
        raise UserError(
            f"The chat template in {where} writes {text.count(image)} image tokens "
            f"({image}) for a picture and must write one: {remedy}"
        )
    if question not in text:
        raise UserError(f"The chat template in {where} leaves out the question: {remedy}")
