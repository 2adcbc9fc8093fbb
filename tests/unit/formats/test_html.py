"""HTML as generators of documentation publish it: what is content, what is not, and where each heading is linked to."""

from __future__ import annotations

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentEmptyError, UnsupportedFormatError
from docgraph.formats.base import CERTAIN, IMPOSSIBLE, LIKELY
from docgraph.formats.html.sniffing import sniff
from support.unit.formats_samples import read as read_document
from support.unit.formats_samples import under_hash_seeds


def read(html: str | bytes, name: str = "guide/page.html") -> ParsedDocument:
    return read_document(html, name=name, content_type="text/html")


def page(body: str, head: str = "") -> ParsedDocument:
    return read(f"<!DOCTYPE html><html><head><title>Pumps</title>{head}</head><body>{body}</body></html>")


def outline(parsed: ParsedDocument) -> list[tuple[tuple[str, ...], str, str]]:
    return [
        (section.heading_path, place.anchor, section.text)
        for section, place in zip(parsed.sections, parsed.places, strict=True)
    ]


def text_of(parsed: ParsedDocument) -> str:
    return "\n\n".join(section.text for section in parsed.sections)


def code_of(parsed: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.language, block.text) for block in parsed.code_blocks]


SPHINX = """
<div class="related" role="navigation"><ul><li><a href="genindex.html">index</a></li></ul></div>
<div class="document"><div class="body" role="main">
<section id="pumps"><span id="old-name"></span><h1>Pumps<a class="headerlink" href="#pumps">¶</a></h1>
<p>They read <code class="docutils"><span class="pre">pump.toml</span></code>.</p>
<aside class="sidebar"><p class="sidebar-title">Old pumps</p><p>They read an ini file.</p></aside>
<section id="api"><h2>Functions<a class="headerlink" href="#api">¶</a></h2>
<dl class="py function"><dt class="sig" id="pump.start"><span>pump.start</span>(<em>speed</em>)
<a class="headerlink" href="#pump.start">¶</a></dt><dd><p>Starts it.</p></dd></dl>
<div class="admonition warning"><p class="admonition-title">Warning</p><p>Never start dry.</p></div>
<div class="highlight-python3 notranslate"><div class="highlight"><table class="highlighttable"><tr>
<td class="linenos"><div class="linenodiv"><pre>1
2</pre></div></td><td class="code"><div><pre><span></span><span class="k">def</span> low():
    x


    y
</pre></div></td></tr></table></div></div>
</section></section></div>
<div class="sphinxsidebar" role="navigation"><h3>On this page</h3></div></div><div class="footer">© Works</div>
"""


def test_sphinx_gives_its_sections_under_the_ids_that_its_permalinks_name() -> None:
    parsed = page(SPHINX)
    assert [(path, anchor) for path, anchor, _ in outline(parsed)] == [
        (("Pumps",), "pumps"),
        (("Pumps", "Functions"), "api"),
    ]
    first, second = (text for _, _, text in outline(parsed))
    assert first == "They read `pump.toml`.\n\nOld pumps\n\nThey read an ini file."
    assert second.startswith("pump.start(speed)\n\nStarts it.\n\nWarning\n\nNever start dry.\n\n```python\ndef low():")
    assert "¶" not in text_of(parsed)
    assert "Works" not in text_of(parsed)


def test_code_keeps_blank_lines_and_loses_the_gutter() -> None:
    assert code_of(page(SPHINX)) == [("python", "def low():\n    x\n\n\n    y")]


def test_docbook_titles_of_notes_are_text_and_its_anchors_stand_around_the_heading() -> None:
    parsed = page(
        """<div class="navheader"><table><tr><th>Chapter 5. Parts</th></tr></table></div>
        <div class="sect1" id="VALVES"><div class="titlepage"><div><div><h2 class="title">5.2. Valves</h2></div></div></div>
        <div class="toc"><dl class="toc"><dt><a href="page.html#UP">Upper</a></dt></dl></div>
        <p>There are two.</p><div class="sect2" id="UP"><div class="titlepage"><h3 class="title">Upper valve</h3></div>
        <p>Close it.</p><div class="note"><h3 class="title">Note</h3><p>Turn left.</p></div>
        <div class="sidebar"><p class="title">History</p><p>Made of tin.</p></div></div></div>
        <div class="navfooter"><p>Footer links</p></div>""",
        '<meta name="generator" content="DocBook XSL">',
    )
    assert outline(parsed) == [
        (("Pumps", "5.2. Valves"), "VALVES", "There are two."),
        (("Pumps", "5.2. Valves", "Upper valve"), "UP", "Close it.\n\nNote\n\nTurn left.\n\nHistory\n\nMade of tin."),
    ]


