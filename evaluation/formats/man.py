"""Debian's man pages, and their truth: what mandoc makes of them in HTML."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lxml import html
from lxml.html import HtmlElement

from evaluation.formats.measuring import Case, Truth, folded
from evaluation.formats.packages import debian

#: Group, package, pages.
_SETS = (
    ("man(7) from AsciiDoc (git)", "git-man", "usr/share/man/man1/git-*.1.gz"),
    ("man(7) hand-made (man-pages)", "manpages-dev", "usr/share/man/man2/[m-t]*.2.gz"),
    ("man(7) large (curl)", "curl", "usr/share/man/man1/curl.1.gz"),
    ("mdoc(7) (OpenSSH)", "openssh-client", "usr/share/man/man[158]/*.gz"),
)
_SECONDS = 60


def cases(folder: Path) -> Iterator[Case]:
    """Yield the pages; their packages, and mandoc's, are fetched into `folder` once."""
    mandoc = debian("mandoc", folder) / "usr" / "bin" / "mandoc"
    for group, package, pattern in _SETS:
        for path in sorted(debian(package, folder).glob(pattern)):
            data = gzip.decompress(path.read_bytes()) if not path.is_symlink() else b""
            # A page of one line names another page.
            if data.count(b"\n") > 3:
                yield Case("man", group, path.name.removesuffix(".gz"), data, _truth(mandoc, data))


def _truth(mandoc: Path, data: bytes) -> Truth:
    # What mandoc finds wrong with a page is in its exit code.
    done = subprocess.run(
        [mandoc, "-K", "utf-8", "-T", "html", "-O", "fragment"],
        input=data,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    tree = html.fromstring(b"<div>" + done.stdout + b"</div>", parser=html.HTMLParser(encoding="utf-8"))
    body = tree.find_class("manual-text")[0]
    frame = " ".join(table.text_content() for table in tree.xpath("//table[@class='head' or @class='foot']"))
    headings = [heading for heading in body.iter("h1", "h2") if folded(heading.text_content())]
    return Truth(
        tuple((int(heading.tag[1]), folded(heading.text_content())) for heading in headings),
        tuple(str(block.text_content()) for block in body.iter("pre")),
        _spaced(body),
        frame,
        tuple(frozenset({heading.get("id")} - {None}) for heading in headings),
        # mandoc begins a block at each paragraph, and writes an empty line in front of one that begins with a blank.
        by_line=True,
    )


def _spaced(element: HtmlElement) -> str:
    for block in element.iter("p", "div", "dt", "dd", "td", "tr", "li", "pre", "h1", "h2", "br"):
        block.tail = " " + (block.tail or "")
    return str(element.text_content())
