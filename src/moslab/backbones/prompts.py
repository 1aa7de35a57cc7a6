"""What a model is asked. One place for every wording, with its source."""

from moslab.errors import UserError

TEXTS = ("image", "generic", "title")

# What is judged in each dataset.
ASPECTS = {"iqa": "quality", "koniq10k": "quality", "iaa": "aesthetics", "ava": "aesthetics"}


def aspect(dataset: str) -> str:
    """'quality' or 'aesthetics'."""
    return ASPECTS.get(dataset, "quality")


def question(dataset: str, text: str, title: str = "") -> str:
    """The user's words beside the picture.

    image: none (RvTC's image-only arm). generic: Q-Align's question for the task. title: the question and the picture's own text, as RvTC's data-specific
    prompts do (their exact wording is not published).
    """
    if text not in TEXTS:
        raise UserError(f"Unknown text {text!r}: choose one of {', '.join(TEXTS)}.")
    if text == "image":
        return ""
    generic = f"How would you rate the {aspect(dataset)} of this image?"
    return generic if text == "generic" else f"{generic} Challenge title: {title}."


def answer_prefix(dataset: str) -> str:
    """The words Q-Align's answer opens with; the level word follows."""
    return f"The {aspect(dataset)} of the image is"
