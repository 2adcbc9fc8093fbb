"""What a format's reader leaves: the document as blocks under headings, in offsets of the canonical text.

Readers find structure; they don't measure, cut or name anything (that is `splitting` and `assembly`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from docgraph.domain.site_routes import LinkKind


class Rank(IntEnum):
    """How good a place is for a cut: the lower, the sooner it is taken."""

    BLOCK = 0
    AFTER_LEAD_IN = 1
    ITEM = 2
    NESTED = 3
    GROUP = 4
    SENTENCE = 5
    LINE = 6
    WRAPPED_LINE = 7
    WORDS = 8


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a block may be cut: in front of this offset."""

    offset: int
    rank: Rank


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A range whose parts must repeat something: a fence its markers, a table its header, a wide row its first cell.

    One may stand in another, and repeats what that repeats; `joint` stands between the opening and what follows it.
    """

    start: int
    end: int
    opening: str
    closing: str
    joint: str = "\n"


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Where a block may be cut, and what its parts repeat."""

    breaks: tuple[Break, ...] = ()
    wrappers: tuple[Wrapper, ...] = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """A range that is left out of the section's text, or stands there as `replacement`."""

    start: int
    end: int
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level block of text; `anatomy` is asked only for sections above the budget."""

    start: int
    end: int
    anatomy: Callable[[], Anatomy]
    drops: tuple[Drop, ...] = ()
    #: Leading white space means something (indented code).
    keeps_indent: bool = False
    #: Introduces the block after it ("For example:"), and should not be cut from it.
    leads_in: bool = False
    #: It is written in another place of the document than the section that it belongs to (a footnote).
    is_from_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link as it is written in the source."""

    offset: int
    reference: str
    text: str
    kind: LinkKind = LinkKind.ADDRESS


@dataclass(frozen=True, slots=True)
class FoundCode:
    """A block of code: its language, and each line with the offset at which it stands."""

    language: str
    lines: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class OutlineSection:
    """The blocks under one heading. The part in front of the first heading has level 0 and no heading."""

    level: int
    heading_path: tuple[str, ...]
    anchor: str
    start: int
    heading: Block | None = None
    blocks: list[Block] = field(default_factory=list)
    links: list[FoundLink] = field(default_factory=list)
    code: list[FoundCode] = field(default_factory=list)
    #: Where in the source it begins, for sources that have pages, slides or cells: `page iv`, `slide 3`, `cell 12`.
    where: str = ""


@dataclass(frozen=True, slots=True)
class Outline:
    """A document as its format's reader sees it."""

    title: str | None
    sections: tuple[OutlineSection, ...]
    warnings: tuple[str, ...] = ()


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Narrow a range to what is left without white space at both ends."""
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    return start, end


def earliest(breaks: Iterable[Break]) -> tuple[Break, ...]:
    """Sort breaks and keep the best rank of each offset."""
    best: dict[int, Break] = {}
    for found in breaks:
        known = best.get(found.offset)
        if known is None or found.rank < known.rank:
            best[found.offset] = found
    return tuple(best[offset] for offset in sorted(best))
