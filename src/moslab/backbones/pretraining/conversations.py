"""What is said of a picture in pre-training, and which of its words are taught."""

import torch
from transformers import PreTrainedTokenizerFast

from moslab.backbones import embedded
from moslab.world import language, specs
from moslab.world.draws import Dice

Piece = tuple[str, bool]  # words, and whether they are taught
Turn = tuple[str, list[Piece]]  # a question and its answer
Text = tuple[list[int], list[bool]]  # token ids, and whether each is taught

FILLER = 0  # every vocabulary's first token is said nowhere


def pad(texts: list[Text]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and mask of supervised tokens, [batch, time] each."""
    time_steps = max((len(ids) for ids, _ in texts), default=0)
    ids = torch.full((len(texts), time_steps), FILLER)
    supervised = torch.zeros(len(texts), time_steps, dtype=torch.bool)
    for row, (tokens, taught) in enumerate(texts):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        supervised[row, : len(taught)] = torch.tensor(taught)
    return ids, supervised


class Writer:
    """Turns a picture's facts into one conversation in the chat template.

    Args:
        chat: the markers of the chat template.
        words: whether rating words may be said.
    """

    FORMS = {  # and how often a text has each
        "list": 0.42,
        "level": 0.12,
        "questions": 0.12,
        "rated": 0.10,
        "caption": 0.08,
        "number": 0.12,
        "count": 0.04,
    }
    FACTS = 13  # attributes in one list
    EXERCISES = 6  # with numbers, in one conversation

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, chat: embedded.Chat = embedded.CHAT, words: bool = True
    ) -> None:
        self.tokenizer = tokenizer
        self.chat = chat
        self._encoded: dict[str, list[int]] = {}
        shares = {form: share for form, share in self.FORMS.items() if words or form != "rated"}
        self.forms = {form: share / sum(shares.values()) for form, share in shares.items()}

    def encode(self, text: str) -> list[int]:
        """Token ids of a piece of text; they are remembered."""
        if text not in self._encoded:
            self._encoded[text] = self.tokenizer.encode(text, add_special_tokens=False)
        return self._encoded[text]

    def write(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        """A conversation about one picture, in a form that is drawn."""
        form = dice.choice(list(self.forms), list(self.forms.values()))
        return self.write_as(form, spec, row, dice)

    def write_as(self, form: str, spec: specs.Spec, row: int, dice: Dice) -> Text:
        """A conversation about one picture in one of `FORMS`."""
        return getattr(self, f"_{form}")(spec, row, dice)

    def turns(self, turns: list[Turn]) -> Text:
        """A conversation of questions and answers; the end of every answer is taught."""
        pieces: list[Piece] = []
        for number, (question, answer) in enumerate(turns):
            pieces += self.ask(question, first=not number) + answer + [(self.chat.end, True)]
        return self._join(pieces)

    def ask(self, question: str, first: bool = True) -> list[Piece]:
        """The user's turn and the opening of the answer. The first one shows the picture."""
        if first:
            opening = self.chat.first + self.chat.picture
            words = question
        else:
            opening = self.chat.next
            words = self.chat.lead + question
        return [(opening, False), (words, False), (self.chat.answer, False)]

    def _list(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        facts = language.attribute_list(spec, row, dice)[: self.FACTS]
        return self._join(self.ask("Describe the photo.") + self._facts(facts))

    def _level(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        question, fields = dice.choice(list(language.LEVELS.items()))
        return self.turns([(question, self._facts(language.attribute_list(spec, row, dice, fields)))])

    def _facts(self, facts: list[tuple[str, str]]) -> list[Piece]:
        """A list of attributes of which the values are taught."""
        pieces: list[Piece] = []
        for number, (name, words) in enumerate(facts):
            comma = ", " if number else ""
            pieces += [(f"{comma}{name}:", False), (f" {words}", True)]
        return [*pieces, (".", False)]

    def _questions(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        facts = language.attribute_list(spec, row, dice)[:3]
        return self.turns([(f"What is the {name} of this photo?", [(words, True)]) for name, words in facts])

    def _rated(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        turns: list[Turn] = []
        for name, word in language.rated_facts(spec, row, dice)[:2]:
            question = f"How would you rate the {name} of this photo?"
            answer = [(f"The {name} of the photo is", False), (f" {word}", True), (".", False)]
            turns.append((question, answer))
        return self.turns(turns)

    def _caption(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        pieces = self.ask("Write a caption.")
        for number, word in enumerate(language.caption(spec, row, dice).split(" ")):
            blank = " " if number else ""
            pieces.append((blank + word, True))
        return self._join([*pieces, (self.chat.end, True)])

    def _count(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        question, number = language.count_question(spec, row, dice)
        return self.turns([(question, [(number, True)])])

    def _number(self, spec: specs.Spec, row: int, dice: Dice) -> Text:
        turns: list[Turn] = []
        for _ in range(self.EXERCISES):
            task = dice.choice(list(language.NUMBER_TASKS))
            question, answer = language.number_exercise(task, dice)
            turns.append((question, [(answer, True)]))
        return self.turns(turns)

    def _join(self, pieces: list[Piece]) -> Text:
        """The pieces one after the other; words that follow the turn to the answer get the chat's lead."""
        tokens: list[int] = []
        taught: list[bool] = []
        before = ""
        for words, is_taught in pieces:
            ids = self.encode(self.chat.lead + words if before == self.chat.answer else words)
            tokens += ids
            taught += [is_taught] * len(ids)
            before = words
        return tokens, taught