def test_publican_has_its_anchor_in_the_heading() -> None:
    parsed = page(
        """<p id="title"><a href="x"><img alt="Product Site" src="l.png"></a></p><ul class="docnav"><li>Prev</li></ul>
        <div class="section"><h2 class="title"><a id="sect.apt"></a>6.2. <code>apt</code></h2><div class="para">Text.</div></div>""",
        '<meta name="generator" content="publican v4.3.2">',
    )
    assert outline(parsed) == [(("Pumps", "6.2. apt"), "sect.apt", "Text.")]


def test_asciidoc_keeps_its_title_and_loses_its_contents_and_footer() -> None:
    parsed = page(
        """<div id="header"><h1>pump(1)</h1><h2>NAME</h2><div class="sectionbody"><p>pump - move water</p></div>
        <div id="toc"><div id="toctitle">Contents</div><ul><li><a href="#_more">More</a></li></ul></div></div>
        <div id="content"><div class="sect1"><h2 id="_more">More</h2>
        <div class="admonitionblock note"><table><tr><td class="icon"><i class="fa" title="Note"></i></td>
        <td class="content">Mind the valve.</td></tr></table></div>
        <div class="listingblock"><div class="content"><pre class="highlight"><code class="language-sh" data-lang="sh">run
  it</code></pre></div></div></div></div><div id="footer"><div id="footer-text">Last updated</div></div>""",
        '<meta name="generator" content="Asciidoctor 2.0">',
    )
    assert outline(parsed) == [
        (("pump(1)", "NAME"), "", "pump - move water"),
        (("pump(1)", "More"), "_more", "Note\n\nMind the valve.\n\n```sh\nrun\n  it\n```"),
    ]


def test_docusaurus_gives_its_article_with_labels_in_front_of_their_tabs() -> None:
    parsed = page(
        """<nav class="navbar">Site</nav><main><article><nav class="theme-doc-breadcrumbs">Home</nav>
        <div class="theme-doc-markdown markdown"><header><h1>Install</h1></header>
        <h2 class="anchor" id="how">How<a href="#how" class="hash-link" aria-label="Direct link to How">\u200b</a></h2>
        <div class="tabs-container"><ul role="tablist"><li role="tab">npm</li><li role="tab">Yarn</li></ul>
        <div><div role="tabpanel"><div class="language-bash codeBlockContainer_x"><div class="codeBlockContent_y">
        <pre class="prism-code language-bash"><code><span class="token-line">npm i<br></span><span class="token-line">run<br></span>
</code></pre><div class="buttonGroup"><button>Copy</button></div></div></div></div>
        <div role="tabpanel" hidden><p>yarn add</p></div></div></div>
        <details><summary>Why?</summary><p>Because.</p></details></div>
        <footer class="theme-doc-footer"><a href="e">Edit this page</a></footer></article></main>"""
    )
    assert parsed.sections[0].heading_path == ("Install", "How")
    assert parsed.places[0].anchor == "how"
    assert parsed.sections[0].text.split("\n\n")[0] == "npm"
    assert "Yarn\n\nyarn add\n\nWhy?\n\nBecause." in parsed.sections[0].text
    assert code_of(parsed) == [("bash", "npm i\nrun")]
    for word in ("Site", "Home", "Edit", "Copy"):
        assert word not in text_of(parsed)


def test_mkdocs_material_gives_every_tab_with_its_label() -> None:
    parsed = page(
        """<header class="md-header">Logo</header><main class="md-main"><div class="md-sidebar"><nav>Parts</nav></div>
        <article class="md-content__inner md-typeset"><a class="md-content__button" href="edit">edit</a>
        <h1 id="set-up">Set up<a class="headerlink" href="#set-up">&para;</a></h1>
        <div class="tabbed-set"><input type="radio"><input type="radio">
        <div class="tabbed-labels"><label>Linux</label><label>macOS</label></div>
        <div class="tabbed-content"><div class="tabbed-block"><div class="language-sh highlight"><pre><span></span><code>apt
</code></pre></div></div><div class="tabbed-block"><p>Use brew.</p></div></div></div>
        <aside class="md-source-file">May 1</aside></article></main>"""
    )
    assert outline(parsed) == [(("Set up",), "set-up", "Linux\n\n```sh\napt\n```\n\nmacOS\n\nUse brew.")]


