"""Links that are no Markdown, footnotes, and what the parts of wide blocks repeat."""

from __future__ import annotations

import itertools
import time

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.site_routes import LinkKind
from support.unit.formats_samples import read, texts


def links(parsed: ParsedDocument) -> list[tuple[str, str, str, str]]:
    return [(link.reference, link.anchor, link.text, str(link.kind)) for link in parsed.links]


def test_wiki_links_name_a_page_with_a_heading_and_a_text() -> None:
    parsed = read("# Notes\n\nSee [[owls]], [[Night birds#In the wild|owls again]] and [[deep/barn owl]].\n")
    assert links(parsed) == [
        ("owls", "", "owls", "name"),
        ("Night%20birds", "in-the-wild", "owls again", "name"),
        ("deep/barn%20owl", "", "deep/barn owl", "name"),
    ]
    assert [link.target_uri for link in parsed.links][1] == "upload:///guide/Night%20birds"


@pytest.mark.parametrize(
    "text", ["`[[owls]]`", "x[[1]]", "[[ -f owl ]]", "![[owl.png]]", "[[]]", "    [[owls]]", "```\n[[owls]]\n```"]
)
def test_brackets_in_code_are_no_wiki_links(text: str) -> None:
    assert links(read(f"# Notes\n\n{text}\n")) == []


@pytest.mark.parametrize(
    ("written", "link"),
    [
        ('[Begin]({{< ref "/docs/start.md#go" >}})', ("/docs/start.md", "go", "Begin", "name")),
        ('{{< relref "other.md" >}}', ("other.md", "", "", "name")),
        ('{{% ref path="other" lang="de" %}}', ("other", "", "", "name")),
        ("[Begin]({% link _docs/start.md %})", ("/_docs/start.md", "", "Begin", "")),
        ("{doc}`../other`", ("../other", "", "", "")),
        ("{doc}`The other <other>`", ("other", "", "The other", "")),
    ],
)
def test_references_of_site_generators_are_links(written: str, link: tuple[str, str, str, str]) -> None:
    assert links(read(f"# Doc\n\nText, {written}, text.\n")) == [link]
    assert links(read(f"# Doc\n\n`` {written} `` and\n\n~~~\n{written}\n~~~\n")) == []


def test_components_link_by_their_href() -> None:
    parsed = read(
        '# Doc\n\n<LinkCard title="Owls" href="/birds/owls/" />\n\nSee <Link href="../x">x</Link>.\n', name="a.mdx"
    )
    assert [link.reference for link in parsed.links] == ["/birds/owls/", "../x"]


def test_a_footnote_is_read_in_the_section_that_refers_to_it() -> None:
    parsed = read(
        "# Guide\n\nOwls hunt.[^1]\n\n## Wings\n\nSilent ones.[^Wide]\n\n## Notes\n\n"
        "[^1]: At night.\n[^wide]: See [wings](wings.md).\n\n    ```sh\n    owl --fly\n    ```\n\n## End\n\nDone.\n"
    )
    assert [(s.heading_path[-1], s.text) for s in parsed.sections] == [
        ("Guide", "Owls hunt.[^1]\n\n[^1]: At night."),
        ("Wings", "Silent ones.[^Wide]\n\n[^wide]: See [wings](wings.md).\n\n    ```sh\n    owl --fly\n    ```"),
        ("Notes", "## Notes"),
        ("End", "Done."),
    ]
    assert [(link.section, link.reference) for link in parsed.links] == [(1, "wings.md")]
    assert [(block.section, block.language, block.text) for block in parsed.code_blocks] == [(1, "sh", "owl --fly")]
    ends = [(place.start, place.end) for place in parsed.places]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(ends))


@pytest.mark.parametrize("reference", ["`[^1]`", "\n\n```\nx[^1]\n```", "nothing", "[^2]"])
def test_a_note_that_no_section_refers_to_stays_where_it_is(reference: str) -> None:
    parsed = read(f"# Guide\n\nText {reference}\n\n## Notes\n\nBefore.\n\n[^1]: A word.\n\nAfter.\n")
    assert texts(parsed)[-1] == "Before.\n\n[^1]: A word.\n\nAfter."


def test_a_note_may_be_written_before_the_reference_and_once_for_many() -> None:
    parsed = read("# Guide\n\n[^1]: A word.\n\n## Près\n\nOne.[^1]\n\n## Two\n\nTwo.[^1]\n")
    assert texts(parsed) == ["[^1]: A word.\n\nOne.[^1]", "Two.[^1]"]
    assert [place.start for place in parsed.places] == sorted(place.start for place in parsed.places)


