"""Git's documentation in AsciiDoc, and its truth: what asciidoctor makes of it, on Node, in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from lxml import html

from evaluation.formats.measuring import Case, Truth, folded
from evaluation.formats.packages import debian, node

ASCIIDOCTOR = "@asciidoctor/core@3.0.4"
_CONVERT = """\
import fs from "node:fs"
import asciidoctor from "@asciidoctor/core"
const options = { safe: "secure", standalone: true, attributes: { "stylesheet!": "", "last-update-label!": "", "webfonts!": "" } }
const converter = asciidoctor()
for (const name of fs.readdirSync("source"))
  fs.writeFileSync(`html/${name}.html`, converter.convert(fs.readFileSync(`source/${name}`, "utf8"), options))
"""
_SMALLEST = 200
_BLOCKS = ("p", "div", "dl", "dt", "dd", "td", "th", "tr", "li", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "br")


def cases(folder: Path) -> Iterator[Case]:
    """Yield the sources; they and asciidoctor are fetched into `folder` once, and converted there."""
    root = folder / "asciidoc"
    if not (root / "ready").is_file():
        _convert(debian("git-doc", folder) / "usr" / "share" / "doc" / "git-doc", root, folder)
    for path in sorted((root / "source").iterdir()):
        truth = _truth((root / "html" / f"{path.name}.html").read_bytes())
        # What has no title is included by others, or no AsciiDoc.
        if truth.headings:
            yield Case("asciidoc", "Git's documentation", path.name, path.read_bytes(), truth)


def _convert(sources: Path, root: Path, folder: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    (root / "source").mkdir(parents=True)
    (root / "html").mkdir()
    for part in (".", "howto", "technical"):
        for path in sorted((sources / part).glob("*.txt")):
            if path.stat().st_size >= _SMALLEST:
                shutil.copy(path, root / "source" / path.name)
    (root / "convert.mjs").write_text(_CONVERT, encoding="utf-8")
    node(ASCIIDOCTOR, root / "convert.mjs", root, folder)
    (root / "ready").touch()


def _truth(page: bytes) -> Truth:
    body = html.fromstring(page, parser=html.HTMLParser(encoding="utf-8")).body
    frame = " ".join(
        folded(str(each.text_content())) for each in body.xpath("//div[@id='footer'] | //div[@class='details']")
    )
    # Numbers of callouts stand in the code, links stand for includes; both are not followed here.
    numbers, links = "//b[@class='conum']", "//a[contains(@class, 'include')]"
    for element in body.xpath(
        f"//div[@id='footer' or @id='toc' or @class='details'] | //script | //style | {numbers} | {links}"
    ):
        element.drop_tree()
    headings = list(body.iter("h1", "h2", "h3", "h4", "h5", "h6"))
    code = body.xpath(".//div[contains(@class, 'listingblock') or contains(@class, 'literalblock')]//pre")
    blocks = tuple(str(each.text_content()) for each in code)
    for block in body.iter(*_BLOCKS):
        block.tail = " " + (block.tail or "")
    return Truth(
        tuple((int(each.tag[1]), folded(each.text_content())) for each in headings),
        blocks,
        str(body.text_content()),
        frame,
        tuple(frozenset({each.get("id")} - {None}) for each in headings),
    )
