"""What kinds of elements there are, for the walk over a page."""

from __future__ import annotations

BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "hr",
        "label",
        "legend",
        "li",
        "main",
        "menu",
        "ol",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "search",
    ]
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
SECTIONS = frozenset({"article", "details", "div", "dl", "li", "section"})
CODE = frozenset({"code", "kbd", "samp", "tt"})
VERBATIM = frozenset({"listing", "pre", "xmp"})
#: What stands in a box beside the text: its headings are titles of the box, and no sections.
BOXES = frozenset(
    [
        "admonition",
        "admonitionblock",
        "alert",
        "attention",
        "callout",
        "caution",
        "custom-block",
        "danger",
        "hint",
        "important",
        "note",
        "seealso",
        "sidebar",
        "theme-admonition",
        "tip",
        "topic",
        "warning",
    ]
)
BOX_TAGS = frozenset({"aside", "blockquote", "div", "section", "table", "details", "dl", "p"})
TAB_LISTS = frozenset({"tabbed-labels", "sphinx-tabs-tablist", "nav-tabs"})
TAB_PANELS = frozenset({"tabbed-block", "tab-pane", "sphinx-tabs-panel"})
