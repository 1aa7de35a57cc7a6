"""Pre-training of the embedded base from nothing, in stages, on pictures that are never shown twice.

"vision" stages teach the vision tower and merger, through attribute heads on the visual tokens (captions
from a cold start do not teach it to see). "language" stages freeze them and teach the language model to say
what it is shown: attribute lists with the loss on the values, questions, captions, rated single facts and
number exercises, several texts per picture. The heads are thrown away. Processes average their gradients;
each renders its own share of the pictures.

    plans          which stages, on how many pictures, and which checkpoints they leave
    corpus         the pictures, and batches of them with their texts
    conversations  what is said of a picture, and which of its words are taught
    vocabulary     what the tokenizer is learned from
    teacher        the base with its attribute heads, and its losses
    optimization   what learns in a stage, and how fast
    training       processes, rounds and checkpoints
"""

from moslab.backbones.pretraining.conversations import Writer, pad
from moslab.backbones.pretraining.corpus import SOURCES, Corpus, draw_corpus, make_batch
from moslab.backbones.pretraining.plans import PLANS, STAGES, Plan, Stage
from moslab.backbones.pretraining.teacher import BASES, Teacher, new_base
from moslab.backbones.pretraining.training import save, train
from moslab.backbones.pretraining.vocabulary import PROMPT_SENTENCES, tokenizer_texts

__all__ = [
    "BASES",
    "PLANS",
    "PROMPT_SENTENCES",
    "SOURCES",
    "STAGES",
    "Corpus",
    "Plan",
    "Stage",
    "Teacher",
    "Writer",
    "draw_corpus",
    "make_batch",
    "new_base",
    "pad",
    "save",
    "tokenizer_texts",
    "train",
]
