"""Lets docutils parse a text: with stand-ins for every directive and role, and nothing that reaches beyond the text."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from docutils import nodes, statemachine, utils
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser, directives, states
from docutils.transforms.references import (
    AnonymousHyperlinks,
    ExternalTargets,
    Footnotes,
    IndirectHyperlinks,
    InternalTargets,
    PropagateTargets,
)

from docgraph.formats.rst.roles import interpreted
from docgraph.formats.rst.substitutions import substitute

#: docutils' own tables of directives are of the whole process.
_TABLES = threading.Lock()
_TRANSFORMS = (
    PropagateTargets,
    AnonymousHyperlinks,
    IndirectHyperlinks,
    Footnotes,
    ExternalTargets,
    InternalTargets,
)
#: What running text without any of these contains is only text. A colon begins an address where no blank follows.
_MARKUP = re.compile(r"[*`_|\[\\@]|:\S")
#: Longer running text is read in pieces: docutils copies the rest of it at each piece of markup.
_PIECE = 10_000
#: Longer words are no markup: docutils looks for addresses in them in time that grows with the square of their length.
_LONG_TEXT = 2_000
_LONG_WORD = re.compile(r"(\S{2000,})")
_SETTINGS = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 6,
    "warning_stream": False,
    "traceback": True,
    # Sphinx's; the names of anchors depend on it.
    "auto_id_prefix": "id",
    "id_prefix": "",
    "doctitle_xform": False,
    "sectsubtitle_xform": False,
    "docinfo_xform": False,
    "smart_quotes": False,
    "language_code": "en",
    "tab_width": 8,
}


@dataclass(slots=True)
class Context:
    """What directives say about those that follow: the module, class, program and domain that entries belong to."""

    module: str = ""
    classes: list[str] = field(default_factory=list)
    program: str = ""
    domain: str = "py"
    #: Names of entries, with their anchors.
    entries: dict[str, str] = field(default_factory=dict)


class _Inliner(states.Inliner):  # type: ignore[misc]
    """Reads running text: what has no markup as it is, long text in pieces, and every role without looking it up."""

    def init_customizations(self, settings: Any) -> None:
        """Build the patterns once: they are the same for every document."""
        if not self.implicit_dispatch:
            super().init_customizations(settings)

    def parse(self, text: str, lineno: int, memo: Any, parent: Any) -> tuple[list[Any], list[Any]]:
        """Return the nodes of running text, and messages."""
        if _MARKUP.search(text) is None:
            return ([nodes.Text(text)] if text else []), []
        if len(text) < _LONG_TEXT:
            found: tuple[list[Any], list[Any]] = super().parse(text, lineno, memo, parent)
            return found
        made: list[Any] = []
        for number, part in enumerate(_LONG_WORD.split(text)):
            if number % 2:
                made.append(nodes.Text(part))
                continue
            for piece in _pieces(part):
                made += super().parse(piece, lineno, memo, parent)[0]
        return made, []

    def interpreted(self, rawsource: str, text: str, role: str, lineno: int) -> tuple[list[Any], list[Any]]:
        """Return what the reader sees of `:role:`text``."""
        return interpreted(rawsource, text, role, self.document), []


# docutils builds its patterns from what stands in the class itself, without its parents.
for _name, _value in vars(states.Inliner).items():
    if isinstance(_value, str) and not _name.startswith("__"):
        setattr(_Inliner, _name, _value)


@cache
def _inliner() -> _Inliner:
    return _Inliner()


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _PIECE:
        end = text.rfind(" ", start + _PIECE // 2, start + _PIECE)
        end = end if end > 0 else start + _PIECE
        yield text[start:end]
        start = end
    yield text[start:]


class _States(dict[str, Any]):
    """The states of a machine, each made when it is first entered: docutils makes all fifteen for every list and quote."""

    def __init__(self, machine: Any) -> None:
        super().__init__()
        self._machine = machine

    def __missing__(self, name: str) -> Any:
        kind = _STATES.get(name)
        if kind is None:
            raise KeyError(name)
        state = self[name] = kind(self._machine, self._machine.debug)
        if getattr(self._machine, "memo", None) is not None:
            state.runtime_init()
        return state


class _Machine(states.RSTStateMachine):  # type: ignore[misc]
    def add_states(self, _classes: Any) -> None:
        """Make no state yet."""
        self.states = _States(self)


class _NestedMachine(states.NestedStateMachine):  # type: ignore[misc]
    def add_states(self, _classes: Any) -> None:
        """Make no state yet."""
        self.states = _States(self)


_STATES: dict[str, Any] = {kind.__name__: kind for kind in states.state_classes}


@cache
def _settings() -> Any:
    settings = get_default_settings(Parser)
    for name, value in _SETTINGS.items():
        setattr(settings, name, value)
    return settings


def parsed(text: str) -> Any:
    """Return docutils' tree of a text, with its references resolved inside it.

    Raises:
        RecursionError: it is nested too deeply.
    """
    document = utils.new_document("text", _settings().copy())
    document.docgraph = Context()
    machine = _Machine(state_classes=states.state_classes, initial_state="Body")
    lines = statemachine.string2lines(text, tab_width=_settings().tab_width, convert_whitespace=True)
    with _stand_ins():
        machine.run(lines, document, inliner=_inliner())
        substitute(document)
        for transform in _TRANSFORMS:
            transform(document).apply()
    return document


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Answer every look-up of a directive with a stand-in."""
    from docgraph.formats.rst.directives import StandIn

    def looked_up(_name: str, _language: Any, _document: Any) -> tuple[Any, list[Any]]:
        return StandIn, []

    with _TABLES:
        own, directives.directive = directives.directive, looked_up
        machine, states.RSTState.nested_sm = states.RSTState.nested_sm, _NestedMachine
        # State machines of a document that broke off would be used again.
        states.RSTState.nested_sm_cache.clear()
        try:
            yield
        finally:
            directives.directive = own
            states.RSTState.nested_sm = machine
            states.RSTState.nested_sm_cache.clear()
