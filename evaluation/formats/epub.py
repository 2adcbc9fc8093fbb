"""Debian's books, and their truth: the pages in the order of their spine, read with lxml."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join

from lxml import etree

from evaluation.formats.html import truth_of
from evaluation.formats.measuring import Case, Truth
from evaluation.formats.packages import debian

_BOOKS = (
    ("DocBook", "debmake-doc", "usr/share/doc/debmake-doc/debmake-doc.en.epub"),
    ("Sphinx", "debian-policy", "usr/share/doc/debian-policy/policy.epub"),
    ("Sphinx", "developers-reference", "usr/share/developers-reference/developers-reference.epub"),
)


def cases(folder: Path) -> Iterator[Case]:
    """Yield the books; their packages are fetched into `folder` once."""
    for generator, package, path in _BOOKS:
        data = (debian(package, folder) / path).read_bytes()
        yield Case("epub", f"EPUB ({generator})", Path(path).name, data, truth(data))


def truth(data: bytes) -> Truth:
    """Return what stands in a book."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        package = str(
            etree.fromstring(book.read("META-INF/container.xml")).xpath("//*[local-name()='rootfile']/@full-path")[0]
        )
        tree = etree.fromstring(book.read(package))
        pages = []
        for reference in tree.xpath("//*[local-name()='itemref']/@idref"):
            item = tree.xpath("//*[local-name()='item'][@id=$name]", name=reference)[0]
            is_contents = "nav" in item.get("properties", "") or item.get("href") in tree.xpath(
                "//*[local-name()='reference'][@type='toc']/@href"
            )
            if not is_contents:
                name = join(dirname(package), item.get("href"))
                pages.append((name, truth_of(book.read(name), "//body")))
    return Truth(
        tuple(heading for _, page in pages for heading in page.headings),
        tuple(block for _, page in pages for block in page.code),
        " ".join(page.text for _, page in pages),
        "",
        tuple(
            frozenset(f"{name}#{anchor}" for anchor in anchors) or frozenset({name})
            for name, page in pages
            for anchors in page.anchors or ()
        ),
    )
