"""Puts in what substitutions stand for, within bounds: docutils' own way takes time that doubles with each level of nesting."""

from __future__ import annotations

from typing import Any

from docutils import nodes

_MAX_DEPTH = 10
_MAX_EXPANSIONS = 10_000
_MAX_CHARACTERS = 1_000_000


def substitute(document: Any) -> None:
    """Replace each reference to a substitution that the document defines; those beyond the bounds stay as they are."""
    expansion = _Expansion(document)
    for reference in list(document.findall(nodes.substitution_reference)):
        if not _is_in_definition(reference):
            expansion.expand(reference, 0)


def _is_in_definition(node: Any) -> bool:
    while node is not None and not isinstance(node, nodes.substitution_definition):
        node = node.parent
    return node is not None


class _Expansion:
    """What one document has left of its bounds."""

    def __init__(self, document: Any) -> None:
        self._definitions = document.substitution_defs
        self._names = document.substitution_names
        self._expansions = _MAX_EXPANSIONS
        self._characters = _MAX_CHARACTERS

    def expand(self, reference: Any, depth: int) -> None:
        name = reference["refname"]
        definition = self._definitions.get(name) or self._definitions.get(self._names.get(name.lower(), ""))
        if definition is None or depth >= _MAX_DEPTH:
            return
        self._expansions -= 1
        self._characters -= len(definition.astext())
        if self._expansions < 0 or self._characters < 0:
            return
        holder = nodes.inline("", "", *(child.deepcopy() for child in definition.children))
        reference.parent.replace(reference, holder)
        for inner in list(holder.findall(nodes.substitution_reference)):
            self.expand(inner, depth + 1)
