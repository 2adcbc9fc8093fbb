"""AsciiDoc as asciidoctor publishes it: titles, anchors, attributes, conditions, blocks; nothing is included."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from docgraph.domain.errors import DocumentEmptyError, DocumentEncodingError
from docgraph.formats.asciidoc import FORMAT, sniff
from docgraph.formats.base import IMPOSSIBLE, LIKELY, POSSIBLE, Source
from support.unit.formats_samples import read as read_document
from support.unit.markup import Markup

MARKUP = Markup(FORMAT, "upload:///guide/pump.adoc", "= A\n\n{}\n")
raw, body, headings, links, code = MARKUP.raw, MARKUP.body, MARKUP.headings, MARKUP.links, MARKUP.code


def test_a_document_becomes_sections_with_paths_anchors_and_lines() -> None:
    parsed = read_document(
        "= Pump guide\nAnn Example <ann@example.org>\nv1.0, 2024-01-02\n:release: 3.2\n\nPreamble for {release}.\n\n[#limits]\n"
        "== Limits\n\nOne.\n\n[[inner-part]]\n=== Inner part\n\nTwo.\n\nTwo-line title\n~~~~~~~~~~~~~~\n\nLast words.\n",
        name="pump.adoc",
        content_type="text/asciidoc",
    )
    found = [
        (section.heading_path, place.anchor, section.text, place.where)
        for section, place in zip(parsed.sections, parsed.places, strict=True)
    ]
    assert found == [
        (("Pump guide",), "", "Preamble for 3.2.", "line 1"),
        (("Pump guide", "Limits"), "limits", "One.", "line 9"),
        (("Pump guide", "Limits", "Inner part"), "inner-part", "Two.", "line 14"),
        (("Pump guide", "Limits", "Two-line title"), "_two_line_title", "Last words.", "line 18"),
    ]
    assert parsed.title == "Pump guide"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("== C & D, v1.0\n\n== C & D, v1.0", [(2, "C & D, v1.0", "_c_d_v1_0"), (2, "C & D, v1.0", "_c_d_v1_0_2")]),
        ("== What's `new`", [(2, "What’s new", "_whats_new")]),
        ("== Where -- and why", [(2, "Where — and why", "_whereand_why")]),
        ("== Title [[own]]", [(2, "Title", "own")]),
        ("== Title[[own]]", [(2, "Title", "_title")]),
        ("[id=own]\n== Title", [(2, "Title", "own")]),
        ("[discrete#d]\n== Loose", [(2, "Loose", "d")]),
        (":leveloffset: +1\n\n== Deep", [(3, "Deep", "_deep")]),
        (":idprefix:\n:idseparator: -\n\n== Two words", [(2, "Two words", "two-words")]),
        (":!sectids:\n\n== Bare", [(2, "Bare", "")]),
        ("[appendix]\n== More", [(2, "Appendix A: More", "_more")]),
        ("## Like Markdown", [(2, "Like Markdown", "_like_markdown")]),
        ("== Привет мир", [(2, "Привет мир", "_привет_мир")]),
        ("A title\n-------\n\nb\n~~~", [(2, "A title", "_a_title")]),
    ],
)
def test_titles_have_the_anchors_that_asciidoctor_gives_them(source: str, found: list[tuple[int, str, str]]) -> None:
    assert headings(f"{source}\n\nText.\n") == found


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("*bold* _em_ **b**old #mark# [.role]#text# x^2^ H~2~O", "bold em bold mark text x2 H2O"),
        ("`code` and `+a_b_c+` and a_b_c, 2*3*4", "`code` and `a_b_c` and a_b_c, 2*3*4"),
        ("pass:[*raw*] +++<u>+++ \\*not bold*", "*raw* <u> *not bold*"),
        ('"`quoted`" it\'s (C) ...', "“quoted” it’s © …"),
        ("https://e.org[the site] and https://e.org/x.", "the site and https://e.org/x."),
        ("link:a.html[Text,window=_blank] mailto:a@e.org[Ann]", "Text Ann"),
        ("image:a.png[A pump] kbd:[Ctrl+C] menu:File[Save > As] btn:[OK]", "A pump Ctrl+C File ‣ Save ‣ As OK"),
        ("a [[here]]b ((term)) (((index,entry)))c", "a b term c"),
        ("{unknown} stays, {empty}{cpp} {nbsp}x", "{unknown} stays, C++ x"),
        ("// comment\nafter", "after"),
        ("////\ncomment\n////\nafter", "after"),
        ("a +\nb", "a b"),
        ("A note.footnote:[Its *words*.]", "A note.[1]\n\n[1] Its words."),
        ("'''\n\na\n\n<<<\n\nb", "a\n\nb"),
        (":x: one \\\n two\n\n{x}", "one two"),
        (":a: {b}\n:b: {a}\n\n{a}{b}", "{b}{b}"),
        ("stem:[x < y]", "x < y"),
    ],
)
def test_running_text_is_what_a_reader_sees(source: str, shown: str) -> None:
    assert body(source) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("WARNING: Never start dry.", "Warning\n\nNever start dry."),
        ("[NOTE]\n.Mind\n====\nOne.\n\nTwo.\n====", "Note\n\nMind\n\nOne.\n\nTwo."),
        (".Ex\n====\nInside.\n====", "Example 1. Ex\n\nInside."),
        ("****\nAside.\n****", "Aside."),
        ("[quote,Ann,Book]\n____\nSaid.\n____", "Said.\n\n— Ann, Book"),
        ("[verse]\n____\none\ntwo\n____", "one two"),
        ("--\nopen\n--", "open"),
        ("++++\n<script>x</script>\n++++\n\nafter", "after"),
        ("image::a.png[A pump]\n\n.Fig\nimage::b.png[]", "A pump\n\nFigure 1. Fig"),
        ("toc::[]\n\nvideo::a.mp4[]\n\nafter", "after"),
        ("ifdef::missing[]\nno\nendif::[]\nifndef::missing[]\nyes\nendif::missing[]", "yes"),
        ("ifdef::missing[no]\nifdef::backend-html5[yes]", "yes"),
        (":n: 3\n\nifeval::[{n} > 12]\nno\nendif::[]\nifeval::[\"{n}\" == \"3\"]\nyes\nendif::[]", "yes"),
        ("ifdef::a[]\nifdef::b[]\nno\nendif::[]\nno\nendif::[]\nafter", "after"),
        ("* a\n** b\n- [x] c\n* d", "- a\n  - b\n    - c\n- d"),
        (". one\n.. two\n. three", "1. one\n  1. two\n2. three"),
        ("* a\n+\n----\ncode\n----\n* b", "- a\n\n```\ncode\n```\n\n- b"),
        ("one:: Said.\ntwo::\n  Below.\nthree::\nfour:: Both.", "one\n\nSaid.\n\ntwo\n\nBelow.\n\nthree\n\nfour\n\nBoth."),
        ("-v::\n--verbose::\n\tMore\n\twords.\n+\nAnd more.", "-v\n\n--verbose\n\nMore words.\n\nAnd more."),
        ("term::\n* a\n* b", "term\n\n- a\n- b"),
    ],
)  # fmt: skip
def test_blocks_become_what_the_page_shows(source: str, shown: str) -> None:
    assert body(source) == shown


def test_code_keeps_its_language_and_every_character() -> None:
    assert code(
        "= A\n:source-language: ruby\n\n[source,python,linenums]\n----\ndef low():\n\n    return 1 # <1>\n----\n<1> The low limit.\n\n"
        "[source]\n----\nputs 1\n----\n\n----\n{plain} *x*\n----\n\n....\nliteral\n....\n\n  indented\n    code\n\n```js\nlet x\n```\n\n"
        "[source,c]\nint x;\n\n:v: 3\n\n"
        "[source,text,subs=attributes+]\n----\nv{v}\n----\n\n[latexmath]\n++++\nx^2\n++++\n\n-----\n----\n-----\n"
    ) == [
        ("python", "def low():\n\n    return 1"),
        ("ruby", "puts 1"),
        ("", "{plain} *x*"),
        ("", "literal"),
        ("", "indented\n  code"),
        ("js", "let x"),
        ("c", "int x;"),
        ("text", "v3"),
        ("latex", "x^2"),
        ("", "----"),
    ]
    assert body("----\nx <1>\n----\n<1> The *low* limit.") == "```\nx\n```\n\n1. The low limit."


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("|===\n|left |right\n\n|one |two\n|three\n|four\n|===", "| left | right |\n| --- | --- |\n| one | two |\n| three | four |"),
        (".Ports\n[%header,cols=\"1,2\"]\n|===\n|a\n|b\n|c |d\n|===", "Table 1. Ports\n\n| a | b |\n| --- | --- |\n| c | d |"),
        ("[options=header]\n|===\n|a |b\n2+|wide\n.2+|tall |x\n|y\n|===",
         "| a | b |\n| --- | --- |\n| wide | wide |\n| tall | x |\n| tall | y |"),
        ("[%header,format=csv]\n|===\na,\"b, c\"\n1,2\n|===", "| a | b, c |\n| --- | --- |\n| 1 | 2 |"),
        ("[%header]\n,===\na,b\n1,2\n,===", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("[%header]\n|===\n|a \\| b |2\n2*|x\n|===", "| a \\| b | 2 |\n| --- | --- |\n| x | x |"),
    ],
)  # fmt: skip
def test_tables_have_their_spans_filled(source: str, shown: str) -> None:
    assert body(source) == shown


def test_references_lead_to_sections_and_pages_and_show_their_titles() -> None:
    source = (
        "= A\n\n<<later>> <<later,the *end*>> <<B part>> xref:other.adoc#x[Other] <<other.adoc#,page>> <<nowhere>>\n\n"
        "[#later]\n== B part\n\nx\n"
    )
    assert links(source) == [
        ("B part", "#later"),
        ("the end", "#later"),
        ("B part", "#later"),
        ("Other", "other.adoc#x"),
        ("page", "other.adoc"),
        ("[nowhere]", "#nowhere"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "include::{secret}[]",
        "----\ninclude::{secret}[]\n----",
        "|===\n|x\n\ninclude::{secret}[]\n|===",
        "[format=csv]\n|===\ninclude::{secret}[]\n|===",
        ":docinfo: shared\n:stylesheet: {secret}\n:data-uri:\n\nimage::{secret}[]",
    ],
)
def test_nothing_is_included(source: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret words\n", encoding="utf-8")
    assert "secret" not in body("Words.\n\n" + source.format(secret=secret))


@pytest.mark.parametrize(
    "source",
    [
        "----\nnever closed",
        "====\n====\n=====\nopen\n\n----\nnever",
        "|===\n|a |b\n|c",
        "|===",
        "[source,python\n----\nx\n----",
        "endif::[]\nx\nifdef::a[]\nlost",
        "* \n*\n+\n+\nx",
        "::\n;;\nterm::",
        "[" * 50 + "\nx",
        "<<>> <<a xref:[] link:[] footnote:[ image:[ pass:[",
        "= \n==\n=\n-\n--\nx",
    ],
)
def test_what_is_malformed_is_read_for_what_it_is(source: str) -> None:
    assert raw(f"First.\n\n{source}\n").text.startswith("First.")


def test_a_document_that_shows_nothing_is_empty() -> None:
    with pytest.raises(DocumentEmptyError, match="no text that a reader would see"):
        raw("// only a comment\n:attribute: x\n")


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(DocumentEncodingError, match="not valid UTF-8"):
        FORMAT.read("= Über\n\nx\n".encode("latin-1"), Source("upload:///a.adoc"))


@pytest.mark.parametrize(
    "source",
    [
        "*a " * 20_000,
        "`a " * 20_000,
        "<<a " * 20_000,
        "+++" * 20_000,
        "link:a[" * 4_000,
        "https://" * 20_000,
        "x" * 1_000_000,
        "a::" * 50_000,
        "|===\n" + "|a " * 10_000 + "\n|===",
        "|===\n" + "1000.1000+|a\n" * 300 + "|===",
        "* a\n+\n" * 2_000,
        "".join(f"{'=' * (number + 4)}\n" for number in range(400)),
        ":a0: xxxxxxxxxx\n" + "".join(f":a{n + 1}: {{a{n}}}{{a{n}}}{{a{n}}}\n" for n in range(40)) + "\n" + "{a40}" * 10_000,
        "[" + 'a="b",' * 20_000 + "]\nx",
        "x\n\n" * 5_000,
        "<<t>>\n\n" * 5_000 + "== T\n\nx",
    ],
    ids=["bold", "code", "references", "passes", "links", "addresses", "line", "terms", "cells", "spans", "items", "blocks",
         "attributes", "options", "paragraphs", "titles"],
)  # fmt: skip
def test_reading_takes_bounded_time(source: str) -> None:
    began = time.process_time()
    assert raw(f"First.\n\n{source}\n").text
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("data", "score"),
    [
        (b"= Title\n:attr: x\n\ntext\n", LIKELY),
        (b"== Part\n\n[source,c]\n----\nx\n----\n", LIKELY),
        (b"# Markdown\n\ntext\n", POSSIBLE),
        (b"plain text\n", POSSIBLE),
        (b"%PDF-1.4\n= T\n:a: b\n", IMPOSSIBLE),
    ],
)
def test_bytes_tell_the_format(data: bytes, score: float) -> None:
    assert sniff(data) == score


def test_the_answer_does_not_depend_on_the_process() -> None:
    source = "= A\n\n<<b>> x.footnote:[n]\n\n[#b%opt1%opt2]\n== B\n\n[%header%footer]\n|===\n|a |b\n|===\n"
    answers = MARKUP.answers_of_processes(source)
    assert len(answers) == 1
