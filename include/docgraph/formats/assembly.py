"""Makes the parsed document of an outline: measures and splits sections, names them, and finds each link and code block its section."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from urllib.parse import unquote, urlsplit

from docgraph.domain.documents import CodeBlock, Link, ParsedDocument, Place, Section
from docgraph.domain.errors import DocumentEmptyError, TextLostError
from docgraph.domain.identity import resolve_reference, section_id
from docgraph.formats import ruler
from docgraph.formats.anchors import cut_heading_path
from docgraph.formats.base import Format
from docgraph.formats.excerpt import Excerpt
from docgraph.formats.options import MODEL_PIECES, ParseOptions
from docgraph.formats.outline import Anatomy, Block, Break, Outline, OutlineSection, Rank, Wrapper
from docgraph.formats.splitting import Part, split

_NO_DOCUMENT = frozenset({"data", "javascript", "mailto", "tel", "vbscript"})
_MAX_REFERENCE = 2_000
_MAX_LABEL = 200
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the document is called and where it came from."""

    document_id: str
    source_uri: str
    tag: str
    format: Format
    front_matter: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A section before it is named: offsets are of the canonical text."""

    outline: OutlineSection
    heading_path: tuple[str, ...]
    text: str
    start: int
    end: int


def assemble(
    text: str, outline: Outline, origin: Origin, options: ParseOptions, warnings: Sequence[str]
) -> ParsedDocument:
    """Make the parsed document.

    A document without text (an index page that holds front matter or a component) is `empty`: what there is of title and
    description is its one section.

    Raises:
        DocumentEmptyError: there is nothing at all.
    """
    drafts = list(_drafts(text, outline, options, _opening(outline, origin)))
    is_empty = not drafts
    if is_empty:
        drafts = _description(origin.front_matter, options)
        if not drafts and not text.strip():
            raise DocumentEmptyError(
                f"{origin.source_uri} has no text to index: its reader found neither text nor headings nor a title. "
                "Add text or remove the file."
            )
    said = [*warnings, *outline.warnings]
    links, bad_links = _links(drafts, origin)
    said += bad_links
    return ParsedDocument(
        document_id=origin.document_id,
        source_uri=origin.source_uri,
        tag=origin.tag,
        title=origin.front_matter.get("title", "").strip() or outline.title or _stem(origin.source_uri),
        content_type=origin.format.media_type,
        format=origin.format.name,
        empty=is_empty,
        front_matter=dict(origin.front_matter),
        sections=_named(drafts, origin.document_id),
        places=_places(text, drafts),
        links=links,
        code_blocks=_code_blocks(drafts),
        warnings=tuple(said),
    )


def _stem(source_uri: str) -> str:
    name = unquote(urlsplit(source_uri).path.rstrip("/").rpartition("/")[2])
    return name.rpartition(".")[0] or name or source_uri


def _opening(outline: Outline, origin: Origin) -> tuple[str, ...]:
    """Return what the heading paths begin with: the front matter's title, unless a heading of the first level is the page's."""
    title = " ".join(origin.front_matter.get("title", "").split())
    is_stated = any(section.level == 1 and section.heading_path for section in outline.sections)
    return (title,) if title and not is_stated else ()


def _drafts(text: str, outline: Outline, options: ParseOptions, opening: tuple[str, ...]) -> Iterator[_Draft]:
    for section, following in zip_longest(outline.sections, outline.sections[1:]):
        full_path = (*opening, *section.heading_path)
        path = cut_heading_path(full_path, options.heading_budget) if full_path else ()
        blocks = section.blocks
        is_leaf = not blocks and not (following and following.level > section.level)
        if section.heading and (is_leaf or path[-1:] != full_path[-1:]):
            # Otherwise the heading would be lost: nothing below carries it, or it is too long for the path.
            blocks = [section.heading, *blocks]
        if not blocks:
            continue
        heading_pieces = ruler.count(" > ".join(path))
        heading_end = section.heading.end if section.heading else section.start
        for number, draft in enumerate(_parts(text, blocks, options, heading_pieces, heading_end)):
            start = section.start if number == 0 else draft.start
            yield _Draft(section, path, draft.text, start, draft.end)


def _description(front_matter: Mapping[str, str], options: ParseOptions) -> list[_Draft]:
    """Make one section of what the front matter of a document without text says to a reader."""
    title = " ".join(front_matter.get("title", "").split())
    text = " ".join(front_matter.get("description", "").split()) or title
    if not text:
        return []
    path = cut_heading_path((title,), options.heading_budget) if title else ()
    while not ruler.fits(text, options.section_budget - ruler.count(" > ".join(path))):
        text = text[: len(text) * 3 // 4]
    return [_Draft(OutlineSection(0, path, "", 0), path, text, 0, 0)]


def _parts(
    text: str, blocks: list[Block], options: ParseOptions, heading_pieces: int, heading_end: int
) -> Iterator[Part]:
    """Yield the parts of some blocks, with ranges of the canonical text; `heading_end` is the place of what has none there."""
    excerpt = Excerpt(text, blocks)
    budget = options.section_budget - heading_pieces
    # A section's place is where its own text stands.
    own = [block for block in blocks if not block.is_from_elsewhere]
    start, end = (own[0].start, own[-1].end) if own else (heading_end, heading_end)
    body = excerpt.text.rstrip() if blocks[0].keeps_indent else excerpt.text.strip()
    if ruler.fits(body, budget):
        yield Part(body, start, end)
        return
    parts = split(
        excerpt.text,
        _anatomy(blocks, excerpt),
        budget=budget,
        hard_budget=MODEL_PIECES - heading_pieces,
        min_part=options.min_part,
    )
    if sum(_letters(part.text) for part in parts) < _letters(excerpt.text):
        raise TextLostError
    for part in parts:
        first, last = (min(max(excerpt.origin(offset), start), end) for offset in (part.start, part.end))
        yield Part(part.text, first, last)


def _letters(text: str) -> int:
    return sum(map(len, _WORDS.findall(text)))


def _anatomy(blocks: Sequence[Block], excerpt: Excerpt) -> Anatomy:
    breaks: list[Break] = []
    wrappers: list[Wrapper] = []
    after_lead_in = False
    for block in blocks:
        rank = Rank.AFTER_LEAD_IN if after_lead_in else Rank.BLOCK
        breaks.append(Break(excerpt.offset(block.start), rank))
        anatomy = block.anatomy()
        breaks += (Break(excerpt.offset(inner.offset), inner.rank) for inner in anatomy.breaks)
        wrappers += (
            Wrapper(excerpt.offset(w.start), excerpt.offset(w.end), w.opening, w.closing, w.joint)
            for w in anatomy.wrappers
        )
        after_lead_in = block.leads_in
    return Anatomy(tuple(breaks), tuple(wrappers))


def _named(drafts: Sequence[_Draft], document_id: str) -> tuple[Section, ...]:
    seen: Counter[tuple[tuple[str, ...], str]] = Counter()
    sections: list[Section] = []
    for draft in drafts:
        key = (draft.heading_path, draft.text)
        name = section_id(document_id, draft.heading_path, draft.text, seen[key])
        sections.append(Section(name, draft.heading_path, draft.text, seen[key]))
        seen[key] += 1
    return tuple(sections)


def _places(text: str, drafts: Sequence[_Draft]) -> tuple[Place, ...]:
    """Return the places of sections, in bytes of the canonical text."""
    if text.isascii():
        return tuple(Place(d.outline.level, d.start, d.end, d.outline.anchor, d.outline.where) for d in drafts)
    places: list[Place] = []
    position = size = 0
    for draft in drafts:
        start = size + len(text[position : draft.start].encode())
        end = start + len(text[draft.start : draft.end].encode())
        places.append(Place(draft.outline.level, start, end, draft.outline.anchor, draft.outline.where))
        position, size = draft.end, end
    return tuple(places)


def _holders(drafts: Sequence[_Draft]) -> Iterator[tuple[OutlineSection, int, list[int]]]:
    """Yield each section of the outline with the index of its first part and the offsets at which its parts begin."""
    index = 0
    for _, group in groupby(drafts, key=lambda draft: id(draft.outline)):
        parts = list(group)
        yield parts[0].outline, index, [part.start for part in parts]
        index += len(parts)


def _links(drafts: Sequence[_Draft], origin: Origin) -> tuple[tuple[Link, ...], list[str]]:
    links: dict[tuple[int, str, str], Link] = {}
    warnings: list[str] = []
    for outline, first, starts in _holders(drafts):
        for found in outline.links:
            scheme, separator, _ = found.reference.partition(":")
            if (separator and scheme.lower() in _NO_DOCUMENT) or not found.reference:
                continue
            if len(found.reference) > _MAX_REFERENCE:
                warnings.append(f"A link of {len(found.reference)} characters was left out: {found.reference[:60]}…")
                continue
            try:
                target, anchor = resolve_reference(origin.source_uri, found.reference)
            except ValueError as error:
                warnings.append(f"The link {found.reference[:80]!r} was left out: {error}")
                continue
            index = first + max(bisect_right(starts, found.offset) - 1, 0)
            label = " ".join(found.text.split())[:_MAX_LABEL]
            written = found.reference.partition("#")[0]
            links.setdefault((index, target, anchor), Link(index, target, anchor, label, written, found.kind))
    return tuple(links.values()), warnings[:20]


def _code_blocks(drafts: Sequence[_Draft]) -> tuple[CodeBlock, ...]:
    """Return the blocks of code; one that was split is a block in each of its sections, of the lines that stand there."""
    blocks: list[CodeBlock] = []
    for outline, first, starts in _holders(drafts):
        for code in outline.code:
            holders = [(first + max(bisect_right(starts, offset) - 1, 0), line) for offset, line in code.lines]
            for index, group in groupby(holders, key=lambda holder: holder[0]):
                lines = [line for _, line in group]
                if any(line.strip() for line in lines):
                    blocks.append(CodeBlock(index, code.language, "\n".join(lines)))
    return tuple(blocks)
