"""reStructuredText as Sphinx publishes it: directives, roles and anchors without Sphinx, and nothing that reaches beyond the text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentEmptyError, DocumentEncodingError, DocumentUnreadableError
from docgraph.formats.base import IMPOSSIBLE, LIKELY, POSSIBLE, Source
from docgraph.formats.rst import FORMAT, sniff
from support.unit.formats_samples import read as read_document
from support.unit.markup import Markup


def read(text: str) -> ParsedDocument:
    return read_document(text, name="guide/pump.rst", content_type="text/x-rst")


MARKUP = Markup(FORMAT, "upload:///guide/pump.rst", "A\n=\n\n{}\n")
raw, body, headings, links, code = MARKUP.raw, MARKUP.body, MARKUP.headings, MARKUP.links, MARKUP.code


def test_a_document_becomes_sections_with_paths_anchors_and_lines() -> None:
    parsed = read(
        ".. _pump-guide:\n\nPump guide\n==========\n\nSee :ref:`the limits <limits>`.\n\n.. _limits:\n\nLimits\n------\n\n"
        "One.\n\nInner part\n~~~~~~~~~~\n\nTwo.\n\nSecond *head*\n=============\n\nLast words.\n"
    )
    found = [
        (section.heading_path, place.anchor, section.text, place.where)
        for section, place in zip(parsed.sections, parsed.places, strict=True)
    ]
    assert found == [
        (("Pump guide",), "pump-guide", "See the limits.", "line 3"),
        (("Pump guide", "Limits"), "limits", "One.", "line 10"),
        (("Pump guide", "Limits", "Inner part"), "inner-part", "Two.", "line 15"),
        (("Second head",), "second-head", "Last words.", "line 20"),
    ]
    assert parsed.title == "Pump guide"


def test_anchors_are_the_ones_that_sphinx_publishes() -> None:
    assert headings(
        "Привет\n======\n\nx\n\n.. _own-label:\n\nUsage\n-----\n\nx\n\nUsage\n-----\n\nx\n\n.. _a:\n.. _b:\n\n"
        "C & D, v1.0\n-----------\n\nx\n"
    ) == [(1, "Привет", "id1"), (2, "Usage", "usage"), (2, "Usage", "id2"), (2, "C & D, v1.0", "c-d-v1-0")]


def test_a_label_that_is_spelled_as_its_heading_is_the_anchor() -> None:
    assert headings(".. _limits:\n\nLimits\n======\n\nx\n") == [(1, "Limits", "limits")]


def test_a_lone_title_and_subtitle_stay_sections() -> None:
    assert headings("===\nOne\n===\n\n---\nTwo\n---\n\nx\n") == [(1, "One", "one"), (2, "Two", "two")]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (":ref:`the limits <limits>`", "the limits"),
        (":doc:`Other page </other>`", "Other page"),
        (":term:`valve`, :guilabel:`&Save`, :kbd:`Ctrl+C`", "valve, Save, Ctrl+C"),
        (":menuselection:`File --> &Open`", "File ‣ Open"),
        (":py:class:`~pump.core.Pump`", "`Pump`"),
        (":py:func:`pump.start`, :meth:`.Pump.stop`, :func:`!free`", "`pump.start()`, `Pump.stop()`, `free()`"),
        (":func:`run it <pump.start>`", "`run it`"),
        (":file:`/etc/{name}.conf` and :samp:`n={n}`", "`/etc/name.conf` and `n=n`"),
        (":pep:`8`, :rfc:`2822`, :pep:`the style <8#naming>`", "PEP 8, RFC 2822, the style"),
        (":unknown:`words kept`, :x:y:`titled <away>`", "words kept, titled"),
        (":math:`a < b > c`", "a < b > c"),
        ("``literal <x>`` **strong** *em* `default`", "`literal <x>` strong em default"),
        ("text_\n\n.. _text: https://example.org", "text"),
        ("|n| words\n\n.. |n| replace:: some *new*", "some new words"),
        ("|d| x\n\n.. |d| unicode:: 0x2014 .. a dash", "— x"),
        ("|missing| stays", "|missing| stays"),
        ("|a|\n\n.. |a| replace:: x |b|\n.. |b| replace:: y", "x y"),
        ("a \\*b\\* c\\ d", "a *b* cd"),
        ("un*closed and `open", "un*closed and `open"),
        (".. a comment\n\nafter", "after"),
        ("| one\n| two", "one two"),
        ("a word [1]_.\n\n.. [1] The note.", "a word [1].\n\n[1] The note."),
    ],
)
def test_running_text_is_what_a_reader_sees(source: str, shown: str) -> None:
    assert body(source) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (".. note:: Mind *this*.", "Note\n\nMind this."),
        (".. warning::\n   :class: big\n\n   Hot.", "Warning\n\nHot."),
        (".. seealso:: x", "See also\n\nx"),
        (".. admonition:: My ``title``\n\n   Text.", "My `title`\n\nText."),
        (".. versionadded:: 2.0\n   The **upper** limit.", "Added in version 2.0: The upper limit."),
        (".. deprecated:: 3.1\n\n   Use `x`.\n\n   More.", "Deprecated since version 3.1: Use x.\n\nMore."),
        (".. versionchanged:: 4", "Changed in version 4."),
        (".. rubric:: Small head", "Small head"),
        (".. tab-set::\n\n   .. tab-item:: Linux\n      :sync: l\n\n      Run it.", "Linux\n\nRun it."),
        (".. tabs::\n\n   .. group-tab:: Mac\n\n      Run.", "Mac\n\nRun."),
        (
            ".. figure:: a.png\n   :alt: A pump\n\n   The caption.\n\n   The legend.",
            "A pump\n\nThe caption.\n\nThe legend.",
        ),
        (".. image:: a.png\n   :width: 3", ""),
        (".. only:: html\n\n   shown", "shown"),
        (".. only:: latex and not html\n\n   hidden", ""),
        (".. only:: not (latex or man)\n\n   shown", "shown"),
        (".. strange-thing:: Some words\n   :option: 1\n\n   Its content.", "Some words\n\nIts content."),
        (".. strange-thing:: pump.core\n   :option: 1\n\n   Its content.", "Its content."),
        (".. container:: custom\n\n   Inside.", "Inside."),
        (".. topic:: Head\n\n   Body.", "Head\n\nBody."),
        (
            ".. glossary::\n\n   one\n   two\n      Both.\n\n   three\n      Last.",
            "one\n\ntwo\n\nBoth.\n\nthree\n\nLast.",
        ),
        (".. todo:: later", ""),
        (".. index:: single: x\n\nafter", "after"),
        (".. sectionauthor:: Me\n\nafter", "after"),
        (".. contents::\n   :depth: 2\n\nafter", "after"),
    ],
)
def test_directives_become_what_the_page_shows(source: str, shown: str) -> None:
    assert body(source) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (".. py:function:: pump.start(speed)\n   :async:\n\n   Starts.", "async pump.start(speed)\n\nStarts."),
        (".. py:module:: pump\n\n.. function:: stop()\n\n   Stops.", "pump.stop()\n\nStops."),
        (
            ".. class:: Pump(size)\n\n   A pump.\n\n   .. method:: run(fast=True)\n              run(slow)\n\n      Runs.",
            "A pump.\n\nrun(fast=True)\n\nrun(slow)\n\nRuns.",
        ),
        (
            ".. py:class:: Pump(size)\n\n   .. py:attribute:: level\n      :type: int\n      :value: 3\n\n      Its level.",
            "class Pump(size)\n\nlevel: int = 3\n\nIts level.",
        ),
        (".. c:function:: int pump(void *x)\n\n   In C.", "int pump(void *x)\n\nIn C."),
        (".. option:: -v, --verbose\n\n   More words.", "-v, --verbose\n\nMore words."),
        (
            ".. confval:: speed\n   :type: ``int``\n   :default: ``3``\n\n   How fast.",
            "speed\n\nType: `int`\n\nDefault: `3`\n\nHow fast.",
        ),
        (".. rst:directive:: pump\n\n   Text.", ".. pump::\n\nText."),
        (".. http:get:: /pumps\n\n   Lists.", "GET /pumps\n\nLists."),
        (
            ".. py:function:: f(a)\n\n   :param int a: The **number**.\n   :returns: Nothing.\n   :raises ValueError: Never.",
            "f(a)\n\nParameters\n\na (int) – The number.\n\nReturns: Nothing.\n\nRaises\n\nValueError – Never.",
        ),
    ],
)
def test_entries_of_domains_are_terms_with_their_descriptions(source: str, shown: str) -> None:
    assert body(source) == shown


def test_a_role_leads_to_the_entry_label_or_page_that_it_names() -> None:
    source = (
        "A\n=\n\n:func:`pump.start` :option:`run -v` :ref:`b-label` :doc:`/x/other` :ref:`elsewhere` `web <https://e.org>`_\n\n"
        ".. py:function:: pump.start()\n\n.. _b-label:\n\nB part\n------\n\nx\n\n"
        ".. toctree::\n   :caption: More\n\n   first\n   Named <second>\n"
    )
    assert links(source) == [
        ("`pump.start()`", "#pump.start"),
        ("B part", "#b-label"),
        ("/x/other", "/x/other.rst"),
        ("web", "https://e.org"),
        ("", "first.rst"),
        ("Named", "second.rst"),
    ]
    assert raw(source).text.endswith("x\n\nMore\n\n- Named")


def test_code_keeps_its_language_and_every_character() -> None:
    assert code(
        "Text::\n\n    a\n\n      b\n\n.. highlight:: c\n\n::\n\n   int x;\n\n.. code-block:: python\n   :linenos:\n   :caption: low.py\n"
        "   :emphasize-lines: 1, 2\n\n   def low():\n       return 1\n\n.. code-block::\n\n   plain\n\n>>> 1\n1\n\n"
        ".. parsed-literal::\n\n   run *this* |now|\n\n.. code-tab:: bash Shell\n\n   ls\n\n.. |now| replace:: 3\n"
    ) == [
        ("", "a\n\n  b"),
        ("c", "int x;"),
        ("python", "def low():\n    return 1"),
        ("", "plain"),
        ("python", ">>> 1\n1"),
        ("", "run this 3"),
        ("bash", "ls"),
    ]
    assert "low.py" in body(".. code-block:: c\n   :caption: low.py\n   :unheard-of: 3\n\n   x")
    assert "unheard" not in body(".. code-block:: c\n   :caption: low.py\n   :unheard-of: 3\n\n   x")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            ".. list-table:: Ports\n   :header-rows: 1\n   :unknown: 2\n   :widths: 1 2 3\n\n"
            "   * - Name\n     - High\n   * - port\n     - 9",
            "Ports\n\n| Name | High |\n| --- | --- |\n| port | 9 |",
        ),
        (
            '.. csv-table::\n   :header: a, "b, c"\n\n   1, 2\n   3, *x*',
            "| a | b, c |\n| --- | --- |\n| 1 | 2 |\n| 3 | x |",
        ),
        (
            "+---+---+\n| a | b |\n+===+===+\n| c | d |\n|   +---+\n|   | e |\n+---+---+\n| wide  |\n+---+---+",
            "| a | b |\n| --- | --- |\n| c | d |\n| c | e |\n| wide | wide |",
        ),
        ("== ==\na  b\n== ==\n1  2\n== ==", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        (".. list-table::\n   :header-rows: 4\n\n   * - lone\n     - row", "|  |  |\n| --- | --- |\n| lone | row |"),
        (".. list-table::\n\n   No list, but words.", "No list, but words."),
    ],
)
def test_tables_have_their_spans_filled(source: str, shown: str) -> None:
    assert body(source) == shown


def test_lists_keep_their_order_depth_and_code() -> None:
    assert body(
        "- a\n\n  - b\n\n- c\n\n#. one\n#. two\n\nc. see\n\nterm : kind\n   Said.\n\n-x FILE  An option.\n\n:Field: value"
    ) == (
        "- a\n  - b\n- c\n\n1. one\n2. two\n\nc. see\n\nterm : kind\n\nSaid.\n\n-x FILE\n\nAn option.\n\nField: value"
    )
    assert body("1. a::\n\n     code\n\n   more\n2. b") == "1. a:\n\n```\ncode\n```\n\nmore\n\n2. b"


def test_a_note_stands_with_the_section_that_refers_to_it() -> None:
    sections = raw("A\n=\n\nx [#n]_ y [C2]_\n\nB\n=\n\nz\n\n.. [#n] Of A.\n.. [C2] A book.\n").text
    assert sections == "A\n\nx [1] y [C2]\n\n[1] Of A.\n\n[C2] A book.\n\nB\n\nz"


@pytest.mark.parametrize(
    "source",
    [
        ".. include:: {secret}",
        ".. literalinclude:: {secret}",
        ".. raw:: html\n   :file: {secret}",
        ".. csv-table::\n   :file: {secret}",
        ".. csv-table::\n   :url: file://{secret}",
        ".. raw:: html\n\n   secret words",
        ".. role:: r(raw)\n   :format: html\n\n:r:`secret words`",
        ".. |s| include:: {secret}\n\n|s|",
        ".. code-block:: text\n   :file: {secret}",
        ".. code:: text\n   :include: {secret}",
    ],
)
def test_nothing_is_read_and_nothing_raw_is_kept(source: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret words\n", encoding="utf-8")
    read = body("Words.\n\n" + source.format(secret=secret)).replace(str(secret), "")
    assert read.startswith("Words.")
    assert "secret" not in read


def test_what_docutils_says_of_a_document_is_no_text_but_what_it_gives_up_is() -> None:
    text = raw(
        "A\n=\n\nB\n-\n\n* broken\nlist *here\n\nC\n~~~\n\nD\n-\n\nE\n^^^\n\n"
        "+--+\n| bad table\n+--+\n\n:ref:`x\n\n.. note::\n\n   In\n   ==\n"
    ).text
    for kept in ("broken", "list *here", "C", "D", "E", "bad table", ":ref:`x", "In"):
        assert kept in text
    for said in ("Unexpected", "Malformed", "WARNING", "ERROR", "Inconsistent", "end-string"):
        assert said not in text


def test_metadata_of_the_file_is_no_text() -> None:
    assert raw(":orphan:\n:tocdepth: 2\n\nA\n=\n\nx\n\n:Field: stays\n").text == "A\n\nx\n\nField: stays"


def test_a_document_that_shows_nothing_is_empty() -> None:
    with pytest.raises(DocumentEmptyError, match="no text that a reader would see"):
        raw(".. only a comment\n\n.. _label:\n")


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(DocumentEncodingError, match="not valid UTF-8"):
        FORMAT.read("Überschrift\n===========\n".encode("latin-1"), Source("upload:///a.rst"))


def test_deep_nesting_is_refused_and_the_next_document_is_read() -> None:
    deep = "".join(f"{'  ' * depth}- x\n\n" for depth in range(600))
    with pytest.raises(DocumentUnreadableError, match="nested too deeply"):
        raw(deep)
    assert body("- a\n\n  - b") == "- a\n  - b"


@pytest.mark.parametrize(
    "source",
    [
        "*a* " * 20_000,
        "`a " * 6_000,
        "word " * 200_000,
        "- a\n" * 5_000,
        "a\n=\n\nx\n\n" * 1_000,
        "x" * 1_000_000,
        "".join(f".. |n{n}| replace:: |n{n + 1}| |n{n + 1}|\n" for n in range(22)) + ".. |n22| replace:: x\n\n|n0|\n",
        "a:" * 20_000,
        ":a" * 20_000 + ":`x",
        "[a" * 20_000,
    ],
    ids=["markup", "open", "words", "items", "titles", "line", "expansion", "colons", "role", "brackets"],
)  # fmt: skip
def test_reading_takes_bounded_time(source: str) -> None:
    began = time.process_time()
    assert raw(source + "\n").text
    assert time.process_time() - began < 30


def test_a_long_line_loses_nothing() -> None:
    line = " ".join(f"word{number}" for number in range(20_000))
    assert body(f"{line} *end*") == f"{line} end"


@pytest.mark.parametrize(
    ("data", "score"),
    [
        (b"A title\n=======\n\n.. note:: x\n", LIKELY),
        (b".. _label:\n\nSee :ref:`x`.\n", LIKELY),
        (b"# Markdown\n\ntext\n", POSSIBLE),
        (b"plain text\n", POSSIBLE),
        (b"%PDF-1.4\n.. note:: x\n", IMPOSSIBLE),
    ],
)
def test_bytes_tell_the_format(data: bytes, score: float) -> None:
    assert sniff(data) == score


def test_a_text_file_is_read_as_what_it_is() -> None:
    parsed = read_document("A title\n=======\n\n.. note:: x\n", name="topics/db.txt", content_type="text/plain")
    assert [section.heading_path for section in parsed.sections] == [("A title",)]


def test_the_answer_does_not_depend_on_the_process() -> None:
    source = (
        "A\n=\n\n|x| [#]_ :func:`f` :ref:`b`\n\n.. |x| replace:: y\n.. |t| date::\n\n|t|\n\n.. _b:\n\n"
        "B\n-\n\n.. function:: f()\n\n.. [#] n\n"
    )
    answers = MARKUP.answers_of_processes(source)
    assert len(answers) == 1
