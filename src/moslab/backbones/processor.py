"""Qwen2-VL's processor without its video half, for installations that have no torchvision.

transformers builds `Qwen2VLProcessor` from tokenizer, image processor and video processor, and the last needs torchvision even where no video is ever shown.
This subclass leaves it out and uses the Pillow image processor; text and pictures give the same tensors.
"""

from pathlib import Path

from transformers import AutoTokenizer, Qwen2VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from moslab.errors import UserError


class ImageTextProcessor(Qwen2VLProcessor):
    """A `Qwen2VLProcessor` for still pictures."""

    def check_argument_for_proper_class(self, argument_name: str, argument: object) -> object:
        if argument_name == "video_processor" and argument is None:
            return None
        return super().check_argument_for_proper_class(argument_name, argument)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "ImageTextProcessor":
        """Assemble from a checkpoint folder or hub id as `save_pretrained` and the published checkpoints lay it out.

        A checkpoint without a chat template gets Qwen2-VL's roles and markers (`CHAT_TEMPLATE`).
        """
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
        except (OSError, ValueError, KeyError) as problem:
            raise UserError(f"{folder} holds no Qwen2-VL tokenizer and image processor ({first_line(problem)}): "
                            "give a folder with tokenizer.json and preprocessor_config.json, or a hub id.") from problem
        return cls(image_processor=image_processor, tokenizer=tokenizer, chat_template=tokenizer.chat_template or CHAT_TEMPLATE)

    def save(self, folder: str | Path) -> None:
        """Write tokenizer, image processor and chat template; `from_folder` reads them back."""
        self.tokenizer.chat_template = self.chat_template
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)


def first_line(problem: Exception) -> str:
    """An exception's message cut to one line, for use inside a sentence."""
    return (str(problem).strip() or type(problem).__name__).splitlines()[0][:200]


CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
