"""People's words as a Lucene query that can neither break, nor widen, nor leave its dataset. Pure; runs nothing.

The text is cut into terms, each term is quoted (inside quotes only `"` and `\\` mean anything to Lucene's classic query
parser) and put against named fields only, so that no text of a user is ever read as syntax. Identifiers are looked for
whole (`fs.readFile`, `max_active_runs`) and in their parts, which the index keeps in the property `identifiers`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from docgraph.stores.graph.schema import tag_token

#: Terms of a query that are searched for; what comes after them is ignored.
MAX_TERMS = 64
#: Upper bound for the tokens that Lucene may make of all terms; times three fields it stays below its 1,024 clauses.
MAX_TOKENS = 300
#: Characters of one term that are searched for (the analyzer cuts tokens at 255).
MAX_TERM_LENGTH = 128

#: Function words of English: they say nothing about what is asked for, and match almost every section.
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about am an and any are as at be been being but by can could did do does doing for from get had has have having
        how i if in into is it its me my no nor not of on or our shall should so some such than that the their them then
        there these they this those through to us was we were what when where which while who whom whose why will with
        would you your""",
    )
)


def _marks() -> str:
    """Return, for a class of characters, what belongs to the letter before it: for `re`, vowel signs of Devanagari or Thai are no `\\w`."""
    codes = [code for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M"]
    starts = [code for code, before in zip(codes, [0, *codes], strict=False) if code != before + 1]
    ends = [code for code, after in zip(codes, [*codes[1:], 0], strict=True) if after != code + 1]
    # With the joiners that stand inside of such words.
    return "\u200c\u200d" + "".join(f"{chr(first)}-{chr(last)}" for first, last in zip(starts, ends, strict=True))


_LETTER = rf"\w{_marks()}"
# Letters and decimal digits, joined inside a term by what joins the parts of names, paths and options.
_TERM = re.compile(rf"[^\W_](?:[{_LETTER}.:/'’@#$%+\-]*[{_LETTER}])?")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_JOINTS = re.compile(rf"[^{_LETTER}]+")
_SEPARATORS = re.compile(rf"(?:[^{_LETTER}]|_)+")
# Written without spaces between words: Lucene indexes each character, so pairs of them are the terms.
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd]+")


def terms(text: str) -> list[str]:
    """Cut a query into its terms, in order and without repetition; words of pure grammar only where there is nothing else."""
    # A lone surrogate can't be sent to any store.
    clean = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    found: list[str] = []
    for match in _TERM.finditer(clean):
        found.extend(_spaced(match.group()[:MAX_TERM_LENGTH]))
        if len(found) > 4 * MAX_TERMS:
            break
    unique = [term for term in dict.fromkeys(found) if _is_searchable(term)]
    telling = [term for term in unique if term.lower() not in STOP_WORDS]
    return _within_budget(telling or unique)


def parts(term: str) -> list[str]:
    """Return the parts of an identifier in lower case (`maxActive_runs` → max, active, runs); nothing for a plain word."""
    found = [part.lower() for piece in _SEPARATORS.split(term) for part in _CAMEL.split(piece) if _is_searchable(part)]
    return found if len(found) > 1 else []


def names(term: str) -> list[str]:
    """Return the names that a dotted or hyphenated identifier consists of (`json.JSONEncoder` → json, jsonencoder); none for one."""
    found = [name.lower() for name in _JOINTS.split(term) if _is_searchable(name)]
    return found if len(found) > 1 else []


def is_word(term: str) -> bool:
    """Whether a term is letters alone, with the marks that belong to them."""
    return all(character.isalpha() or unicodedata.category(character)[0] == "M" for character in term)


def is_identifier(term: str) -> bool:
    """Whether a term is a name that code, a command or a message has (`fs.readFile`, `--dry-run`, `E1101`), and not a word."""
    return bool(parts(term) or names(term)) or not is_word(term)


def clause(text: str) -> str | None:
    """Return the Lucene clause for a person's text, or None where the text holds nothing to search for.

    Words count little among the parts of identifiers: there each is rare, so that BM25 would take `open` or `value` for the most
    telling word of a sentence. A word that is called (`close()`) is an identifier.
    """
    whole = terms(text)
    if not whole:
        return None
    pieces = list(dict.fromkeys(piece for term in whole for piece in (*names(term), *parts(term))))
    spent = sum(_tokens(term) for term in whole)
    pieces = _within_budget([piece for piece in pieces if piece not in STOP_WORDS], spent=spent)
    quoted = " ".join(map(_quoted, whole))
    clauses = [f"heading_text:({quoted})^0.6", f"text:({quoted})"]
    identifiers = [term for term in whole if is_identifier(term) or f"{term}(" in text]
    words = [term for term in whole if term not in identifiers]
    if identifiers:
        clauses.append(f"identifiers:({' '.join(map(_quoted, identifiers))})")
    if words:
        clauses.append(f"identifiers:({' '.join(map(_quoted, words))})^0.3")
    if pieces:
        joined = " ".join(map(_quoted, pieces))
        clauses += [f"identifiers:({joined})", f"text:({joined})^0.3"]
    return " ".join(clauses)


def restricted(tag: str, inner: str) -> str:
    """Restrict a clause to one dataset inside Lucene; the tag counts nothing towards the score."""
    return f'+tag_token:"{tag_token(tag)}"^0 +({inner})'


def _spaced(term: str) -> Iterator[str]:
    """Yield the term, and for text without spaces between words its pairs of characters."""
    rest = term
    for run in _IDEOGRAPHS.findall(term):
        yield from (run[i : i + 2] for i in range(len(run) - 1)) if len(run) > 1 else (run,)
        rest = rest.replace(run, " ", 1)
    yield from (word for word in rest.split() if rest != term) if rest != term else (term,)


def _is_searchable(term: str) -> bool:
    return any(character.isalpha() or character.isdecimal() for character in term)


def _tokens(term: str) -> int:
    """Bound from above the number of tokens that the standard tokenizer makes: outside ASCII it may cut at each character."""
    return sum(len(run) if not run.isascii() else 1 for run in _SEPARATORS.split(term) if run)


def _within_budget(found: list[str], spent: int = 0) -> list[str]:
    kept: list[str] = []
    for term in found[:MAX_TERMS]:
        spent += _tokens(term)
        if spent > MAX_TOKENS:
            break
        kept.append(term)
    return kept


def _quoted(term: str) -> str:
    return '"' + term.replace("\\", "\\\\").replace('"', '\\"') + '"'
