"""Measures text in word pieces, the unit in which an embedding model's input is limited. Splitting uses it and nothing else.

The vocabulary is a frozen copy of BERT's uncased English one (docs/decisions/0004), shipped in this package: the ruler is part of
the parse version and must not change with an installed model. Not a model's tokenizer: no special tokens, no truncation.
"""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from importlib.resources import files

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

_VOCABULARY = "wordpiece-vocab.txt.gz"
#: Longer words are one unknown piece to WordPiece, whatever their length.
_MAX_WORD = 100
_LONG_RUN = re.compile(rf"\S{{{_MAX_WORD + 1},}}")


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    lines = gzip.decompress((files(__package__) / _VOCABULARY).read_bytes()).decode().removesuffix("\n").split("\n")
    vocabulary = {piece: number for number, piece in enumerate(lines)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=_MAX_WORD))  # noqa: S106
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def count(text: str) -> int:
    """Return the number of word pieces of `text`.

    Never less than what the model counts. A word of more than 100 characters counts half its length in addition: the model sees
    one unknown piece in it, so that a megabyte of base64 (or of a script without spaces) would look like nothing.
    """
    pieces = len(_tokenizer().encode(text, add_special_tokens=False))
    return pieces + sum(len(run) // 2 for run in _LONG_RUN.findall(text))


def fits(text: str, budget: int) -> bool:
    """Tell whether `text` has at most `budget` word pieces, without measuring what is obviously too long."""
    if text.isascii() and len(text) <= budget:
        return True
    # Nearly every word is at least one piece, and a piece at most 100 characters: these need no tokenizer (nor its memory).
    if len(text) > 4 * budget and (len(text.split(maxsplit=budget)) > budget or len(text) > 2 * _MAX_WORD * budget):
        return False
    return count(text) <= budget
