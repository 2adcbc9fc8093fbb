"""Pages and indexes of a manual are read so that a term's anchor leads to the section that explains it."""

from __future__ import annotations

from pathlib import Path

import pytest

from docgraph.domain.identity import document_id
from docgraph.formats import parse
from evaluation.book_index import Entry, debian_questions, general_index
from evaluation.manual import Document, PackageError, fetch, is_in_set
from evaluation.markdown import read_page
from evaluation.questions import Kind, Parsed, choose, is_held_out, place

PAGE = """<html><body><div role="navigation"><p>Not this</p></div><div role="main">
<section id="module-shelf"><span class="target" id="index-0"></span>
<h1><code>shelf</code> — Shelves<a class="headerlink" href="#module-shelf">¶</a></h1>
<p>A shelf <em>holds</em> books. See <a href="other.html#top">another page</a> and <a href="#x"><code>put()</code></a>, if x &lt; y.</p>
<hr id="index-1"/>
<div class="highlight-python3"><div class="highlight"><pre>import shelf
print(1)
</pre></div></div>
<dl class="py function"><dt class="sig" id="shelf.put"><span class="descclassname">shelf.</span><span
 class="descname">put</span>(book)<a class="headerlink" href="#shelf.put">¶</a></dt>
<dd><p>Put a book.</p><ul><li><p>first</p></li><li>second<ul><li>inner</li></ul></li></ul></dd></dl>
<p>After the definitions.</p>
<table><tr><th>a</th><th>b</th></tr><tr><td>1|2</td><td>3</td></tr></table>
<section id="empty"><h2>Empty</h2><section id="inner"><h3>Inner</h3><p># no heading</p></section></section>
</section></div></body></html>"""


def test_a_page_becomes_markdown_with_a_heading_for_each_definition() -> None:
    page = read_page(PAGE.encode())
    assert page.title == "shelf — Shelves"
    assert page.text.split("\n\n") == [
        "# shelf — Shelves {#module-shelf}",
        "A shelf *holds* books. See [another page](other.md#top) and `put()`, if x < y.",
        "```python\nimport shelf\nprint(1)\n```",
        "## shelf.put {#shelf.put}",
        "`shelf.put(book)`",
        "Put a book.",
        "- first\n- second\n  - inner",
        "# shelf — Shelves",
        "After the definitions.",
        "| a | b |\n| --- | --- |\n| 1\\|2 | 3 |",
        "## Empty {#empty}",
        "### Inner {#inner}",
        "\\# no heading",
        "",
    ]


def test_anchors_stand_where_what_they_name_begins() -> None:
    page = read_page(PAGE.encode())
    assert page.anchors["module-shelf"] == page.anchors["index-0"] == 0
    assert page.text[page.anchors["index-1"] :].startswith("```python")
    assert page.text[page.anchors["shelf.put"] :].startswith("## shelf.put")
    assert page.text[page.anchors["inner"] :].startswith("### Inner")


def test_a_page_of_another_tool_is_refused() -> None:
    with pytest.raises(ValueError, match="role=main"):
        read_page(b"<html><body><p>x</p></body></html>")


def _parsed(name: str, source: str) -> Parsed:
    page = Document(name, read_page(source.encode())).page
    uri = f"upload:///{name}.md"
    result = parse(
        page.text.encode(), document_id=document_id("t", uri), source_uri=uri, tag="t", content_type="text/markdown"
    )
    return Parsed(name, result, {a: len(page.text[:offset].encode()) for a, offset in page.anchors.items()})


def test_an_anchor_leads_to_the_section_that_holds_it() -> None:
    page = _parsed("library/shelf", PAGE)
    texts = {section.section_id: section.text for section in page.document.sections}
    (put,) = place(page, "shelf.put")
    assert texts[put].startswith("`shelf.put(book)`")
    # A heading without text of its own makes no section: the next one stands for it.
    assert [texts[i] for i in place(page, "empty")] == ["\\# no heading"]
    (intro,) = place(page, "module-shelf")
    assert texts[intro].startswith("A shelf")


def test_a_heading_names_all_parts_of_its_section_and_a_paragraph_only_its_own() -> None:
    paragraphs = "".join(f'<p id="p{n}">{f"Sentence {n} about shelves and books. " * 12}</p>' for n in range(8))
    page = _parsed("library/long", PAGE.replace("<p>Put a book.</p>", paragraphs))
    whole, single = place(page, "shelf.put"), place(page, "p5")
    assert len(whole) > 2
    assert len(single) == 1
    assert single < whole


INDEX = """<table class="indextable genindextable"><tr><td><ul>
<li><a href="library/shelf.html#index-1">bookend</a>, <a href="library/shelf.html#shelf.put">[1]</a></li>
<li>put()<ul><li><a href="library/shelf.html#shelf.put">(in module shelf)</a></li>
<li><a href="library/absent.html#absent.put">(in module absent)</a></li></ul></li>
<li>RFC<ul><li><a href="library/shelf.html#index-0">RFC 1</a></li></ul></li>
<li>see nothing</li></ul></td></tr></table>"""


def _index(folder: Path) -> list[Entry]:
    (folder / "genindex-all.html").write_text(f"<html><body>{INDEX}</body></html>")
    return general_index(folder)


def test_the_index_says_terms_with_their_places(tmp_path: Path) -> None:
    shelf = "library/shelf"
    assert _index(tmp_path) == [
        Entry("bookend", "bookend", ((shelf, "index-1"), (shelf, "shelf.put")), written=True),
        Entry("put()", "put() (in module shelf)", ((shelf, "shelf.put"),), written=False),
        Entry("put()", "put() (in module absent)", (("library/absent", "absent.put"),), written=False),
        Entry("RFC", "RFC 1", ((shelf, "index-0"),), written=True),
    ]


def test_questions_know_their_places_and_what_the_set_leaves_out_has_none(tmp_path: Path) -> None:
    page = _parsed("library/shelf", PAGE)
    asked = {(q.kind, q.text): q.places for q in choose(_index(tmp_path), [page], ["minor scale"], ["Why Debian?"])}
    assert asked[(Kind.WRITTEN, "bookend")] == (place(page, "index-1"), place(page, "shelf.put"))
    assert asked[(Kind.DEFINITION, "put() (in module shelf)")] == (place(page, "shelf.put"),)
    assert asked[(Kind.NEAR_MISS, "put() (in module absent)")] == ()
    assert asked[(Kind.OTHER_SUBJECT, "minor scale")] == asked[(Kind.OTHER_SUBJECT, "Why Debian?")] == ()


def test_a_term_is_in_the_same_half_in_whatever_order_its_words_stand() -> None:
    assert is_held_out("attribute deletion") == is_held_out("deletion, Attribute")
    halves = [is_held_out(f"term {number}") for number in range(400)]
    assert 150 < sum(halves) < 250


def test_the_set_is_chosen_by_the_name_of_a_page_alone() -> None:
    assert is_in_set("tutorial/classes")
    assert not is_in_set("c-api/list")
    assert not is_in_set("tutorial/index")
    share = sum(is_in_set(f"library/page{number}") for number in range(1000))
    assert 130 < share < 230


def test_the_questions_of_debians_faq_have_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "index.en.html").write_text(
        '<html><body><div class="toc"><span class="section"><a href="a#b">1.2. What is <em>it</em>?</a></span>'
        '<span class="section"><a href="a#c">1.3. A title</a></span></div></body></html>'
    )
    assert debian_questions(tmp_path) == ["What is it?"]


def test_another_system_is_told_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageError, match="run it on Debian 12"):
        fetch(tmp_path, print)
