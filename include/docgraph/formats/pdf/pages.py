"""Reads what pdfium knows of a PDF: lines of text with their place and font, the outline, links. Nothing is rendered or executed."""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docgraph.domain.errors import DocumentUnreadableError
from docgraph.formats.fonts import is_fixed_pitch

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

#: What pdfium writes in place of a hyphen that ends a line.
_HYPHEN = re.compile("[\ufffe\x02]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\xad\u200b\u2060\ufeff\ufffe\uffff]")
_BOLD = re.compile(r"bold|black|heavy|demi", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*[\divxlcIVXLC.-]*$|…+\s*\d+$")
_MAX_LEADERS = 250
_BOLD_WEIGHT = 600
_FORCED_BOLD = 1 << 18
_FIXED = 1
_UNIT = 2.0
_SLIGHT = 0.01
_MAX_LINKS = 2_000
_MAX_OUTLINE = 20_000
_MAX_OUTLINE_DEPTH = 15
#: A gap in a line this many times the size of its letters stands between columns, not words.
_COLUMN_GAP = 1.4


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a line between two wide gaps."""

    left: float
    right: float
    text: str


@dataclass(slots=True)
class Line:
    """A line of text as it stands on the page; `y` is its base line, from the bottom of the page, in points."""

    text: str
    page: int
    left: float
    right: float
    y: float
    size: float
    is_bold: bool = False
    is_fixed: bool = False
    #: It ended in a hyphen that pdfium took away.
    is_broken: bool = False
    segments: tuple[Segment, ...] = ()
    #: Words with their left edges and the width of a letter, of lines in a font of fixed pitch.
    words: tuple[tuple[float, str], ...] = ()
    pitch: float = 0.0
    links: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the outline: depth from 1 on, title, page, and how high it is there where that is said."""

    level: int
    title: str
    page: int
    y: float | None


@dataclass(slots=True)
class Page:
    """A page: its lines in the order in which they are stored, its height and label."""

    height: float
    label: str
    lines: list[Line]
    has_pictures: bool = False


def opened(data: bytes, source_uri: str) -> PdfDocument:
    """Open a document.

    Raises:
        DocumentUnreadableError: it is encrypted or damaged.
    """
    import pypdfium2
    from pypdfium2 import raw

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise DocumentUnreadableError(
                f"{source_uri} is encrypted: it can only be opened with a password. Save it without one and drop it again."
            ) from error
        raise DocumentUnreadableError(
            f"{source_uri} can't be opened as PDF ({error}): it is damaged or cut off. Save it again and drop it again."
        ) from error


def entries(document: PdfDocument) -> list[Entry]:
    """Return the outline's entries that lead to a page of the document."""
    found: list[Entry] = []
    for bookmark in document.get_toc(max_depth=_MAX_OUTLINE_DEPTH):
        if len(found) >= _MAX_OUTLINE:
            break
        destination = bookmark.get_dest()
        page = destination.get_index() if destination is not None else None
        title = " ".join(_CONTROL.sub(" ", bookmark.get_title()).split())
        if page is None or not title:
            continue
        kind, view = destination.get_view()
        y = _height(kind, view)
        found.append(Entry(bookmark.level + 1, title, page, y))
    return found


def _height(kind: int, view: list[float]) -> float | None:
    from pypdfium2 import raw

    place = {
        raw.PDFDEST_VIEW_XYZ: 1,
        raw.PDFDEST_VIEW_FITH: 0,
        raw.PDFDEST_VIEW_FITBH: 0,
        raw.PDFDEST_VIEW_FITR: 3,
    }.get(kind)
    if place is None or place >= len(view):
        return None
    return view[place] or None


def pages(document: PdfDocument) -> Iterator[Page]:
    """Yield the pages, each closed when it has been read; one that is damaged has no lines."""
    import pypdfium2

    for number in range(len(document)):
        label = _CONTROL.sub("", document.get_page_label(number))
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            yield Page(0.0, label, [])
            continue
        text_page = page.get_textpage()
        try:
            lines = _PageReader(page, text_page, number).lines()
            found = Page(page.get_height(), label, lines)
            if not lines:
                found.has_pictures = _has_pictures(page)
            yield found
        finally:
            text_page.close()
            page.close()


def _has_pictures(page: PdfPage) -> bool:
    from pypdfium2 import raw

    kinds = (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM, raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING)
    count = min(raw.FPDFPage_CountObjects(page), 1_000)
    return any(raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page, number)) in kinds for number in range(count))


