"""Stands in for every directive, docutils' own and Sphinx's: makes of it what the published page shows. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.parsers.rst.directives import unicode_code
from docutils.parsers.rst.states import SubstitutionDef

from docgraph.formats.rst.entries import entry, is_entry, is_type
from docgraph.formats.rst.glossary import glossary
from docgraph.formats.rst.roles import note_role
from docgraph.formats.rst.tables import read_table
from docgraph.formats.rst.tags import is_shown

_OPTION = re.compile(r":([A-Za-z][\w.+ -]*):(?:\s+(.*)|$)")
_TITLES = {
    **{name: name.capitalize() for name in ("attention", "caution", "danger", "error", "hint", "important", "note", "tip",
                                            "warning")},
    "seealso": "See also",
}  # fmt: skip
_VERSIONS = {
    "versionadded": "Added in version",
    "version-added": "Added in version",
    "versionchanged": "Changed in version",
    "version-changed": "Changed in version",
    "deprecated": "Deprecated since version",
    "version-deprecated": "Deprecated since version",
    "versionremoved": "Removed in version",
    "version-removed": "Removed in version",
}
_CODE = {"code-block": "", "code": "", "sourcecode": "", "doctest": "python", "testcode": "python", "testoutput": "text",
         "ipython": "python", "jupyter-execute": "python", "plot": "python", "prompt": "bash", "mermaid": "mermaid",
         "graphviz": "dot", "digraph": "dot", "graph": "dot", "uml": "plantuml", "plantuml": "plantuml",
         "productionlist": "", "highlight-code": ""}  # fmt: skip
#: Whose argument is the language of the code.
_NAMES_LANGUAGE = frozenset({"code-block", "code", "sourcecode", "prompt"})
#: Whose argument stands for something that is not the code.
_OTHER_ARGUMENT = frozenset({"doctest", "testcode", "testoutput", "ipython", "plot", "mermaid", "graphviz", "plantuml", "uml",
                             "digraph", "graph"})  # fmt: skip
#: What shows nothing of its own, or only what stands in other files or is made by running something.
_NOTHING = frozenset({"include", "literalinclude", "raw", "meta", "contents", "sectnum", "section-numbering", "index", "header",
                      "footer", "target-notes", "title", "tabularcolumns", "sectionauthor", "codeauthor", "moduleauthor",
                      "date", "default-role", "todo", "todolist", "automodule", "autopackagesummary", "command-output",
                      "program-output", "argparse", "click", "testsetup", "testcleanup", "bibliography", "toctree-filt",
                      "inheritance-diagram", "autosummary-hidden", "highlightlang", "comment"})  # fmt: skip
#: Whose argument is the label of what it holds.
_LABELLED = frozenset({"admonition", "topic", "sidebar", "tab", "group-tab", "tab-item", "dropdown", "details", "collapse",
                       "card", "grid-item-card", "toggle", "versionbox", "accordion", "tabbed", "panel"})  # fmt: skip
#: Whose argument is only for its looks.
_FRAMES = frozenset({"container", "class", "rst-class", "cssclass", "compound", "hlist", "acks", "highlights", "epigraph",
                     "pull-quote", "tabs", "tab-set", "tab-set-code", "grid", "grid-item", "div", "line-block", "ifconfig",
                     "autosummary", "card-carousel", "button-ref", "centered-block", "margin", "aside"})  # fmt: skip
_PATH = re.compile(r"^[^\s]*[/.=:][^\s]*$")
_AUTO = re.compile(r"auto(?:function|class|method|data|exception|attribute|decorator|property|enum)$")
_TOCTREE_TITLE = re.compile(r"^(.+?)\s*<([^<>]+)>$")


class StandIn(Directive):  # type: ignore[misc]
    """Any directive: takes its block apart itself, so that no option, however it is written, costs its text."""

    has_content = True

    def run(self) -> list[Any]:
        """Return the nodes that stand for the directive."""
        name = self.name.lower()
        if isinstance(self.state, SubstitutionDef):
            return self._substitution(name)
        if name in _NOTHING:
            return []
        self._split()
        described = is_entry(name, self._context().domain)
        handler = _HANDLERS.get(name) or _HANDLERS.get(name.partition(":")[2] if name.startswith("py:") else "")
        if handler is not None:
            return handler(self)
        if name in _TITLES:
            return [self._titled(_TITLES[name], self._whole())]
        if name in _VERSIONS:
            return self._version(_VERSIONS[name])
        if name in _CODE:
            return self._code(_CODE[name])
        if name in _LABELLED:
            return [self._titled(self._argument(), self._rest())]
        if name in _FRAMES:
            return self._nested(self._rest())
        if described is not None:
            return self._entry(*described)
        return self._unknown()

    # The parts of a block.

    def _context(self) -> Any:
        return self.state.document.docgraph

    def _split(self) -> None:
        """Tell arguments, options and content apart: options begin at the first field of the first paragraph."""
        block = self.content
        # docutils has cut blank lines in front; with one behind the directive's own line there are no arguments.
        is_content = self.content_offset > self.lineno
        end = (
            next((number for number, line in enumerate(block) if not line.strip()), len(block)) if not is_content else 0
        )
        start = next((number for number in range(end) if _OPTION.match(block[number])), end)
        self.set_options: dict[str, str] = {}
        name = ""
        for line in block[start:end]:
            if found := _OPTION.match(line):
                name = found[1].lower()
                self.set_options[name] = (found[2] or "").strip()
            else:
                self.set_options[name] = f"{self.set_options[name]} {line.strip()}".strip()
        self._lines = block[:start]
        self._from = 0 if is_content else end + 1
        self._has_options = start < end

    def _argument(self) -> str:
        return " ".join(line.strip() for line in self._lines).strip()

    def _rest(self) -> Any:
        """Return what stands below the arguments."""
        return self.content[self._from :]

    def _whole(self) -> Any:
        """Return all but the options: the first paragraph is text where a directive has no arguments."""
        if not self._has_options:
            return self.content
        return self._lines + self._rest() if len(self._lines) else self._rest()

    def _nested(self, block: Any, *, titles: bool = False) -> list[Any]:
        made = nodes.container()
        made.document = self.state.document
        self.state.nested_parse(block, self.content_offset, made, match_titles=titles)
        return list(made.children)

    def _inline(self, text: str) -> list[Any]:
        found: list[Any] = self.state.inline_text(text, self.lineno)[0] if text else []
        return found

    def _titled(self, title: str, block: Any) -> Any:
        return nodes.admonition("", nodes.title(title, "", *self._inline(title)), *self._nested(block))

    # What directives show.

    def _version(self, words: str) -> list[Any]:
        version, _, said = self._argument().partition(" ")
        first = [nodes.Text(f"{words} {version}")]
        inner = self._nested(self._rest())
        if said:
            first += [nodes.Text(": "), *self._inline(said)]
        elif inner and isinstance(inner[0], nodes.paragraph):
            first += [nodes.Text(": "), *inner.pop(0).children]
        else:
            first.append(nodes.Text("."))
        return [nodes.paragraph("", "", *first), *inner]

    def _code(self, language: str) -> list[Any]:
        name = self.name.lower()
        argument = self._argument()
        if name in _NAMES_LANGUAGE:
            language, lines = (argument.split() or [language])[0], list(self._rest())
        elif name in _OTHER_ARGUMENT:
            lines = list(self._rest())
            if not lines and name not in ("testcode", "testoutput", "doctest"):
                return []
        else:
            lines = [*self._lines, *self._rest()]
        if (dedent := self.set_options.get("dedent", "")).isdecimal():
            lines = [line[min(int(dedent), len(line) - len(line.lstrip())) :] for line in lines]
        caption = self.set_options.get("caption", "")
        block = nodes.literal_block("", "\n".join(lines), language=language or self.set_options.get("language", ""))
        return [*([nodes.rubric(caption, "", *self._inline(caption))] if caption else []), block]

    def _code_tab(self) -> list[Any]:
        language, _, title = self._argument().partition(" ")
        block = nodes.literal_block("", "\n".join(self._rest()), language=language)
        return [nodes.admonition("", nodes.title("", title or language), block)]

    def _parsed_literal(self) -> list[Any]:
        text = "\n".join(self._whole())
        return [nodes.literal_block(text, "", *self._inline(text), language="")]

    def _highlight(self) -> list[Any]:
        return [nodes.container(kind="highlight", language=self._argument())]

    def _math(self) -> list[Any]:
        text = "\n".join(self._whole())
        return [nodes.literal_block(text, text, language="latex")] if text.strip() else []

    def _image(self) -> list[Any]:
        alt = self.set_options.get("alt", "")
        return [nodes.image("", uri=self._argument(), alt=alt)] if alt else []

    def _figure(self) -> list[Any]:
        return [*self._image(), *self._nested(self._rest())]

    def _rubric(self) -> list[Any]:
        title = self._argument()
        return [nodes.rubric(title, "", *self._inline(title)), *self._nested(self._rest())]

    def _only(self) -> list[Any]:
        return self._nested(self._rest(), titles=True) if is_shown(self._argument()) else []

    def _glossary(self) -> list[Any]:
        return [glossary(self.state, self._whole(), self.lineno)]

    def _table(self) -> list[Any]:
        title = self._argument()
        made = read_table(self, self.set_options, self._rest()) if self.name.lower() != "table" else []
        shown = [nodes.rubric(title, "", *self._inline(title))] if title else []
        return [*shown, *(made or self._nested(self._rest()))]

    def _toctree(self) -> list[Any]:
        entries = []
        for line in map(str.strip, self._rest()):
            titled = _TOCTREE_TITLE.match(line)
            entries.append((titled[1], titled[2]) if titled else ("", line))
        is_shown = "hidden" not in self.set_options
        caption = self.set_options.get("caption", "") if is_shown else ""
        made = nodes.container(kind="toctree", entries=[each for each in entries if each[1]], is_shown=is_shown)
        return [*([nodes.rubric(caption, "", *self._inline(caption))] if caption else []), made]

    # What directives say about those that follow.

    def _module(self) -> list[Any]:
        name = self._argument()
        self._context().module = "" if name == "None" else name
        return self._nested(self._rest())

    def _program(self) -> list[Any]:
        name = self._argument()
        self._context().program = "" if name == "None" else name
        return []

    def _domain(self) -> list[Any]:
        self._context().domain = self._argument().lower()
        return []

    def _role(self) -> list[Any]:
        name, _, base = self._argument().partition("(")
        note_role(self.state.document, name.strip(), base.strip(" )") or "inline")
        return []

    # Entries of domains.

    def _entry(self, domain: str, kind: str) -> list[Any]:
        context = self._context()
        around = ".".join(context.classes)
        lines = re.sub(r"\\\n\s*", " ", "\n".join(self._lines)).splitlines()
        found = [
            entry(domain, kind, line.strip(), self.set_options, context.module, around, context.program)
            for line in lines
            if line.strip()
        ]
        if "no-index" not in self.set_options and "noindex" not in self.set_options:
            for each in found:
                context.entries.setdefault(each.name, each.anchor)
        if domain in ("py", "js") and is_type(kind) and found:
            name = found[0].name.removeprefix(f"{context.module}.") if context.module else found[0].name
            before, context.classes = context.classes, [name]
            inner = self._nested(self._rest(), titles=True)
            context.classes = before
        else:
            inner = self._nested(self._rest(), titles=True)
        fields = [
            nodes.paragraph("", f"{label}: ", *self._inline(self.set_options[option]))
            for option, label in (("type", "Type"), ("default", "Default"))
            if domain == "std" and kind == "confval" and self.set_options.get(option)
        ]
        return [nodes.container("", *fields, *inner, kind="entry", shown=[each.shown for each in found])]

    def _unknown(self) -> list[Any]:
        """Keep the content, and the argument where it is words."""
        argument = self._argument()
        if _AUTO.search(self.name.lower()):
            return [nodes.container("", *self._nested(self._rest()), kind="entry", shown=[argument])]
        inner = self._nested(self._rest(), titles=True)
        if not argument or _PATH.match(argument):
            return inner
        return [nodes.paragraph("", "", *self._inline(argument)), *inner]

    def _substitution(self, name: str) -> list[Any]:
        self._split()
        text = " ".join(line.strip() for line in self._whole() if line.strip())
        if name == "replace":
            return self._inline(text)
        if name == "image":
            return [nodes.inline("", self.set_options["alt"])] if self.set_options.get("alt") else []
        if name == "unicode":
            return [nodes.Text(_unicode(text.split(" .. ")[0].split()))]
        return []


def _unicode(codes: Sequence[str]) -> str:
    made = []
    for code in codes:
        try:
            made.append(unicode_code(code))
        except ValueError:
            # Not a character by number: a word, as docutils' error would have left none.
            made.append(code)
    return "".join(made)


_HANDLERS: dict[str, Callable[[StandIn], list[Any]]] = {
    "parsed-literal": StandIn._parsed_literal,
    "code-tab": StandIn._code_tab,
    "highlight": StandIn._highlight,
    "math": StandIn._math,
    "image": StandIn._image,
    "figure": StandIn._figure,
    "rubric": StandIn._rubric,
    "centered": StandIn._rubric,
    "only": StandIn._only,
    "glossary": StandIn._glossary,
    "table": StandIn._table,
    "list-table": StandIn._table,
    "csv-table": StandIn._table,
    "toctree": StandIn._toctree,
    "module": StandIn._module,
    "currentmodule": StandIn._module,
    "program": StandIn._program,
    "default-domain": StandIn._domain,
    "role": StandIn._role,
}
