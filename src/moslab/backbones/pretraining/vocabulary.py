"""What the embedded bases' tokenizers are learned from."""

from collections.abc import Iterator

import numpy as np

from moslab.backbones.pretraining.corpus import SOURCES, draw_corpus
from moslab.world import aigiqa, language, specs, ugc
from moslab.world.draws import Dice

# Sentences of the scoring tasks, so that their words are single tokens. The tokenizer sees them; the model is
# never trained on them.
PROMPT_SENTENCES = (
    "How would you rate the quality of this image? The quality of the image is excellent good fair poor bad.",
    "How would you rate the aesthetics of this image? The aesthetics of the image is.",
    "Rate the aesthetics and quality of this image briefly. The score of this image is 3.99. "
    "Challenge title: Free Study, Open Challenge, Best of the Month.",
    "How would you rate the alignment of this image? The alignment of the image is.",
    "The image was made for the prompt. You are a helpful assistant.",
)


def _ugc_sentences() -> str:
    """Every attribute with each of its options."""
    sentences = []
    for name, options in ugc.OPTIONS.items():
        sentences += [f"{name.replace('_', ' ')}: {option}," for option in options]
    return " ".join(sentences)


UGC_SENTENCES = _ugc_sentences()


def tokenizer_texts(seed: int, pictures: int = 2000) -> Iterator[str]:
    """What the vocabulary is learned from."""
    spec = draw_corpus(np.arange(pictures), seed, tuple(SOURCES))
    prompts = aigiqa.prompted("corpus", seed, np.arange(pictures)).texts
    for row in range(pictures):
        yield from _texts_of_picture(spec, row, Dice(seed, "tokenizer", row))
        yield " ".join([*language.LEVELS, *language.COUNTS.values()])
        yield "Describe the photo. Write a caption. user\n assistant\n system\n"
        yield PROMPT_SENTENCES[row % len(PROMPT_SENTENCES)]
        yield f"Generation prompt: {prompts[row]}."
        yield UGC_SENTENCES


def _texts_of_picture(spec: specs.Spec, row: int, dice: Dice) -> Iterator[str]:
    yield language.caption(spec, row, dice)
    yield language.rated_comment(spec, row, dice, dice.choice(language.RATING_WORDS))
    yield language.reason(spec, row, dice, tuple(language.MERIT))
    yield ", ".join(f"{name}: {words}" for name, words in language.attribute_list(spec, row, dice))
    for name, word in language.rated_facts(spec, row, dice):
        yield (
            f"How would you rate the {name} of this photo? The {name} of the photo is {word}. "
            f"What is the {name} of this photo?"
        )
    yield " ".join(language.number_exercise(dice.choice(list(language.NUMBER_TASKS)), dice))
