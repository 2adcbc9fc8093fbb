"""Reads running text out of docutils' tree: words, inline code between backticks, and links with where they lead."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from docutils import nodes

from docgraph.formats.writer import Inline


class Running:
    """Running text of one document, whose other pages have files that end in `suffix`."""

    def __init__(self, document: Any, suffix: str) -> None:
        self._document = document
        self._suffix = suffix

    def inlines(self, children: Iterable[Any], *, plain: bool = False, href: str = "") -> list[Inline]:
        """Return running text; `plain` puts no backticks around code."""
        pieces: list[Inline] = []
        for node in children:
            if isinstance(node, nodes.Text):
                pieces.append(Inline(node.astext(), href))
            elif isinstance(node, nodes.literal):
                text = node.astext()
                pieces.append(Inline(text if plain or "`" in text or not text.strip() else f"`{text}`", href))
            elif isinstance(node, nodes.reference):
                text = "".join(piece.text for piece in self.inlines(node.children, plain=plain))
                pieces.append(Inline(text, self._href(node) or href))
            elif isinstance(node, nodes.footnote_reference | nodes.citation_reference):
                pieces.append(Inline(f"[{node.astext()}]", href))
            elif isinstance(node, nodes.image):
                pieces.append(Inline(node.get("alt", ""), href))
            elif isinstance(node, nodes.substitution_reference):
                pieces.append(Inline(f"|{node.astext()}|", href))
            elif isinstance(node, nodes.inline) and "kind" in node:
                pieces.append(self._role(node, plain=plain))
            elif not isinstance(node, nodes.system_message | nodes.raw | nodes.comment | nodes.substitution_definition):
                pieces += self.inlines(node.children, plain=plain, href=href)
        return pieces

    def plain(self, node: Any) -> str:
        """Return the text of a node, as it stands, without backticks."""
        return "".join(piece.text for piece in self.inlines(node.children, plain=True))

    def _role(self, node: Any, *, plain: bool) -> Inline:
        """Return a cross-reference: what is shown of it, with a link where it is known where it leads."""
        text, kind, target = node.astext(), node["kind"], node["target"]
        if kind == "doc":
            return Inline(text, self.page(target))
        if kind == "download":
            return Inline(text, target)
        if kind in ("ref", "numref"):
            anchor, title = self._labelled(target)
            return Inline(title if title and not node["titled"] else text, f"#{anchor}" if anchor else "")
        context = self._document.docgraph
        name = target.removesuffix("()")
        anchor = context.entries.get(name, "") or context.entries.get(f"{context.module}.{name}", "")
        shown = f"`{text}`" if node["code"] and not plain and "`" not in text and text.strip() else text
        return Inline(shown, f"#{anchor}" if anchor else "")

    def _labelled(self, label: str) -> tuple[str, str]:
        """Return the anchor of a label of this document, and the title of the section that it names."""
        anchor = self._document.nameids.get(nodes.fully_normalize_name(label))
        node = self._document.ids.get(anchor) if anchor else None
        if node is None:
            return "", ""
        if isinstance(node, nodes.target) and node.get("refid") in self._document.ids:
            node = self._document.ids[node["refid"]]
        section = isinstance(node, nodes.section)
        return str(anchor), node.children[0].astext() if section else ""

    def _href(self, node: Any) -> str:
        if "refuri" in node:
            return str(node["refuri"])
        if "refid" in node:
            return f"#{node['refid']}"
        anchor = self._document.nameids.get(node.get("refname", ""))
        return f"#{anchor}" if anchor else ""

    def page(self, target: str) -> str:
        """Return the address of a document that is named without its extension, as Sphinx does."""
        return target if PurePosixPath(target).suffix in (".rst", ".md", ".txt") else target + self._suffix
