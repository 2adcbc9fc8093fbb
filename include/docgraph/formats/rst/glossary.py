"""Reads glossaries: several terms may share a definition, which docutils' definition lists don't know."""

from __future__ import annotations

from typing import Any

from docutils import nodes

from docgraph.formats.rst.entries import term_anchor


def glossary(state: Any, block: Any, line: int) -> Any:
    """Return the definition list that a glossary is shown as."""
    made = nodes.definition_list()
    terms: list[str] = []
    position, end = 0, len(block)
    while position < end:
        text = block[position]
        if not text.strip() or text.startswith(".. "):
            position += 1
        elif not text[0].isspace():
            terms.append(text.strip())
            position += 1
        else:
            start = position
            while position < end and (not block[position].strip() or block[position][0].isspace()):
                position += 1
            made += _item(state, terms, block[start:position], line)
            terms = []
    if terms:
        made += _item(state, terms, None, line)
    return made


def _item(state: Any, terms: list[str], block: Any, line: int) -> Any:
    item = nodes.definition_list_item()
    for each in terms:
        term = each.split(" : ")[0].strip()
        state.document.docgraph.entries.setdefault(term, term_anchor(term))
        item += nodes.term(each, "", *state.inline_text(term, line)[0])
    definition = nodes.definition()
    if block is not None:
        block.disconnect()
        block.trim_left(min(len(text) - len(text.lstrip()) for text in block if text.strip()))
        state.nested_parse(block, line, definition)
    item += definition
    return item
