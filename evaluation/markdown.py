"""Sphinx's HTML as Markdown, with the place of each anchor in it: what the index of a manual points to.

Definitions (`dl` whose terms have anchors) become headings, so that each is a section of its own, as in hand-written
reference pages. Text that follows a definition, but belongs to the section around it, gets that section's heading again.
Only what Sphinx writes is read here; pages of other tools need another reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import html
from lxml.html import HtmlElement

from docgraph.domain.identity import canonical_text

_LEFT_OUT = frozenset({"script", "style", "nav", "hr", "img", "svg", "audio", "form"})
_LEFT_OUT_CLASSES = frozenset({"headerlink", "deprecated-removed-anchor", "clearer"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "details",
        "div",
        "dl",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "ul",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DEEPEST = 6
#: What would make a line of a paragraph a heading, a quote, an item, a fence or a rule.
_BLOCK_START = re.compile(r"(#{1,6}(?=\s)|>|[-+*](?=\s)|```|~~~|---|===|\d{1,9}[.)](?=\s)|<(?=[/!?a-zA-Z]))")
#: Anchors that can stand behind a heading as its author's.
_GIVEN = re.compile(r"[^\s{}]{1,200}")
_TAG = re.compile(r"<(?=[/!?a-zA-Z])")
_LANGUAGES = {"python3": "python", "default": "python", "pycon3": "pycon", "shell-session": "console", "none": ""}


@dataclass(slots=True)
class Page:
    """A document as Markdown: its canonical text, and for each anchor the offset (in characters) that it stands at."""

    title: str
    text: str
    anchors: dict[str, int] = field(default_factory=dict)


def read_page(source: bytes) -> Page:
    """Return the Markdown of a page of Sphinx, without navigation.

    Raises:
        ValueError: the page has no main part, so it is none of Sphinx's.
    """
    tree = html.fromstring(source.decode("utf-8"))
    bodies = tree.xpath('//div[@role="main"]')
    if not bodies:
        raise ValueError("the page has no <div role=main>")
    return _Writer().write(bodies[0])


class _Writer:
    """Writes one page, block by block."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._waiting: list[str] = []
        self._anchors: dict[str, int] = {}
        self._title = ""
        #: The heading that the next text belongs to, and the one that stands last in the text.
        self._here: tuple[int, str] = (0, "")
        self._last: tuple[int, str] = (0, "")

    def write(self, body: HtmlElement) -> Page:
        self._blocks(body)
        self._settle()
        return Page(self._title, "".join(self._pieces), self._anchors)

    def _put(self, block: str) -> None:
        """Write a block; what was announced stands here."""
        self._settle()
        text = canonical_text(block) + "\n\n"
        self._pieces.append(text)
        self._length += len(text)

    def _settle(self) -> None:
        for anchor in self._waiting:
            self._anchors.setdefault(anchor, self._length)
        self._waiting.clear()

    def _announce(self, element: HtmlElement) -> None:
        """Let the anchors of an element stand where the next block begins."""
        anchor = element.get("id")
        if anchor:
            self._waiting.append(anchor)

    def _announce_all(self, element: HtmlElement) -> None:
        for inner in element.iter():
            if isinstance(inner.tag, str):
                self._announce(inner)

    def _blocks(self, parent: HtmlElement) -> None:
        """Write what an element contains; runs of text between blocks are paragraphs."""
        run: list[str] = [parent.text or ""]
        for child in parent:
            if not isinstance(child.tag, str) or _is_left_out(child):
                if child.tag == "hr":
                    self._announce(child)
                run.append(child.tail or "")
                continue
            if child.tag in _BLOCKS:
                self._paragraph("".join(run))
                run = []
                self._block(child)
            else:
                self._announce_all(child)
                run.append(_inline(child))
            run.append(child.tail or "")
        self._paragraph("".join(run))

    def _block(self, element: HtmlElement) -> None:
        if element.tag in _HEADINGS:
            self._announce_all(element)
            self._heading(_HEADINGS[element.tag], _flat(_text(element)))
        elif element.tag == "pre":
            self._code(element)
        elif element.tag == "dl":
            self._definitions(element)
        elif element.tag in ("ul", "ol"):
            self._announce_all(element)
            self._text_block("\n".join(_list_lines(element)))
        elif element.tag == "table":
            self._announce_all(element)
            self._text_block("\n".join(_table_lines(element)))
        elif element.tag == "p":
            self._announce_all(element)
            self._paragraph(_inner(element))
        else:
            self._announce(element)
            if element.tag == "section":
                around = self._here
                self._blocks(element)
                self._here = around
            else:
                self._blocks(element)

    def _heading(self, level: int, name: str) -> None:
        if not self._title and level == 1:
            self._title = name
        self._here = self._last = (min(level, _DEEPEST), name)
        anchor = next((anchor for anchor in self._waiting if _GIVEN.fullmatch(anchor)), "")
        self._put(f"{'#' * self._here[0]} {name}" + (f" {{#{anchor}}}" if anchor else ""))

    def _paragraph(self, text: str) -> None:
        flat = _flat(text)
        if flat:
            self._text_block(_BLOCK_START.sub(r"\\\1", flat, count=1) if _BLOCK_START.match(flat) else flat)

    def _text_block(self, block: str) -> None:
        if not block.strip():
            return
        if self._here != self._last:
            level, name = self._here
            self._last = self._here
            # Where nothing stands above, there is no heading to go back to.
            if level:
                waiting, self._waiting = self._waiting, []
                self._put(f"{'#' * level} {name}")
                self._waiting = waiting
        self._put(block)

    def _code(self, element: HtmlElement) -> None:
        self._announce_all(element)
        code = element.text_content().strip("\n")
        if code.strip():
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
            self._text_block(f"{fence}{_language(element)}\n{code}\n{fence}")

    def _definitions(self, element: HtmlElement) -> None:
        self._announce(element)
        around = self._here
        terms: list[HtmlElement] = []
        for child in element:
            if child.tag == "dt":
                terms.append(child)
            elif child.tag == "dd":
                self._definition(terms, child, around)
                terms = []
        if terms:
            self._definition(terms, None, around)
        self._here = around

    def _definition(self, terms: list[HtmlElement], description: HtmlElement | None, around: tuple[int, str]) -> None:
        """Write one definition: a heading where its term has an anchor, else a paragraph that begins with the term."""
        if any(term.get("id") for term in terms):
            for term in terms:
                self._announce_all(term)
            names = [_name(term) for term in terms]
            self._heading(around[0] + 1, names[0])
            signatures = [_flat(_text(term)) for term in terms]
            if any(signature != name for signature, name in zip(signatures, names, strict=True)) or len(names) > 1:
                self._text_block("\n".join(f"`{signature}`" for signature in signatures))
        else:
            self._here = around
            for term in terms:
                self._announce_all(term)
                self._paragraph(f"**{_flat(_inner(term))}**")
        if description is not None:
            self._announce(description)
            self._blocks(description)


