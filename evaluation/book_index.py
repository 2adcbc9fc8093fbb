"""Indexes that people made, as terms with the places that they point to. Reads files, asks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import html
from lxml.html import HtmlElement

#: Ends of a page's name, in an index's links.
_PAGE = re.compile(r"^(?:.*/)?([\w.-]+/[\w.-]+)\.html$")
_NUMBER = re.compile(r"^[\d.]+\s+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an index: the term it stands under, the whole of what it says, and the places (page, anchor) it names.

    `written` tells an entry that an author wrote from one that stands for a definition and was made from its signature.
    """

    term: str
    text: str
    places: tuple[tuple[str, str], ...]
    written: bool


def general_index(manual: Path) -> list[Entry]:
    """Return the entries of a Sphinx manual's general index; what only refers to another entry is left out."""
    tree = html.fromstring((manual / "genindex-all.html").read_bytes())
    found: dict[str, tuple[str, dict[tuple[str, str], None]]] = {}
    for table in tree.find_class("indextable"):
        for item in table.iterfind(".//td/ul/li"):
            term = _own_text(item)
            _collect(found, term, term, item)
            for inner in item.iterfind("ul/li"):
                _collect(found, term, _below(term, _own_text(inner)), inner)
    return [
        Entry(term, text, tuple(places), any(anchor.startswith("index-") for _, anchor in places))
        for text, (term, places) in found.items()
        if places
    ]


def music_terms(music: Path) -> list[str]:
    """Return the terms of the concept index of a manual on music notation, without its commands."""
    tree = html.fromstring((music / "notation" / "lilypond-index.html").read_bytes())
    links = tree.xpath('//a[contains(@href, "#index-")]')
    terms = dict.fromkeys(_flat(link.text_content()) for link in links)
    return [term for term in terms if re.fullmatch(r"[A-Za-z][A-Za-z ,-]{5,60}", term)]


def debian_questions(faq: Path) -> list[str]:
    """Return the questions of Debian's FAQ, without their numbers."""
    tree = html.fromstring((faq / "index.en.html").read_bytes())
    links = tree.xpath('//div[@class="toc"]//span[@class="section"]/a')
    return [text for link in links if (text := _NUMBER.sub("", _flat(link.text_content()))).endswith("?")]


def _collect(
    found: dict[str, tuple[str, dict[tuple[str, str], None]]], term: str, text: str, item: HtmlElement
) -> None:
    links = [child for child in item if child.tag == "a"]
    _, places = found.setdefault(text, (term, {}))
    for place in _places(links):
        places[place] = None


def _below(term: str, text: str) -> str:
    """Return what a line below a term says as a whole; one in brackets stands for the term's own ("close() (in module os)")."""
    if text.startswith(f"{term} "):
        return text
    return f"{term.partition(' (')[0] if text.startswith('(') else term} {text}"


def _own_text(item: HtmlElement) -> str:
    """Return what a line of the index says: its own words or the first link's, without the numbers of further links."""
    own = _flat(item.text or "")
    if own:
        return own
    first = item.find("a")
    return _flat(first.text_content()) if first is not None else ""


def _places(links: list[HtmlElement]) -> Iterator[tuple[str, str]]:
    for link in links:
        address, _, anchor = (link.get("href") or "").partition("#")
        match = _PAGE.match(address)
        if match and anchor:
            yield match.group(1), anchor


def _flat(text: str) -> str:
    return " ".join(text.split())
