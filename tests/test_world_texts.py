"""Captions, comments and reasons of the embedded tasks."""

import numpy as np

from moslab.datasets.embedded import table_of
from moslab.world import (
    language,
)


def rating_words(text: str) -> list[str]:
    """The rating words of a text, in order."""
    return [word for word in language.words_of(text) if word in language.RATING_WORDS]


class TestTexts:
    def test_vocabulary_is_closed(self, worlds):
        vocabulary = set(language.vocabulary())
        for world in worlds.values():
            for column in table_of(world).annotations.filter(regex="caption|comment|reason"):
                for text in table_of(world).annotations[column].head(300):
                    assert set(language.words_of(text)) <= vocabulary, text

    def test_rating_words_stand_in_the_rated_comment_alone(self, worlds):
        for world in worlds.values():
            annotations, low, high = table_of(world).annotations, *table_of(world).scale
            for column in annotations.filter(regex="caption|^comment|reason"):
                assert not any(map(rating_words, annotations[column])), column
            words = [rating_words(text)[0] for text in annotations["rated_comment"]]
            fifths = np.minimum(5 * (table_of(world).frame["mos"] - low) / (high - low), 4).astype(int)
            assert [language.RATING_WORDS[4 - fifth] for fifth in fifths] == words

    def test_wording_varies(self, worlds):
        for world in worlds.values():
            for column in ("caption", "comment"):
                assert table_of(world).annotations[column].nunique() > 0.6 * len(table_of(world))
