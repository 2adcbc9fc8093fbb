"""Presentations: order of reading, lists, tables, charts, diagrams, notes, links between slides, and broken files."""

from __future__ import annotations

import random

import pytest

from docgraph.domain.errors import DocumentError, DocumentUnreadableError
from docgraph.formats.base import Read, Source
from docgraph.formats.office import PPTX
from support.unit.formats_samples import read as read_document
from support.unit.office import NAMES, line, package, relationships, shape, slides

TITLE = shape("Title one", "title")
BULLETS = '<a:pPr lvl="{}"/>'


def read(data: bytes) -> Read:
    return PPTX.read(data, Source("upload:///deck.pptx"))


def blocks(*trees: str, **options: object) -> list[str]:
    return read(slides(*trees, **options)).text.split("\n\n")  # type: ignore[arg-type]


def test_a_slide_is_a_section_with_its_number_as_anchor_and_place() -> None:
    found = read(slides(shape("Body") + TITLE, shape("Second", "ctrTitle"), shape("No title here.")))
    assert [(s.level, s.heading_path, s.anchor, s.where) for s in found.outline.sections[1:]] == [
        (1, ("Title one",), "slide-1", "slide 1"),
        (1, ("Second",), "slide-2", "slide 2"),
        (1, (), "slide-3", "slide 3"),
    ]
    parsed = read_document(slides(TITLE + shape("Body")), name="deck.bin", content_type="")
    assert (parsed.format, parsed.sections[0].heading_path, parsed.sections[0].text) == ("pptx", ("Title one",), "Body")


def test_sections_of_a_presentation_stand_above_their_slides() -> None:
    lists = (
        '<p:extLst><p14:sectionLst><p14:section name="Default Section"><p14:sldIdLst><p14:sldId id="256"/></p14:sldIdLst></p14:section>'
        '<p14:section name="Parts"><p14:sldIdLst><p14:sldId id="257"/></p14:sldIdLst></p14:section></p14:sectionLst></p:extLst>'
    )
    found = read(slides(TITLE, shape("Second", "title"), extra=lists))
    assert [section.heading_path for section in found.outline.sections[1:]] == [
        ("Title one",),
        ("Parts",),
        ("Parts", "Second"),
    ]


def test_shapes_are_read_as_they_lie_and_what_every_slide_repeats_is_left_out() -> None:
    group = f"<p:grpSp><p:nvGrpSpPr/><p:grpSpPr/>{shape('GROUPED')}</p:grpSp>"
    tree = (
        shape("right", at=(500, 110, 90, 100))
        + shape("bottom", at=(0, 900, 90, 100))
        + shape("left", at=(0, 120, 90, 100))
        + group.replace(
            "<p:grpSpPr/>", '<p:grpSpPr><a:xfrm><a:off x="0" y="500"/><a:ext cx="9" cy="9"/></a:xfrm></p:grpSpPr>'
        )
        + TITLE
        + shape("footer words", "ftr")
        + shape("7", "sldNum")
        + shape("1 May", "dt")
    )
    assert blocks(tree) == ["Title one", "left", "right", "GROUPED", "bottom"]


def test_places_and_bullets_come_from_the_layout() -> None:
    master = shape("x", "body", at=(0, 800, 9, 9))
    layout = shape("Click", "body", at=(0, 700, 9, 9), index="1") + shape(
        "Click", "body", at=(0, 10, 9, 9), index="2"
    ).replace("<a:bodyPr/>", "<a:bodyPr/><a:lstStyle><a:lvl1pPr><a:buNone/></a:lvl1pPr></a:lstStyle>")

    def part(name: str, tree: str) -> str:
        return f"<p:{name} {NAMES}><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:{name}>"

    more = {
        "ppt/slideLayouts/l.xml": part("sldLayout", layout),
        "ppt/slideLayouts/_rels/l.xml.rels": relationships({"m": ("slideMaster", "../slideMasters/m.xml")}),
        "ppt/slideMasters/m.xml": part("sldMaster", master),
    }
    tree = TITLE + shape(line("a") + line("b"), "body", index="1") + shape(line("c") + line("d"), "body", index="2")
    links = {1: {"l": ("slideLayout", "../slideLayouts/l.xml")}}
    assert blocks(tree, links=links, more=more) == ["Title one", "c", "d", "- a\n- b"]


def test_lists_have_depth_and_numbers() -> None:
    counted = '<a:pPr><a:buAutoNum type="arabicPeriod"/></a:pPr>'
    body = shape(
        line("A") + line("Sub", BULLETS.format(1)) + line("B") + line("plain", "<a:pPr><a:buNone/></a:pPr>"), "body"
    )
    numbers = shape(line("one", counted) + line("under", BULLETS.format(1)) + line("two", counted))
    assert blocks(TITLE + body + numbers) == ["Title one", "- A\n  - Sub\n- B", "plain", "1. one\n  - under\n2. two"]


def test_code_and_links() -> None:
    mono = '<a:latin typeface="Consolas"/>'
    code = shape(line("def low():", run=mono) + line("    return 1", run=mono))
    inline = shape(
        f"<a:p><a:r><a:t>Call </a:t></a:r><a:r><a:rPr>{mono}</a:rPr><a:t>low()</a:t></a:r><a:br/><a:r><a:t>now.</a:t></a:r></a:p>"
    )
    link = shape(line("there", run='<a:hlinkClick r:id="l"/>') + line("out", run='<a:hlinkClick r:id="o"/>'))
    related = {1: {"l": ("slide", "slide2.xml"), "o": ("hyperlink", "https://example.org/")}}
    found = read(slides(TITLE + code + inline + link, shape("Second", "title"), links=related))
    section = found.outline.sections[1]
    assert ["\n".join(text for _, text in block.lines) for block in section.code] == ["def low():\n    return 1"]
    assert "Call `low()` now." in found.text
    assert [(each.reference, each.text) for each in section.links] == [
        ("#slide-2", "there"),
        ("https://example.org/", "out"),
    ]