def test_notes_among_the_items_of_a_list_and_definitions_of_links_are_told_apart() -> None:
    parsed = read("# G\n\n- one\n- two[^1]\n\n[^1]: Note of [x].\n[x]: other.md\n")
    assert texts(parsed) == ["- one\n- two[^1]\n\n[^1]: Note of [x].\n[x]: other.md"]
    assert "[^1]" not in [link.text for link in parsed.links]


def test_a_section_of_which_only_the_heading_has_a_note_is_where_its_heading_is() -> None:
    source = "# G\n\nÜber.\n\n## H[^1]\n\n### K\n\nText.\n\n[^1]: Note.\n"
    parsed = read(source)
    assert [(s.heading_path[-1], s.text) for s in parsed.sections] == [
        ("G", "Über."),
        ("H[^1]", "[^1]: Note."),
        ("K", "Text."),
    ]
    place = parsed.places[1]
    assert source.encode()[place.start : place.end].decode() == "## H[^1]"


def test_a_note_may_be_indented_and_begin_on_the_next_line() -> None:
    parsed = read(
        "# G\n\nOne.[^1]\n\n## H\n\n  [^1]:\n    First <!-- x --> line\n    <!-- y -->.\n\n    Second.\n\n1. item\n"
    )
    assert texts(parsed) == ["One.[^1]\n\n[^1]:\n    First  line\n    .\n\n    Second.", "1. item"]


def test_a_note_in_an_item_stays_in_it_and_lists_of_a_document_with_notes_stay_whole() -> None:
    source = "- a[^1]\n\n  [^1]: Inner.\n\n- b\n\n+ x\n+ y"
    parsed = read(f"# G\n\n{source}\n\n## H\n\nSee [^1].\n")
    assert texts(parsed) == [source, "See [^1]."]


def test_thousands_of_notes_take_time_that_grows_with_them() -> None:
    source = "# G\n\n" + "".join(f"Word {n}.[^{n}]\n\n" for n in range(4000)) + "# N\n\n"
    source += "".join(f"[^{n}]: Note {n} of [x](y{n}.md).\n" for n in range(4000))
    started = time.process_time()
    parsed = read(source)
    assert time.process_time() - started < 20
    assert len(parsed.links) == 4000


def test_parts_of_quoted_code_are_quoted_code() -> None:
    lines = "\n".join(f"> owl{n} --with feather{n} and some more words" for n in range(40))
    parsed = read(f"# Log\n\n> ```sh\n{lines}\n> ```\n")
    assert len(parsed.sections) > 1
    for text in texts(parsed):
        assert text.startswith("> ```sh\n> owl")
        assert text.endswith("\n> ```")


def test_parts_of_a_wide_row_repeat_header_and_first_cell() -> None:
    sentence = "It says what the owl does in the night. "
    parsed = read(f"# O\n\n| Option | Meaning |\n|---|---|\n| `--owl` | {sentence * 40}|\n| `--bat` | short |\n")
    assert len(parsed.sections) > 2
    for text in texts(parsed):
        assert text.startswith("| Option | Meaning |\n|---|---|\n| `--owl` | It says")
    assert texts(parsed)[-1].endswith("| `--bat` | short |")


def test_parts_after_a_wide_row_repeat_the_header_alone() -> None:
    rows = "".join(f"| `--bat{n}` | {'flies about ' * 10}|\n" for n in range(20))
    parsed = read(f"# O\n\n| Option | Meaning |\n|---|---|\n| `--owl` | {'It hunts. ' * 120}|\n{rows}")
    assert texts(parsed)[-1].startswith("| Option | Meaning |\n|---|---|\n| `--bat")
    assert any(text.startswith("| Option | Meaning |\n|---|---|\n| `--owl` | It hunts.") for text in texts(parsed)[1:])


def test_a_table_of_html_is_cut_between_rows_and_repeats_its_header() -> None:
    rows = "".join(
        f"<tr>\n<td>owl{n}</td>\n<td>It sits on the tree number {n} at night.</td>\n</tr>\n" for n in range(60)
    )
    parsed = read(f"# T\n\n<table>\n<tr><th>Bird</th><th>What <i>it</i> does</th></tr>\n{rows}</table>\n")
    assert len(parsed.sections) > 2
    for text in texts(parsed)[1:]:
        assert text.startswith("Bird | What it does\n")
        assert text.split("\n", 1)[1].split()[0].startswith("owl")


def test_a_draft_says_so_in_its_front_matter() -> None:
    assert read("---\ntitle: Plan\ndraft: true\n---\n\nIn May.\n").front_matter["draft"] == "true"


def test_a_link_keeps_how_it_is_written() -> None:
    parsed = read("# D\n\n[a](./routing/?x=1#top) [b](#here)\n")
    assert [(link.reference, link.anchor, link.kind) for link in parsed.links] == [
        ("./routing/?x=1", "top", LinkKind.ADDRESS),
        ("", "here", LinkKind.ADDRESS),
    ]
