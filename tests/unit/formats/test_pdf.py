"""PDF: headings by outline or letters, margins, columns, broken words, code, tables, links, and pages that can't be read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from docgraph.domain.errors import DocumentEmptyError, DocumentError, DocumentUnreadableError
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, Read, Source
from docgraph.formats.pdf import read as read_pdf
from docgraph.formats.pdf import sniff
from support.unit.formats_samples import read as read_document
from support.unit.formats_samples import under_hash_seeds
from support.unit.pdf import Mark, Sheet, pdf

WORDS = (
    "The pump moves water from the lower to the",
    "upper tank as long as the valve is open and",
    "the lamp is green, which it is most of the time.",
)


def read(data: bytes) -> Read:
    return read_pdf(data, Source("upload:///manual.pdf"))


def blocks(*sheets: Sheet) -> list[str]:
    return read(pdf(*sheets)).text.split("\n\n")


def codes(found: Read) -> list[str]:
    return ["\n".join(line for _, line in block.lines) for section in found.outline.sections for block in section.code]


def test_the_outline_gives_headings_with_the_numbers_that_are_printed() -> None:
    sheets = (
        Sheet().put(72, 700, "Chapter 1", 18).put(72, 670, "PUMPS", 18).lines(72, 640, *WORDS),
        Sheet().put(72, 700, "1.1 A long title that", 14).put(72, 684, "takes two lines", 14).lines(72, 650, *WORDS),
        Sheet().lines(72, 700, *WORDS).lines(72, 600, "Words of the next."),
    )
    marks = (
        Mark(1, "Pumps", 0, 720),
        Mark(2, "A long title that takes two lines", 1, 715),
        Mark(2, "Printed nowhere", 2, 650),
    )
    found = read(pdf(*sheets, outline=marks, labels="[0 << /S /r >> 2 << /S /D /St 1 >>]"))
    assert [(s.level, s.heading_path[-1], s.anchor, s.where) for s in found.outline.sections[1:]] == [
        (1, "Chapter 1 Pumps", "page=1", "page 1 (label i)"),
        (2, "1.1 A long title that takes two lines", "page=2", "page 2 (label ii)"),
        (2, "Printed nowhere", "page=3", "page 3 (label 1)"),
    ]
    assert found.text.endswith(f"{' '.join(WORDS)}\n\nPrinted nowhere\n\nWords of the next.")


def test_without_an_outline_larger_letters_and_bold_numbers_are_headings() -> None:
    sheet = (
        Sheet()
        .put(72, 740, "Pump manual", 24)
        .put(72, 710, "1 Start", 16)
        .lines(72, 690, *WORDS)
        .put(72, 640, "1.1 Limits", 13)
        .lines(72, 620, *WORDS)
        .put(72, 570, "1.1.1 Upper limit", 10, "F2")
        .lines(72, 550, *WORDS)
        .put(72, 500, "Notes", 13)
        .lines(72, 480, *WORDS)
    )
    found = read(pdf(sheet))
    assert [(s.level, s.heading_path[-1]) for s in found.outline.sections[1:]] == [
        (1, "Pump manual"),
        (1, "1 Start"),
        (2, "1.1 Limits"),
        (3, "1.1.1 Upper limit"),
        (2, "Notes"),
    ]


def test_running_heads_and_feet_are_left_out_and_titles_of_slides_are_not() -> None:
    def sheet(number: int) -> Sheet:
        head = "Pump manual" if number % 2 else f"Chapter {number // 4}"
        return Sheet().put(72, 760, head, 8).put(300, 30, str(number), 8).lines(72, 700, f"Page {number} says.", *WORDS)

    found = read(pdf(*(sheet(number) for number in range(1, 9))))
    assert "Pump manual" not in found.text
    assert "Chapter" not in found.text
    assert found.text.count("\n\n") == 7
    slides = read(
        pdf(*(Sheet().put(72, 720, title, 12).lines(72, 600, *WORDS) for title in ("One", "Two", "Three", "Four")))
    )
    assert [title in slides.text for title in ("One", "Two", "Three", "Four")] == [True] * 4


def test_columns_that_are_stored_row_by_row_are_read_one_after_the_other() -> None:
    left = ("Close the upper", "valve first, then", "wait for a full min-", "ute and look at", "the lamp again.")
    right = ("The lamp turns", "green when the", "pressure is right;", "if it stays red,", "call for help.")
    sheet = Sheet()
    for number, (before, after) in enumerate(zip(left, right, strict=True)):
        sheet.put(72, 700 - 14 * number, before).put(330, 700 - 14 * number, after)
    assert blocks(sheet) == [
        "Close the upper valve first, then wait for a full minute and look at the lamp again.",
        "The lamp turns green when the pressure is right; if it stays red, call for help.",
    ]


def test_rows_of_short_cells_are_a_table() -> None:
    rows = (("Name", "Meaning"), ("port", "Where it listens"), ("host", "Its address"), ("tls", "On or off"))
    sheet = Sheet().lines(72, 740, *WORDS)
    for number, (name, meaning) in enumerate(rows):
        sheet.put(72, 680 - 14 * number, name).put(330, 680 - 14 * number, meaning)
    sheet.put(330, 680 - 14 * 4, "for all of it")
    assert blocks(sheet)[1:] == [
        "| Name | Meaning |\n| --- | --- |\n| port | Where it listens |\n| host | Its address |\n| tls | On or off for all of it |"
    ]


def test_broken_words_are_joined_and_words_with_hyphens_keep_them() -> None:
    sheet = Sheet().lines(
        72,
        700,
        "The built-in pump is up-to-date. A pres-",
        "sure of two bar is enough for the built-",
        "in valve, which is up-",
        "to-date as well; see also the net-",
        "work.",
    )
    assert blocks(sheet) == [
        "The built-in pump is up-to-date. A pressure of two bar is enough for the built-in valve, which is up-to-date as well; "
        "see also the network."
    ]


def test_paragraphs_go_on_over_pages_and_end_at_gaps() -> None:
    first = Sheet().lines(72, 700, *WORDS).lines(72, 640, "This sentence goes on", "where the next page")
    assert blocks(first, Sheet().lines(72, 700, "begins.", leading=12)) == [
        " ".join(WORDS),
        "This sentence goes on where the next page begins.",
    ]


def test_code_keeps_its_blanks_and_empty_lines() -> None:
    sheet = Sheet().lines(72, 740, *WORDS).lines(90, 690, "def low():", "    return  1", font="F3", leading=11)
    sheet.lines(90, 657, "low()", font="F3").lines(72, 620, *WORDS)
    assert codes(read(pdf(sheet))) == ["def low():\n    return  1\n\nlow()"]


def test_a_line_of_prose_that_ends_in_code_is_prose() -> None:
    sheet = Sheet().lines(72, 700, *WORDS[:2], "the last words are these:").put(72, 664, "pump.toml", font="F3")
    sheet.lines(72, 600, "Prose that has no end and goes on with", "a name such as the following one,").put(
        72, 576, "pump.toml", font="F3"
    )
    assert codes(read(pdf(sheet))) == ["pump.toml"]


def test_lists_have_depth_and_go_on_below_their_marker() -> None:
    sheet = Sheet().lines(72, 740, *WORDS)
    sheet.put(80, 690, "• First item that goes on").put(90, 678, "in a second line").put(100, 666, "• Inner item")
    sheet.put(80, 654, "• Last item").put(80, 630, "1. One").put(80, 618, "2. Two")
    items = blocks(sheet)[1]
    assert items.startswith("- First item that goes on in a second line\n  - Inner item\n- Last item")


def test_links_lead_out_and_to_pages() -> None:
    sheet = Sheet().put(72, 700, "See the site or chapter two.").link(72, 698, 140, 710, "https://example.org/")
    sheet.put(72, 650, "Onwards").link(72, 648, 130, 660, "1")
    found = read(pdf(sheet, Sheet().put(72, 700, "Second.")))
    links = [(link.reference, link.text) for section in found.outline.sections for link in section.links]
    assert [target for target, _ in links] == ["https://example.org/", "#page=2"]
    assert links[0][1].startswith("See the site or")


def test_lists_of_contents_are_left_out() -> None:
    sheet = Sheet().put(72, 740, "1.1 Limits . . . . . . . . . . . 12").put(72, 700, "Words.")
    assert blocks(sheet) == ["Words."]


def test_a_document_of_pictures_says_so_and_single_ones_are_counted() -> None:
    with pytest.raises(DocumentUnreadableError, match="2 pages and no text: they are pictures"):
        read(pdf(Sheet().picture(), Sheet().picture()))
    found = read(pdf(Sheet().picture(), Sheet().put(72, 700, "Words."), Sheet()))
    assert found.text == "Words."
    assert found.outline.warnings == ("1 of 3 pages are pictures without text and were left out (page 1)",)
    with pytest.raises(DocumentEmptyError, match="no text to index"):
        read_document(pdf(Sheet()), name="manual.pdf", content_type="application/pdf")


def test_titles_come_from_the_properties_unless_a_program_made_them_up() -> None:
    assert read(pdf(Sheet().put(72, 700, "Words."), title="Pump manual")).outline.title == "Pump manual"
    assert read(pdf(Sheet().put(72, 700, "Words."), title="Microsoft Word - pump.doc")).outline.title is None


def test_the_first_of_several_chapters_is_no_title() -> None:
    sheets = [Sheet().put(72, 740, name, 18).lines(72, 700, *WORDS) for name in ("Start", "Limits")]
    both = read(pdf(*sheets, outline=(Mark(1, "Start", 0, 760), Mark(1, "Limits", 1, 760))))
    one = read(pdf(*sheets, outline=(Mark(1, "Start", 0, 760), Mark(2, "Limits", 1, 760))))
    assert (both.outline.title, one.outline.title) == (None, "Start")


def test_the_bytes_decide() -> None:
    data = pdf(Sheet().put(72, 700, "Words."))
    assert read_document(data, name="manual.md", content_type="text/markdown").format == "pdf"
    with pytest.raises(DocumentUnreadableError, match="damaged or cut off"):
        read_document(b"%PDF-1.7\n\x00", name="manual.md", content_type="text/markdown")
    assert (sniff(b"\n" * 500 + data), sniff(b"Words %PD")) == (CERTAIN, IMPOSSIBLE)
    assert sniff(b"%!PS-Adobe-3.0 PDF\n" + data) == CERTAIN


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "damaged or cut off"),
        (b"%PDF-1.7\nnothing", "damaged or cut off"),
        (pdf(Sheet().put(72, 700, "Words."), encrypt=True), "is encrypted"),
    ],
)
def test_what_cannot_be_opened_says_why(data: bytes, said: str) -> None:
    with pytest.raises(DocumentUnreadableError, match=f"upload:///manual.pdf .*{said}"):
        read(data)


def test_damaged_documents_are_document_errors_or_read() -> None:
    rich = pdf(
        Sheet().put(72, 740, "1 Start", 16).lines(72, 700, *WORDS).link(72, 698, 140, 710, "1"),
        Sheet().lines(90, 690, "def low():", "    return", font="F3"),
        outline=(Mark(1, "Start", 0, 750),),
        labels="[0 << /S /r >>]",
    )
    chance = random.Random(3)
    for _ in range(300):
        data = bytearray(rich)
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = read(bytes(data[: chance.randint(200, len(data))] if chance.random() < 0.3 else data))
        except DocumentError:
            continue
        assert isinstance(found.text, str)


def test_an_outline_that_leads_back_to_itself_ends() -> None:
    data = pdf(Sheet().put(72, 700, "Words."), outline=(Mark(1, "One", 0, 700), Mark(1, "Two", 0, 700)))
    looped = data.replace(b"/Prev", b"/Next")
    assert "Words." in read(looped).text


def test_long_documents_take_time_that_grows_with_them() -> None:
    sheets = [Sheet().put(72, 740, f"{number} Part", 14).lines(72, 700, *WORDS * 15) for number in range(200)]
    found = read(pdf(*sheets, outline=tuple(Mark(1, "Part", number, 750) for number in range(200))))
    assert [section.heading_path[-1] for section in found.outline.sections[1:]] == [
        f"{number} Part" for number in range(200)
    ]


def test_the_same_bytes_give_the_same_text_under_any_hash_seed(tmp_path: Path) -> None:
    document = tmp_path / "manual.pdf"
    document.write_bytes(
        pdf(Sheet().put(72, 740, "1 Start", 16).lines(72, 700, *WORDS), Sheet().lines(72, 700, *WORDS))
    )
    script = (
        "import sys; from docgraph.formats.pdf import read; from docgraph.formats.base import Source; "
        "r = read(open(sys.argv[1], 'rb').read(), Source('upload:///x')); "
        "print(r.text, [(s.heading_path, s.anchor, s.where) for s in r.outline.sections])"
    )
    outputs = under_hash_seeds(script, str(document))
    assert len(outputs) == 1
    assert "1 Start" in outputs.pop()


def test_a_text_that_speaks_of_the_mark_is_no_pdf() -> None:
    text = "# Formats\n\nA mark in the bytes (`%PDF-1.7`, the members of an archive) outweighs what was declared.\n"
    parsed = read_document(text.encode(), name="formats.md", content_type="text/markdown")
    assert (parsed.format, parsed.warnings) == ("markdown", ())