@dataclass(frozen=True, slots=True)
class _Font:
    is_fixed: bool
    is_bold: bool


class _PageReader:
    """Asks pdfium about one page, as little as possible: each question costs more than a word's text."""

    def __init__(self, page: PdfPage, text_page: PdfTextPage, number: int) -> None:
        from pypdfium2 import raw

        self._raw: Any = raw
        self._page = page
        self._text = text_page
        self._number = number
        # Fonts of other pages may have had the same address.
        self._fonts: dict[int, _Font] = {}
        #: The index of each line's first letter.
        self._starts: dict[int, int] = {}
        self._numbers = [ctypes.c_double() for _ in range(4)]
        self._matrix = raw.FS_MATRIX()
        # A page is scaled as a whole, or the letters' size is in the matrix alone.
        self._is_scaled = abs(self._scale(0) - 1) > _SLIGHT

    def lines(self) -> list[Line]:
        found: list[Line] = []
        position = 0
        for stored in self._text.get_text_range().split("\r\n"):
            for piece, start, is_broken in _visual(stored):
                line = self._line(piece, position + start)
                if line is not None:
                    line.is_broken = is_broken
                    found.append(line)
            position += len(stored) + 2
        if found:
            self._add_links(found)
        return found

    def _line(self, piece: str, position: int) -> Line | None:
        bare = piece.strip()
        if not bare:
            return None
        raw, text = self._raw, self._text
        start = raw.FPDFText_GetCharIndexFromTextIndex(text, position + len(piece) - len(piece.lstrip()))
        if start < 0:
            return None
        count = len(bare)
        x, y = self._origin(start)
        size = raw.FPDFText_GetFontSize(text, start)
        if size <= _UNIT or self._is_scaled:
            size *= self._scale(start)
        rectangles = self._rectangles(start, count)
        left = min((each[0] for each in rectangles), default=x)
        right = max((each[1] for each in rectangles), default=x)
        font = self._font(start)
        line = Line(_clean(bare), self._number, left, right, y, size, is_bold=font.is_bold)
        if font.is_fixed and all(self._font(start + at).is_fixed for at in _samples(bare)):
            line.is_fixed = True
            line.pitch, line.words = self._words(bare, start)
        elif len(rectangles) > 1:
            line.segments = self._segments(bare, start, rectangles, size)
        self._starts[id(line)] = start
        return line if line.text else None

    def _scale(self, index: int) -> float:
        if not self._raw.FPDFText_GetMatrix(self._text, index, self._matrix):
            return 1.0
        return float((self._matrix.c**2 + self._matrix.d**2) ** 0.5) or 1.0

    def _origin(self, index: int) -> tuple[float, float]:
        x, y = self._numbers[:2]
        self._raw.FPDFText_GetCharOrigin(self._text, index, x, y)
        return x.value, y.value

    def _rectangles(self, start: int, count: int) -> list[tuple[float, float]]:
        left, top, right, bottom = self._numbers
        found = []
        for number in range(self._raw.FPDFText_CountRects(self._text, start, count)):
            self._raw.FPDFText_GetRect(self._text, number, left, top, right, bottom)
            found.append((left.value, right.value))
        return found

    def _font(self, index: int) -> _Font:
        raw = self._raw
        thing = raw.FPDFText_GetTextObject(self._text, index)
        font = raw.FPDFTextObj_GetFont(thing) if thing else None
        if not font:
            return _Font(is_fixed=False, is_bold=False)
        address = ctypes.addressof(font.contents)
        if address not in self._fonts:
            flags, weight = raw.FPDFFont_GetFlags(font), raw.FPDFFont_GetWeight(font)
            buffer = ctypes.create_string_buffer(200)
            raw.FPDFFont_GetBaseFontName(font, buffer, len(buffer))
            name = buffer.value.decode("utf-8", "replace")
            is_bold = bool(_BOLD.search(name)) or weight >= _BOLD_WEIGHT or bool(flags > 0 and flags & _FORCED_BOLD)
            self._fonts[address] = _Font((flags > 0 and bool(flags & _FIXED)) or is_fixed_pitch(name), is_bold)
        return self._fonts[address]

    def _words(self, bare: str, start: int) -> tuple[float, tuple[tuple[float, str], ...]]:
        """Return the width of a letter and the words with their left edges: blanks are gaps, of which pdfium keeps one."""
        words: list[tuple[float, str]] = []
        pitch, longest = 0.0, 1
        for match in re.finditer(r"\S+", bare):
            x, _ = self._origin(start + match.start())
            words.append((x, match[0]))
            if len(match[0]) > longest:
                longest = len(match[0])
                last, _ = self._origin(start + match.end() - 1)
                pitch = (last - x) / (longest - 1)
        return pitch, tuple(words)

    def _segments(
        self, bare: str, start: int, rectangles: list[tuple[float, float]], size: float
    ) -> tuple[Segment, ...]:
        edges = [
            (before[1], after[0])
            for before, after in itertools.pairwise(rectangles)
            if after[0] - before[1] > max(_COLUMN_GAP * size, 8.0)
        ]
        if not edges:
            return ()
        found: list[Segment] = []
        begin, left = 0, rectangles[0][0]
        spaces = [match.end() for match in re.finditer(r"\s+", bare)]
        for end, following in edges:
            place = next(
                (at for at in spaces if at > begin and self._origin(start + at)[0] >= following - size / 2), None
            )
            if place is None:
                return ()
            found.append(Segment(left, end, _clean(bare[begin:place].rstrip())))
            begin, left = place, following
        found.append(Segment(left, rectangles[-1][1], _clean(bare[begin:])))
        return tuple(found)

    def _add_links(self, lines: list[Line]) -> None:
        raw = self._raw
        position, link = ctypes.c_int(0), raw.FPDF_LINK()
        rectangle = raw.FS_RECTF()
        for _ in range(_MAX_LINKS):
            if not raw.FPDFLink_Enumerate(self._page, position, link):
                return
            if not raw.FPDFLink_GetAnnotRect(link, rectangle):
                continue
            line = next(
                (
                    line
                    for line in lines
                    if rectangle.bottom - 2 <= line.y <= rectangle.top
                    and line.left - 2 <= rectangle.right
                    and rectangle.left <= line.right + 2
                ),
                None,
            )
            if line is None or is_of_contents(line.text):
                continue
            target = self._target(link)
            words = self._words_in(rectangle, line) if target else ""
            if words:
                line.links.append((words, target))

    def _words_in(self, box: Any, line: Line) -> str:
        """Return what of a line stands in a box."""
        raw, start = self._raw, self._starts[id(line)]
        middle = (max(box.bottom, line.y) + box.top) / 2
        ends = [
            raw.FPDFText_GetCharIndexAtPos(self._text, x, middle, 3.0, 3.0) - start
            for x in (box.left + 1, box.right - 1)
        ]
        if 0 <= ends[0] <= ends[1] < len(line.text):
            return line.text[ends[0] : ends[1] + 1].strip()
        # The box is larger than its words; this question takes longer.
        words = " ".join(_clean(self._text.get_text_bounded(box.left, box.bottom, box.right, box.top)).split())
        return words if words in line.text else ""

    def _target(self, link: Any) -> str:
        raw = self._raw
        document = self._page.pdf
        action = raw.FPDFLink_GetAction(link)
        kind = raw.FPDFAction_GetType(action) if action else 0
        if kind == raw.PDFACTION_URI:
            length = min(raw.FPDFAction_GetURIPath(document, action, None, 0), 10_000)
            buffer = ctypes.create_string_buffer(max(length, 1))
            raw.FPDFAction_GetURIPath(document, action, buffer, length)
            return buffer.value.decode("utf-8", "replace")
        destination = (
            raw.FPDFAction_GetDest(document, action)
            if kind == raw.PDFACTION_GOTO
            else raw.FPDFLink_GetDest(document, link)
        )
        page = raw.FPDFDest_GetDestPageIndex(document, destination) if destination else -1
        return f"#page={page + 1}" if page >= 0 else ""


def _visual(stored: str) -> Iterator[tuple[str, int, bool]]:
    """Yield the lines that stand in one that pdfium has joined at hyphens, with their offsets and whether a hyphen ended them."""
    start = 0
    if stored.isascii() and "\x02" not in stored:
        yield stored, 0, False
        return
    for match in _HYPHEN.finditer(stored):
        yield stored[start : match.start()], start, True
        start = match.end()
    yield stored[start:], start, False


def is_of_contents(text: str) -> bool:
    """Tell a line of a list of contents by the dots that lead to its page's number."""
    return _LEADERS.search(text[-_MAX_LEADERS:]) is not None


def _samples(bare: str) -> tuple[int, ...]:
    """Return where to look whether a line is in one font: its end, and letters between."""
    places = (len(bare) - 1, len(bare) // 2, len(bare) // 4, 3 * len(bare) // 4)
    return tuple(place for place in places if not bare[place].isspace())


def _clean(text: str) -> str:
    return text if text.isprintable() and text.isascii() else _CONTROL.sub("", text)
