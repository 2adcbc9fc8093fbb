"""Man pages as a terminal shows them: man(7) and mdoc(7), their escapes, conditions and tables; nothing in them is run."""

from __future__ import annotations

import gzip

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentEmptyError, DocumentError, UnsupportedFormatError
from docgraph.formats.base import LIKELY
from docgraph.formats.man import sniff
from support.unit.formats_samples import read as read_document
from support.unit.formats_samples import under_hash_seeds

HEAD = ".TH PUMP 1 2024-01-02\n"
MDOC = ".Dd January 2, 2024\n.Dt VALVE 8\n.Os\n.Sh NAME\n.Nm valve\n.Nd turn a valve\n"


def read(page: str | bytes, name: str = "pump.1") -> ParsedDocument:
    return read_document(page, name=name, content_type="text/troff")


def outline(parsed: ParsedDocument) -> list[tuple[tuple[str, ...], str, str]]:
    return [
        (section.heading_path, place.anchor, section.text)
        for section, place in zip(parsed.sections, parsed.places, strict=True)
    ]


def man(body: str) -> str:
    parsed = read(f"{HEAD}.SH A\n{body}\n")
    return "\n\n".join(section.text for section in parsed.sections)


def mdoc(body: str) -> str:
    parsed = read(f"{MDOC}.Sh A\n{body}\n")
    return "\n\n".join(section.text for section in parsed.sections if section.heading_path == ("A",))


def test_sections_have_the_anchors_that_mandoc_gives_them() -> None:
    parsed = read(
        HEAD
        + '.SH NAME\npump \\- move water\n.SH "RARE OPTIONS"\na\n.SS one\nb\n.SS one\nc\n.SH NON\\-CACHED\nd\n.SH\nNext line\ne\n'
    )
    assert outline(parsed) == [
        (("NAME",), "NAME", "pump - move water"),
        (("RARE OPTIONS",), "RARE_OPTIONS", "a"),
        (("RARE OPTIONS", "one"), "one", "b"),
        (("RARE OPTIONS", "one"), "one~2", "c"),
        (("NON-CACHED",), "NON", "d"),
        (("Next line",), "Next_line", "e"),
    ]
    assert parsed.title == "PUMP(1)"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('.BR \\-v ", " \\-\\-verbose', "-v, --verbose"),
        (".B pump\n[\\fB\\-v\\fR] \\fIFILE\\fR", "pump [-v] FILE"),
        ('.B "a ""quoted"" word"', 'a "quoted" word'),
        (".B\nnext", "next"),
        ("a \\(em b \\(oqc\\(cq \\[u00E9] \\('e \\*(lqd\\*(rq \\e \\(aq \\(bu", "a — b ‘c’ é é “d” \\ ' •"),
        ("a\\&.b \\s-1C\\s0 \\f(CWd\\fP e\\c\nf \\h'1n'g \\\" gone", "a.b C d ef g"),
        (".ds x one \\*y\n.ds y two\n\\*x \\*(zz.", "one two ."),
        ('a\n.\\" comment\n\'\\" another\nb', "a b"),
        ("a \\\nb", "a b"),
        (
            ".if n yes\n.if t no\n.ie \\n(.g \\{\\\ng\n.\\}\n.el \\{\\\nh\n.\\}\n.if !n no\n.if t \\{\nno\n.\\}\nend",
            "yes g end",
        ),
        (".de XX\nbody \\\\$1\n..\n.XX arg\nafter", "after"),
        (".so man1/secret.1\nafter", "after"),
        (".ig\nignored\n..\nafter", "after"),
        ("See\n.UR https://example.org/\nthe page\n.UE .\nMore", "See the page ⟨https://example.org/⟩. More"),
        (".MR open 2 ,\nthen", "open(2), then"),
        (".EQ\nx over y\n.EN\nafter", "after"),
    ],
)
def test_what_a_line_of_man_says(source: str, text: str) -> None:
    assert man(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (".Nm\n.Op Fl v\n.Ar name", "valve [-v] name"),
        (".Op Fl D Oo Ar host : Oc Ns Ar port", "[-D [host:]port]"),
        (".Fl -long , Fl x .", "--long, -x."),
        (".Xr open 2 ,\nand\n.Sx THERE .", "open(2), and THERE."),
        (".Pq see Xr open 2 .", "(see open(2))."),
        (".Dq quoted Ns s ,\n.Sq a\n.Qq b\n.Ql c", '“quoteds”, ‘a’ "b" ‘c’'),
        (".Sm off\n.Oo Ar user @ Oc host\n.Sm on\nafter", "[user@]host after"),
        (".Fn open path flags\nand\n.Fo close\n.Fa fd\n.Fc", "open(path, flags) and close(fd)"),
        (".In sys/types.h\n.Ux Ns -domain", "<sys/types.h> UNIX-domain"),
        (".Pf no Ar space\n.No x Ns Ap s", "nospace x's"),
        (".Lk https://example.org/ label\n.Mt a@b.org", "label ⟨https://example.org/⟩ a@b.org"),
        (".Rs\n.%A A. Author\n.%T Title\n.Re", "A. Author, Title."),
        (".Ar", "file ..."),
    ],
)
def test_what_a_line_of_mdoc_says(source: str, text: str) -> None:
    assert mdoc(source) == text