def test_vitepress_gives_containers_and_code_without_their_decoration() -> None:
    parsed = page(
        """<div class="VPNav">Site</div><main><div class="vp-doc"><h1 id="a" tabindex="-1">A
        <a class="header-anchor" href="#a" aria-label="Permalink">&ZeroWidthSpace;</a></h1>
        <div class="tip custom-block"><p class="custom-block-title">TIP</p><p>Do it.</p></div>
        <div class="language-js line-numbers-mode"><button class="copy"></button><span class="lang">js</span>
        <pre class="shiki"><code><span class="line">let a</span>\n<span class="line">  b</span></code></pre>
        <div class="line-numbers-wrapper" aria-hidden="true"><span class="line-number">1</span></div></div></div></main>"""
    )
    assert outline(parsed) == [(("A",), "a", "TIP\n\nDo it.\n\n```js\nlet a\n  b\n```")]


def test_javadoc_gives_a_section_a_member_and_no_filters() -> None:
    parsed = page(
        """<header role="banner"><nav>Overview</nav></header><main role="main"><h1 class="title">Interface Pump</h1>
        <section class="method-summary" id="method-summary"><h2>Method Summary</h2>
        <div class="table-tabs" role="tablist"><button role="tab" aria-controls="t">All Methods</button>
        <button role="tab" aria-controls="t">Instance Methods</button></div><div id="t" role="tabpanel"><div>go</div></div></section>
        <section class="details"><ul><li><section class="detail" id="go(int)"><h3>go</h3>
        <div class="member-signature"><span>void</span>&nbsp;<span>go</span><wbr>(int&nbsp;a)</div></section></li></ul></section></main>
        <footer role="contentinfo">Copyright</footer>"""
    )
    assert outline(parsed) == [
        (("Interface Pump", "Method Summary"), "method-summary", "go"),
        (("Interface Pump", "Method Summary", "go"), "go(int)", "void go(int a)"),
    ]


def test_doxygen_gives_its_title_and_no_frame() -> None:
    parsed = page(
        """<div id="top"><div id="titlearea"><table><tr><td><div id="projectname">Pumps</div></td></tr></table></div></div>
        <div id="side-nav"><div id="nav-tree"></div></div><div class="header">
        <div class="headertitle"><div class="title">Lists</div></div></div>
        <div class="contents"><h1><a class="anchor" id="dash"></a>Dashes</h1><p>Text.</p></div>""",
        '<meta name="generator" content="Doxygen 1.9.4">',
    )
    assert outline(parsed) == [(("Lists",), "top", "Lists"), (("Dashes",), "dash", "Text.")]


def test_libreoffice_s_help_keeps_its_variants_by_system_and_loses_its_sides() -> None:
    parsed = page(
        """<header><a href="h"><p>LibreOffice Help</p></a></header><aside class="leftside"><div>Index of words</div></aside>
        <div id="DisplayArea" itemprop="softwareHelp"><h1 id="p1">Macros</h1>
        <p>Call <span class="switchinline"><span hidden="true" class="MAC">
        Preferences</span> <span hidden="true" id="defaultx">Options</span></span>.</p><p class="related">Related</p></div>"""
    )
    assert outline(parsed) == [(("Macros",), "p1", "Call Preferences Options.\n\nRelated")]


def test_a_page_without_landmarks_is_its_body_less_its_frame() -> None:
    parsed = page(
        """<div id="nav"><a href="a.html">Home</a> <a href="b.html">More</a></div><div class="sidebar"><a href="c">C</a></div>
        <a name="top"></a><h1>Pumps</h1>They move <b>water</b>.<p>Slowly.<h2><a name="why">Why</a></h2>To live.
        <div class="footer"><a href="me">Me</a></div>"""
    )
    assert outline(parsed) == [
        (("Pumps",), "top", "They move water.\n\nSlowly."),
        (("Pumps", "Why"), "why", "To live."),
    ]


def test_what_names_itself_a_frame_but_holds_the_page_is_read() -> None:
    assert outline(page('<div id="main-menu-wrapper"><div id="content"><h1 id="a">A</h1><p>Text.</p></div></div>')) == [
        (("A",), "a", "Text.")
    ]


