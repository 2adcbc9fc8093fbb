"""The documents of python-docx's and python-pptx's own tests, and their truth: all text that the parts hold, read with lxml."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from evaluation.formats.measuring import Case, Truth, folded
from evaluation.formats.packages import pypi

_SLIDE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/slide"
_WORD_TEXT = './/*[local-name()="body"]//*[local-name()="p"]'
_SHOWN = (
    './/*[local-name()="t" and not(ancestor::*[local-name()="del" or local-name()="moveFrom" or local-name()="Fallback"])'
    ' and not(ancestor::*[local-name()="r"][1]/*[local-name()="rPr"]/*[local-name()="vanish"])]'
)


def word_cases(folder: Path) -> Iterator[Case]:
    """Yield the documents of Word that have text."""
    files = pypi("python_docx", "1.2.0", folder) / "features/steps/test_files"
    for file in sorted(files.glob("*.docx")):
        data = file.read_bytes()
        truth = _word_truth(data)
        if truth.text.strip():
            yield Case("docx", "Word (python-docx)", file.name, data, truth)


def slide_cases(folder: Path) -> Iterator[Case]:
    """Yield the presentations that have text."""
    files = pypi("python_pptx", "1.0.2", folder) / "features/steps/test_files"
    for file in sorted(files.glob("*.pptx")):
        data = file.read_bytes()
        truth = _slide_truth(data)
        if truth.text.strip():
            yield Case("pptx", "PowerPoint (python-pptx)", file.name, data, truth)


def _word_truth(data: bytes) -> Truth:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        body = etree.fromstring(package.read("word/document.xml"))
        names = set(package.namelist())
        styles = etree.fromstring(package.read("word/styles.xml")) if "word/styles.xml" in names else None
    levels = {}
    for style in styles.xpath('//*[local-name()="style"]') if styles is not None else ():
        name = str(style.xpath('string(*[local-name()="name"]/@*[local-name()="val"])')).lower()
        if name.startswith("heading ") and name[8:].isdecimal():
            levels[str(style.xpath('string(@*[local-name()="styleId"])'))] = int(name[8:])
    headings, words = [], []
    for paragraph in body.xpath(_WORD_TEXT):
        text = folded("".join(paragraph.xpath(f"{_SHOWN}/text()")))
        style = str(paragraph.xpath('string(*[local-name()="pPr"]/*[local-name()="pStyle"]/@*[local-name()="val"])'))
        words.append(text)
        if style in levels and text:
            headings.append((levels[style], text))
    return Truth(tuple(headings), (), " ".join(words))


def _slide_truth(data: bytes) -> Truth:
    headings, words = [], []
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        relations = etree.fromstring(package.read("ppt/_rels/presentation.xml.rels"))
        targets = {each.get("Id"): each.get("Target") for each in relations if each.get("Type") == _SLIDE}
        presentation = etree.fromstring(package.read("ppt/presentation.xml"))
        for reference in presentation.xpath('//*[local-name()="sldId"]/@*[local-name()="id" and namespace-uri()!=""]'):
            slide = etree.fromstring(package.read(f"ppt/{targets[reference]}"))
            titles = slide.xpath('//*[local-name()="sp"][.//*[local-name()="ph"][@type="title" or @type="ctrTitle"]]')
            title = _text(titles[0]) if titles else ""
            if title:
                headings.append((1, title))
            for frame in slide.xpath(
                '//*[local-name()="ph"][@type="sldNum" or @type="dt" or @type="ftr"]/ancestor::*[local-name()="sp"][1]'
            ):
                frame.getparent().remove(frame)
            words.append(_text(slide))
    return Truth(tuple(headings), (), " ".join(words))


def _text(element: etree._Element) -> str:
    paragraphs = element.xpath('.//*[local-name()="p" and not(ancestor::*[local-name()="Fallback"])]')
    return folded(" ".join(map(_line, paragraphs)))


def _line(paragraph: etree._Element) -> str:
    pieces = paragraph.xpath('.//*[local-name()="t" or local-name()="br"]')
    return "".join(" " if piece.tag.endswith("}br") else piece.text or "" for piece in pieces)
