"""What is asked, of which kind, and in which half: chosen and split by hash, so the same everywhere. Pure.

Answerable are entries of the manual's general index (what their authors wrote, and what names a definition), the dotted
names of definitions, and known items (the verdict's own probes). Not answerable are definitions of the manual's pages that
the set leaves out (near misses), terms of music notation, and questions about running Debian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from docgraph.domain.documents import ParsedDocument
from docgraph.readiness.probes import ENOUGH_WORDS, probe_text
from evaluation.book_index import Entry
from evaluation.manual import LEFT_OUT_PARTS

#: Questions of each kind that is sampled; of the others all are asked.
DEFINITIONS, NAMES, KNOWN_ITEMS, NEAR_MISSES, MUSIC = 600, 400, 300, 500, 320


class Kind(StrEnum):
    """Where a question comes from; the first four are answerable."""

    WRITTEN = "index entry"
    DEFINITION = "index entry of a definition"
    NAME = "dotted name"
    KNOWN_ITEM = "known item"
    NEAR_MISS = "near miss"
    OTHER_SUBJECT = "other subject"

    @property
    def is_answerable(self) -> bool:
        """Whether the set holds what is asked for."""
        return self not in (Kind.NEAR_MISS, Kind.OTHER_SUBJECT)


#: The kinds whose places people chose: the ones that rankings are judged by.
JUDGED = (Kind.WRITTEN, Kind.DEFINITION, Kind.NAME)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the places that answer it (each a set of section ids), and whether it is in the held-out half."""

    text: str
    kind: Kind
    places: tuple[frozenset[str], ...]
    held_out: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page of the set as the pipeline parses it, with the byte offset of each anchor in its canonical text."""

    name: str
    document: ParsedDocument
    anchors: Mapping[str, int]


def is_held_out(text: str) -> bool:
    """Whether a term is in the half that nothing is tuned on; the same words in another order are the same term."""
    words = sorted(set(text.casefold().replace(",", " ").split()))
    return hashlib.sha256(" ".join(words).encode()).digest()[0] % 2 == 1


def place(page: Parsed, anchor: str) -> frozenset[str]:
    """Return the sections that hold an anchor: the part it stands in; all parts of the section where it names a heading."""
    offset = page.anchors[anchor]
    places, sections = page.document.places, page.document.sections
    index = max((i for i, each in enumerate(places) if each.start <= offset), default=0)
    if offset >= places[index].end and index + 1 < len(places):
        # Between two sections: at a heading without text of its own, or at the end of one that was trimmed.
        index += 1
    found = {sections[index].section_id}
    is_first = index == 0 or not _is_same(page, index - 1, index)
    if is_first and offset <= places[index].start:
        for follower in range(index + 1, len(places)):
            if not _is_same(page, index, follower):
                break
            found.add(sections[follower].section_id)
    return frozenset(found)


def _is_same(page: Parsed, one: int, other: int) -> bool:
    """Whether two neighbours are parts of one section."""
    places, sections = page.document.places, page.document.sections
    return (places[one].anchor, sections[one].heading_path) == (places[other].anchor, sections[other].heading_path)


def choose(
    entries: Sequence[Entry], pages: Sequence[Parsed], music: Sequence[str], debian: Sequence[str]
) -> list[Question]:
    """Return all questions, in the order of their kinds and hashes."""
    by_name = {page.name: page for page in pages}
    inside = [entry for entry in entries if any(page in by_name for page, _ in entry.places)]
    definitions = _by_hash((e for e in inside if not e.written), DEFINITIONS + NAMES)
    near = [e for e in entries if not e.written and all(_is_left_out(page, by_name) for page, _ in e.places)]
    asked: list[tuple[str, Kind, tuple[frozenset[str], ...]]] = []
    asked += [(e.text, Kind.WRITTEN, _sections(e, by_name)) for e in _by_hash(e for e in inside if e.written)]
    asked += [(e.text, Kind.DEFINITION, _sections(e, by_name)) for e in definitions[:DEFINITIONS]]
    asked += [(_dotted(e), Kind.NAME, _sections(e, by_name)) for e in definitions[DEFINITIONS:]]
    asked += _known_items(pages)
    asked += [(e.text, Kind.NEAR_MISS, ()) for e in _by_hash(near, NEAR_MISSES)]
    asked += [(term, Kind.OTHER_SUBJECT, ()) for term in sorted(music, key=_digest)[:MUSIC]]
    asked += [(question, Kind.OTHER_SUBJECT, ()) for question in debian]
    return [Question(text, kind, places, is_held_out(text)) for text, kind, places in asked]


def _is_left_out(page: str, by_name: Mapping[str, Parsed]) -> bool:
    return page not in by_name and page.partition("/")[0] in LEFT_OUT_PARTS


def _sections(entry: Entry, by_name: Mapping[str, Parsed]) -> tuple[frozenset[str], ...]:
    return tuple(dict.fromkeys(place(by_name[page], anchor) for page, anchor in entry.places if page in by_name))


def _dotted(entry: Entry) -> str:
    """Return a definition's name as code writes it, which is its anchor; where that is none, what the index says."""
    anchor = entry.places[0][1]
    return anchor if anchor.replace(".", "_").isidentifier() else entry.text


def _known_items(pages: Iterable[Parsed]) -> list[tuple[str, Kind, tuple[frozenset[str], ...]]]:
    found = [
        (probe_text(section.heading_path, section.text), section.section_id)
        for page in pages
        for section in page.document.sections
    ]
    enough = [(text, section) for text, section in found if len(set(text.lower().split())) >= ENOUGH_WORDS]
    enough.sort(key=lambda item: _digest(item[1]))
    return [(text, Kind.KNOWN_ITEM, (frozenset({section}),)) for text, section in enough[:KNOWN_ITEMS]]


def _by_hash(entries: Iterable[Entry], most: int | None = None) -> list[Entry]:
    return sorted(entries, key=lambda entry: _digest(entry.text))[:most]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
