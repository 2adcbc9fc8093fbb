"""The documentation of Sphinx itself, and its truth: the pages that Sphinx builds of it, in an environment of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from lxml import html
from lxml.html import HtmlElement

from evaluation.formats.measuring import Case, Truth, folded
from evaluation.formats.packages import pypi, tool

SPHINX = "9.0.4"
_FOLDERS = ("usage", "tutorial", "extdev", "development")
#: Pages whose text comes from somewhere else: from code, from other files, or from extensions of their own.
_ELSEWHERE = re.compile(
    r"^\s*\.\. (?:auto\w+|literalinclude|include|csv-table|inheritance-diagram|digraph|graphviz)::", re.M
)
_CONFIGURATION = """\
project = "Sphinx"
version = release = "9.0"
smartquotes = False
extensions = ["sphinx.ext.doctest", "sphinx.ext.extlinks"]
extlinks = {
    name: (f"https://docutils.sourceforge.io/docs/ref/rst/{page}%s", "%s")
    for name, page in {"dupage": "", "duref": "restructuredtext.html#", "durole": "roles.html#", "dudir": "directives.html#"}.items()
}

def setup(app):
    app.add_object_type("event", "event")
"""


def cases(folder: Path) -> Iterator[Case]:
    """Yield the sources; they and Sphinx are fetched into `folder` once, and built there."""
    sources = pypi("sphinx", SPHINX, folder) / "doc"
    root, built = folder / "rst" / "source", folder / "rst" / "html"
    if not built.is_dir():
        _build(sources, root, built, folder)
    for path in sorted(root.rglob("*.rst")):
        name = path.relative_to(root)
        page = built / name.with_suffix(".html")
        if page.is_file() and name.name != "contents-of-all.rst":
            yield Case("rst", "Sphinx's documentation", str(name), path.read_bytes(), _truth(page.read_bytes()))


def _build(sources: Path, root: Path, built: Path, folder: Path) -> None:
    for path in sorted(path for each in _FOLDERS for path in (sources / each).rglob("*.rst")):
        text = path.read_text(encoding="utf-8")
        if not _ELSEWHERE.search(text):
            target = root / path.relative_to(sources)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    (root / "conf.py").write_text(_CONFIGURATION, encoding="utf-8")
    (root / "contents-of-all.rst").write_text("All\n===\n", encoding="utf-8")
    loading = built.with_name("loading")
    shutil.rmtree(loading, ignore_errors=True)
    tool(
        f"sphinx=={SPHINX}",
        "sphinx-build",
        ["-q", "-D", "root_doc=contents-of-all", "-b", "html", str(root), str(loading)],
        folder,
    )
    loading.rename(built)


def _truth(page: bytes) -> Truth:
    tree = html.fromstring(page, parser=html.HTMLParser(encoding="utf-8"))
    body = tree.xpath("//div[@class='body']")[0]
    for sign in body.xpath(".//a[contains(@class, 'headerlink')] | .//div[contains(@class, 'toctree-wrapper')]"):
        sign.drop_tree()
    headings = list(body.iter("h1", "h2", "h3", "h4", "h5", "h6"))
    text = _spaced(body)
    frame = " ".join(
        folded(each.text_content()) for each in tree.xpath("//div[@class='related'] | //div[@class='footer']")
    )
    return Truth(
        tuple((int(each.tag[1]), folded(each.text_content())) for each in headings),
        tuple(str(each.text_content()) for each in body.xpath(".//div[contains(@class, 'highlight')]/pre")),
        text,
        frame,
        tuple(_anchors(each) for each in headings),
    )


def _anchors(heading: HtmlElement) -> frozenset[str]:
    around = heading.getparent()
    assert around is not None
    spans = [each.get("id") for each in around if each.tag == "span" and not folded(each.text_content())]
    return frozenset({around.get("id"), *spans} - {None})


def _spaced(element: HtmlElement) -> str:
    for block in element.iter(
        "p", "div", "dl", "dt", "dd", "td", "th", "tr", "li", "pre", "h1", "h2", "h3", "h4", "br"
    ):
        block.tail = " " + (block.tail or "")
    return str(element.text_content())