def frame(content: str) -> str:
    return f"<p:graphicFrame><p:nvGraphicFramePr/><p:xfrm/><a:graphic><a:graphicData>{content}</a:graphicData></a:graphic></p:graphicFrame>"


def test_tables_have_their_spans_filled() -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<a:tc {attributes}><a:txBody>{line(text)}</a:txBody></a:tc>"

    rows = (
        f"<a:tr>{cell('A', 'gridSpan=' + chr(34) + '2' + chr(34))}{cell('', 'hMerge=' + chr(34) + '1' + chr(34))}</a:tr>"
        f"<a:tr>{cell('b', 'rowSpan=' + chr(34) + '2' + chr(34))}{cell('1')}</a:tr>"
        f"<a:tr>{cell('', 'vMerge=' + chr(34) + '1' + chr(34))}{cell('2')}</a:tr>"
    )
    assert blocks(frame(f'<a:tbl><a:tblPr firstRow="1"/>{rows}</a:tbl>')) == [
        "| A | A |\n| --- | --- |\n| b | 1 |\n| b | 2 |"
    ]


def test_charts_are_tables_and_diagrams_are_lists() -> None:
    def points(*values: str) -> str:
        return "".join(f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate(values))

    chart = (
        f"<c:chartSpace {NAMES}><c:chart><c:title><c:tx><c:rich>{line('Flow')}</c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser>"
        f"<c:tx><c:strRef><c:strCache>{points('2024')}</c:strCache></c:strRef></c:tx><c:cat><c:strRef><c:strCache>{points('in', 'out')}"
        f"</c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache>{points('1', '2.5')}</c:numCache></c:numRef></c:val></c:ser>"
        "</c:barChart></c:plotArea></c:chart></c:chartSpace>"
    )
    opened, closed = (f"<dgm:pt><dgm:t>{line(text)}</dgm:t></dgm:pt>" for text in ("Open", "Close"))
    diagram = f"<dgm:dataModel {NAMES}><dgm:ptLst>{opened}<dgm:pt/>{closed}</dgm:ptLst></dgm:dataModel>"
    links = {1: {"c": ("chart", "../charts/chart1.xml"), "d": ("diagramData", "../diagrams/data1.xml")}}
    more = {"ppt/charts/chart1.xml": chart, "ppt/diagrams/data1.xml": diagram}
    tree = frame('<c:chart r:id="c"/>') + frame('<dgm:relIds r:dm="d"/>')
    assert blocks(tree, links=links, more=more) == [
        "Flow",
        "|  | 2024 |\n| --- | --- |\n| in | 1 |\n| out | 2.5 |",
        "- Open\n- Close",
    ]


def test_notes_and_alternative_texts_are_read() -> None:
    notes = f"<p:notes {NAMES}><p:cSld><p:spTree>{shape('12', 'sldNum')}{shape('Say this.', 'body')}</p:spTree></p:cSld></p:notes>"
    picture = '<p:pic><p:nvPicPr><p:cNvPr id="3" name="Picture 3" descr="The pump from above"/></p:nvPicPr></p:pic>'
    links = {1: {"n": ("notesSlide", "../notesSlides/n.xml")}}
    assert blocks(TITLE + picture, links=links, more={"ppt/notesSlides/n.xml": notes}) == [
        "Title one",
        "The pump from above",
        "Say this.",
    ]


def test_content_in_two_versions_is_read_once() -> None:
    both = f"<mc:AlternateContent><mc:Choice>{shape('new')}</mc:Choice><mc:Fallback>{shape('old')}</mc:Fallback></mc:AlternateContent>"
    assert blocks(both) == ["new"]


def test_groups_beyond_the_limit_are_read_as_text() -> None:
    deep = f"{'<p:grpSp>' * 2_000}{shape('Deep words.')}{'</p:grpSp>' * 2_000}"
    found = read(slides(TITLE + deep))
    assert found.text == "Title one\n\nDeep words."
    assert "grouped deeper than 20" in found.outline.warnings[0]


def test_a_slide_that_is_not_there_is_left_out_and_said() -> None:
    entries = '<p:sldIdLst><p:sldId id="256" r:id="s1"/></p:sldIdLst>'
    data = package(
        {
            "ppt/presentation.xml": f"<p:presentation {NAMES}>{entries}</p:presentation>",
            "ppt/_rels/presentation.xml.rels": relationships({"s1": ("slide", "slides/lost.xml")}),
        }
    )
    assert "Slide 1 is not in the presentation" in read(data).outline.warnings[0]


def test_damaged_presentations_are_document_errors_or_read() -> None:
    with pytest.raises(DocumentUnreadableError, match=r"no part 'ppt/presentation\.xml'"):
        read(package({"ppt/other.xml": "<a/>"}))
    rich = slides(*[TITLE + shape(line("A") + line("B"), "body")] * 5)
    chance = random.Random(11)
    for _ in range(200):
        data = bytearray(rich)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = read(bytes(data))
        except DocumentError:
            continue
        assert isinstance(found.text, str)
