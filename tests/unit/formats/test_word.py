"""Word documents: styles and their heirs, counted numbers, accepted changes, hidden text, tables, notes, boxes, and broken files."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentError, DocumentTooLargeError, DocumentUnreadableError, UnsupportedFormatError
from docgraph.formats.base import IMPOSSIBLE, Read, Source
from docgraph.formats.fonts import is_fixed_pitch
from docgraph.formats.office import DOCX
from support.unit.formats_samples import read as read_document
from support.unit.formats_samples import under_hash_seeds
from support.unit.office import HEADINGS, NAMES, level, numbered, numbering, package, paragraph, run, style, word

COURIER = '<w:rFonts w:ascii="Courier New"/>'
DELETED = "<w:rPr><w:del/></w:rPr>"


def parsed(data: bytes) -> ParsedDocument:
    return read_document(data, name="manual.docx", content_type="application/octet-stream")


def read(data: bytes) -> Read:
    return DOCX.read(data, Source("upload:///manual.docx"))


def body(content: str, **parts: str) -> list[str]:
    """Return the blocks that are written of a body."""
    return read(word(content, links=None, **parts)).text.split("\n\n")


def paths(found: Read) -> list[tuple[str, ...]]:
    return [section.heading_path for section in found.outline.sections if section.level]


def test_headings_come_by_name_inheritance_and_outline_level_below_the_title() -> None:
    styles = (
        HEADINGS + style("Own", "Eigene Zeile", "H2") + style("L3", "Third", properties='<w:outlineLvl w:val="2"/>')
    )
    found = read(
        word(
            paragraph("Pump", "T")
            + paragraph("guide", "T")
            + paragraph("Start", "H1")
            + paragraph("Words.")
            + paragraph("Limits", "Own")
            + paragraph("Deep", "L3")
            + paragraph("Direct", properties='<w:outlineLvl w:val="0"/>')
            + paragraph("No heading", "H1", '<w:outlineLvl w:val="9"/>'),
            styles=styles,
        )
    )
    assert paths(found) == [
        ("Pump guide",),
        ("Pump guide", "Start"),
        ("Pump guide", "Start", "Limits"),
        ("Pump guide", "Start", "Limits", "Deep"),
        ("Pump guide", "Direct"),
    ]
    assert found.outline.title == "Pump guide"
    assert [section.where for section in found.outline.sections][1:3] == ["paragraph 1", "paragraph 3"]
    assert found.text.endswith("No heading")


def test_a_document_without_a_title_begins_with_its_headings() -> None:
    found = read(word(paragraph("One", "H1") + paragraph("Two", "H2"), styles=HEADINGS))
    assert paths(found) == [("One",), ("One", "Two")]


def test_numbers_are_counted_as_word_counts_them() -> None:
    legal = "".join(level(n, text) for n, text in enumerate(["%1", "%1.%2", "%1.%2.%3"]))
    letters = level(0, "%1)", form="lowerLetter") + level(1, "(%2)", form="upperRoman")
    content = (
        paragraph("One", "H1", numbered(1))
        + paragraph("Sub", "H2", numbered(1, 1))
        + paragraph("Sub", "H2", numbered(1, 1))
        + paragraph("Two", "H1", numbered(1))
        + paragraph("Sub", "H2", numbered(1, 1))
        + paragraph("a", properties=numbered(2))
        + paragraph("b", properties=numbered(2, 1))
        + paragraph("c", properties=numbered(2))
        + paragraph("none", properties=numbered(0))
        + paragraph("again", properties=numbered(3))
    )
    override = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'
    restart = f'<w:num w:numId="3"><w:abstractNumId w:val="1"/>{override}</w:num>'
    found = read(word(content, styles=HEADINGS, numbering=numbering(legal, letters, more=restart)))
    assert [path[-1] for path in paths(found)] == ["1 One", "1.1 Sub", "1.2 Sub", "2 Two", "2.1 Sub"]
    assert found.text.split("\n\n")[-3:] == ["a) a\n  (I) b\nb) c", "none", "g) again"]


@pytest.mark.parametrize(
    ("form", "labels"),
    [
        ("upperLetter", ["Z", "AA"]),
        ("lowerRoman", ["xxvi", "xxvii"]),
        ("decimalZero", ["26", "27"]),
        ("chicago", ["26", "27"]),
        ("bullet", ["-", "-"]),
    ],
)
def test_forms_of_numbers(form: str, labels: list[str]) -> None:
    definition = level(0, "%1", form=form).replace('w:start w:val="1"', 'w:start w:val="26"')
    text = read(word(paragraph("x", properties=numbered(1)) * 2, numbering=numbering(definition))).text
    assert text == "\n".join(f"{label} x" for label in labels)


def test_lists_of_styles_keep_their_depth_and_go_on_below_an_item() -> None:
    styles = style("B", "List Bullet") + style("B2", "List Bullet 2") + style("C", "List Paragraph")
    assert body(
        paragraph("a", "B") + paragraph("b", "B2") + paragraph("more", "C") + paragraph("end"), styles=styles
    ) == [
        "- a\n  - b\n    more",
        "end",
    ]


def test_changes_are_accepted() -> None:
    content = (
        paragraph(
            f"{run('Close the ')}<w:ins>{run('upper ')}</w:ins><w:del><w:r><w:delText>lower </w:delText></w:r></w:del>{run('valve.')}"
        )
        + paragraph(f"<w:moveFrom>{run('moved away')}</w:moveFrom><w:moveTo>{run('Moved here.')}</w:moveTo>")
        + paragraph("One ", properties=DELETED)
        + paragraph("line.")
    )
    assert body(content) == ["Close the upper valve.", "Moved here.", "One line."]


def test_hidden_text_and_tables_of_contents_are_left_out() -> None:
    styles = HEADINGS + style("Toc1", "toc 1") + style("Ghost", "Ghost", kind="character", run="<w:vanish/>")
    control = '<w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
    line = '<w:hyperlink w:anchor="_Toc1"><w:r><w:t>One 3</w:t></w:r><w:r><w:instrText>PAGEREF _Toc1 \\h</w:instrText></w:r></w:hyperlink>'
    content = (
        f"<w:sdt>{control}<w:sdtContent>{paragraph('Contents')}{paragraph('One 3')}</w:sdtContent></w:sdt>"
        + paragraph("One 3", "Toc1")
        + paragraph(line)
        + paragraph(
            run("hidden", "<w:vanish/>")
            + run("shown", '<w:vanish w:val="0"/>')
            + run("ghost", '<w:rStyle w:val="Ghost"/>')
        )
        + f"<w:sdt><w:sdtContent>{paragraph('Words in a control.')}</w:sdtContent></w:sdt>"
    )
    assert body(content, styles=styles) == ["shown", "Words in a control."]


def test_characters_that_are_elements_are_kept() -> None:
    content = paragraph(
        "<w:r><w:t>first</w:t><w:br/><w:t>second</w:t><w:tab/><w:t>third </w:t><w:noBreakHyphen/><w:noBreakHyphen/><w:t>dry</w:t>"
        '<w:softHyphen/><w:t>run </w:t><w:sym w:font="Wingdings" w:char="F0E0"/><w:t> end</w:t></w:r>'
    )
    assert body(content) == ["first second third --dryrun → end"]


def test_code_is_known_by_its_style_or_its_font_and_keeps_every_character() -> None:
    styles = style("Src", "Source Code") + style("Mono", "Mine", run=COURIER)
    content = (
        paragraph("def low():", "Src")
        + paragraph("<w:r><w:t xml:space='preserve'>    return</w:t><w:br/><w:tab/><w:t>1</w:t></w:r>", "Src")
        + paragraph("", "Src")
        + paragraph("low()", "Src")
        + paragraph("Between.")
        + paragraph(run("pump  -v", COURIER))
        + paragraph("Between.")
        + paragraph("all  mine", "Mono")
        + paragraph(f"{run('Call ')}{run('low', COURIER)}{run('(1)', COURIER)}{run(' now.')}")
    )
    found = read(word(content, styles=styles))
    code = ["\n".join(line for _, line in block.lines) for section in found.outline.sections for block in section.code]
    assert code == ["def low():\n    return\n\t1\n\nlow()", "pump  -v", "all  mine"]
    assert found.text.endswith("Call `low(1)` now.")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Consolas", True), ("DejaVu Sans Mono", True), ("Monotype Corsiva", False), ("Arial", False)],
)
def test_fonts_of_fixed_pitch(name: str, *, expected: bool) -> None:
    assert is_fixed_pitch(name) is expected


def cell(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


def test_tables_have_their_spans_filled_even_without_a_grid() -> None:
    wide, top = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>'
    inner = f"<w:tbl><w:tr>{cell(paragraph('inner'))}</w:tr></w:tbl>"
    rows = (
        f"<w:tr>{cell(paragraph('Range'), wide)}</w:tr>"
        f"<w:tr>{cell(paragraph('port'), top)}{cell(paragraph('a') + paragraph('b'))}</w:tr>"
        f"<w:tr>{cell(paragraph(''), '<w:vMerge/>')}{cell(inner + paragraph('after'))}</w:tr>"
        f"<w:tr><w:trPr><w:del/></w:trPr>{cell(paragraph('gone'))}</w:tr>"
        f"<w:tr><w:trPr><w:gridBefore w:val='1'/></w:trPr>{cell(paragraph('right'))}</w:tr>"
    )
    assert body(f"<w:tbl><w:tblGrid/>{rows}</w:tbl>") == [
        "| Range | Range |\n| --- | --- |\n| port | a b |\n| port | inner after |\n|  | right |"
    ]


def test_rows_that_repeat_on_each_page_are_the_header() -> None:
    head = f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{cell(paragraph('A'))}{cell(paragraph('B'))}</w:tr>"
    row = f"<w:tr>{cell(paragraph('1'))}{cell(paragraph('2'))}</w:tr>"
    assert body(f"<w:tbl>{head}{head.replace('>A<', '>x<')}{row}</w:tbl>")[0].startswith("| A x | B |\n")
    plain = '<w:tblPr><w:tblLook w:firstRow="0"/></w:tblPr>'
    assert body(f"<w:tbl>{plain}{row}{row}</w:tbl>")[0].startswith("|  |  |\n")


def test_a_box_around_blocks_is_no_table() -> None:
    box = f"<w:tbl><w:tr>{cell(paragraph('low()', 'Src') + paragraph('high()', 'Src'))}</w:tr></w:tbl>"
    assert body(box, styles=style("Src", "Source Code")) == ["```\nlow()\nhigh()\n```"]


def test_notes_stand_below_the_block_that_refers_to_them_and_keep_their_links() -> None:
    reference = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    notes = (
        f'<w:footnote w:id="0" w:type="separator">{paragraph("line")}</w:footnote>'
        f'<w:footnote w:id="2">{paragraph("Turn it left.")}</w:footnote>'
    )
    end = '<w:r><w:endnoteReference w:id="1"/></w:r>'
    content = paragraph(f"{run('Close it.')}{reference}") + paragraph("Next.") + paragraph(f"{run('Last.')}{end}")
    assert body(content, footnotes=notes, endnotes=f'<w:endnote w:id="1">{paragraph("The end.")}</w:endnote>') == [
        "Close it.[1]",
        "[1] Turn it left.",
        "Next.",
        "Last.[2]",
        "[2] The end.",
    ]


def test_links_lead_out_and_to_the_anchor_of_the_section_they_mean() -> None:
    def mark(name: str) -> str:
        return f'<w:bookmarkStart w:id="1" w:name="{name}"/>'

    def complex_field(instruction: str, text: str) -> str:
        kinds = [f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")]
        return f"{kinds[0]}<w:r><w:instrText>{instruction}</w:instrText></w:r>{kinds[1]}{run(text)}{kinds[2]}"

    content = (
        paragraph(f"{mark('_Toc9')}{mark('_Ref1')}{mark('limits')}{run('Limits')}", "H1")
        + paragraph(f"{mark('inside')}{run('Words. ')}")
        + paragraph(
            f'<w:hyperlink r:id="out">{run("site")}</w:hyperlink><w:hyperlink w:anchor="inside">{run("there")}</w:hyperlink>'
            + complex_field('HYPERLINK "https://example.org/" \\l "top"', "field")
            + complex_field("REF _Ref1 \\h", "Limits")
            + complex_field("PAGE", "7")
        )
    )
    found = read(word(content, styles=HEADINGS, links={"out": ("hyperlink", "https://example.org/x")}))
    section = found.outline.sections[-1]
    assert section.anchor == "limits"
    assert [(link.reference, link.text) for link in section.links] == [
        ("https://example.org/x", "site"),
        ("#limits", "there"),
        ("https://example.org/#top", "field"),
        ("#limits", "Limits"),
    ]


def test_text_boxes_come_once_and_pictures_say_what_they_show() -> None:
    box = f"<w:txbxContent>{paragraph('Box words.')}{paragraph('More.')}</w:txbxContent>"
    drawing = '<w:drawing><wp:inline><wp:docPr id="1" name="p" descr="{}"/>{}</wp:inline></w:drawing>'
    old = f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
    both = f"<mc:AlternateContent><mc:Choice>{drawing.format('', box)}</mc:Choice>{old}</mc:AlternateContent>"
    content = (
        paragraph(f"{run('Before.')}<w:r>{both}</w:r>")
        + paragraph(f"<w:r>{drawing.format('The pump from above', '')}</w:r>")
        + paragraph(f"<w:r>{drawing.format('image1.png', '')}</w:r>")
        + paragraph(f"<w:r>{drawing.format('A dog. Description automatically generated', '')}</w:r>")
    )
    assert body(content) == ["Before.", "Box words.", "More.", "The pump from above"]


def test_formulas_are_written_in_a_line() -> None:
    fraction = (
        "<m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath>"
    )
    assert body(paragraph(f"{run('Take ')}{fraction}")) == ["Take a/b"]


def test_the_strict_schema_is_read_and_the_properties_name_the_document() -> None:
    data = word(paragraph("Words.") + paragraph("One", "H1"), styles=HEADINGS.replace("heading 1", "heading 2"))
    strict = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(strict, "w") as after:
        for name in before.namelist():
            text = before.read(name).replace(
                b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
                b"http://purl.oclc.org/ooxml/wordprocessingml/main",
            )
            after.writestr(name, text)
    found = read(strict.getvalue())
    assert found.text == "Words.\n\nOne"
    assert paths(found) == [("One",)]
    assert parsed(strict.getvalue()).title == "manual"


def test_nesting_beyond_the_limit_is_read_as_text() -> None:
    deep = f"{'<w:sdt><w:sdtContent>' * 3_000}{paragraph('Deep words.')}{'</w:sdtContent></w:sdt>' * 3_000}"
    found = read(word(deep))
    assert found.text == "Deep words."
    assert "nested deeper than 20" in found.outline.warnings[0]


def test_styles_that_inherit_from_themselves_and_numbers_out_of_range_end() -> None:
    styles = (
        style("A", "a", "B")
        + style("B", "b", "A")
        + style("C", "c", properties='<w:outlineLvl w:val="99999999999999999999"/>')
    )
    content = paragraph("x", "A") + paragraph("y", "C") + paragraph("z", properties=numbered(1, 999))
    assert body(content, styles=styles, numbering=numbering(level(0, "%1."))) == ["x", "y", "z"]


def test_many_runs_take_time_that_grows_with_them() -> None:
    text = "".join(run(f"w{number} ") for number in range(30_000))
    found = read(word(paragraph(text)))
    assert found.text.split()[-1] == "w29999"


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", DocumentUnreadableError, "no Office document"),
        (b"PK\x03\x04cut off", DocumentUnreadableError, "cut off"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, UnsupportedFormatError, "97 to 2003"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), DocumentUnreadableError, "encrypted"),
        (package({"word/other.xml": "<a/>"}), DocumentUnreadableError, "no part 'word/document.xml'"),
        (package({"word/document.xml": "<a><b></a>"}), DocumentUnreadableError, "not well-formed"),
        (
            package({"word/document.xml": '<?xml version="1.0" encoding="UTF-9"?><a/>'}),
            DocumentUnreadableError,
            "UTF-9",
        ),
        (
            package({"word/document.xml": f"<w:document {NAMES}><w:body>{paragraph('x')}"}),
            DocumentUnreadableError,
            "not well-formed",
        ),
        (
            package({"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
            DocumentUnreadableError,
            "document type",
        ),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, kind: type[DocumentError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        read(data)
    assert "upload:///manual.docx" in str(caught.value)


def test_parts_that_unpack_beyond_measure_are_refused() -> None:
    bomb = package(
        {"word/document.xml": f"<w:document {NAMES}><w:body>{paragraph('x' * 30_000_000)}</w:body></w:document>"}
    )
    assert len(bomb) < 100_000
    with pytest.raises(DocumentTooLargeError, match="unpacks to more"):
        read(bomb)


def test_declared_types_and_names_give_way_to_the_bytes() -> None:
    data = word(paragraph("Words."))
    found = read_document(data, name="notes.md", content_type="text/markdown")
    assert found.format == "docx"
    assert DOCX.sniff(package({"other.xml": "<a/>"})) == IMPOSSIBLE
    with pytest.raises(DocumentUnreadableError, match="encrypted"):
        parsed(b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"))


def test_damaged_documents_are_document_errors_or_read() -> None:
    rich = word(
        paragraph("One", "H1", numbered(1)) + paragraph("Words.") * 20,
        styles=HEADINGS,
        numbering=numbering(level(0, "%1.")),
    )
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(rich)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = read(bytes(data[: chance.randint(len(data) // 2, len(data))] if chance.random() < 0.3 else data))
        except DocumentError:
            continue
        assert isinstance(found.text, str)


def test_the_same_bytes_give_the_same_text_under_any_hash_seed(tmp_path: Path) -> None:
    document = tmp_path / "manual.docx"
    notes = f'<w:footnote w:id="2">{paragraph("Turn it left.")}</w:footnote>'
    content = paragraph("One", "H1") + paragraph(f'{run("Close it.")}<w:r><w:footnoteReference w:id="2"/></w:r>')
    document.write_bytes(word(content, styles=HEADINGS, footnotes=notes))
    script = (
        "import sys; from docgraph.formats.office import DOCX; from docgraph.formats.base import Source; "
        "r = DOCX.read(open(sys.argv[1], 'rb').read(), Source('upload:///x')); "
        "print(r.text, [(s.heading_path, s.anchor, s.where) for s in r.outline.sections])"
    )
    outputs = under_hash_seeds(script, str(document))
    assert len(outputs) == 1
    assert "Turn it left." in outputs.pop()