def test_spans_are_filled_and_the_header_of_two_rows_is_one() -> None:
    parsed = page(
        """<main><table><caption>Range</caption><thead><tr><th rowspan=2>Name<th colspan=2>Range</tr><tr><th>Low<th>High</tr>
        </thead><tbody><tr><td rowspan=2><a href="p.html">port</a><td>1<td>9</tr><tr><td>a|b<td></tr></table></main>"""
    )
    assert text_of(parsed) == (
        "Range\n\n| Name | Range Low | Range High |\n| --- | --- | --- |\n| port | 1 | 9 |\n| port | a\\|b |  |"
    )
    assert [(link.target_uri, link.text) for link in parsed.links] == [("upload:///guide/p.html", "port")]


def test_a_split_table_repeats_its_header() -> None:
    rows = "".join(f"<tr><td>option-{n}</td><td>what the option number {n} is for</td></tr>" for n in range(60))
    parsed = page(f"<main><table><tr><th>Name</th><th>Meaning</th></tr>{rows}</table></main>")
    assert len(parsed.sections) > 2
    assert all(section.text.startswith("| Name | Meaning |\n| --- | --- |\n") for section in parsed.sections)


def test_a_table_that_frames_code_is_read_as_blocks() -> None:
    parsed = page("<main><table><tr><td>Call</td><td><pre>a\n  b</pre></td></tr></table></main>")
    assert text_of(parsed) == "Call\n\n```\na\n  b\n```"


def test_a_table_in_a_table_that_frames_it_stays_a_table() -> None:
    parsed = page("<main><table><tr><td>Left<td><table><tr><th>a<th>b</tr><tr><td>1<td>2</table></table></main>")
    assert text_of(parsed) == "Left\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_columns_that_only_spans_reach_are_none() -> None:
    parsed = page("<main><table><tr><td colspan=99>All</tr><tr><td>1<td>2</table></main>")
    assert text_of(parsed) == "|  |  |\n| --- | --- |\n| All | All |\n| 1 | 2 |"


def test_lists_keep_numbers_depth_and_the_code_in_them() -> None:
    parsed = page(
        """<main><ol start="3"><li><p>Open.</p><p>Wide.</p><ul><li>left<li>right</ul><li>Run:<pre>go\n  now</pre>then wait.</ol>
        </main>"""
    )
    assert text_of(parsed) == ("3. Open.\n  Wide.\n  - left\n  - right\n4. Run:\n\n```\ngo\n  now\n```\n\nthen wait.")


def test_what_is_not_shown_is_no_text() -> None:
    parsed = page(
        """<main><p>Seen.</p><p style="color:red; display: none">a1</p><p hidden>a2</p><script>a3</script><svg><text>a4</text></svg>
        <span aria-hidden="true">a5</span><template>a6</template><select><option>a7</option></select><noscript>a8</noscript>
        <div role="dialog">a9</div><span class="visually-hidden">a10</span></main>"""
    )
    assert text_of(parsed) == "Seen."


def test_a_footer_in_an_article_is_content_and_the_page_s_is_not() -> None:
    parsed = page("<main><article><h1>A</h1><footer>1. A note.</footer></article></main><footer>© Works</footer>")
    assert text_of(parsed) == "1. A note."


def test_links_keep_their_target_and_whole_label() -> None:
    parsed = page(
        '<main><p>See <a href="../x/y.html#z">the <code>y</code> page</a> and <a href="mailto:a@b">us</a>.</p></main>'
    )
    assert text_of(parsed) == "See the `y` page and us."
    assert [(link.target_uri, link.anchor, link.text) for link in parsed.links] == [
        ("upload:///x/y.html", "z", "the `y` page")
    ]


def test_formulas_are_their_source() -> None:
    parsed = page(
        """<main><p>Let <span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>x</mi></mrow>
        <annotation encoding="application/x-tex">x^2</annotation></semantics></math></span>
        <span class="katex-html" aria-hidden="true">x2</span></span> be.</p></main>"""
    )
    assert text_of(parsed) == "Let x^2 be."


def test_soft_hyphens_and_zero_width_spaces_are_not_in_words() -> None:
    assert text_of(page("<main><p>auto&shy;matic set&#8203;ting</p></main>")) == "automatic setting"


