"""Tells a page's content from what stands around it: finds the main element as the generators of documentation write it, and
names what is navigation, control or decoration wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

Attributes = Mapping[str, str | None]

#: Where the content is, the surest first; one that several elements match is not sure.
_MAIN = (
    "[data-pagefind-body]",  # Starlight, and sites that Pagefind searches
    ".vp-doc",  # VitePress
    ".theme-doc-markdown",  # Docusaurus
    "article.md-content__inner",  # MkDocs Material
    "article.bd-article",  # Sphinx: PyData and Book themes
    "article[role=main]",  # Sphinx: Furo
    "[itemprop=softwareHelp]",  # LibreOffice's help
    "[itemprop=articleBody]",  # Sphinx: Read the Docs; MkDocs: readthedocs
    "div.body[role=main]",  # Sphinx: basic
    "div.documentwrapper div.body",  # Sphinx before 1.8
    "main[role=main]",  # Javadoc
    "[role=main]",
    "main article",
    "main",
    "article",
    ".markdown-body",
)
#: Generators whose title stands outside of what looks like their main element.
_WHOLE_BODY = re.compile(r"asciidoc|docbook|publican|pandoc|latex2html|makeinfo|texinfo|doxygen", re.IGNORECASE)

_LEFT_OUT = frozenset(
    [
        "audio",
        "canvas",
        "datalist",
        "embed",
        "head",
        "iframe",
        "input",
        "link",
        "map",
        "meta",
        "nav",
        "noscript",
        "optgroup",
        "option",
        "progress",
        "script",
        "select",
        "style",
        "svg",
        "template",
        "textarea",
        "title",
        "video",
    ]
)
_LEFT_OUT_ROLES = frozenset(
    ["alertdialog", "banner", "contentinfo", "dialog", "menu", "menubar", "navigation", "search", "toolbar"]
)
#: Classes of generators, each of which is navigation, a control, or a sign beside the text.
_LEFT_OUT_CLASSES = frozenset(
    [
        "headerlink",
        "hash-link",
        "anchorjs-link",
        "copybtn",
        "clipboard",
        "md-clipboard",
        "md-source-file",
        "md-content__button",
        "md-skip",
        "skip-link",
        "skip-nav",
        "skiplink",
        "sr-only",
        "visually-hidden",
        "visuallyhidden",
        "screen-reader-text",
        "navheader",
        "navfooter",
        "docnav",
        "sphinxsidebar",
        "sphinxsidebarwrapper",
        "rst-footer-buttons",
        "rst-breadcrumbs-buttons",
        "wy-breadcrumbs",
        "prev-next-area",
        "prev-next-footer",
        "nosearch",
        "breadcrumb",
        "breadcrumbs",
        "theme-doc-breadcrumbs",
        "theme-doc-toc-mobile",
        "theme-doc-footer",
        "pagination-nav",
        "theme-edit-this-page",
        "edit-this-page",
        "edit-link",
        "line-numbers-wrapper",
        "line-numbers-rows",
        "linenos",
        "lineno",
        "linenodiv",
        "rouge-gutter",
        "hljs-ln-numbers",
        "lineNumber",
        "katex-html",
        "MJX_Assistive_MathML",
        "mw-editsection",
        "robots-nocontent",
        "viewcode-back",
        "hideme",
        "test-arrow",
        "logo-container",
    ]
)
#: Ids and classes that name the frame of a page, where nothing says which element is the content.
_FRAME = re.compile(
    r"(?:site|page|main|top|bottom|global|local|sub|md|side)?[-_]?"
    r"(?:banner|breadcrumbs?|footer|footer-text|menu|masthead|mainmenu|submenu|nav|navbar|navigation|navigate|navpath|navrow\d?|"
    r"navtree|related|side-nav|titlearea|topnav|bottomnav|subnav|searchbox|search|searchmenu|sitemap|skip|toc|toctitle|tableofcontents)"
    r"(?:[-_]?(?:bar|box|col|container|links|list|panel|top|bottom|wrapper|row))?",
    re.IGNORECASE,
)
_SIDES = frozenset({"sidebar", "side-bar", "sidenav", "leftcol", "rightcol", "left-sidebar", "right-sidebar"})
_LISTS_OF_CONTENTS = frozenset({"toc", "contents", "minitoc", "shortcontents", "region-contents", "table-of-contents"})
_NOT_SHOWN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
#: Containers that a script shows one of: what they hold is content, shown or not.
_PANELS = frozenset({"tabbed-block", "tab-pane", "tab-content", "tabpanel", "sd-tab-content", "sphinx-tabs-panel"})
#: Variants of a text by system and application, of which a script shows one (LibreOffice's help).
_VARIANTS = frozenset({"BASE", "CALC", "CHART", "DRAW", "IMPRESS", "MAC", "MATH", "UNIX", "WIN", "WRITER"})
_HIDING_TAGS = frozenset({"a", "button", "i", "img", "span"})
_MOSTLY_LINKS = 0.6


def main_element(tree: LexborHTMLParser) -> tuple[LexborNode | None, bool]:
    """Return the element that holds the page's content, and whether it is the whole body, frame and all."""
    generator = tree.css_first("meta[name=generator]")
    content = (generator.attributes.get("content") or "") if generator else ""
    if not _WHOLE_BODY.search(content):
        for selector in _MAIN:
            # An element that several of the selectors match is found several times.
            found = {element.mem_id: element for element in tree.css(selector)}
            if len(found) == 1:
                return next(iter(found.values())), False
    return tree.body, True


