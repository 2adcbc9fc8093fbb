"""Asks only those of markdown-it's rules whether a line begins a block, or ends the one before it, that its first character lets match.

markdown-it asks up to seven rules at every line of a paragraph, a quote, a list or a table, twice over for a paragraph, and ten where
a block begins. Most of the time that a long document of short lines takes goes there, and nearly all of it for lines that begin with
a letter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, code, fence, heading, hr, html_block, list_block, reference

from docgraph.formats.markdown.tables import table

Rule = Callable[[StateBlock, int, int, bool], bool]

_BULLETS, _DIGITS = "*-+", "0123456789"
#: Each rule in markdown-it's order, with the characters that what it matches begins with ("" for any) and what it may interrupt.
_RULES: Sequence[tuple[str, Rule, str, tuple[str, ...]]] = (
    ("table", table, "", ("paragraph", "reference")),
    ("fence", fence, "`~", ("paragraph", "reference", "blockquote", "list")),
    ("blockquote", blockquote, ">", ("paragraph", "reference", "blockquote", "list")),
    ("hr", hr, "*-_", ("paragraph", "reference", "blockquote", "list")),
    ("list", list_block, _BULLETS + _DIGITS, ("paragraph", "reference", "blockquote")),
    ("reference", reference, "[", ()),
    ("html_block", html_block, "<", ("paragraph", "reference", "blockquote")),
    ("heading", heading, "#", ("paragraph", "reference", "blockquote")),
)
#: How the second line of a table may begin.
_DELIMITERS = "|-:"


def use_interruptions(parser: MarkdownIt) -> None:
    """Let a parser take tables by our rule, and ask one rule in place of several what a line begins or interrupts."""
    for name, rule, _, _ in _RULES:
        parser.block.ruler.at(name, rule, {"alt": []})
    begins = _first_of([(rule, signs) for _, rule, signs, _ in _RULES], code)
    parser.block.ruler.before("code", "begins_block", begins, {"alt": []})
    parser.block.ruler.disable([name for name, *_ in _RULES])
    for interrupted in ("paragraph", "reference", "blockquote", "list"):
        chain = [(rule, signs) for _, rule, signs, may in _RULES if interrupted in may]
        # Behind the paragraph, which every line is at last: by itself the rule is never reached.
        parser.block.ruler.push(f"interrupts_{interrupted}", _first_of(chain), {"alt": [interrupted]})


def _first_of(chain: Sequence[tuple[Rule, str]], behind_tables: Rule | None = None) -> Rule:
    """Return a rule that matches what the first of these matches; `behind_tables` is asked at every line, too."""
    by_sign: Mapping[str, tuple[Rule, ...]] = {
        sign: tuple(rule for rule, signs in chain if sign in signs)
        for sign in sorted({sign for _, signs in chain for sign in signs})
    }
    with_tables = any(rule is table for rule, _ in chain)

    def first(state: StateBlock, line: int, last: int, silent: bool) -> bool:
        starts, shifts, source = state.bMarks, state.tShift, state.src
        if with_tables and line + 1 < last:
            second = starts[line + 1] + shifts[line + 1]
            if source[second : second + 1] in _DELIMITERS and table(state, line, last, silent):
                return True
        if behind_tables is not None and behind_tables(state, line, last, silent):
            return True
        begin = starts[line] + shifts[line]
        return any(rule(state, line, last, silent) for rule in by_sign.get(source[begin : begin + 1], ()))

    return first
