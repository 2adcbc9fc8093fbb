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
#: BERT's words of printable ASCII: each run of letters and digits, and each punctuation mark.
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
#: What is no border of words to BERT: not white space, punctuation (a long address is many words) or Chinese characters.
_LONG_WORD = re.compile(
    rf"[^\s!-/:-@\[-`{{-~\u2010-\u2027\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]{{{_MAX_WORD + 1},}}"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACE = re.compile(r"[ \t\n\r]+")


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
    pieces = _pieces(text)
    if len(text) > _MAX_WORD:
        tokens = (token for token in text.split() if len(token) > _MAX_WORD)
        pieces += sum(len(word) // 2 for token in tokens for word in _LONG_WORD.findall(token))
    return pieces


def _pieces(text: str) -> int:
    """Count with a memory for ASCII words: a tenth of the time, the same number."""
    if text.isascii() and not _CONTROL.search(text):
        return sum(map(_word_pieces, _ASCII_WORD.findall(text)))
    words = _SPACE.split(text)
    plain = " ".join(word for word in words if word.isascii() and word.isprintable())
    others = " ".join(word for word in words if not (word.isascii() and word.isprintable()))
    return sum(map(_word_pieces, _ASCII_WORD.findall(plain))) + _encoded_length(others)


@lru_cache(maxsize=2**16)
def _word_pieces(word: str) -> int:
    return _encoded_length(word)


def _encoded_length(text: str) -> int:
    return len(_tokenizer().encode(text, add_special_tokens=False)) if text else 0


def fits(text: str, budget: int) -> bool:
    """Tell whether `text` has at most `budget` word pieces, without measuring what is obviously too long."""
    if text.isascii() and len(text) <= budget:
        return True
    # Nearly every word is at least one piece, and a piece at most 100 characters: these need no tokenizer (nor its memory).
    if len(text) > 4 * budget and (len(text.split(maxsplit=budget)) > budget or len(text) > 2 * _MAX_WORD * budget):
        return False
    return count(text) <= budget
