"""Words and pictures as mPLUG-Owl2 is given them."""

from pathlib import Path
from typing import Any, cast

from PIL import Image
from transformers import BatchFeature, PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.processing_utils import ProcessorMixin

from moslab.backbones import processors, sentence_pieces, templates
from moslab.utils.errors import UserError

IMAGE = "<|image|>"  # what stands for a picture in a text; the tokenizer does not know it
PUBLISHED = "MAGAer13/mplug-owl2-llama2-7b"  # an example of the layout
# The authors' conversation "mplug_owl2": no system's words, one blank behind the user's.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% if message['content'] is string %}{{ message['content'] + ' ' }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|image|>{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ ' ' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


class SquareImageProcessor(CLIPImageProcessorPil):
    """CLIP's, with every picture first made a square: bars of CLIP's mean colour, half on each side."""

    def preprocess(self, images: Any, *arguments: Any, **options: Any) -> BatchFeature:
        background = tuple(int(255 * mean) for mean in cast(list[float], self.image_mean))
        squares = [square(picture.convert("RGB"), background) for picture in images]
        return super().preprocess(squares, *arguments, **options)


def square(picture: Image.Image, background: tuple[int, ...]) -> Image.Image:
    """A picture in the middle of a square as large as its longer side."""
    side = max(picture.size)
    whole = Image.new("RGB", (side, side), background)
    whole.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return whole


class ImageTextProcessor(processors.SavedInParts, ProcessorMixin):
    """Tokenizer and image processor."""

    def __init__(self, image_processor: Any, tokenizer: Any, chat_template: str = CHAT_TEMPLATE) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.image_token = IMAGE

    @classmethod
    def from_folder(cls, folder: str | Path) -> "ImageTextProcessor":
        """Assemble from a checkpoint folder. One without a chat template gets the authors' (`CHAT_TEMPLATE`).

        Raises:
            UserError: for a folder without a tokenizer or an image processor.
        """
        folder = Path(folder)
        # transformers makes an empty tokenizer of LLaMA's kind where there is no file.
        if not any((folder / name).is_file() for name in (sentence_pieces.FILE, "tokenizer.json")):
            raise UserError(
                f"{folder} holds no tokenizer ({sentence_pieces.FILE} or tokenizer.json): "
                f"give a folder laid out like {PUBLISHED}."
            )
        tokenizer, image_processor = processors.read_parts(
            folder,
            _read_images,
            architecture="mPLUG-Owl2",
            like=f", laid out like {PUBLISHED}",
        )
        tokenizer = like_sentencepiece(tokenizer)
        return cls(image_processor, tokenizer, templates.chat_template(folder, tokenizer, CHAT_TEMPLATE))


def _read_images(folder: Path) -> SquareImageProcessor:
    return SquareImageProcessor.from_pretrained(folder, trust_remote_code=False)


def like_sentencepiece(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """LLaMA's tokenizer, making of every piece of text what SentencePiece makes of it.

    A piece gets a blank in front, also where it begins with one. Whatever pads is not <unk>, which stands for
    visual tokens.
    """
    tokenizer.backend_tokenizer.normalizer = sentence_pieces.spelling()
    tokenizer.backend_tokenizer.pre_tokenizer = None
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def prompt_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a whole prompt, with one of <unk> for each `IMAGE`.

    As in the authors' code, what stands before, between and behind pictures is encoded piece by piece, and
    only the first piece keeps its <s>. Where a prompt begins with a picture, every piece does.
    """
    first, *others = text.split(IMAGE)
    ids = tokenizer.encode(first) if first else []
    opened = bool(ids)
    for piece in others:
        ids.append(cast(int, tokenizer.unk_token_id))
        if piece:
            ids += tokenizer.encode(piece)[1 if opened else 0 :]
    return ids