def test_terms_stand_in_front_of_their_descriptions() -> None:
    assert man(".TP\n.B \\-v\nSay more.\n.TQ\n.B \\-w\nOr less.\n.IP word 4\nMeaning.") == (
        "-v\n\nSay more.\n\n-w\n\nOr less.\n\nword\n\nMeaning."
    )
    assert mdoc(".Bl -tag -width Ds\n.It Fl v\nSay more.\n.It Xo\n.Fl w\n.Ar x\n.Xc\nLess.\n.El\nAfter.") == (
        "-v\n\nSay more.\n\n-w x\n\nLess.\n\nAfter."
    )


def test_bullets_and_numbers_are_lists() -> None:
    assert man(".IP \\(bu 2\none\n.IP 2. 3\ntwo") == "- one\n\n2. two"
    assert (
        mdoc(".Bl -bullet\n.It\none\n.El\n.Bl -enum\n.It\nfirst\n.It\nsecond\n.El") == "- one\n\n1. first\n\n2. second"
    )


def test_what_is_not_filled_is_code_with_its_white_space() -> None:
    parsed = read(f"{HEAD}.SH A\n.nf\npump \\-v a\n    pump b\n\n.B bold line\n.fi\nText.\n.EX\nx\n.EE\n")
    assert [block.text for block in parsed.code_blocks] == ["pump -v a\n    pump b\n\nbold line", "x"]
    parsed = read(f"{MDOC}.Sh A\n.Bd -literal\na\n\n    b\n.Ed\n.Dl run me\n")
    assert [block.text for block in parsed.code_blocks] == ["a\n\n    b", "run me"]


def test_tables_have_their_spans_filled_and_their_header() -> None:
    assert man(
        ".TS\nallbox tab(|);\nlb lb lb\nl s l\nl l l.\nA|B|C\nwide|x\nT{\n.BR f ()\nand g\nT}|b|c\n\\^|d|e\n.TE"
    ) == ("| A | B | C |\n| --- | --- | --- |\n| wide | wide | x |\n| f() and g | b | c |\n| f() and g | d | e |")
    assert mdoc(".Bl -column a b\n.It Em x Ta y\n.It z\n.Ta w\n.El") == "|  |  |\n| --- | --- |\n| x | y |\n| z | w |"


def test_packed_and_old_pages_are_read() -> None:
    page = f"{HEAD}.SH A\nnaïve\n"
    assert read(gzip.compress(page.encode()), "pump.1.gz").sections[0].text == "naïve"
    assert read(page.encode("latin-1")).sections[0].text == "naïve"


@pytest.mark.parametrize(
    "page", [HEAD + ".SH A\nb\n", '\'\\" t\n.\\" licence\n.TH X 1\n', '.\\" c\n.\\"\n.Dd $Mdocdate$\n', "\n.TH X 1\n"]
)
def test_pages_are_recognised_by_the_macro_that_names_them(page: str) -> None:
    assert sniff(page.encode()) == LIKELY
    assert sniff(b"# Title\n\n.TH X 1\n") < LIKELY
    assert read_document(page + ".SH A\nb\n", name="page.txt", content_type="text/plain").format == "man"


def test_strings_that_call_each_other_stay_small() -> None:
    bomb = "".join(
        f".ds {a} {f'*{b}'.replace('*', chr(92) + '*') * 10}\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert len(man(f"{bomb}.ds i x\n\\*a.")) < 5_000


@pytest.mark.parametrize("page", ["", " \n", HEAD, ".\n"])
def test_a_page_without_text_is_empty(page: str) -> None:
    with pytest.raises(DocumentEmptyError):
        read(page)


def test_binary_is_refused() -> None:
    with pytest.raises((UnsupportedFormatError, DocumentError)):
        read(b".TH X 1\n\x00")


@pytest.mark.parametrize(
    "source",
    [
        ".SH A\n" + ".RS\n" * 5_000 + "deep\n",
        ".SH A\n" + "word " * 100_000,
        ".SH A\n.B " + '"' * 9_999,
        ".SH A\n" + "\\" * 9_999,
        ".SH A\n.if \\{\\\n" * 500 + "x",
        ".SH A\nx\n" + ".ie 1 .el " * 2_000,
        ".SH A\nx\n.TS\nl l.\nT{\na",
        ".SH A\nx\n.de Y\nnever closed",
        ".SH A\nx\n" + ".Bl -tag\n.It x\n" * 2_000,
    ],
)
def test_malformed_pages_are_read_to_their_end(source: str) -> None:
    for head in (HEAD, MDOC):
        read(head + source)


def test_the_same_bytes_give_the_same_sections_under_any_hash_seed() -> None:
    program = (
        "import sys; from support.unit.formats_samples import read; "
        "print([s.section_id for s in read(sys.stdin.read(), name='a.1', content_type='text/troff').sections])"
    )
    answers = under_hash_seeds(program, text=MDOC + ".Sh A\n.Op Fl v Ar x\n")
    assert len(answers) == 1
