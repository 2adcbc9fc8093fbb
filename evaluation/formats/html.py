"""Published pages of several generators, and their truth: the main element by hand for each, read with lxml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree, html
from lxml.html import HtmlElement

from evaluation.formats.measuring import Case, Truth, folded
from evaluation.formats.packages import debian

_ALWAYS_OUT = (
    '//script|//style|//noscript|//svg|//*[local-name()="svg"]|//a[contains(concat(" ",@class," ")," headerlink ")]'
    '|//*[contains(@style,"display:none")]|//button|//input|//select|//comment()'
)
_NOTES = 'ancestor::*[contains(concat(" ",@class," ")," note ") or contains(concat(" ",@class," ")," warning ") or ' + (
    'contains(concat(" ",@class," ")," tip ") or contains(concat(" ",@class," ")," caution ") or '
    'contains(concat(" ",@class," ")," important ") or contains(concat(" ",@class," ")," sidebar ") or self::aside]'
)


@dataclass(frozen=True, slots=True)
class _Set:
    """Pages of one generator: its package, the pages, the main element, and what in it is navigation."""

    group: str
    package: str
    folder: str
    pages: tuple[str, ...]
    main: str
    out: str = ""


_SETS = (
    _Set(
        "Sphinx 5 (Python)",
        "python3.11-doc",
        "usr/share/doc/python3.11/html",
        (
            "library/json",
            "library/argparse",
            "library/typing",
            "library/asyncio-task",
            "tutorial/classes",
            "whatsnew/3.11",
        ),
        '//div[@role="main"]',
    ),
    _Set(
        "Sphinx (Debian Policy)",
        "debian-policy",
        "usr/share/doc/debian-policy/policy.html",
        ("ch-relationships", "ch-source", "ch-controlfields"),
        '//div[@role="main"]',
    ),
    _Set(
        "DocBook XSL (PostgreSQL)",
        "postgresql-doc-15",
        "usr/share/doc/postgresql-doc-15/html",
        ("sql-select", "ddl-partitioning", "functions-json", "runtime-config-wal", "plpgsql-control-structures"),
        "//body",
        '//div[@class="navheader"]|//div[@class="navfooter"]|//div[@class="toc"]',
    ),
    _Set(
        "Publican (Debian Handbook)",
        "debian-handbook",
        "usr/share/doc/debian-handbook/html/en-US",
        ("sect.apt-get", "sect.package-meta-information", "sect.kernel-compilation"),
        "//body",
        '//ul[contains(@class,"docnav")]|//div[@id="banner"]|//p[@id="title"]',
    ),
    _Set(
        "AsciiDoc (git)",
        "git-doc",
        "usr/share/doc/git-doc",
        ("git-rebase", "git-bisect-lk2009", "git-config", "gittutorial"),
        "//body",
        '//div[@id="toc"]|//div[@id="footer"]',
    ),
    _Set(
        "hand-made (SQLite)",
        "sqlite3-doc",
        "usr/share/doc/sqlite3",
        ("lang_select", "fts5", "wal", "pragma"),
        "//body",
        '//div[contains(concat(" ",@class," ")," nosearch ")]',
    ),
    _Set(
        "Javadoc (pgjdbc)",
        "libpostgresql-jdbc-java-doc",
        "usr/share/doc/libpostgresql-jdbc-java/api/org/postgresql",
        ("PGConnection", "PGProperty", "ds/common/BaseDataSource"),
        "//main",
    ),
)


def cases(folder: Path) -> Iterator[Case]:
    """Yield the pages; their packages are fetched into `folder` once."""
    for each in _SETS:
        root = debian(each.package, folder) / each.folder
        for page in each.pages:
            data = (root / f"{page}.html").read_bytes()
            yield Case("html", each.group, f"{page}.html", data, truth_of(data, each.main, each.out))


def truth_of(data: bytes, main_element: str, out: str = "") -> Truth:
    """Return what stands in a page whose main element, and what in it is navigation, are known by path."""
    tree = html.fromstring(data, parser=html.HTMLParser(encoding="utf-8", huge_tree=True))
    for element in tree.xpath(_ALWAYS_OUT):
        _remove(element)
    main = tree.xpath(main_element)[0]
    inside = set(main.iter())
    frame = [element for element in tree.iter() if element not in inside] if main_element != "//body" else []
    parts = [element.text or "" for element in frame] + [element.tail or "" for element in frame]
    for element in main.xpath(out.replace("//", ".//")) if out else []:
        parts.append(_spaced(element))
        _remove(element)
    headings = [heading for heading in main.iter("h1", "h2", "h3", "h4", "h5", "h6") if not heading.xpath(_NOTES)]
    named = [(heading, folded(heading.text_content())) for heading in headings]
    named = [(heading, name) for heading, name in named if name]
    return Truth(
        tuple((int(heading.tag[1]), name) for heading, name in named),
        tuple(text for text in map(_code, main.iter("pre")) if text.strip()),
        _spaced(main),
        " ".join(parts),
        tuple(_anchors(heading) for heading, _ in named),
    )


def _code(block: HtmlElement) -> str:
    for gutter in block.xpath('.//*[contains(concat(" ",@class," ")," linenos ")]'):
        _remove(gutter)
    for line_break in block.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    text = str(block.text_content())
    # The parser of HTML drops the first line break of a block; lxml's keeps it.
    return text.replace("\r\n", "\n")


def _anchors(heading: HtmlElement) -> frozenset[str]:
    """Return what leads to a heading: its id, ids in it and right before it, ids of elements that it is the first text of."""
    found = {heading.get("id"), *heading.xpath(".//@id"), *heading.xpath(".//a/@name")}
    element = heading
    while element is not None and element.tag not in ("body", "main") and element.get("role") != "main":
        before = element.getprevious()
        while before is not None and not folded(before.text_content() + (before.tail or "")):
            found |= {before.get("id"), *before.xpath(".//@id"), *before.xpath("self::a/@name|.//a/@name")}
            before = before.getprevious()
        if before is not None or folded((element.getparent().text if element.getparent() is not None else "") or ""):
            break
        element = element.getparent()
        if element is not None and element.tag not in ("body", "main") and element.get("role") != "main":
            found.add(element.get("id"))
    return frozenset(name for name in found if name)


def _spaced(element: HtmlElement) -> str:
    """Return the text with a blank between elements that are blocks."""
    inline = {
        "a",
        "abbr",
        "acronym",
        "b",
        "code",
        "em",
        "i",
        "q",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
        "wbr",
    }
    pieces: list[str] = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if not isinstance(node.tag, str):
            continue
        if node.tag not in inline:
            pieces.append(" ")
        pieces.append((node.text if event == "start" else node.tail if node is not element else "") or "")
    return "".join(pieces).replace("\u200b", "").replace("\u00ad", "")


def _remove(element: HtmlElement) -> None:
    parent = element.getparent()
    if parent is None:
        return
    before, tail = element.getprevious(), element.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)
