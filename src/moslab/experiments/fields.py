"""What the fields of an experiment may hold, and which of them share a trait."""

from typing import Literal

# What is said with a picture, see `moslab.backbones.prompts.Wording`.
Text = Literal[
    "image", "generic", "rvtc", "realqa", "roc4mllm", "title", "permuted", "random", "written", "nearest"
]
LoraTargets = Literal["decoder", "qv", "all"]
Learns = Literal["frozen", "trained"]
Frames = Literal["averaged", "together", "shuffled"]
Comments = Literal["behind", "alone"]
# Fields that were added later: while they are not set they are not in the key, so older keys stay valid.
ADDED_LATER = (
    "protocol",
    "test_dataset",
    "every_epoch",
    "related",
    "min_pixels",
    "max_pixels",
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "lora_targets",
    "vision",
    "vocabulary",
    "optimizer",
    "labelled_by",
    "frames",
    "frame_count",
    "comments",
    "test_comments",
)
# Fields that change the evaluation and nothing in the training.
EVALUATION_FIELDS = (
    "splits",
    "test_text",
    "test_images",
    "test_dataset",
    "related",
    "frames",
    "frame_count",
    "test_comments",
)
# Scorers behind whose words a comment can be taught, and those that teach nothing but words.
COMMENTING = ("digits", "levels", "roc")
WORDS_ALONE = ("digits", "levels")
FROZEN_VISION: tuple[str, ...] = ("lm", "lora", "head")  # recipes that do not train the vision tower
FROZEN_VOCABULARY: tuple[str, ...] = ("lora", "head")  # recipes that do not train the output matrix
LORA_RANK = 16
# Fields of recipe lora, with the values that are meant where they are not set; alpha is twice the rank then.
LORA_FIELDS = {"lora_rank": LORA_RANK, "lora_alpha": None, "lora_dropout": 0.0, "lora_targets": "decoder"}