def _is_left_out(element: HtmlElement) -> bool:
    return element.tag in _LEFT_OUT or bool(_LEFT_OUT_CLASSES & set((element.get("class") or "").split()))


def _text(element: HtmlElement) -> str:
    """Return the plain text of an element, without permalinks."""
    pieces = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and not _is_left_out(child):
            pieces.append(_text(child))
        pieces.append(child.tail or "")
    return "".join(pieces)


def _inner(element: HtmlElement) -> str:
    """Return the content of an element as inline Markdown."""
    pieces = [_TAG.sub(r"\\<", element.text or "")]
    for child in element:
        if isinstance(child.tag, str) and not _is_left_out(child):
            pieces.append(_inline(child))
        pieces.append(_TAG.sub(r"\\<", child.tail or ""))
    return "".join(pieces)


def _inline(element: HtmlElement) -> str:
    if element.tag == "code":
        code = _flat(_text(element))
        return f"`{code}`" if code and "`" not in code else code
    inside = _inner(element)
    if element.tag == "br":
        return " "
    if element.tag in ("strong", "b") and inside.strip():
        return f"**{inside.strip()}**"
    if element.tag in ("em", "i") and inside.strip():
        return f"*{inside.strip()}*"
    if element.tag == "a" and (reference := _reference(element)) and inside.strip():
        return f"[{inside.strip()}]({reference})"
    return inside


