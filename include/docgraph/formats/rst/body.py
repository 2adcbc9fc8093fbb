"""Writes docutils' tree block by block, as a reader sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes

from docgraph.formats.rst.running import Running
from docgraph.formats.rst.tables import is_layout, rows_of
from docgraph.formats.writer import Inline, Item, OutlineWriter

_MAX_DEPTH = 20
_UNKNOWN_LANGUAGES = frozenset({"none", "default", "guess"})
_AUTOMATIC = re.compile(r"id\d+$")
#: What shows nothing.
_SILENT = (
    nodes.comment,
    nodes.substitution_definition,
    nodes.target,
    nodes.pending,
    nodes.raw,
    nodes.decoration,
    nodes.meta,
    nodes.transition,
    nodes.footnote,
    nodes.citation,
)
_FIELDS = {
    "param": "Parameters",
    "parameter": "Parameters",
    "arg": "Parameters",
    "argument": "Parameters",
    "key": "Parameters",
    "keyword": "Parameters",
    "raises": "Raises",
    "raise": "Raises",
    "except": "Raises",
    "exception": "Raises",
    "throws": "Throws",
    "returns": "Returns",
    "return": "Returns",
    "rtype": "Return type",
    "var": "Variables",
    "ivar": "Variables",
    "cvar": "Variables",
    "yields": "Yields",
    "retval": "Return values",
}


class Body:
    """Writes the tree of one document."""

    def __init__(self, writer: OutlineWriter, document: Any, text: str, uri: str) -> None:
        """Write `document` into `writer`; `text` is the source, in which titles are looked for, `uri` its address."""
        self._writer = writer
        self._document = document
        self._running = Running(document, PurePosixPath(urlsplit(uri).path).suffix or ".rst")
        self._lines = text.split("\n")
        self._line = 0
        self._level = 0
        self._items: list[Item] = []
        self._depth = 0
        self._marker = ""
        self._language = ""
        self._notes: dict[int, list[Any]] = {}

    def write(self) -> None:
        """Write the whole document."""
        self._place_notes()
        children = list(self._document.children)
        first = next((node for node in children if not isinstance(node, _SILENT)), None)
        # Fields in front of everything are Sphinx's metadata of the file (`:orphan:`).
        if isinstance(first, nodes.field_list):
            children.remove(first)
        self._section_blocks(self._document, children)
        self._flush()

    # Blocks.

    def _blocks(self, children: Iterable[Any]) -> None:
        for child in children:
            self._block(child)

    def _block(self, node: Any) -> None:
        if isinstance(node, _SILENT):
            return
        handler = _BLOCKS.get(type(node))
        if handler is not None:
            handler(self, node)
        elif isinstance(node, nodes.Inline | nodes.Text):
            self._paragraph(self._running.inlines([node]))
        else:
            self._blocks(node.children)

    def _section(self, node: Any) -> None:
        self._flush()
        title = node.children[0]
        self._level += 1
        self._writer.place(self._place(title.rawsource))
        pieces = self._running.inlines(title.children, plain=True)
        name = "".join(piece.text for piece in pieces)
        links = [piece for piece in pieces if piece.href]
        self._writer.heading(self._level, name, _anchor(node), links=links, slug=False)
        self._section_blocks(node, node.children[1:])
        self._flush()
        self._level -= 1

    def _section_blocks(self, node: Any, children: Sequence[Any]) -> None:
        """Write what a section holds; its notes stand behind its own text, in front of its first sub-section."""
        own = next((n for n, child in enumerate(children) if isinstance(child, nodes.section)), len(children))
        self._blocks(children[:own])
        self._flush()
        for note in self._notes.get(id(node), ()):
            label = note.children[0].astext() if note.children else ""
            inner = note.children[1:]
            lead = [Inline(f"[{label}] ")]
            if inner and isinstance(inner[0], nodes.paragraph):
                lead += self._running.inlines(inner[0].children)
                inner = inner[1:]
            self._paragraph(lead)
            self._blocks(inner)
        self._flush()
        self._blocks(children[own:])

    def _place(self, title: str) -> str:
        """Return the line that a title stands on."""
        wanted = title.strip()
        for number in range(self._line, len(self._lines)):
            if self._lines[number].strip() == wanted and wanted:
                self._line = number + 1
                return f"line {number + 1}"
        return ""

    def _paragraph_node(self, node: Any) -> None:
        self._paragraph(self._running.inlines(node.children))

    def _paragraph(self, pieces: Sequence[Inline], *, leads_in: bool = False) -> None:
        if not any(piece.text.strip() for piece in pieces):
            return
        if self._depth:
            self._items.append(Item(tuple(pieces), min(self._depth - 1, _MAX_DEPTH), self._marker))
            self._marker = ""
        else:
            self._writer.paragraph(pieces, leads_in=leads_in)

    def _flush(self) -> None:
        """Write the items of the list that is open."""
        items, self._items = self._items, []
        while items and not items[0].marker:
            self._writer.paragraph(items.pop(0).inlines)
        if items:
            self._writer.items(items)

    def _lead(self, node: Any) -> None:
        self._paragraph(self._running.inlines(node.children), leads_in=True)

    def _titled(self, node: Any) -> None:
        children = node.children
        if children and isinstance(children[0], nodes.title):
            self._lead(children[0])
            children = children[1:]
        self._blocks(children)

    def _code(self, node: Any) -> None:
        self._flush()
        language = str(node.get("language", self._language)).lower()
        self._writer.code(self._running.plain(node), "" if language in _UNKNOWN_LANGUAGES else language)

    def _doctest(self, node: Any) -> None:
        self._flush()
        self._writer.code(self._running.plain(node), "python")

    def _container(self, node: Any) -> None:
        kind = node.get("kind")
        if kind == "highlight":
            self._language = node["language"].split(" ")[0].lower()
        elif kind == "toctree":
            self._toctree(node)
        elif kind == "entry":
            self._entry(node)
        else:
            self._blocks(node.children)

    def _entry(self, node: Any) -> None:
        for line in node["shown"]:
            self._paragraph([Inline(line)], leads_in=True)
        self._blocks(node.children)

    def _toctree(self, node: Any) -> None:
        self._flush()
        shown = []
        for title, target in node["entries"]:
            if target == "self" or "*" in target:
                continue
            href = target if urlsplit(target).scheme else self._running.page(target)
            if title and node["is_shown"]:
                shown.append(Item((Inline(title, href),)))
            else:
                self._writer.link(href)
        self._writer.items(shown)

    def _list(self, node: Any) -> None:
        start = node.get("start", 1)
        kind = node.get("enumtype", "")
        for number, item in enumerate(node.children, start=start):
            marker = "-"
            if isinstance(node, nodes.enumerated_list):
                letter = kind.endswith("alpha") and 0 < number <= 26
                marker = f"{chr(96 + number) if letter else number}."
                marker = marker.upper() if kind.startswith("upper") else marker
            self._depth += 1
            self._marker = marker
            self._blocks(item.children)
            self._marker = ""
            self._depth -= 1
        if not self._depth:
            self._flush()

    def _definitions(self, node: Any) -> None:
        for item in node.children:
            terms = [child for child in item.children if isinstance(child, nodes.term)]
            said = [child for child in item.children if isinstance(child, nodes.classifier)]
            for term in terms:
                pieces = self._running.inlines(term.children)
                for each in said if term is terms[-1] else ():
                    pieces += [Inline(" : "), *self._running.inlines(each.children)]
                self._paragraph(pieces, leads_in=True)
            self._blocks(child for child in item.children if isinstance(child, nodes.definition))

    def _options(self, node: Any) -> None:
        for item in node.children:
            group, described = item.children[0], item.children[1:]
            shown = ", ".join(_option(option) for option in group.children)
            self._paragraph([Inline(shown)], leads_in=True)
            self._blocks(described)

    def _fields(self, node: Any) -> None:
        before = ""
        for each in node.children:
            kind, _, said = each.children[0].astext().partition(" ")
            label = _FIELDS.get(kind, "")
            inner = list(each.children[1].children)
            if not label or (said and label in ("Returns", "Return type", "Yields")):
                lead = [*self._running.inlines(each.children[0].children), Inline(": ")]
            else:
                if said and label != before:
                    self._paragraph([Inline(label)], leads_in=True)
                words = said.split()
                named = f"{words[-1]} ({' '.join(words[:-1])})" if len(words) > 1 else said
                lead = [Inline(f"{named} – ")] if said else [Inline(f"{label}: ")]
                before = label
            if inner and isinstance(inner[0], nodes.paragraph):
                lead += self._running.inlines(inner.pop(0).children)
            self._paragraph(lead, leads_in=bool(inner))
            self._blocks(inner)

    def _lines_of(self, node: Any) -> None:
        """Write a block of lines as one paragraph."""
        pieces: list[Inline] = []
        for line in node.findall(nodes.line):
            pieces += [*self._running.inlines(line.children), Inline(" ")]
        self._paragraph(pieces)

    def _attribution(self, node: Any) -> None:
        self._paragraph([Inline("— "), *self._running.inlines(node.children)])

    def _image(self, node: Any) -> None:
        self._paragraph([Inline(node.get("alt", ""))])

    def _table(self, node: Any) -> None:
        self._flush()
        if is_layout(node):
            for entry in node.findall(nodes.entry):
                if _table_of(entry) is node:
                    self._blocks(entry.children)
            return
        rows, headers = rows_of(node, self._cell)
        title = next((child for child in node.children if isinstance(child, nodes.title)), None)
        caption = self._running.inlines(title.children) if title is not None else ""
        self._writer.table(rows, headers=headers, caption=caption)

    def _cell(self, entry: Any) -> list[Inline]:
        pieces: list[Inline] = []
        for block in entry.findall(lambda node: isinstance(node, nodes.TextElement) and not _is_inside_text(node)):
            if not isinstance(block, nodes.comment | nodes.target | nodes.substitution_definition | nodes.raw):
                pieces += [*self._running.inlines(block.children), Inline(" ")]
        return pieces

    def _message(self, node: Any) -> None:
        """Keep the text that docutils could not read as what it was meant to be; what it says of it is no text."""
        if node.get("level", 0) < 3:
            return
        source = next((child for child in node.children if isinstance(child, nodes.literal_block)), None)
        said = node.children[0].astext() if node.children else ""
        if source is None or said.startswith("Undefined substitution"):
            return
        if "title" in said.lower() or "section" in said.lower():
            words = [line for line in source.astext().split("\n") if re.search(r"\w", line)]
            self._paragraph([Inline(" ".join(words))], leads_in=True)
            return
        self._flush()
        self._writer.code(source.astext())

    # Notes.

    def _place_notes(self) -> None:
        """Give each footnote and citation to the section that refers to it first, or to the one it stands in."""
        users: dict[str, Any] = {}
        for reference in self._document.findall(nodes.footnote_reference):
            users.setdefault(reference.get("refid", ""), reference)
        for reference in self._document.findall(nodes.citation_reference):
            users.setdefault(reference.get("refid", ""), reference)
        for kind in (nodes.footnote, nodes.citation):
            for note in self._document.findall(kind):
                user = next((users[each] for each in note["ids"] if each in users), note)
                self._notes.setdefault(id(_section_of(user)), []).append(note)


def _anchor(section: Any) -> str:
    """Return the anchor that Sphinx links a section by: the first that is not made up."""
    given = [each for each in section["ids"] if not _AUTOMATIC.match(each)]
    return str((given or section["ids"] or [""])[0])


def _section_of(node: Any) -> Any:
    while node.parent is not None and not isinstance(node, nodes.section):
        node = node.parent
    return node


def _table_of(node: Any) -> Any:
    while node is not None and not isinstance(node, nodes.table):
        node = node.parent
    return node


def _is_inside_text(node: Any) -> bool:
    return isinstance(node.parent, nodes.TextElement)


def _option(option: Any) -> str:
    name: str = option.children[0].astext()
    return name + "".join(f"{argument.get('delimiter', ' ')}{argument.astext()}" for argument in option.children[1:])


_BLOCKS: dict[type, Callable[[Body, Any], None]] = {
    nodes.section: Body._section,
    nodes.paragraph: Body._paragraph_node,
    nodes.rubric: Body._lead,
    nodes.caption: Body._lead,
    nodes.title: Body._lead,
    nodes.admonition: Body._titled,
    nodes.literal_block: Body._code,
    nodes.doctest_block: Body._doctest,
    nodes.container: Body._container,
    nodes.bullet_list: Body._list,
    nodes.enumerated_list: Body._list,
    nodes.definition_list: Body._definitions,
    nodes.option_list: Body._options,
    nodes.field_list: Body._fields,
    nodes.line_block: Body._lines_of,
    nodes.attribution: Body._attribution,
    nodes.image: Body._image,
    nodes.table: Body._table,
    nodes.system_message: Body._message,
}