def classes_of(attributes: Attributes) -> list[str]:
    """Return an element's classes."""
    return (attributes.get("class") or "").split()


def is_left_out(tag: str, attributes: Attributes, classes: list[str]) -> bool:
    """Tell what is no content wherever it stands."""
    if tag in _LEFT_OUT:
        return True
    if not attributes:
        return False
    if classes and not _LEFT_OUT_CLASSES.isdisjoint(classes) and tag != "pre":
        return True
    role = attributes.get("role")
    if role in _LEFT_OUT_ROLES:
        return True
    is_panel = role == "tabpanel" or not _PANELS.isdisjoint(classes) or _is_variant(attributes, classes)
    if "hidden" in attributes and attributes["hidden"] != "until-found" and not is_panel:
        return True
    style = attributes.get("style")
    if style and not is_panel and _NOT_SHOWN.search(style):
        return True
    if "data-pagefind-ignore" in attributes:
        return True
    return tag in _HIDING_TAGS and attributes.get("aria-hidden") == "true"


def _is_variant(attributes: Attributes, classes: list[str]) -> bool:
    return attributes.get("hidden") == "true" and (
        not _VARIANTS.isdisjoint(classes) or (attributes.get("id") or "").startswith("default")
    )


def is_frame(node: LexborNode, tag: str, attributes: Attributes, classes: list[str], *, in_article: bool) -> bool:
    """Tell what frames a page on which nothing says where the content is."""
    if tag in ("header", "footer", "aside") and not in_article:
        is_beside = tag == "aside" and node.parent is not None and node.parent.tag == "body"
        return (
            tag == "footer" or is_beside or _is_mostly_links(node) or (tag == "header" and node.css_first("h1") is None)
        )
    if tag == "p" and attributes.get("id") == "title":
        return True  # Publican's logos
    names = [*classes, attributes.get("id") or ""]
    if any(_FRAME.fullmatch(name) for name in names) and tag not in ("body", "pre", "h1", "h2", "h3", "h4", "h5", "h6"):
        # A name alone is no proof: what holds the text of the page is not its frame.
        return node.css_first("h1") is None or _is_mostly_links(node)
    return not _SIDES.isdisjoint(name.lower() for name in names) and _is_mostly_links(node)


def is_own_contents(node: LexborNode, attributes: Attributes, classes: list[str], page: str) -> bool:
    """Tell a list of the contents of this very page (`page`: its file's name) from one that leads to other pages."""
    names = {*(name.lower() for name in classes), (attributes.get("id") or "").lower()}
    if names.isdisjoint(_LISTS_OF_CONTENTS):
        return False
    targets = [(link.attributes.get("href") or "").partition("#") for link in node.css("a[href]")]
    return (
        bool(targets)
        and all(mark and path.rpartition("/")[2] in ("", page) for path, mark, _ in targets)
        and _is_mostly_links(node)
    )


def is_doxygen_title(node: LexborNode) -> bool:
    """Tell the title of a page of Doxygen, which is no heading."""
    return node.parent is not None and "headertitle" in classes_of(node.parent.attributes)


def _is_mostly_links(node: LexborNode) -> bool:
    text = len("".join((node.text() or "").split()))
    links = sum(len("".join((link.text() or "").split())) for link in node.css("a"))
    return links >= _MOSTLY_LINKS * text
