"""Walks the content of a page, in document order and without recursion, and writes it block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from docgraph.formats.html.chrome import (
    Attributes,
    classes_of,
    is_doxygen_title,
    is_frame,
    is_left_out,
    is_own_contents,
)
from docgraph.formats.html.code import code_text, language
from docgraph.formats.html.elements import (
    BLOCKS,
    BOX_TAGS,
    BOXES,
    CODE,
    HEADINGS,
    SECTIONS,
    TAB_LISTS,
    TAB_PANELS,
    VERBATIM,
)
from docgraph.formats.html.inlines import Run
from docgraph.formats.html.tables import is_layout, rows_of, with_blocks
from docgraph.formats.writer import Inline, Item, OutlineWriter

Leave = Callable[[], None]

#: Links beside a text that lead to where they stand, or back to where one came from.
_SIGNS = frozenset({"", "¶", "#", "§", "🔗", "∞", "⚓", "↩", "↩︎", "↑", "⇧", "\u200b", "[edit]"})
_MAX_DEPTH = 20
_CONTROLS = "input, select, textarea"
_CONTENT = "p, h1, h2, h3, h4, pre, table, li, dt"


@dataclass(slots=True)
class _List:
    """A list that is open: the number of its next item, or None where items have none.

    One whose items have headings in them is only a frame.
    """

    number: int | None
    is_frame: bool = False


@dataclass(slots=True)
class _Heading:
    """A heading that is open: where it may be linked to, the best first."""

    level: int
    own: str
    around: str
    permalink: str = ""
    inside: list[str] = field(default_factory=list)

    def anchor(self) -> str:
        return self.permalink or self.own or self.around or next(iter(self.inside), "")


class Walker:
    """Writes elements of one page; anchors get `prefix` in front of them, such as the name of a chapter's file."""

    def __init__(
        self, writer: OutlineWriter, page: str, *, prefix: str = "", resolve: Callable[[str], str] | None = None
    ) -> None:
        """Write into `writer`; `page` is the name of the page's file, `resolve` rewrites the addresses of links."""
        self._writer = writer
        self._page = page
        self._prefix = prefix
        self._resolve = resolve or (lambda reference: reference)
        self._run = Run()
        self._lists: list[_List] = []
        self._depth = 0  # of those that are no frames; the frames are all around them
        self._with_blocks: frozenset[int] = frozenset()
        self._items: list[Item] = []
        self._marker: str | None = None
        self._boxes = 0
        self._articles = 0
        self._heading: _Heading | None = None
        #: In cells there are no blocks.
        self._flat = 0
        self._is_body = False
        self._waiting_section = ""
        self._waiting = ""
        self._tabs: list[str] = []
        self.is_empty = True
        #: The headings that became sections.
        self.headings: list[str] = []

    def walk(self, root: LexborNode, *, is_body: bool = False) -> None:
        """Write what `root` contains; in the whole body of a page its frame is left out."""
        self._is_body = is_body
        self._with_blocks = with_blocks(root) if root.css_first("table") is not None else frozenset[int]()
        self._descend(root)
        self._flush()
        self._end_list()

    def _descend(self, root: LexborNode) -> None:
        todo: list[LexborNode | Leave] = [root.first_child] if root.first_child is not None else []
        while todo:
            step = todo.pop()
            if not isinstance(step, LexborNode):
                step()
                continue
            if (following := step.next) is not None:
                todo.append(following)
            if step.is_text_node:
                self._run.text(step.text_content or "")
                continue
            if not step.is_element_node:
                continue
            leave = self._enter(step)
            if leave is not None:
                todo.append(leave)
                if (child := step.first_child) is not None:
                    todo.append(child)

    def _enter(self, node: LexborNode) -> Leave | None:
        """Begin an element: what to do when it ends, or None where nothing in it is to be read any more."""
        tag = node.tag or ""
        attributes = node.attributes
        classes = classes_of(attributes) if "class" in attributes else []
        if is_left_out(tag, attributes, classes):
            self._left_out(tag, attributes)
            return None
        if self._is_body and is_frame(node, tag, attributes, classes, in_article=self._articles > 0):
            return None
        if (
            attributes
            and tag in ("div", "ul", "ol", "aside", "section")
            and is_own_contents(node, attributes, classes, self._page)
        ):
            return None
        if tag in HEADINGS and not self._flat:
            return self._enter_heading(HEADINGS[tag], attributes)
        if tag in VERBATIM:
            self._code(node, attributes)
            return None
        if tag == "table" and not self._flat and not is_layout(node, self._with_blocks):
            self._table(node, attributes)
            return None
        if tag in BLOCKS:
            return self._enter_block(node, tag, attributes, classes)
        return self._enter_inline(node, tag, attributes, classes)

    def _left_out(self, tag: str, attributes: Attributes) -> None:
        """Take from a permalink where its heading is linked to."""
        reference = attributes.get("href") or ""
        if tag == "a" and self._heading is not None and reference.startswith("#"):
            self._heading.permalink = self._heading.permalink or reference[1:]

    # Inline elements.

    def _enter_inline(self, node: LexborNode, tag: str, attributes: Attributes, classes: list[str]) -> Leave | None:
        if attributes:
            self._announce(attributes.get("id") or (attributes.get("name") if tag == "a" else None) or "")
        if tag == "br":
            self._run.space()
            return None
        if tag == "img":
            alt = attributes.get("alt") or ""
            if self._heading is None and alt:
                self._run.text(f" {alt} ")
            return None
        if tag == "a" and attributes.get("href"):
            return self._enter_link(node, str(attributes["href"]))
        if tag in CODE and self._heading is None:
            return self._run.begin_code()
        if tag == "button" and self._heading is None and "aria-expanded" not in attributes:
            return None
        if tag == "math":
            return self._formula(node)
        if tag == "span" and "lang" in classes:
            return None
        if tag == "i" and node.first_child is None and attributes.get("title"):
            self._run.text(str(attributes["title"]))
        return _nothing

    def _enter_link(self, node: LexborNode, reference: str) -> Leave | None:
        if reference.startswith("#"):
            label = node.text().strip().strip("\u200b").strip()
            if label.lower() in _SIGNS and node.css_first("img") is None:
                self._left_out("a", {"href": reference})
                return None
        return self._run.begin_link(self._resolve(reference))

    def _formula(self, node: LexborNode) -> Leave | None:
        source = node.css_first('annotation[encoding="application/x-tex"]')
        if source is None:
            return _nothing
        self._run.text(source.text())
        return None

    # Blocks.

    def _enter_block(self, node: LexborNode, tag: str, attributes: Attributes, classes: list[str]) -> Leave | None:
        role = attributes.get("role")
        if tag == "form" and node.css_first(_CONTROLS) is not None and node.css_first(_CONTENT) is None:
            return None
        if role == "heading" and not self._flat:
            level = attributes.get("aria-level") or "2"
            return self._enter_heading(int(level) if level.isdecimal() and 0 < int(level[:2]) <= 6 else 2, attributes)
        if tag == "div" and "title" in classes and is_doxygen_title(node):
            return self._enter_heading(1, attributes)
        if role == "tablist" or not TAB_LISTS.isdisjoint(classes):
            self._tab_list(node)
            return None
        self._break()
        if identifier := attributes.get("id"):
            self._announce(identifier, is_section=tag in SECTIONS)
        if (role == "tabpanel" or not TAB_PANELS.isdisjoint(classes)) and self._tabs:
            self._run.text(self._tabs.pop(0))
            self._break()
        if tag in ("ul", "ol", "menu"):
            return self._begin_list(tag, attributes)
        if tag == "li" and self._lists:
            return self._begin_item(attributes)
        if tag in ("article", "section", "main"):
            self._articles += 1
            return self._end_article
        if tag == "dt":
            return self._end_term
        if tag == "blockquote" or (
            tag in BOX_TAGS and (tag == "aside" or not BOXES.isdisjoint(classes) or role == "note")
        ):
            self._boxes += 1
            return self._end_box
        return self._break

    def _end_article(self) -> None:
        self._break()
        self._articles -= 1

    def _end_box(self) -> None:
        self._break()
        self._boxes -= 1

    def _end_term(self) -> None:
        self._break(leads_in=True)

    def _tab_list(self, node: LexborNode) -> None:
        """Keep the labels of tabs for their panels; where several control the same element they are filters, and no content."""
        self._break()
        self._spill_tabs()
        labels = node.css("[role=tab]") or node.css("label") or node.css("li")
        controlled = [found.attributes.get("aria-controls") for found in labels if "aria-controls" in found.attributes]
        if len(set(controlled)) == len(controlled):
            self._tabs = [label for label in (" ".join(found.text().split()) for found in labels) if label]

    def _spill_tabs(self) -> None:
        """Write labels of which no panel came."""
        for label in self._tabs:
            self._run.text(label)
            self._break()
        self._tabs = []

    def _begin_list(self, tag: str, attributes: Attributes) -> Leave:
        start = attributes.get("start") or "1"
        number = int(start) if start.isdecimal() and len(start) < 10 else 1
        self._lists.append(_List(number if tag == "ol" else None))
        self._depth += 1
        return self._leave_list

    def _leave_list(self) -> None:
        self._break()
        self._depth -= not self._lists.pop().is_frame
        self._marker = None
        if not self._lists:
            self._end_list()

    def _begin_item(self, attributes: Attributes) -> Leave:
        numbering = self._lists[-1]
        if numbering.is_frame:
            return self._break
        if numbering.number is None:
            self._marker = "-"
        else:
            value = attributes.get("value") or ""
            numbering.number = int(value) if value.isdecimal() and len(value) < 10 else numbering.number
            self._marker = f"{numbering.number}."
            numbering.number += 1
        return self._break

    def _end_list(self) -> None:
        items, self._items = self._items, []
        # What goes on with an item after its code is a paragraph, not an item.
        while items and not items[0].marker:
            self._writer.paragraph(items.pop(0).inlines)
        if items:
            self._writer.items(items)

    def _code(self, node: LexborNode, attributes: Attributes) -> None:
        if self._flat or self._heading is not None:
            leave = self._run.begin_code()
            self._run.text(code_text(node))
            leave()
            return
        self._break()
        self._announce(attributes.get("id") or "")
        source = code_text(node)
        if source.strip():
            self._end_list()
            self._written()
            self._writer.code(source, language(node))

    def _table(self, node: LexborNode, attributes: Attributes) -> None:
        self._break()
        self._announce(attributes.get("id") or "")
        caption, rows, headers = rows_of(node, self._cell)
        if rows:
            self._end_list()
            self._written()
            self._writer.table(rows, headers=headers, caption=caption)

    def _cell(self, node: LexborNode) -> list[Inline]:
        """Return what a cell says."""
        kept, self._run = self._run, Run()
        self._flat += 1
        self._descend(node)
        self._flat -= 1
        pieces = self._run.take()
        self._run = kept
        return pieces

    # Headings and their anchors.

    def _enter_heading(self, level: int, attributes: Attributes) -> Leave:
        self._break()
        if self._boxes:
            return self._break
        around = self._waiting_section or self._waiting
        self._heading = _Heading(level, attributes.get("id") or "", around)
        return self._end_heading

    def _end_heading(self) -> None:
        heading, self._heading = self._heading, None
        pieces = self._run.take()
        name = "".join(piece.text for piece in pieces).strip()
        if heading is None or not name:
            return
        self._end_list()
        self._spill_tabs()
        self._written()
        self._marker = None
        for inner in self._lists[len(self._lists) - self._depth :]:
            inner.is_frame = True
        self._depth = 0
        anchor = heading.anchor()
        if self._prefix:
            anchor = f"{self._prefix}#{anchor}" if anchor else self._prefix
        links = [piece for piece in pieces if piece.href]
        self.headings.append(" ".join(name.split()))
        self._writer.heading(heading.level, name, anchor, links=links, slug=False)

    def _announce(self, anchor: str, *, is_section: bool = False) -> None:
        """Remember an anchor for the heading that it stands in or right before."""
        if not anchor or self._flat:
            return
        if self._heading is not None:
            self._heading.inside.append(anchor)
        elif self._run.is_blank:
            if is_section:
                self._waiting_section = anchor
            self._waiting = anchor

    def _written(self) -> None:
        self.is_empty = False
        self._waiting_section = self._waiting = ""

    # Runs of text.

    def _break(self, *, leads_in: bool = False) -> None:
        """End the run of text; in a heading or a cell that is only white space."""
        if self._flat or self._heading is not None:
            self._run.space()
        else:
            self._flush(leads_in=leads_in)

    def _flush(self, *, leads_in: bool = False) -> None:
        if not (pieces := self._run.take()):
            return
        self._written()
        if self._depth:
            self._items.append(Item(tuple(pieces), min(self._depth - 1, _MAX_DEPTH), self._marker or ""))
            self._marker = None
        else:
            self._end_list()
            self._writer.paragraph(pieces, leads_in=leads_in)


def _nothing() -> None:
    """Do nothing when an element ends."""