def test_a_title_that_no_heading_states_is_kept() -> None:
    assert page("<main><h1>Overview</h1><p>a</p></main>").front_matter["title"] == "Pumps"
    assert "title" not in page("<main><h1>Pumps</h1><p>a</p></main>").front_matter
    assert page("<main><p>a</p></main>").title == "Pumps"


def test_xhtml_may_close_any_element_at_once() -> None:
    parsed = read(
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x"/></head>'
        '<body><h1><a id="a"/>A</h1><p>b<br/>c</p><div/><p>d</p></body></html>'
    )
    assert outline(parsed) == [(("A",), "a", "b c\n\nd")]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<meta charset=iso-8859-1><p>Öl – naß".encode("cp1252"), "Öl – naß"),
        ("<p>Öl".encode("cp1252"), "Öl"),
        ("<p>Öl".encode(), "Öl"),
        ("<meta charset=latin1><p>Öl".encode(), "Öl"),
        ("\ufeff<p>Öl".encode("utf-16-le"), "Öl"),
        ('<?xml version="1.0" encoding="koi8-r"?><p>Вода'.encode("koi8-r"), "Вода"),
        ("<meta charset=shift_jis><p>水".encode("shift_jis"), "水"),
        ("<meta charset=utf-16><p>Öl".encode(), "Öl"),
        (b"<meta charset=unicode_escape><p>a\\x41", "a\\x41"),
    ],
)
def test_the_encoding_is_found_as_browsers_do(data: bytes, text: str) -> None:
    assert text_of(read(data)) == text


def test_bytes_that_are_not_in_the_declared_encoding_are_said_and_cost_nothing_else() -> None:
    parsed = read(b"<meta charset=utf-8><p>a \xff b")
    assert text_of(parsed) == "a \ufffd b"
    assert "not valid utf-8" in parsed.warnings[0]


def test_deep_nesting_is_read_to_its_end() -> None:
    for tag in ("div", "ul><li", "blockquote", "b", "table><tr><td"):
        assert "end" in text_of(page(f"<{tag}>" * 3_000 + "<p>end"))


def test_a_huge_line_and_huge_spans_stay_within_bounds() -> None:
    assert len(text_of(page("<p>" + "word " * 200_000))) > 900_000
    assert "x" in text_of(
        page('<main><table><tr><td rowspan=9999999 colspan="99999">x</td></tr><tr><td>y</table></main>')
    )


@pytest.mark.parametrize("data", [b"", b" \n", b"<html></html>", b"<!doctype html><body><script>x</script>", b"<!--"])
def test_nothing_to_read_is_an_empty_document(data: bytes) -> None:
    with pytest.raises(DocumentEmptyError):
        read(data)


def test_binary_is_refused_with_the_reason() -> None:
    with pytest.raises(UnsupportedFormatError, match="NUL"):
        read(b"<p>a\x00b")


@pytest.mark.parametrize("cut", range(0, 1500, 61))
def test_a_page_that_ends_anywhere_is_read_or_refused_with_a_reason(cut: int) -> None:
    try:
        read(SPHINX[:cut])
    except DocumentEmptyError as error:
        assert "page.html" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("data", "score"),
    [
        (b"<!DOCTYPE html><p>", CERTAIN),
        (b"\xef\xbb\xbf<!-- c -->\n<HTML lang=en>", CERTAIN),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">', CERTAIN),
        ("\ufeff<html>".encode("utf-16-le"), CERTAIN),
        (b"<head><title>a", LIKELY),
        (b"%PDF-1.7 <html>", IMPOSSIBLE),
    ],
)
def test_pages_are_recognised_by_their_first_tags(data: bytes, score: float) -> None:
    assert sniff(data) == score


def test_a_page_named_as_markdown_is_read_as_the_page_that_it_is() -> None:
    parsed = read_document("<!doctype html><h1 id=a>A</h1><p>b", name="a.md", content_type="text/markdown")
    assert parsed.format == "html"
    assert "bytes are html" in parsed.warnings[0]


def test_the_same_bytes_give_the_same_sections_under_any_hash_seed_and_locale() -> None:
    program = (
        "import sys; from support.unit.formats_samples import read; "
        "print([(s.section_id, p.anchor) for d in [read(sys.stdin.read(), name='a.html', content_type='text/html')] "
        "for s, p in zip(d.sections, d.places)])"
    )
    answers = under_hash_seeds(program, text=SPHINX)
    assert len(answers) == 1
    assert "pumps" in answers.pop()
