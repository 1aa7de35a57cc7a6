"""LLaMA's tokenizer out of a SentencePiece model (tokenizer.model), without that library.

The file is a protocol buffer: its field 1, repeated, is a piece, with text, score and kind as fields 1 to 3;
field 3 of its field 2 is the kind of model. Source: sentencepiece_model.proto of google/sentencepiece.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, processors
from transformers import PreTrainedTokenizerFast

from moslab.utils.errors import UserError

FILE = "tokenizer.model"
ADDED = "added_tokens.json"  # tokens that were added to it, by number
NORMAL = 1  # kinds of pieces; others are <unk>, control pieces and single bytes
PAIRS = 2  # the kind of model that joins pairs of pieces (BPE)


def read(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, with the tokens that were added to it.

    Raises:
        UserError: for a model of another kind than LLaMA's.
    """
    path = folder / FILE
    pieces = []
    kind = 1
    for number, value in _fields(path.read_bytes()):
        if number == 1:
            pieces.append(_piece(value))
        elif number == 2:
            kind = dict(_fields(value)).get(3, kind)
    if kind != PAIRS:
        raise UserError(f"{path} is not a tokenizer of LLaMA's kind (BPE): put a tokenizer.json beside it.")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_backend(pieces), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    if (folder / ADDED).is_file():
        added = json.loads((folder / ADDED).read_text(encoding="utf-8"))
        tokenizer.add_tokens(sorted(added, key=added.__getitem__), special_tokens=True)
    return tokenizer


def spelling() -> normalizers.Normalizer:
    """What SentencePiece does to a text first: a blank in front, and a mark for every blank."""
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def _backend(pieces: list[tuple[str, float, int]]) -> Tokenizer:
    """The tokenizer of pieces, each with its score and kind. A join of a higher score goes first."""
    numbers = {text: number for number, (text, _, _) in enumerate(pieces)}
    joins = []
    for text, score, kind in pieces:
        if kind != NORMAL:
            continue
        for cut in range(1, len(text)):
            left, right = text[:cut], text[cut:]
            if left in numbers and right in numbers:
                joins.append((-score, numbers[left], numbers[right], (left, right)))
    merges = [pair for *_, pair in sorted(joins)]
    made = Tokenizer(
        models.BPE(vocab=numbers, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    made.normalizer = spelling()
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", numbers["<s>"])]
    )
    return made


def _piece(content: bytes) -> tuple[str, float, int]:
    """Text, score and kind of a piece."""
    fields = dict(_fields(content))
    return fields[1].decode(), fields.get(2, 0.0), fields.get(3, NORMAL)


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protocol buffer: a number, or the bytes of a text or a buffer."""
    place = 0
    value: Any
    while place < len(content):
        key, place = _number(content, place)
        if key % 8 == 0:
            value, place = _number(content, place)
        elif key % 8 == 2:
            length, place = _number(content, place)
            value, place = content[place : place + length], place + length
        elif key % 8 == 5:
            (value,), place = struct.unpack_from("<f", content, place), place + 4
        else:
            raise ValueError(f"no SentencePiece model: a field of kind {key % 8}")
        yield key // 8, value


def _number(content: bytes, place: int) -> tuple[int, int]:
    """The number that begins at a place, in groups of seven bits, and where it ends."""
    number = shift = 0
    while content[place] >= 128:
        number |= (content[place] - 128) << shift
        shift += 7
        place += 1
    return number | content[place] << shift, place + 1