def _reference(element: HtmlElement) -> str:
    """Return where a link of prose leads; links within the page and around the names of symbols are only their text."""
    reference = element.get("href") or ""
    if not reference or reference.startswith("#") or element.find(".//code") is not None:
        return ""
    if "://" in reference:
        return reference.replace(" ", "%20").replace(")", "%29")
    path, mark, anchor = reference.partition("#")
    return re.sub(r"\.html$", ".md", path) + mark + anchor


def _list_lines(element: HtmlElement, indent: str = "") -> list[str]:
    lines: list[str] = []
    for number, item in enumerate((child for child in element if child.tag == "li"), start=1):
        marker = f"{number}. " if element.tag == "ol" else "- "
        inner = " " * len(marker)
        first = True
        for piece in _item_pieces(item):
            for line in piece:
                lines.append(indent + (marker if first else inner) + line)
                first = False
        if first:
            lines.append(indent + marker.rstrip())
    return lines


def _item_pieces(item: HtmlElement) -> list[list[str]]:
    """Return the blocks of a list item, each as its lines."""
    blocks: list[list[str]] = []
    run = [_TAG.sub(r"\\<", item.text or "")]

    def close() -> None:
        flat = _flat("".join(run))
        run.clear()
        if flat:
            blocks.append([_BLOCK_START.sub(r"\\\1", flat, count=1) if _BLOCK_START.match(flat) else flat])

    for child in item:
        if isinstance(child.tag, str) and not _is_left_out(child):
            if child.tag in ("ul", "ol"):
                close()
                blocks.append(_list_lines(child))
            elif child.tag == "pre" or child.find(".//pre") is not None:
                close()
                pre = child if child.tag == "pre" else child.find(".//pre")
                blocks.append([f"```{_language(pre)}", *pre.text_content().strip("\n").split("\n"), "```"])
            elif child.tag in _BLOCKS:
                close()
                run.append(_inner(child))
                close()
            else:
                run.append(_inline(child))
        run.append(_TAG.sub(r"\\<", child.tail or ""))
    close()
    return blocks


def _table_lines(element: HtmlElement) -> list[str]:
    rows = [[_cell(cell) for cell in row if cell.tag in ("th", "td")] for row in element.iter("tr")]
    rows = [row for row in rows if row]
    if not rows:
        return []
    width = max(len(row) for row in rows)
    full = [row + [""] * (width - len(row)) for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in full]
    return [lines[0], "|" + " --- |" * width, *lines[1:]]


def _cell(cell: HtmlElement) -> str:
    return _flat(_inner(cell)).replace("|", "\\|")


def _language(pre: HtmlElement) -> str:
    around = pre.getparent()
    while around is not None:
        for name in (around.get("class") or "").split():
            if name.startswith("highlight-"):
                language = name.removeprefix("highlight-")
                return _LANGUAGES.get(language, language)
        around = around.getparent()
    return ""


def _name(term: HtmlElement) -> str:
    """Return what a definition is called: its dotted name, its options, or the words of its term."""
    anchor = term.get("id") or ""
    described = [_flat(_text(part)) for part in term.find_class("descname")]
    if not described:
        return _flat(_text(term))
    if len(described) == 1 and anchor.endswith(described[0]) and "cmdoption" not in anchor:
        return anchor
    return ", ".join(described)


def _flat(text: str) -> str:
    return " ".join(text.split())
